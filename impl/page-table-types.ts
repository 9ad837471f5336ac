/** What the public face takes and gives beside addresses and lengths. */
import type { Registers } from "./formats/format.js";
import type { Gather } from "./memory/gather.js";

/** One leaf entry. */
export interface Entry {
  /** Its first input address. */
  readonly iova: bigint;
  readonly sizeLg2: number;
  /** The level of its items; 0 at the leaves. */
  readonly level: number;
  /** Its first output address. */
  readonly pa: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly dirty: boolean;
}

/** What a device table entry or a control register must say of the tables. */
export interface HardwareInfo {
  /** Physical address of the root table. */
  readonly root: bigint;
  /** The mode field as the architecture encodes it: DTE.Mode, AGAW, satp.MODE, T0SZ; levels for x86-64. */
  readonly mode: number;
  readonly topLevel: number;
  /** Every field of the registers or table entries that name the tables, as the manual calls them. */
  readonly registers: Registers;
}

/** Where a table stands that exists already. */
export interface ExistingTables {
  /** Physical address of the root table. */
  readonly root: bigint;
  /** The cell in which threads that share the tables publish root and top level; `share` gives it. */
  readonly top?: ArrayBufferLike | undefined;
}

/** Tables that threads share, as a message can carry it: made by `share`, taken by the format's `open`. */
export interface SharedTables extends ExistingTables {
  readonly top: ArrayBufferLike;
}

/** Input addresses from `iova` on. */
export interface AddressRange {
  readonly iova: bigint;
  readonly lengthBytes: bigint;
}

export interface ResizeOptions {
  /** log2 of the largest size that entries may have. Default: the largest that the table uses. */
  readonly largestLg2?: number | undefined;
  /** Takes the invalidation. Default: it is done before the call returns. */
  readonly gather?: Gather | undefined;
}

/** Of `readAndClearDirty` and `readAndClearAccessed`. */
export interface DirtyOptions {
  /** Also clear what is reported. Default true. */
  readonly clear?: boolean | undefined;
  /** Takes the invalidation that clearing needs. Default: it is done before the call returns. */
  readonly gather?: Gather | undefined;
}
