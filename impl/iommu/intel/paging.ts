/**
 * The page tables of a domain behind VT-d units: second-stage tables in which pages of 2 MiB and 1 GiB come and go by
 * themselves. Source: Intel VT-d Architecture Specification §3.7 and §9.8.
 *
 * Where a unit walks fewer levels than the domain has, it begins at the table that item 0 leads to. That table is the
 * unit's root and never leaves the tree: `minLevels` says how few levels the domain's units may have.
 */
import type { Status } from "../../errors.js";
import type { ReplacingTable } from "../../replacing-table.js";
import { ReplacingTable as PlainTable } from "../../stamps/vtd-second-stage-replacing.plain.stamp.js";
import type { PendingFlush } from "../flush.js";
import {
  defaultPageSizes,
  type IncoherentPagingOptions,
  levelMask,
  mergeableLevels,
} from "../table-rules.js";
import type { DomainPaging, MappedPage } from "../vendor.js";

export interface IntelPagingOptions extends IncoherentPagingOptions {
  /** The fewest levels that a unit walks, 3 up to `levels`. Default: `levels`. */
  readonly minLevels?: number | undefined;
  /** Leaves force snooping (SNP); for where every unit can. Default true. */
  readonly forcesSnooping?: boolean | undefined;
}

export class IntelPaging implements DomainPaging {
  /** The tree itself, for whoever prints it or names its root to the hardware. */
  readonly table: ReplacingTable;
  readonly #compat: boolean;
  readonly #minLevels: number;

  constructor(options: IntelPagingOptions) {
    const { memory, freeQueue, levels, compat = false, incoherent } = options;
    const pageSizes = options.pageSizes ?? defaultPageSizes(levels);
    const { minLevels = levels, forcesSnooping = true } = options;
    this.#compat = compat;
    this.#minLevels = minLevels;
    const Table = options.Table ?? PlainTable;
    const merging = mergeableLevels(pageSizes, Table.tableBitsLg2);
    this.table = new Table({
      memory,
      freeQueue,
      levels,
      pageSizes,
      forcesCoherence: forcesSnooping,
      incoherent,
      rules: {
        countedLevels: merging,
        mergedLevels: (merging << 1) & levelMask(1, minLevels - 1),
        emptiedLevels: levelMask(1, minLevels - 2),
        makesTablesOneByOne: compat,
        clearsEmptyItems: false,
        losesLeavesAtZero: false,
      },
    });
  }

  get dfnWidthLg2(): number {
    return this.table.dfnWidthLg2;
  }

  get tableCount(): number {
    return this.table.tableCount;
  }

  get shatters(): number {
    return this.table.shatters;
  }

  get coalesces(): number {
    return this.table.coalesces;
  }

  /** Makes a root for every unit of the domain, before the first of them is told of it. */
  prepareRoots(): Status {
    return this.table.makeTables(this.#minLevels - 1);
  }

  /** Physical address of what a unit of so many levels takes for the root; undefined where there is none yet. */
  rootFor(unitLevels: number): bigint | undefined {
    return this.table.tableAt(0, unitLevels - 1);
  }

  mapPage(dfn: number, mfn: number, order: number, access: number, flush: PendingFlush): Status {
    return this.table.mapPage(this.#inReach(dfn), mfn, order, access, flush);
  }

  unmapPage(dfn: number, order: number, flush: PendingFlush): Status {
    return this.table.unmapPage(this.#inReach(dfn), order, flush);
  }

  lookupPage(dfn: number): MappedPage | undefined {
    const page = this.table.lookupPage(this.#inReach(dfn));
    // Deployed code takes the item of a page at address 0 for an error.
    return this.#compat && page?.mfn === 0 ? undefined : page;
  }

  destroy(): void {
    this.table.destroy();
  }

  /** Deployed code drops the bits of an address that the tables do not decode. */
  #inReach(dfn: number): number {
    return this.#compat ? dfn % 2 ** this.dfnWidthLg2 : dfn;
  }
}
