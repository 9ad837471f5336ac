/** The naive tree of superpages, behind the seam at which a vendor's tables stand otherwise. */
import { Status } from "../../impl/errors.js";
import type { PendingFlush } from "../../impl/iommu/flush.js";
import type { DomainPaging, FreeQueue, MappedPage } from "../../impl/iommu/vendor.js";
import { NO_FRAME, type TableMemory } from "../../impl/memory/table-memory.js";
import { type Outcome, type SuperpageRules, SuperpageTables } from "../../reference/superpage-tables.js";

const FRAME_LG2 = 12;

const STATUS: Readonly<Record<Outcome, Status>> = {
  ok: Status.OK,
  "out of memory": Status.OUT_OF_MEMORY,
  "walk failed": Status.WALK_FAILED,
  "out of range": Status.IOVA_OUT_OF_RANGE,
};

/** Its tables hold nothing, but take and give back frames of a real memory. */
export class ModelPaging implements DomainPaging {
  readonly dfnWidthLg2: number;
  /** Calls of `mapPage` and `unmapPage`, by order. */
  readonly calls = new Map<number, number>();
  readonly tables: SuperpageTables;
  readonly #memory: TableMemory;
  readonly #live = new Set<number>();
  #isDestroyed = false;

  constructor(rules: SuperpageRules, memory: TableMemory, queue: FreeQueue) {
    this.dfnWidthLg2 = 9 * rules.levels;
    this.#memory = memory;
    this.tables = new SuperpageTables(rules, {
      allocate: () => {
        const frame = memory.allocate(FRAME_LG2);
        if (frame === NO_FRAME) return undefined;
        this.#live.add(frame);
        return frame;
      },
      queue: (frame) => {
        this.#live.delete(frame);
        memory.quarantine(frame, NO_FRAME);
        queue.add(frame, frame, 1);
      },
      giveBack: (frame) => this.#free(frame),
    });
  }

  mapPage(dfn: number, mfn: number, order: number, access: number, flush: PendingFlush): Status {
    this.#count(order);
    const { outcome, flags } = this.tables.mapLeaf(dfn, mfn, levelOf(order), access);
    flush.flags |= flags;
    return STATUS[outcome];
  }

  unmapPage(dfn: number, order: number, flush: PendingFlush): Status {
    this.#count(order);
    const { outcome, flags } = this.tables.unmapLeaf(dfn, levelOf(order));
    flush.flags |= flags;
    return STATUS[outcome];
  }

  lookupPage(dfn: number): MappedPage | undefined {
    const found = this.tables.lookup(dfn);
    if (found === undefined) return undefined;
    return { mfn: found.mfn, read: (found.access & 1) !== 0, write: (found.access & 2) !== 0 };
  }

  get tableCount(): number {
    return this.#isDestroyed ? 0 : this.tables.tables;
  }

  get shatters(): number {
    return this.tables.shatters;
  }

  get coalesces(): number {
    return this.tables.coalesces;
  }

  destroy(): void {
    if (this.#isDestroyed) throw new Error("destroyed twice");
    this.#isDestroyed = true;
    for (const frame of [...this.#live]) this.#free(frame);
  }

  #free(frame: number): void {
    this.#live.delete(frame);
    this.#memory.quarantine(frame, NO_FRAME);
    this.#memory.releaseList(frame);
  }

  #count(order: number): void {
    if (this.#isDestroyed) throw new Error("used after it was destroyed");
    this.calls.set(order, (this.calls.get(order) ?? 0) + 1);
  }
}

function levelOf(order: number): number {
  if (order % 9 !== 0) throw new Error(`order ${order} is of no level`);
  return order / 9 + 1;
}
