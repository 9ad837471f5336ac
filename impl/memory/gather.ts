import { PageTableError } from "../errors.js";
import { NO_FRAME, type TableMemory } from "./table-memory.js";

/**
 * A gather collects what unmapping (or replacing) took away until the invalidation that covers it: one range of
 * input addresses, the levels of the leaves and tables concerned, and the frames that must not be used before.
 */
export const GatherPolicy = {
  /** Widens one range from the first to the last address. */
  Range: 0,
  /** Syncs what is pending before it would have to cover a gap. */
  NoGaps: 1,
  /** Records no range: a later flush of everything covers it. */
  Queued: 2,
} as const;

export type GatherPolicy = (typeof GatherPolicy)[keyof typeof GatherPolicy];

/** Makes the hardware forget the inclusive range; a set bit n in a level mask stands for level n. */
export interface InvalidateWords {
  invalidate(
    firstLow: number,
    firstHigh: number,
    lastLow: number,
    lastHigh: number,
    leafLevels: number,
    tableLevels: number,
  ): void;
}

export class Gather {
  readonly policy: GatherPolicy;
  /** Whether an invalidation is due. */
  pending = false;
  firstLow = 0;
  firstHigh = 0;
  lastLow = 0;
  lastHigh = 0;
  leafLevels = 0;
  tableLevels = 0;
  /** Frames that wait here for the sync. */
  frames = 0;

  readonly #memory: TableMemory;
  readonly #invalidation: InvalidateWords;
  #head = NO_FRAME;
  #tail = NO_FRAME;

  constructor(memory: TableMemory, invalidation: InvalidateWords, policy: GatherPolicy) {
    this.#memory = memory;
    this.#invalidation = invalidation;
    this.policy = policy;
  }

  /** Whether frames of this memory can wait here. */
  isFor(memory: TableMemory): boolean {
    return this.#memory === memory;
  }

  /** Adds an inclusive range. Frames that were taken out of use in it follow, by `takeFrames`. */
  add(
    firstLow: number,
    firstHigh: number,
    lastLow: number,
    lastHigh: number,
    leafLevels: number,
    tableLevels: number,
  ): void {
    if (this.pending && this.policy === GatherPolicy.NoGaps) {
      if (this.#leavesGap(firstLow, firstHigh, lastLow, lastHigh)) this.sync();
    }
    if (!this.pending) {
      this.pending = true;
      this.firstLow = firstLow;
      this.firstHigh = firstHigh;
      this.lastLow = lastLow;
      this.lastHigh = lastHigh;
    } else {
      if (below(firstLow, firstHigh, this.firstLow, this.firstHigh)) {
        this.firstLow = firstLow;
        this.firstHigh = firstHigh;
      }
      if (below(this.lastLow, this.lastHigh, lastLow, lastHigh)) {
        this.lastLow = lastLow;
        this.lastHigh = lastHigh;
      }
    }
    this.leafLevels |= leafLevels;
    this.tableLevels |= tableLevels;
  }

  /** Adds the frame list `head … tail`, linked in the memory; a range that covers them was added before. */
  takeFrames(head: number, tail: number, count: number): void {
    if (this.#tail === NO_FRAME) this.#head = head;
    else this.#memory.joinLists(this.#tail, head);
    this.#tail = tail;
    this.frames += count;
  }

  /** Hands every frame to another gather of the same memory, in constant time, with what covers them. */
  moveTo(other: Gather): void {
    if (!this.pending || other === this) return;
    if (other.#memory !== this.#memory) {
      throw new PageTableError("INVALID_ARGUMENT", "frames cannot move to a gather of another memory");
    }
    other.add(this.firstLow, this.firstHigh, this.lastLow, this.lastHigh, this.leafLevels, this.tableLevels);
    if (this.#head !== NO_FRAME) other.takeFrames(this.#head, this.#tail, this.frames);
    this.#clear();
  }

  /** Invalidates what is pending, then releases the frames. Without anything pending it does nothing. */
  sync(): void {
    if (!this.pending) return;
    if (this.policy === GatherPolicy.Queued) {
      this.#invalidation.invalidate(0, 0, -1, -1, this.leafLevels, this.tableLevels);
    } else {
      this.#invalidation.invalidate(
        this.firstLow,
        this.firstHigh,
        this.lastLow,
        this.lastHigh,
        this.leafLevels,
        this.tableLevels,
      );
    }
    const head = this.#head;
    this.#clear();
    if (head !== NO_FRAME) this.#memory.releaseList(head);
  }

  #clear(): void {
    this.pending = false;
    this.leafLevels = 0;
    this.tableLevels = 0;
    this.frames = 0;
    this.#head = NO_FRAME;
    this.#tail = NO_FRAME;
  }

  /** Whether there are addresses between the pending range and this one: it neither overlaps nor touches. */
  #leavesGap(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): boolean {
    return (
      beyondNext(firstLow, firstHigh, this.lastLow, this.lastHigh) ||
      beyondNext(this.firstLow, this.firstHigh, lastLow, lastHigh)
    );
  }
}

/** Unsigned a < b. */
function below(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
}

/** Unsigned a > b + 1, where b + 1 does not wrap to 0. */
function beyondNext(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  const nextLow = (bLow + 1) | 0;
  const nextHigh = nextLow === 0 ? (bHigh + 1) | 0 : bHigh;
  if ((nextLow | nextHigh) === 0) return false;
  return below(nextLow, nextHigh, aLow, aHigh);
}
