/** The implementation, driven by the operations of an `io-pgtable` recording. */
import { type PageTable, PageTableError, Status, TableMemory } from "../../impl/common.js";
import { refusalText, statusText } from "./errno.js";
import { tableBaseOf } from "./io-configuration.js";
import { bytesOfOneCall, type IoFacts } from "./io-facts.js";
import { createIoTable } from "./io-options.js";
import { entriesText } from "./io-outcome.js";
import { type ReachedTables, readIoTree } from "./io-tree.js";
import type { DirtyPagesOp, HardwareDirtyOp, IoCreation, IoOp, MapPagesOp } from "./io-vector.js";
import { dirtyText, hex, lookupText, type Outcome } from "./outcome.js";

const CAPACITY_BYTES = 1 << 23;
/** Roots of a few items have frames of 64 bytes. */
const SMALLEST_FRAME_LG2 = 5;

/** A memory that the tables can reach. */
export function ioMemory(creation: IoCreation, capacityBytes = CAPACITY_BYTES): TableMemory {
  return new TableMemory({
    base: tableBaseOf(creation),
    capacityBytes,
    smallestFrameLg2: SMALLEST_FRAME_LG2,
  });
}

/** One page table, from its creation to its destruction. */
export class IoTableUnderTest {
  readonly table: PageTable;
  readonly #facts: IoFacts;
  readonly #memory: TableMemory;

  constructor(creation: IoCreation, facts: IoFacts, memory: TableMemory) {
    this.#facts = facts;
    this.#memory = memory;
    this.table = createIoTable(creation, memory);
  }

  /** Runs one operation; the fields are those of `ioRecordedOutcome`. */
  run(op: IoOp): Outcome {
    switch (op.op) {
      case "map_pages":
        return this.#mapPages(op);
      case "map_split": {
        const status = this.table.tryMap(op.iova, op.pa, op.len, op.prot);
        const pages = status === Status.OK ? this.table.entries(op.iova, op.len) : [];
        return { ret: statusText(status), pages: entriesText(pages) };
      }
      case "unmap_pages":
        return this.#unmap(op.iova, op.pageSize * op.pages, op.queued);
      case "unmap_split":
        return this.#unmap(op.iova, op.len, false);
      case "iova_to_phys":
        return { pa: lookupText(this.table.lookup(op.iova)) };
      case "hardware_dirty":
        return this.#hardwareDirty(op);
      case "dirty_pages":
        return this.#readAndClearDirty(op);
    }
  }

  /**
   * The tables that can be reached; `lost` are those in use that cannot.
   * @throws Error where they are no tree, or lead out of memory.
   */
  reached(): ReachedTables & { readonly lost: number } {
    const reached = readIoTree(this.#facts, this.#memory, this.table.hwInfo().root);
    return { ...reached, lost: this.#memory.liveFrames + this.#memory.quarantinedFrames - reached.tables };
  }

  /** Gives everything back; what is left then was lost. */
  destroy(): number {
    this.table.destroy();
    return this.#memory.liveFrames + this.#memory.quarantinedFrames;
  }

  /** As many of the pages as one call of deployed code maps. */
  #mapPages({ iova, pa, pageSize, pages, prot, failAlloc }: MapPagesOp): Outcome {
    const length = bytesOfOneCall(this.#facts, iova, pageSize, pages);
    this.#memory.failNextAllocation(failAlloc);
    const status = this.table.tryMap(iova, pa, length, prot, pageSize);
    this.#memory.failNextAllocation(0);
    return { ret: statusText(status), mapped: hex(this.table.mappedBytes) };
  }

  #unmap(iova: bigint, length: bigint, queued: boolean): Outcome {
    const gather = queued ? this.table.createGather("queued") : undefined;
    const removed = this.table.unmap(iova, length, gather);
    gather?.sync();
    return { unmapped: hex(removed) };
  }

  /** What a device's write changes: a writable leaf that is clean becomes dirty. */
  #hardwareDirty({ iova }: HardwareDirtyOp): Outcome {
    const before = [...this.table.entries(iova, 1n)];
    refusalOf(() => this.table.setDirty(iova));
    const after = [...this.table.entries(iova, 1n)];
    return { changed: String(before[0]?.dirty !== after[0]?.dirty) };
  }

  #readAndClearDirty({ iova, len, noClear }: DirtyPagesOp): Outcome {
    const dirty: [bigint, bigint][] = [];
    const ret = refusalOf(() =>
      this.table.readAndClearDirty(iova, len, (first, length) => dirty.push([first, length]), {
        clear: !noClear,
      }),
    );
    return { ret, dirty: dirtyText(dirty) };
  }
}

function refusalOf(call: () => void): string {
  try {
    call();
    return "0";
  } catch (error) {
    if (error instanceof PageTableError) return refusalText(error);
    throw error;
  }
}
