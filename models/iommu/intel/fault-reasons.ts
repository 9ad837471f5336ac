/**
 * Fault reasons. Source: VT-d §7.1.3 and Appendix A (fault reason encodings). A qualified fault is not recorded where
 * the context entry or the PASID entry says so (FPD).
 */
export interface Reason {
  readonly code: number;
  readonly words: string;
  readonly qualified: boolean;
}

const plain = (code: number, words: string): Reason => ({ code, words, qualified: false });
const qualified = (code: number, words: string): Reason => ({ code, words, qualified: true });

/** Requests that are translated in legacy mode. */
export const Legacy = {
  rootNotPresent: plain(0x1, "the root entry is not present"),
  contextNotPresent: qualified(0x2, "the context entry is not present"),
  contextInvalid: qualified(0x3, "the context entry is programmed invalidly"),
  beyondWidth: qualified(0x4, "the address is beyond the width"),
  write: qualified(0x5, "no write permission"),
  read: qualified(0x6, "no read permission"),
  tableAccess: qualified(0x7, "a page table is not backed by memory"),
  rootAccess: plain(0x8, "the root table is not backed by memory"),
  contextAccess: plain(0x9, "the context table is not backed by memory"),
  rootReserved: plain(0xa, "a reserved bit is set in the root entry"),
  contextReserved: qualified(0xb, "a reserved bit is set in the context entry"),
  tableReserved: qualified(0xc, "a reserved bit is set in a page table entry"),
  blocked: qualified(0xd, "the context entry blocks requests of this type"),
  interruptWindow: qualified(0xe, "the interrupt window cannot be read"),
} as const;

/** Requests that are translated in scalable mode. */
export const Scalable = {
  mode: plain(0x30, "the root table address is in a mode that blocks requests"),
  pasidInLegacyMode: plain(0x31, "the request has a PASID and the unit is in legacy mode"),
  rootAccess: plain(0x38, "the root table is not backed by memory"),
  rootNotPresent: plain(0x39, "the root entry is not present"),
  rootReserved: plain(0x3a, "a reserved bit is set in the root entry"),
  contextAccess: plain(0x40, "the context table is not backed by memory"),
  contextNotPresent: qualified(0x41, "the context entry is not present"),
  contextReserved: qualified(0x42, "a reserved bit is set in the context entry"),
  contextInvalid: qualified(0x43, "the context entry is programmed invalidly"),
  blocked: qualified(0x44, "the context entry blocks requests of this type"),
  pasidDisabled: qualified(0x45, "the context entry permits no PASID"),
  pasidTooLarge: qualified(0x46, "the PASID is beyond the directory"),
  directoryAccess: plain(0x50, "the PASID directory is not backed by memory"),
  directoryNotPresent: qualified(0x51, "the PASID directory entry is not present"),
  directoryReserved: qualified(0x52, "a reserved bit is set in the PASID directory entry"),
  pasidAccess: plain(0x58, "the PASID table is not backed by memory"),
  pasidNotPresent: qualified(0x59, "the PASID entry is not present"),
  pasidReserved: qualified(0x5a, "a reserved bit is set in the PASID entry"),
  pasidInvalid: qualified(0x5b, "the PASID entry is programmed invalidly"),
  firstAccess: qualified(0x70, "a first-stage table is not backed by memory"),
  firstNotPresent: qualified(0x71, "a first-stage entry is not present"),
  firstReserved: qualified(0x72, "a reserved bit is set in a first-stage entry"),
  secondAccess: qualified(0x78, "a second-stage table is not backed by memory"),
  secondNotPermitted: qualified(0x79, "a second-stage entry does not permit the access"),
  secondReserved: qualified(0x7a, "a reserved bit is set in a second-stage entry"),
  notCanonical: qualified(0x80, "the address is not canonical"),
  beyondWidth: qualified(0x84, "the address is beyond the width"),
  write: qualified(0x85, "no write permission"),
  read: qualified(0x86, "no read permission"),
} as const;
