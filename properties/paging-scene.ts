/** The page tables of one domain under the eyes of hardware: every store is seen, and every table looked into. */
import { WindowMemory } from "../fuzz/lockstep/subject.js";
import { type MemoryObserver, Status, TableMemory } from "../impl/common.js";
import { AmdPaging } from "../impl/iommu/amd/paging.js";
import { FlushFlag } from "../impl/iommu/flush.js";
import { IntelPaging } from "../impl/iommu/intel/paging.js";
import type { FreeQueue } from "../impl/iommu/vendor.js";
import { ReplacingTable as AmdTable } from "../impl/stamps/amdv1-replacing.observed.stamp.js";
import { ReplacingTable as AmdTiny } from "../impl/stamps/amdv1-replacing-tiny.observed.stamp.js";
import { ReplacingTable as VtdTable } from "../impl/stamps/vtd-second-stage-replacing.observed.stamp.js";
import { ReplacingTable as VtdTiny } from "../impl/stamps/vtd-second-stage-replacing-tiny.observed.stamp.js";
import type { Configuration } from "../models/configuration.js";
import { contiguityMarkers, type MarkedKind } from "../models/contiguity-markers.js";
import { createWalker, type Walker, WalkResult } from "../models/walkers/index.js";
import { configurationOf } from "./hand-made-tables.js";

export type Vendor = "amd" | "vtd";

export interface SceneOptions {
  readonly vendor: Vendor;
  readonly levels: number;
  /** Tables of four items instead of 512. */
  readonly tiny?: boolean;
  readonly pageSizes?: bigint;
  readonly compat?: boolean;
  /** VT-d: the fewest levels that a unit walks. */
  readonly minLevels?: number;
  readonly clean?: ((address: bigint, lengthBytes: number) => void) | undefined;
  readonly capacityBytes?: number;
}

/** One table that is reached from the root, as memory has it. */
export interface ReachedTable {
  readonly word: number;
  readonly level: number;
  /** The first page that it translates. */
  readonly firstPage: number;
  /** With their markers. */
  readonly items: readonly bigint[];
}

const MARKER: Readonly<Record<Vendor, bigint>> = { amd: 1n, vtd: 52n };
const ADDRESS = 0xf_ffff_ffff_f000n;
const MASK_64 = (1n << 64n) - 1n;

/** A page as a device sees it: its frame and bits of access; −1 for a page that is not mapped. */
export type Sight = number;

export const ABSENT: Sight = -1;

export function sight(mfn: number, access: number): Sight {
  return mfn * 4 + access;
}

export class PagingScene {
  readonly options: SceneOptions;
  readonly configuration: Configuration;
  readonly memory: TableMemory;
  readonly paging: AmdPaging | IntelPaging;
  /** log2 of a table's items. */
  readonly tableLg2: number;
  /** Orders that may be asked for. */
  readonly orders: readonly number[];
  readonly pages: number;
  readonly physical: WindowMemory;
  readonly walker: Walker;
  /** Frames in the order in which they left the tree. */
  readonly queued: number[] = [];
  /** What the last operation owes. */
  flags = 0;
  readonly #queue: { head: number; count: number }[] = [];
  #isRooted = false;
  readonly #windowPairs: BigUint64Array;

  constructor(options: SceneOptions) {
    const { vendor, levels, tiny = false, compat = false, minLevels, clean } = options;
    this.options = options;
    this.tableLg2 = tiny ? 2 : 9;
    const sizes = options.pageSizes ?? (tiny ? 0x1_5000n : 0x4020_1000n);
    this.orders = [0, 1, 2].map((level) => level * this.tableLg2).filter((order) => hasSize(sizes, order));
    this.memory = new TableMemory({ capacityBytes: options.capacityBytes ?? 1 << 23, poison: true });
    this.#windowPairs = new BigUint64Array(this.memory.words.buffer);
    const common = { memory: this.memory, freeQueue: this.#freeQueue(), levels, compat, pageSizes: sizes };
    this.paging =
      vendor === "amd"
        ? new AmdPaging({ ...common, Table: tiny ? AmdTiny : AmdTable })
        : new IntelPaging({ ...common, minLevels, incoherent: clean, Table: tiny ? VtdTiny : VtdTable });
    this.pages = 2 ** this.paging.dfnWidthLg2;
    this.configuration = configurationOf(vendor === "amd" ? "amdv1" : "vtd-second-stage", {
      vaWidthLg2: this.paging.dfnWidthLg2 + 12,
      oaWidthLg2: 52,
      topLevel: levels - 1,
      pageSizes: sizes,
      forceCoherence: true,
      incoherent: clean !== undefined,
      tableBase: this.memory.base,
      tiny: tiny ? { tableBitsLg2: 2, contiguousLg2: 0 } : undefined,
    });
    this.physical = new WindowMemory(this.memory.words, this.memory.base);
    this.walker = createWalker(this.configuration, this.physical);
  }

  /** A CPU's queue that keeps what it is given until `release`. */
  #freeQueue(): FreeQueue {
    return {
      add: (head, _tail, count) => {
        this.#queue.push({ head, count });
      },
    };
  }

  map(dfn: number, mfn: number, order: number, access: number): Status {
    const flush = { flags: 0 };
    const status = this.paging.mapPage(dfn, mfn, order, access, flush);
    this.flags = flush.flags;
    return status;
  }

  unmap(dfn: number, order: number): Status {
    const flush = { flags: 0 };
    const status = this.paging.unmapPage(dfn, order, flush);
    this.flags = flush.flags;
    return status;
  }

  /** Frees what waits in the queue; how many frames that were. */
  release(): number {
    let count = 0;
    for (const list of this.#queue.splice(0)) {
      this.memory.releaseList(list.head);
      count += list.count;
    }
    return count;
  }

  watch(observer: Partial<MemoryObserver>): void {
    const nothing = () => {};
    this.memory.observer = {
      stored: nothing,
      storedPair: nothing,
      allocated: nothing,
      quarantined: nothing,
      released: nothing,
      published: nothing,
      ...observer,
    };
  }

  /** What hardware sees at a page. */
  see(dfn: number): Sight {
    const { walker } = this;
    if (!this.#isRooted && !this.#giveRoot()) return ABSENT;
    const result = walker.walk(dfn << 12, Math.floor(dfn / 2 ** 20) | 0);
    if (result === WalkResult.NotPresent) return ABSENT;
    if (result !== WalkResult.Translated) throw new Error(`page ${dfn}: walk result ${result}`);
    const mfn = (walker.oaHigh >>> 0) * 2 ** 20 + (walker.oaLow >>> 12);
    return sight(mfn, (walker.read ? 1 : 0) | (walker.write ? 2 : 0));
  }

  /** Tells the hardware of the root, which never changes; false: there is none yet. */
  #giveRoot(): boolean {
    const { root } = this.paging.table;
    if (root === undefined) return false;
    const mode = this.options.levels - (this.options.vendor === "amd" ? 0 : 2);
    this.walker.setRoot(Number(BigInt.asIntN(32, root)), Number(root >> 32n), mode);
    this.#isRooted = true;
    return true;
  }

  /** What the implementation's own lookup says of a page. */
  lookup(dfn: number): Sight {
    const page = this.paging.lookupPage(dfn);
    return page === undefined ? ABSENT : sight(page.mfn, (page.read ? 1 : 0) | (page.write ? 2 : 0));
  }

  /** Every table reached from the root, the root first; read from memory alone. */
  tables(): readonly ReachedTable[] {
    const { root } = this.paging.table;
    if (root === undefined) return [];
    const reached: ReachedTable[] = [];
    this.#reach(root, this.options.levels - 1, 0, reached);
    return reached;
  }

  #reach(address: bigint, level: number, firstPage: number, reached: ReachedTable[]): void {
    const first = Number(address - this.memory.base) / 8;
    const items = [...this.#windowPairs.subarray(first, first + 2 ** this.tableLg2)];
    reached.push({ word: first * 2, level, firstPage, items });
    for (const [index, item] of items.entries()) {
      if (this.kindOf(item, level) !== "table") continue;
      this.#reach(item & ADDRESS, level - 1, firstPage + index * 2 ** (this.tableLg2 * level), reached);
    }
  }

  /** What an item is, as the architecture has it. */
  kindOf(item: bigint, level: number): "absent" | "leaf" | "table" {
    if (this.options.vendor === "amd") {
      if ((item & 1n) === 0n) return "absent";
      return ((item >> 9n) & 7n) === 0n ? "leaf" : "table";
    }
    if ((item & 3n) === 0n) return "absent";
    return level === 0 || (item & 0x80n) !== 0n ? "leaf" : "table";
  }

  markerOf(item: bigint): number {
    return Number((item >> MARKER[this.options.vendor]) & 15n);
  }

  unmarked(item: bigint): bigint {
    return item & (MASK_64 ^ (15n << MARKER[this.options.vendor]));
  }

  /** The markers that a table must have by their definition. */
  markersOf({ items, level }: ReachedTable): readonly number[] {
    // A leaf that may not be merged is in no row.
    const counts = this.#countsLeaves(level);
    const kinds = items.map((item): MarkedKind => {
      const kind = this.kindOf(item, level);
      return kind === "table" || (kind === "leaf" && !counts) ? "other" : kind;
    });
    const itemLg2 = 12 + this.tableLg2 * level;
    return contiguityMarkers({ items: items.map((item) => this.unmarked(item)), kinds, itemLg2 });
  }

  #countsLeaves(level: number): boolean {
    if (this.options.vendor === "amd" && this.options.compat === true) return true;
    return this.orders.includes((level + 1) * this.tableLg2);
  }
}

function hasSize(sizes: bigint, order: number): boolean {
  return ((sizes >> BigInt(12 + order)) & 1n) === 1n;
}

/** What is owed for a change of one page, from what was and what is. */
export function owedFor(before: Sight, after: Sight): number {
  if (before === after) return 0;
  return (after === ABSENT ? 0 : FlushFlag.added) | (before === ABSENT ? 0 : FlushFlag.modified);
}

export { FlushFlag, Status };
