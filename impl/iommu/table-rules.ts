/** What both vendors' page tables have in common: their options, and which levels merge and empty. */

import type { TableMemory } from "../memory/table-memory.js";
import type { Clean } from "../options.js";
import type { ReplacingTable } from "../replacing-table.js";
import type { FreeQueue } from "./vendor.js";

/** A stamp's class of tables; the observed ones let tests see every store. */
export type ReplacingTableClass = typeof ReplacingTable;

export interface PagingOptions {
  readonly memory: TableMemory;
  /** Where tables go that left the tree: the queue of the CPU that runs. */
  readonly freeQueue: FreeQueue;
  /** Tables on the way to a smallest page, the root included. */
  readonly levels: number;
  /** The announced page sizes, bit n for 2^n bytes; 4 KiB is among them. Default: up to 1 GiB. */
  readonly pageSizes?: bigint | undefined;
  /** Behave as deployed code does, its mistakes included (docs/iommu-deviations.md). Default false. */
  readonly compat?: boolean | undefined;
  /** The tables' class. Default: the vendor's plain stamp. */
  readonly Table?: ReplacingTableClass | undefined;
}

export interface IncoherentPagingOptions extends PagingOptions {
  /** For units that do not snoop: writes bytes of table memory back, before anything else is stored. */
  readonly incoherent?: Clean | undefined;
}

/** 4 KiB, 2 MiB and 1 GiB, as far as so many levels have them. */
export function defaultPageSizes(levels: number): bigint {
  return levels > 2 ? 0x4020_1000n : 0x20_1000n;
}

/** Levels of leaves whose next larger size is announced, as a mask; `levelBits` is what one level decodes. */
export function mergeableLevels(pageSizes: bigint, levelBits: number): number {
  let levels = 0;
  for (let level = 0; level < 5; level++) {
    if (((pageSizes >> BigInt(12 + (level + 1) * levelBits)) & 1n) === 1n) levels |= 1 << level;
  }
  return levels;
}

/** A mask of the levels from `first` to `last`; empty if there are none. */
export function levelMask(first: number, last: number): number {
  let levels = 0;
  for (let level = first; level <= last; level++) levels |= 1 << level;
  return levels;
}
