/**
 * The books of a table memory: which frames are in use, quarantined or free. They lie in one buffer, so that
 * threads can share them; then a lock keeps two threads from changing them at once. It is held for a few dozen
 * machine instructions, never while a frame is filled or a callback runs.
 */
import { PageTableError } from "../errors.js";

/** No frame, in lists and as an answer. */
export const NO_FRAME = -1;

/** The device table of an AMD IOMMU: 65536 entries of 32 bytes. */
export const FRAME_LG2_MAX = 21;

/** What stands where in `counters`: counts of frames, the first word never handed out, and the lock. */
export const LIVE_FRAMES = 0;
export const QUARANTINED_FRAMES = 1;
export const FRESH = 2;
const LOCK = 3;
/** From here on, per log2 size: the first free frame (in words), or NO_FRAME. */
export const FREE = 4;
const COUNTERS = FREE + FRAME_LG2_MAX + 1;

/** Tries in a row, and the rests of a millisecond between them, before a thread gives up. */
const TRIES = 200;
const RESTS = 20_000;
/** Tries that stand for a rest where a thread may not sleep: a browser's main thread. */
const RESTLESS_TRIES = 20_000;

export class FrameBooks {
  readonly buffer: ArrayBufferLike;
  readonly isShared: boolean;
  readonly counters: Int32Array;
  /** Per unit: the next frame (in words) of the list that this frame is on, or NO_FRAME. */
  readonly next: Int32Array;
  /** Per unit: what the frame that begins there is, with its log2 size; else 0. */
  readonly state: Uint8Array;

  /** The books of so many units: new ones, or those that another thread keeps already. */
  constructor(units: number, isShared: boolean, existing?: ArrayBufferLike) {
    const bytes = 4 * (COUNTERS + units) + units;
    if (existing !== undefined && existing.byteLength !== bytes) {
      throw new PageTableError("INVALID_OPTION", "the books are not those of this memory");
    }
    this.buffer = existing ?? (isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.isShared = isShared;
    this.counters = new Int32Array(this.buffer, 0, COUNTERS);
    this.next = new Int32Array(this.buffer, 4 * COUNTERS, units);
    this.state = new Uint8Array(this.buffer, 4 * (COUNTERS + units), units);
    if (existing === undefined) this.counters.fill(NO_FRAME, FREE);
  }

  /** Waits until no other thread has the books open. Whoever opens them closes them. */
  open(): void {
    if (this.isShared) acquire(this.counters);
  }

  close(): void {
    if (this.isShared) Atomics.store(this.counters, LOCK, 0);
  }
}

function acquire(counters: Int32Array): void {
  for (let rests = 0; rests < RESTS; rests++) {
    if (acquireWithin(counters, TRIES) || (!rest(counters) && acquireWithin(counters, RESTLESS_TRIES)))
      return;
  }
  throw new Error("the books of a table memory stay open: a thread ended in the middle of an allocation");
}

function acquireWithin(counters: Int32Array, tries: number): boolean {
  for (let tried = 0; tried < tries; tried++) {
    if (Atomics.compareExchange(counters, LOCK, 0, 1) === 0) return true;
  }
  return false;
}

/** Lets other threads run for a millisecond. False: this thread may not sleep. */
function rest(counters: Int32Array): boolean {
  try {
    Atomics.wait(counters, LOCK, 1, 1);
    return true;
  } catch {
    return false;
  }
}
