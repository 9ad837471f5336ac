/** The implementation, driven by a vector's operations. */
import {
  type Gather,
  type Invalidation,
  type MemoryObserver,
  type PageTable,
  PageTableError,
  Status,
  TableMemory,
} from "../../impl/common.js";
import { refusalText, statusText } from "./errno.js";
import { createTable, encryptionBit } from "./options.js";
import {
  dirtyText,
  hex,
  levelsText,
  lookupText,
  type Outcome,
  pendingText,
  rangesText,
  removalOutcome,
} from "./outcome.js";
import { readTree } from "./tree.js";
import type {
  Creation,
  DirtyOp,
  GatheredRange,
  MapOp,
  UnmapFastOp,
  VectorOp,
  VectorTable,
} from "./vector.js";

/** Untouched memory costs nothing; the largest vectors need some hundred tables. */
const CAPACITY_BYTES = 1 << 26;
const LAST = (1n << 64n) - 1n;

/** The memory of all tables of one configuration, counting the frames that come back. */
export class CountingMemory {
  readonly memory: TableMemory;
  released = 0;

  constructor(creation: Creation) {
    // A table may not lie where its address would hold the encryption bit, so one of these two places is right.
    const base = encryptionBit(creation) === 35 ? 0x10_4000_0000n : 0x8_4000_0000n;
    this.memory = new TableMemory({ base, capacityBytes: CAPACITY_BYTES });
    const observer: MemoryObserver = {
      stored: () => {},
      storedPair: () => {},
      allocated: () => {},
      quarantined: () => {},
      released: () => {
        this.released++;
      },
      published: () => {},
    };
    this.memory.observer = observer;
  }
}

/** One page table, from its creation to its destruction. */
export class TableUnderTest {
  readonly table: PageTable;
  readonly #creation: Creation;
  readonly #counting: CountingMemory;
  /** The invalidations since the running operation began. */
  #invalidated: GatheredRange[] = [];
  /** The gather that `unmap_fast` fills until `sync`. */
  #shared: Gather | undefined;

  constructor(creation: Creation, counting: CountingMemory) {
    this.#creation = creation;
    this.#counting = counting;
    const invalidate = ({ first, last }: Invalidation): void => {
      this.#invalidated.push([first, last]);
    };
    this.table = createTable(creation, counting.memory, invalidate);
  }

  /** Runs one operation; the fields are those of `recordedOutcome`. */
  run(op: VectorOp): Outcome {
    this.#invalidated = [];
    const releasedBefore = this.#counting.released;
    const freed = (): string => String(this.#counting.released - releasedBefore);
    switch (op.op) {
      case "map":
      case "map_range":
        return this.#map(op);
      case "unmap":
        return this.#unmap("", op.iova, op.len);
      case "unmap_fast":
        return { ...this.#unmapFast(op), freed: freed() };
      case "sync":
        return { ...this.#sync(), freed: freed() };
      case "iova_to_phys":
        return { pa: lookupText(this.table.lookup(op.iova)) };
      case "set_dirty":
        return { ret: refusalOf(() => this.table.setDirty(op.iova)) };
      case "rcd":
        return this.#readAndClearDirty(op);
    }
  }

  /** The tables as they stand in memory. */
  tree(): VectorTable {
    const bit = encryptionBit(this.#creation);
    const mask = bit === undefined ? 0n : 1n << BigInt(bit);
    const { root, topLevel } = this.table.hwInfo();
    return readTree(this.#creation.format, this.#counting.memory, root, topLevel, mask);
  }

  /** Table pages in use or waiting for an invalidation. */
  get live(): number {
    const { memory } = this.#counting;
    return memory.liveFrames + memory.quarantinedFrames;
  }

  /** Gives everything back; what is left then was lost. */
  destroy(): number {
    this.#shared?.sync();
    this.#shared = undefined;
    this.table.destroy();
    return this.live;
  }

  #map(op: MapOp): Outcome {
    const { memory } = this.#counting;
    const topBefore = this.table.topLevel;
    const releasedBefore = this.#counting.released;
    memory.failNextAllocation(op.failAlloc);
    const status = this.table.tryMap(op.iova, op.pa, op.len, op.prot);
    memory.failNextAllocation(0);
    const { mappedBytes, topLevel } = this.table;
    const outcome = {
      ret: statusText(status),
      mapped: hex(mappedBytes),
      gather: rangesText(this.#invalidated),
      newTop: levelsText(topLevel === topBefore ? [] : [topLevel]),
      freed: String(this.#counting.released - releasedBefore),
    };
    if (op.op === "map_range" || status === Status.OK) return outcome;
    this.#invalidated = [];
    return { ...outcome, ...this.#unmap("rollback ", op.iova, mappedBytes) };
  }

  #unmap(prefix: string, iova: bigint, length: bigint): Outcome {
    const releasedBefore = this.#counting.released;
    const removed = this.table.unmap(iova, length);
    return removalOutcome(prefix, removed, this.#invalidated, this.#counting.released - releasedBefore);
  }

  #unmapFast(op: UnmapFastOp): Outcome {
    this.#shared ??= this.table.createGather(op.queued ? "queued" : undefined);
    const removed = this.table.unmap(op.iova, op.len, this.#shared);
    return {
      unmapped: hex(removed),
      gather: rangesText(this.#invalidated),
      pending: pendingOf(this.#shared, op.queued),
    };
  }

  #sync(): Outcome {
    const shared = this.#shared;
    this.#shared = undefined;
    // In flush-queue mode vectors record no range: the flush of everything is the queue's. Ours asks for it here.
    const everything: GatheredRange[] = shared?.policy === 2 && shared.pending ? [[0n, LAST]] : [];
    shared?.sync();
    const same = everything.length > 0 && rangesText(everything) === rangesText(this.#invalidated);
    return { gather: rangesText(same ? [] : this.#invalidated) };
  }

  #readAndClearDirty(op: DirtyOp): Outcome {
    const dirty: [bigint, bigint][] = [];
    const ret = refusalOf(() =>
      this.table.readAndClearDirty(op.iova, op.len, (iova, length) => dirty.push([iova, length]), {
        clear: !op.noClear,
      }),
    );
    return { ret, dirty: dirtyText(dirty), gather: rangesText(this.#invalidated) };
  }
}

/** As the vectors show a gather: start above end while nothing is recorded. */
function pendingOf(gather: Gather, queued: boolean): string {
  if (queued || !gather.pending) return pendingText(LAST, 0n, gather.frames);
  return pendingText(
    fromWords(gather.firstLow, gather.firstHigh),
    fromWords(gather.lastLow, gather.lastHigh),
    gather.frames,
  );
}

function fromWords(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
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
