/** What a conformance vector says, as plain data; `vector-file.ts` reads it. Addresses are bigint, errors −errno. */

/** A range of input addresses, inclusive. */
export type GatheredRange = readonly [first: bigint, last: bigint];

export interface VectorConfig {
  readonly name: string;
  readonly maxVaLg2: number;
  readonly maxOaLg2: number;
  /** Counts from 0 = the table of smallest leaves; absent where the input width decides it. */
  readonly topLevel: number | undefined;
  readonly features: readonly string[];
  readonly encryptMask: bigint;
  /** ANDed onto the page sizes after creation. */
  readonly pgsizeMask: bigint;
}

/** What creation made of a configuration. */
export interface EffectiveConfig {
  readonly maxVaLg2: number;
  readonly maxOaLg2: number;
  readonly topLevel: number;
  readonly features: readonly string[];
}

/** A creation: the first line of a vector file, or any line of a file of creations. */
export interface Creation {
  readonly line: number;
  readonly format: string;
  readonly config: VectorConfig;
  /** 0 or −errno. */
  readonly ret: number;
  /** Absent where creation failed. */
  readonly effective: EffectiveConfig | undefined;
  readonly pageSizes: bigint;
  /** What is recorded is right in every case, as `genpt export` writes it: it is demanded, known deviations or not. */
  readonly exact?: boolean | undefined;
}

export interface Rollback {
  readonly unmapped: bigint;
  readonly gather: readonly GatheredRange[];
  readonly freed: number;
}

export interface MapOp {
  /** `map` rolls back on error, as its caller would; `map_range` does not. */
  readonly op: "map" | "map_range";
  readonly iova: bigint;
  readonly pa: bigint;
  readonly len: bigint;
  /** Bits of `Prot`. */
  readonly prot: number;
  /** The nth table allocation of this call fails; 0: none. */
  readonly failAlloc: number;
  readonly ret: number;
  readonly mapped: bigint;
  readonly alloc: number;
  readonly freed: number;
  readonly gather: readonly GatheredRange[];
  readonly newTop: readonly number[];
  readonly rollback: Rollback | undefined;
}

export interface UnmapOp {
  readonly op: "unmap";
  readonly iova: bigint;
  readonly len: bigint;
  readonly unmapped: bigint;
  readonly gather: readonly GatheredRange[];
  readonly freed: number;
}

export interface UnmapFastOp {
  readonly op: "unmap_fast";
  readonly iova: bigint;
  readonly len: bigint;
  readonly queued: boolean;
  readonly unmapped: bigint;
  /** Syncs forced meanwhile. */
  readonly gather: readonly GatheredRange[];
  readonly pending: readonly [start: bigint, end: bigint, pages: number];
  readonly freed: number;
}

export interface SyncOp {
  readonly op: "sync";
  readonly queued: boolean;
  readonly gather: readonly GatheredRange[];
  readonly freed: number;
}

export interface LookupOp {
  readonly op: "iova_to_phys";
  readonly iova: bigint;
  /** Undefined for a miss, and for a page mapped to address 0. */
  readonly pa: bigint | undefined;
}

export interface SetDirtyOp {
  readonly op: "set_dirty";
  readonly iova: bigint;
  readonly ret: number;
}

export interface DirtyOp {
  readonly op: "rcd";
  readonly iova: bigint;
  readonly len: bigint;
  readonly noClear: boolean;
  readonly ret: number;
  readonly dirty: readonly (readonly [iova: bigint, len: bigint])[];
  readonly gather: readonly GatheredRange[];
}

export type VectorOp = MapOp | UnmapOp | UnmapFastOp | SyncOp | LookupOp | SetDirtyOp | DirtyOp;

/** One item that is not zero. `table` is what it points to; its address field is zeroed in `raw`. */
export interface VectorItem {
  readonly index: number;
  readonly raw: bigint;
  readonly table?: VectorTable;
}

/** The items that are not zero, by ascending index, runs expanded. */
export interface VectorTable {
  readonly level: number;
  readonly items: readonly VectorItem[];
}

/** One program, from a fresh table. */
export interface VectorCase {
  readonly line: number;
  readonly seed: number;
  readonly name: string | undefined;
  readonly ops: readonly VectorOp[];
  /** The tables after the last operation. */
  readonly tables: VectorTable;
  /** Table pages alive after the last operation. */
  readonly live: number;
}
