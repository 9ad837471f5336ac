/**
 * What a recording of an `io-pgtable` implementation says, as plain data; `io-vector-json.ts` reads it. These are
 * tables of ARM, Mali and DART, made by code that maps pages of one size at a time.
 */
import type { LookupOp, VectorTable } from "./vector.js";

export type IoFormat =
  | "arm_64_lpae_s1"
  | "arm_64_lpae_s2"
  | "arm_32_lpae_s1"
  | "arm_32_lpae_s2"
  | "arm_mali_lpae"
  | "arm_v7s"
  | "apple_dart"
  | "apple_dart2";

/** What was asked for. */
export interface IoConfig {
  readonly name: string;
  /** Bit n for pages of 2^n bytes. */
  readonly pageSizes: bigint;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  readonly quirks: readonly string[];
  /** The walker snoops the caches. */
  readonly coherent: boolean;
}

/** What creation made of it. */
export interface IoMade {
  readonly pageSizes: bigint;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  /** Register fields by their names, table addresses left out. */
  readonly registers: ReadonlyMap<string, bigint>;
  /** Counts from 0 at the leaves. */
  readonly topLevel: number;
  readonly tableItems: number;
  /** Tables that registers name, side by side (DART). */
  readonly ttbrs: number;
}

/** A creation: the first line of a file of cases, or any line of a file of creations. */
export interface IoCreation {
  readonly line: number;
  readonly format: IoFormat;
  readonly config: IoConfig;
  /** Undefined where it was refused. */
  readonly made: IoMade | undefined;
  /** Bytes of the root, rounded up to 4 KiB; recorded of creations alone. */
  readonly topBytes: number | undefined;
}

export interface MapPagesOp {
  readonly op: "map_pages";
  readonly iova: bigint;
  readonly pa: bigint;
  /** The one size that may be used. */
  readonly pageSize: bigint;
  readonly pages: bigint;
  /** Bits of `Prot`. */
  readonly prot: number;
  /** The nth table allocation of this call fails; 0: none. */
  readonly failAlloc: number;
  readonly ret: number;
  /** A call may stop at the end of a table. */
  readonly mapped: bigint;
}

/** What the layer above makes of any range: calls of `map_pages`. */
export interface MapSplitOp {
  readonly op: "map_split";
  readonly iova: bigint;
  readonly pa: bigint;
  readonly len: bigint;
  readonly prot: number;
  readonly ret: number;
  readonly pieces: readonly MapPiece[];
}

export interface MapPiece {
  readonly iova: bigint;
  readonly pageSize: bigint;
  readonly mapped: bigint;
}

export interface UnmapPagesOp {
  readonly op: "unmap_pages";
  readonly iova: bigint;
  readonly pageSize: bigint;
  readonly pages: bigint;
  readonly queued: boolean;
  readonly unmapped: bigint;
}

export interface UnmapSplitOp {
  readonly op: "unmap_split";
  readonly iova: bigint;
  readonly len: bigint;
  readonly unmapped: bigint;
}

/** A device writes where it may: the hardware marks a clean leaf dirty. */
export interface HardwareDirtyOp {
  readonly op: "hardware_dirty";
  readonly iova: bigint;
  /** Whether that changed anything. */
  readonly done: boolean;
}

/** Read and clear dirty. */
export interface DirtyPagesOp {
  readonly op: "dirty_pages";
  readonly iova: bigint;
  readonly len: bigint;
  readonly noClear: boolean;
  readonly ret: number;
  readonly dirty: readonly (readonly [iova: bigint, len: bigint])[];
}

export type IoOp =
  | MapPagesOp
  | MapSplitOp
  | UnmapPagesOp
  | UnmapSplitOp
  | HardwareDirtyOp
  | DirtyPagesOp
  | LookupOp;

/** One program, from a fresh table. */
export interface IoCase {
  readonly line: number;
  readonly seed: number;
  /** The program holds requests that callers do not make; what was recorded of them is no measure. */
  readonly isInput: boolean;
  readonly ops: readonly IoOp[];
  /** The tables after the last operation; recorded of programs that are a measure. */
  readonly tables: VectorTable | undefined;
}
