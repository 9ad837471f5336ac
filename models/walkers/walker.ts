/**
 * What every hardware walker offers. A walker reads raw words of physical memory and knows nothing of whoever
 * wrote them: each is written from its architecture's manual alone.
 */

/** Physical memory as a walker sees it: 32-bit little-endian words at 4-byte aligned addresses. */
export interface PhysicalMemory {
  /** Whether the word at this address is backed. */
  contains(low: number, high: number): boolean;
  /** The word as a signed 32-bit integer. */
  readWord(low: number, high: number): number;
  /** Hardware updates of accessed and dirty bits. */
  writeWord(low: number, high: number, value: number): void;
}

/** How a walk ended. `Translated` and `NotPresent` are ordinary; every other one is a fault of the tables. */
export const WalkResult = {
  Translated: 0,
  /** An item on the way is not present (AMDv1 PR = 0, x86 P = 0, VT-d R = W = 0, RISC-V V = 0, ARM bit 0). */
  NotPresent: 1,
  /** The input address is beyond the input width, or not canonical. */
  NotCanonical: 2,
  /** A reserved bit is set in a present item. */
  ReservedBit: 3,
  /** A leaf's output address is not aligned to its size. */
  MisalignedLeaf: 4,
  /** A leaf or a pointer stands at a level where the architecture has none, or points to an illegal level. */
  IllegalLevel: 5,
  /** A size code that the architecture does not define at this level. */
  IllegalSize: 6,
  /** The AMD level-skip rule is broken: the skipped address bits are not 0. */
  IllegalSkip: 7,
  /** A permission encoding that the architecture reserves (RISC-V W without R). */
  ReservedPermission: 8,
  /** An accessed or dirty bit that this walker requires is clear (RISC-V without hardware updating, ARM's AF). */
  AccessedClear: 9,
  /** A table pointer leads outside the memory. */
  OutsideMemory: 10,
  /** The root record itself is illegal. */
  IllegalRoot: 11,
  /** The output address of a leaf, or the address of a table, is beyond the configured size (ARM). */
  AddressSize: 12,
} as const;

export type WalkResultCode = (typeof WalkResult)[keyof typeof WalkResult];

/** What `inspect` answers for a legal pointer to another table. */
export const Pointer = -1;

/** The result of the last `walk`, in fields, so that a walk allocates nothing. Words are signed 32-bit. */
export interface Walker {
  /**
   * What the device table or control register says: the root table's physical address and the mode field as the
   * architecture encodes it (AMDv1: Mode 1..6; x86-64: the number of levels, 4 or 5; VT-d: AGAW 1..3; RISC-V:
   * the MODE field; ARM stage 1: TnSZ; ARM stage 2: T0SZ | SL0 << 6 | SL2 << 8; Mali: 3; ARM short: TTBCR.N;
   * DART: the number of levels).
   */
  setRoot(rootLow: number, rootHigh: number, mode: number): void;
  /** Translates the address; the fields below are valid until the next walk. */
  walk(vaLow: number, vaHigh: number): WalkResultCode;
  /** The output address of the very byte that was walked. Valid after `Translated`. */
  oaLow: number;
  oaHigh: number;
  /** The size of the translation as hardware understands it. Valid after `Translated`. */
  sizeLg2: number;
  /** Effective permissions, ANDed along the walk where the architecture does. */
  read: boolean;
  write: boolean;
  execute: boolean;
  /** The leaf item's dirty bit (this item alone). False where the format has none. */
  dirty: boolean;
  /** Its accessed bit. False where hardware sets none. */
  accessed: boolean;
  /** The level (0 at the leaves) and physical address of the last item read. */
  level: number;
  itemLow: number;
  itemHigh: number;
  /** The last item's words; high is 0 for 32-bit items. */
  rawLow: number;
  rawHigh: number;
  /**
   * Says what an item is, outside of any walk: `Pointer`, `Translated` for a legal leaf, or why it is neither.
   * After `Translated` `oaLow`, `oaHigh` are the first address of the entry's page, and `sizeLg2`, `read`, `write`,
   * `execute`, `dirty`, `accessed` are the item's own; after `Pointer` they are the address of the table, and `level` its level.
   */
  inspect(level: number, rawLow: number, rawHigh: number): WalkResultCode | typeof Pointer;
  /**
   * A device writes to the address: sets accessed and dirty bits as the architecture does when such updating
   * is enabled, in the one item hit. Returns whether the write was permitted. Formats without a dirty bit
   * only answer.
   */
  deviceWrite(vaLow: number, vaHigh: number): boolean;
  /** A device reads from the address: as `deviceWrite`, which sets the accessed bit too. */
  deviceRead(vaLow: number, vaHigh: number): boolean;
  /** Visits every table that can be reached from the root, parents first, and every present leaf item. */
  sweep(visitor: SweepVisitor): void;
}

export interface SweepVisitor {
  /** A table frame: its level, its physical address and the input address of its first item. */
  table(level: number, addressLow: number, addressHigh: number, vaLow: number, vaHigh: number): void;
  /**
   * A present leaf item: its level, physical address, words, the input address of the item itself (not of its
   * entry), and the size of its entry.
   */
  leaf(
    level: number,
    itemLow: number,
    itemHigh: number,
    rawLow: number,
    rawHigh: number,
    vaLow: number,
    vaHigh: number,
    sizeLg2: number,
  ): void;
  /** An item that the architecture does not allow; the sweep goes on with the next one. */
  illegal(
    fault: WalkResultCode,
    level: number,
    itemLow: number,
    itemHigh: number,
    rawLow: number,
    rawHigh: number,
    vaLow: number,
    vaHigh: number,
  ): void;
}
