/** Tables, a domain over them and the CPU that runs it, driven by recorded operations. */
import type { Status } from "../../impl/errors.js";
import { AmdPaging } from "../../impl/iommu/amd/paging.js";
import { CpuFreeQueues, type DomainPaging, type FreeQueue, IommuDomain } from "../../impl/iommu/index.js";
import { IntelPaging } from "../../impl/iommu/intel/paging.js";
import { TableMemory } from "../../impl/memory/table-memory.js";
import { statusText } from "./errno.js";
import { ModelPaging } from "./model-paging.js";
import type { XenLeaf, XenMapsOp, XenMapsSequence } from "./xen-maps-vector.js";
import { XenTree } from "./xen-tree.js";

/** One vendor's tables, and what can be seen of them from outside. */
export interface XenTables {
  readonly paging: DomainPaging;
  /** In ascending order. */
  leaves(): readonly XenLeaf[];
  figures(): XenFigures;
}

export interface XenFigures {
  /** Leaves of 4 KiB, 2 MiB and 1 GiB. */
  readonly leafCounts: readonly number[];
  /** Tables below the root whose marker says that they are all empty or all one superpage. */
  readonly uniformTables: number;
}

/** What tables are made for. */
export type XenShape = Pick<XenMapsSequence, "vendor" | "levels" | "pageSizes" | "fewestLevels">;

/** `deployed`: with the mistakes of deployed code. */
export type MakeXenTables = (
  shape: XenShape,
  deployed: boolean,
  memory: TableMemory,
  queue: FreeQueue,
) => XenTables;

/** What is known after an operation, as texts by the names of the recording. */
export type XenFields = Readonly<Record<string, string>>;

const MEMORY_BYTES = 1 << 23;
const CPU = 0;

export class XenMapsMachine {
  readonly tables: XenTables;
  readonly #pageSizes: bigint;
  readonly #memory = new TableMemory({ capacityBytes: MEMORY_BYTES });
  readonly #queues = new CpuFreeQueues(this.#memory, CPU);

  constructor(shape: XenShape, deployed: boolean, make: MakeXenTables) {
    this.#pageSizes = shape.pageSizes;
    this.tables = make(shape, deployed, this.#memory, this.#queues);
  }

  /** Runs an operation in a domain of its own over the same tables, for a recording tells of each whether it crashed. */
  run(op: Omit<XenMapsOp, "recorded">): XenFields {
    const { paging } = this.tables;
    const flush = { flush: () => 0 as const };
    const domain = new IommuDomain({ id: 1, pageSizes: this.#pageSizes, paging, flush });
    const { shatters, coalesces } = paging;
    const queued = this.#queues.queuedFrames;
    const owed = { flags: 0 };
    if (op.failAllocAfter !== undefined) this.#memory.failNextAllocation(op.failAllocAfter + 1);
    const status: Status =
      op.op === "map"
        ? domain.tryMap(op.dfn, op.mfn, op.pages, op.access, owed)
        : domain.tryUnmap(op.dfn, op.pages, owed);
    this.#memory.failNextAllocation(0);
    this.#queues.runFreeing(CPU, Number.MAX_SAFE_INTEGER);
    return {
      rc: statusText(status),
      crashed: String(domain.isCrashed),
      flags: String(owed.flags),
      shatters: String(paging.shatters - shatters),
      coalesces: String(paging.coalesces - coalesces),
      queued: String(this.#queues.queuedFrames - queued),
      ...this.state(),
    };
  }

  /** What the tables are like, in figures. */
  state(): XenFields {
    const { leafCounts, uniformTables } = this.tables.figures();
    return {
      tables: String(this.tables.paging.tableCount),
      leaves: leafCounts.join(" "),
      uniform_tables: String(uniformTables),
    };
  }
}

/** The naive tree. */
export const modelTables: MakeXenTables = (shape, deployed, memory, queue) => {
  const { vendor, levels, pageSizes, fewestLevels } = shape;
  const orders = [0, 9, 18].filter((order) => ((pageSizes >> BigInt(order + 12)) & 1n) !== 0n);
  const paging = new ModelPaging({ vendor, levels, orders, fewestLevels, deployed }, memory, queue);
  return {
    paging,
    leaves: () =>
      [...paging.tables.leaves()].map(({ dfn, level, leaf }) => ({ dfn, order: 9 * (level - 1), ...leaf })),
    figures: () => ({
      leafCounts: [1, 2, 3].map((level) => paging.tables.leafCounts[level] ?? 0),
      uniformTables: paging.tables.uniformTables,
    }),
  };
};

/** The vendors' own tables. */
export const vendorTables: MakeXenTables = (shape, compat, memory, freeQueue) => {
  const { vendor, levels, pageSizes, fewestLevels } = shape;
  const options = { memory, freeQueue, levels, pageSizes, compat };
  const paging =
    vendor === "amd" ? new AmdPaging(options) : new IntelPaging({ ...options, minLevels: fewestLevels });
  const tree = (listsLeaves: boolean) => new XenTree(vendor, memory, paging.table.root, levels, listsLeaves);
  return {
    paging,
    leaves: () => tree(true).leaves,
    figures: () => {
      const { counts, uniformTables } = tree(false);
      return { leafCounts: counts, uniformTables };
    },
  };
};
