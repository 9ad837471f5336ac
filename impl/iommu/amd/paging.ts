/**
 * The page tables of a domain behind AMD's IOMMUs: v1 host tables in which pages of 2 MiB and 1 GiB come and go by
 * themselves. Source: AMD I/O Virtualization Technology (IOMMU) Specification, 48882, §2.2.3.
 *
 * Every leaf forces coherence (FC), no table pointer does. The root's own items are neither merged nor cleared but by
 * a request for their size, so a table that hangs off the root stays when it is empty.
 */
import { Status } from "../../errors.js";
import type { ReplacingTable } from "../../replacing-table.js";
import { ReplacingTable as PlainTable } from "../../stamps/amdv1-replacing.plain.stamp.js";
import { FlushFlag, type PendingFlush } from "../flush.js";
import { defaultPageSizes, levelMask, mergeableLevels, type PagingOptions } from "../table-rules.js";
import type { DomainPaging, MappedPage } from "../vendor.js";

export class AmdPaging implements DomainPaging {
  /** The tree itself, for whoever prints it or names its root to the hardware. */
  readonly table: ReplacingTable;
  readonly #compat: boolean;

  /** `levels`: 2 to 6, the device table entry's mode. */
  constructor(options: PagingOptions) {
    const { memory, freeQueue, levels, compat = false } = options;
    const pageSizes = options.pageSizes ?? defaultPageSizes(levels);
    this.#compat = compat;
    const Table = options.Table ?? PlainTable;
    const below = levelMask(1, levels - 2);
    // Deployed code merges whatever is in a row, announced or not.
    const merging = compat ? -1 : mergeableLevels(pageSizes, Table.tableBitsLg2);
    this.table = new Table({
      memory,
      freeQueue,
      levels,
      pageSizes,
      forcesCoherence: true,
      rules: {
        countedLevels: merging,
        mergedLevels: (merging << 1) & below,
        emptiedLevels: below,
        makesTablesOneByOne: compat,
        clearsEmptyItems: compat,
        losesLeavesAtZero: compat,
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

  mapPage(dfn: number, mfn: number, order: number, access: number, flush: PendingFlush): Status {
    const root = this.table.makeRoot();
    if (root !== Status.OK) return root;
    const status = this.table.mapPage(dfn, mfn, order, access, flush);
    if (status !== Status.OK) return this.#failed(status);
    // Said also of a page that was mapped so before; without `modified` nothing is flushed for it.
    flush.flags |= FlushFlag.added;
    return Status.OK;
  }

  unmapPage(dfn: number, order: number, flush: PendingFlush): Status {
    const status = this.table.unmapPage(dfn, order, flush);
    return status === Status.OK ? status : this.#failed(status);
  }

  lookupPage(dfn: number): MappedPage | undefined {
    return this.table.lookupPage(dfn);
  }

  destroy(): void {
    this.table.destroy();
  }

  /** Deployed code does not tell a lack of memory from an address that no table has. */
  #failed(status: Status): Status {
    const isWalk = status === Status.OUT_OF_MEMORY || status === Status.IOVA_OUT_OF_RANGE;
    return this.#compat && isWalk ? Status.WALK_FAILED : status;
  }
}
