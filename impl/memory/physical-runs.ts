/** A list of physical runs of bounded size: what a batch of maps takes, and what a batch of unmaps gives. */
import { PageTableError } from "../errors.js";
import { fromWords, highOf, isUint64, lowOf } from "../words.js";

/** Words of a run: its first address, low and high, and its bytes, low and high. */
export const RUN_WORDS = 4;

/** 64 MiB of them. */
const RUNS_MAX = 1 << 22;

/** One stretch of physical addresses. */
export interface PhysicalRun {
  readonly pa: bigint;
  readonly lengthBytes: bigint;
}

/** Runs in order. One that begins where the last one ends makes that one longer. */
export class PhysicalRuns implements Iterable<PhysicalRun> {
  /** Runs that have room here. */
  readonly capacity: number;
  /** The runs, `RUN_WORDS` words each. */
  readonly words: Int32Array;
  #length = 0;

  /** @throws PageTableError INVALID_ARGUMENT for a capacity that is no whole number from 1 to 2^22. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > RUNS_MAX) {
      throw new PageTableError("INVALID_ARGUMENT", `a list of ${capacity} runs; 1 to ${RUNS_MAX} have room`);
    }
    this.capacity = capacity;
    this.words = new Int32Array(capacity * RUN_WORDS);
  }

  /** How many runs there are. */
  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /**
   * Adds a run; false when there is no room for it.
   * @throws PageTableError INVALID_ARGUMENT for what is no address or length, or ends beyond 64 bits.
   */
  add(pa: bigint, lengthBytes: bigint): boolean {
    const isRun = isUint64(pa) && isUint64(lengthBytes) && lengthBytes > 0n && pa + lengthBytes <= 1n << 64n;
    if (!isRun) throw new PageTableError("INVALID_ARGUMENT", `a run of ${lengthBytes} bytes from ${pa}`);
    return this.addWords(lowOf(pa), highOf(pa), lowOf(lengthBytes), highOf(lengthBytes));
  }

  /** @internal As `add`, on words. */
  addWords(paLow: number, paHigh: number, lengthLow: number, lengthHigh: number): boolean {
    const { words } = this;
    if (this.#length > 0 && this.#isNext(paLow, paHigh)) {
      const last = (this.#length - 1) * RUN_WORDS;
      const low = (words[last + 2] + lengthLow) | 0;
      words[last + 3] = (words[last + 3] + lengthHigh + (low >>> 0 < lengthLow >>> 0 ? 1 : 0)) | 0;
      words[last + 2] = low;
      return true;
    }
    if (this.#length === this.capacity) return false;
    const at = this.#length * RUN_WORDS;
    words[at] = paLow;
    words[at + 1] = paHigh;
    words[at + 2] = lengthLow;
    words[at + 3] = lengthHigh;
    this.#length++;
    return true;
  }

  *[Symbol.iterator](): Generator<PhysicalRun, void, undefined> {
    for (let at = 0; at < this.#length * RUN_WORDS; at += RUN_WORDS) {
      const { words } = this;
      yield {
        pa: fromWords(words[at], words[at + 1]),
        lengthBytes: fromWords(words[at + 2], words[at + 3]),
      };
    }
  }

  /** Whether an address follows the last run. What ends at 2^64 has nothing behind it. */
  #isNext(paLow: number, paHigh: number): boolean {
    const last = (this.#length - 1) * RUN_WORDS;
    const low = (this.words[last] + this.words[last + 2]) | 0;
    const carry = low >>> 0 < this.words[last] >>> 0 ? 1 : 0;
    const high = (this.words[last + 1] + this.words[last + 3] + carry) | 0;
    return low === paLow && high === paHigh && (low | high) !== 0;
  }
}
