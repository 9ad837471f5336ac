/**
 * RISC-V Sv39, Sv48 and Sv57: the CPU's tables and the IOMMU's first stage.
 * Source: RISC-V Instruction Set Manual, Volume II: Privileged Architecture, "Supervisor-Level ISA" (Sv39, Sv48,
 * Sv57; Svnapot; Svpbmt); RISC-V IOMMU Architecture Specification (iosatp, fsc).
 *
 * With a root four times as large and addresses that are not sign-extended the same items are those of the G-stage,
 * Sv39x4 to Sv57x4 ("Hypervisor Extension", two-stage address translation): U is set in every leaf, G is ignored.
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const V = 1 << 0;
const R = 1 << 1;
const W = 1 << 2;
const X = 1 << 3;
const U = 1 << 4;
const A = 1 << 6;
const D = 1 << 7;
/** PPN, bits 53:10: a page number, so an address stands two bits lower in the item than in memory. */
const PPN_LOW = -1024;
const PPN_HIGH = 0x3fffff;
/** Bit 63: the entry is one of a naturally aligned run (Svnapot). */
const N_HIGH = 1 << 31;
/** PBMT, bits 62:61 (Svpbmt): 0 is what the memory says for itself. */
const PBMT_NONCACHEABLE_HIGH = 1 << 29;
const PBMT_IO_HIGH = 2 << 29;

const SVNAPOT = 1;
const SVPBMT = 2;

export const name: string = "riscv64";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 12;
export const wideRoot: boolean = false;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
/** Bits that the root decodes beyond those of a table. */
export const rootBitsLg2: number = 0;
export const vaWidthDefaultLg2: number = 48;
export const signExtended: boolean = true;
export const topLevelMin = 2;
export const topLevelMax = 4;
export const leafLevelMax = 4;
export const vaWidthMaxLg2 = 57;
export const oaWidthMaxLg2 = 56;
export const contiguous: Format["contiguous"] = "identical";
/** log2 of the items of a Svnapot run: 16 items are 64 KiB, the only size that Svnapot defines. */
export const napotLg2 = 4;
/** N, bit 63. */
export const contiguousHigh = -2147483648;
export const addressShift = -2;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = false;
/** The base architecture does not offer tracking by the dirty bit. */
export const tracksDirty = false;
export const dirtyFlag = 0;
/** Hardware that sets A itself (Svadu; fctl and iohgatp: SADE, GADE) is asked for; other hardware faults without it. */
export const tracksAccessed = true;
export const accessedFlags = 4;
export const growsTop = false;
export const incoherent: boolean = false;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 64;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 3,
  widthNamesTop: true,
  vaWidthDefaultLg2,
  signExtended,
  encryption: false,
  flags: ["svnapot", "svpbmt", "accessedTracking"],
};

/** V with R, W and X clear points to a table. */
export function kindOf(low: number, level: number): EntryKind {
  if ((low & V) === 0) return EntryKind.Empty;
  return level === 0 || (low & (R | W | X)) !== 0 ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, _level: number): boolean {
  return (low & (V | R | W | X)) === V;
}

export function isEmpty(low: number): boolean {
  return (low & V) === 0;
}

/** Every readable leaf: W without R is reserved, and the engine maps nothing that can only be executed. */
export function plainLeafMask(_level: number): number {
  return V | R;
}

export function plainLeafBits(_level: number): number {
  return V | R;
}

export function contiguousLg2Of(_low: number, high: number, _level: number): number {
  return (high & N_HIGH) !== 0 ? napotLg2 : 0;
}

export function oaLow(low: number, _high: number): number {
  return (low & PPN_LOW) << 2;
}

export function oaHigh(low: number, high: number): number {
  return ((high & PPN_HIGH) << 2) | (low >>> 30);
}

export function tableLow(low: number): number {
  return (low & PPN_LOW) << 2;
}

export function readable(low: number, _high: number): boolean {
  return (low & R) !== 0;
}

export function writable(low: number, _high: number): boolean {
  return (low & W) !== 0;
}

export function executable(low: number, _high: number): boolean {
  return (low & X) !== 0;
}

export function offersSize(sizeLg2: number, flags: number, _oaWidthLg2: number): boolean {
  const aboveGranule = sizeLg2 - granuleLg2;
  if (aboveGranule === napotLg2) return (flags & SVNAPOT) !== 0;
  return (
    aboveGranule >= 0 && aboveGranule % tableBitsLg2 === 0 && aboveGranule <= leafLevelMax * tableBitsLg2
  );
}

/** Write implies read: W without R is reserved. A, and D where writable, are set so that no access faults. */
export function leafAttributesLow(prot: number, _flags: number): number {
  let low = V | U | A | R;
  if ((prot & Prot.write) !== 0) low |= W | D;
  if ((prot & Prot.noExec) === 0) low |= X;
  return low;
}

export function leafAttributesHigh(prot: number, flags: number, _encryptionHigh: number): number {
  if ((flags & SVPBMT) === 0) return 0;
  if ((prot & Prot.mmio) !== 0) return PBMT_IO_HIGH;
  return (prot & Prot.cacheable) !== 0 ? 0 : PBMT_NONCACHEABLE_HIGH;
}

/** A run of `2^napotLg2` items says so by N and by the highest of the page-number bits that it does not need. */
export function leafLow(
  paLow: number,
  paHigh: number,
  _level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const low = (paLow >>> 2) | (paHigh << 30) | attributes;
  return contiguousLg2 === 0 ? low : low | (1 << (10 + napotLg2 - 1));
}

export function leafHigh(
  _paLow: number,
  paHigh: number,
  _level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const high = (paHigh >>> 2) | attributes;
  return contiguousLg2 === 0 ? high : high | N_HIGH;
}

export function attributesLowOf(low: number, _level: number, _flags: number): number {
  return low & ~PPN_LOW;
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~(PPN_HIGH | N_HIGH);
}

export function tableAttributesLow(_flags: number): number {
  return V;
}

export function tableAttributesHigh(_flags: number, _encryptionHigh: number): number {
  return 0;
}

export function tableItemLow(
  addressLow: number,
  addressHigh: number,
  _level: number,
  attributes: number,
): number {
  return (addressLow >>> 2) | (addressHigh << 30) | attributes;
}

export function tableItemHigh(_addressLow: number, addressHigh: number, attributes: number): number {
  return (addressHigh >>> 2) | attributes;
}

export function isDirty(low: number, _high: number): boolean {
  return (low & D) !== 0;
}

export function dirtied(low: number, _high: number): number {
  return low | D;
}

export function cleaned(low: number): number {
  return low & ~D;
}

/** This format is offered for walkers that snoop only: there is nothing to mark. */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** The width names the table: only whole tables exist, with the root's own further bits. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  const level = (vaWidthLg2 - rootBitsLg2 - granuleLg2) / tableBitsLg2 - 1;
  return Number.isInteger(level) && level >= topLevelMin && level <= topLevelMax ? level : -1;
}

export function conflictOf(
  _vaWidthLg2: number,
  _oaWidthLg2: number,
  _flags: number,
  _snoops: boolean,
): string {
  return "";
}

export function farPageLg2(_flags: number): number {
  return granuleLg2;
}

export function tableReachLg2(_flags: number): number {
  return 56;
}

/** iosatp.MODE, fsc.MODE, iohgatp.MODE: 8, 9, 10 for Sv39, Sv48, Sv57 and for the G-stage's of the same levels. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel + 6;
}

/** satp, iosatp, fsc, hgatp, iohgatp: MODE and PPN. */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  return { mode: modeOf(topLevel, vaWidthLg2), ppn: root >> 12n };
}
