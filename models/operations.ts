/**
 * The operation language: everything a user can do with a page table, as values. Properties, fuzzing, the
 * minimiser, the corpus and the vectors all speak it, so a failure found anywhere replays everywhere.
 */

/** Permission and memory-type bits of a request. */
export const Prot = { read: 1, write: 2, noExec: 4, privileged: 8, cacheable: 16, mmio: 32 } as const;

export type Operation =
  /** Maps `[iova, iova + length)` to `[pa, …)`; `pageSizes` narrows the allowed sizes for this call. */
  | {
      readonly op: "map";
      readonly iova: bigint;
      readonly pa: bigint;
      readonly length: bigint;
      readonly prot: number;
      readonly pageSizes?: bigint | undefined;
    }
  /** Maps physical runs one behind the other, each as `map` would; those that go on where the last one ends are one. */
  | {
      readonly op: "mapRuns";
      readonly iova: bigint;
      readonly runs: readonly PhysicalRun[];
      readonly prot: number;
    }
  /** Unmaps with a gather of its own, synced at once. */
  | { readonly op: "unmap"; readonly iova: bigint; readonly length: bigint }
  /** Unmaps into the gather that stays open until `sync`. */
  | { readonly op: "unmapGathered"; readonly iova: bigint; readonly length: bigint }
  /** As `unmap`, but tells where the entries led, and ends before the first for which the list has no room. */
  | {
      readonly op: "unmapRuns";
      readonly iova: bigint;
      readonly length: bigint;
      /** How many runs have room, at least 1. */
      readonly capacity: number;
    }
  | { readonly op: "sync" }
  | { readonly op: "lookup"; readonly iova: bigint }
  /** `clear: false` only reads. */
  | {
      readonly op: "readAndClearDirty";
      readonly iova: bigint;
      readonly length: bigint;
      readonly clear: boolean;
    }
  /** The implementation is asked to set the dirty state, as a test hook of deployed code does. */
  | { readonly op: "setDirty"; readonly iova: bigint }
  /** The same of what devices used at all. */
  | {
      readonly op: "readAndClearAccessed";
      readonly iova: bigint;
      readonly length: bigint;
      readonly clear: boolean;
    }
  /** A device reads: the hardware walker sets what its architecture says. */
  | { readonly op: "deviceRead"; readonly iova: bigint }
  /** A device writes: the hardware walker sets what its architecture says. */
  | { readonly op: "deviceWrite"; readonly iova: bigint }
  /** Lists the entries that touch the range. */
  | { readonly op: "entries"; readonly iova: bigint; readonly length: bigint }
  /**
   * Makes the address the first of an entry: an entry that lies across it is replaced by smaller ones. `gathered`, here
   * and below: what the hardware must forget is left to the gather that stays open until `sync`.
   */
  | { readonly op: "cut"; readonly iova: bigint; readonly gathered?: boolean | undefined }
  /**
   * Replaces the entries that touch the range and are larger than `2^largestLg2` bytes by ones that are not, and makes
   * entries inside the range as large as can be up to that size.
   */
  | {
      readonly op: "resize";
      readonly iova: bigint;
      readonly length: bigint;
      readonly largestLg2: number;
      readonly gathered?: boolean | undefined;
    }
  /** Frees every table inside the range below which nothing is mapped. */
  | {
      readonly op: "trim";
      readonly iova: bigint;
      readonly length: bigint;
      readonly gathered?: boolean | undefined;
    }
  /**
   * What waits in the open gather is synced, the table is handed over, and whoever takes it over goes on. An allocation
   * failure that was asked for stays behind.
   */
  | { readonly op: "handover" }
  /** The nth table allocation from now on fails, once; n counts from 1. */
  | { readonly op: "failNextAllocation"; readonly nth: number };

/** What hardware does. */
export type DeviceOperation = Extract<Operation, { op: "deviceRead" | "deviceWrite" }>;

/** What an implementation is asked for. */
export type AskedOperation = Exclude<Operation, DeviceOperation>;

/**
 * Why a request was refused; the errno that deployed code would use stands beside each.
 *
 * The checks of `map` come in this order: NO_PERMISSION, PA_OUT_OF_RANGE (the start), READ_ONLY_REFUSED,
 * ZERO_LENGTH, WRAPS, MISALIGNED, IOVA_OUT_OF_RANGE, PA_OUT_OF_RANGE (the end).
 */
export type Code =
  | "OK"
  /** EINVAL: neither read nor write was asked for. */
  | "NO_PERMISSION"
  /** ERANGE: an output address is wider than the domain's, or holds the encryption bit. */
  | "PA_OUT_OF_RANGE"
  /** EINVAL: the domain must map writeable, and write was not asked for. */
  | "READ_ONLY_REFUSED"
  /** EINVAL */
  | "ZERO_LENGTH"
  /** EOVERFLOW: `iova + length − 1` does not fit 64 bits. */
  | "WRAPS"
  /**
   * ENXIO: iova, pa or length is not a multiple of the smallest allowed page; a cut is asked for where none can begin,
   * a resize to less than the smallest.
   */
  | "MISALIGNED"
  /** ERANGE: outside the input width, or in the non-canonical hole. */
  | "IOVA_OUT_OF_RANGE"
  /** EADDRINUSE */
  | "ADDRESS_IN_USE"
  /** ENOMEM */
  | "OUT_OF_MEMORY"
  /** EOPNOTSUPP: the hardware does not track dirty, or accessed, state. */
  | "NOT_SUPPORTED"
  /** EINVAL: an unmap that begins or ends inside an entry, of a domain that refuses it. */
  | "PARTIAL_ENTRY"
  /** ENOENT: setDirty on an address without a leaf. */
  | "NOT_MAPPED";

/** A stretch of physical addresses, not empty and not beyond 64 bits. */
export type PhysicalRun = readonly [pa: bigint, length: bigint];

/** First and last address, inclusive. */
export type Range = readonly [first: bigint, last: bigint];

/** One leaf entry: where it begins, its size, its output address and its effective permissions. */
export interface EntryFacts {
  readonly iova: bigint;
  readonly sizeLg2: number;
  readonly pa: bigint;
  readonly read: boolean;
  readonly write: boolean;
  /** Says something only where `read` does: what cannot be read cannot be fetched. */
  readonly execute: boolean;
  readonly dirty: boolean;
}

/** What an operation gave back. `invalidated` are the syncs that happened inside the call, in order. */
export type Outcome =
  | {
      readonly op: "map";
      readonly code: Code;
      readonly mappedBytes: bigint;
      readonly invalidated: readonly Range[];
    }
  | {
      readonly op: "mapRuns";
      readonly code: Code;
      readonly mappedBytes: bigint;
      readonly invalidated: readonly Range[];
    }
  | {
      readonly op: "unmap" | "unmapGathered";
      /** Why nothing was removed: only of a domain that cuts or refuses parts of entries. */
      readonly refusal?: Code | undefined;
      readonly removedBytes: bigint;
      readonly invalidated: readonly Range[];
    }
  /** `runs`: where what was removed led, in order, those that go on from each other put together. */
  | {
      readonly op: "unmapRuns";
      readonly refusal?: Code | undefined;
      readonly removedBytes: bigint;
      readonly runs: readonly PhysicalRun[];
      readonly invalidated: readonly Range[];
    }
  | { readonly op: "sync" | "handover"; readonly invalidated: readonly Range[] }
  | { readonly op: "lookup"; readonly pa: bigint | undefined }
  | {
      readonly op: "readAndClearDirty";
      readonly code: Code;
      readonly dirty: readonly { readonly iova: bigint; readonly length: bigint }[];
      readonly invalidated: readonly Range[];
    }
  | {
      readonly op: "readAndClearAccessed";
      readonly code: Code;
      readonly accessed: readonly { readonly iova: bigint; readonly length: bigint }[];
      readonly invalidated: readonly Range[];
    }
  | { readonly op: "setDirty"; readonly code: Code }
  | { readonly op: "deviceRead" | "deviceWrite"; readonly permitted: boolean }
  | { readonly op: "entries"; readonly entries: readonly EntryFacts[] }
  /** `missed`: the entries that had no translation for a moment, each invalidated at that moment. */
  | {
      readonly op: "cut" | "resize";
      readonly code: Code;
      readonly missed: readonly Range[];
      readonly invalidated: readonly Range[];
    }
  | {
      readonly op: "trim";
      readonly code: Code;
      readonly freedTables: number;
      readonly invalidated: readonly Range[];
    }
  | { readonly op: "failNextAllocation" };
