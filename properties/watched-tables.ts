/** Table memory under a watch, for programs written store by store. */
import type { Configuration } from "../models/configuration.js";
import { spanOf, TableWatch, type Violation, type WatchOptions } from "../models/iotlb/index.js";
import type { PhysicalMemory } from "../models/walkers/index.js";
import { joined, words as wordsOf } from "./behaviour.js";

const FRAME_BYTES = 4096;
const FRAMES = 16;

/** One step of a program; addresses are bytes from the memory's base. */
export class WatchedTables implements PhysicalMemory {
  readonly words = new Int32Array((FRAMES * FRAME_BYTES) / 4);
  readonly base: bigint;
  readonly watch: TableWatch;
  readonly physical: PhysicalMemory = this;
  readonly #baseLow: number;

  constructor(configuration: Configuration, options: WatchOptions = {}) {
    this.base = configuration.tableBase;
    this.#baseLow = Number(BigInt.asIntN(32, this.base));
    this.watch = new TableWatch(configuration, this, options);
    this.watch.published(0, configuration.topLevel);
    this.watch.begin(undefined);
  }

  /** The address of a frame, for a pointer to it. */
  frame(number: number): bigint {
    return this.base + BigInt(number * FRAME_BYTES);
  }

  /** An item as two stores, high word first when it becomes live, low word first when it goes. */
  store(frame: number, index: number, item: bigint): this {
    const [low, high] = wordsOf(item);
    return item === 0n
      ? this.word(frame, index, 0, low).word(frame, index, 1, high)
      : this.word(frame, index, 1, high).word(frame, index, 0, low);
  }

  /** One store of 32 bits. */
  word(frame: number, index: number, half: 0 | 1, value: number): this {
    const word = (frame * FRAME_BYTES) / 4 + index * 2 + half;
    const old = this.words[word];
    this.words[word] = value;
    this.watch.stored(word, old, value);
    return this;
  }

  /** Both words of an item in one store. */
  pair(frame: number, index: number, item: bigint): this {
    const word = (frame * FRAME_BYTES) / 4 + index * 2;
    const [oldLow, oldHigh] = [this.words[word], this.words[word + 1]];
    const [low, high] = wordsOf(item);
    this.words[word] = low;
    this.words[word + 1] = high;
    this.watch.storedPair(word, oldLow, oldHigh, low, high);
    return this;
  }

  invalidate(first: bigint, last: bigint, leafLevels = 0xff, tableLevels = 0xff): this {
    this.watch.invalidated(spanOf(first, last), leafLevels, tableLevels);
    return this;
  }

  allocate(frame: number): this {
    this.watch.allocated((frame * FRAME_BYTES) / 4, 12);
    return this;
  }

  release(frame: number): this {
    this.watch.released((frame * FRAME_BYTES) / 4, 12);
    return this;
  }

  clean(frame: number, firstByte: number, lengthBytes: number): this {
    this.watch.cleaned((frame * FRAME_BYTES + firstByte) / 4, lengthBytes);
    return this;
  }

  /** The operation returns, with `pending` in the gather that its caller holds open; the next one begins. */
  end(pending?: readonly [first: bigint, last: bigint]): Violation | undefined {
    const span = pending && spanOf(pending[0], pending[1]);
    const violation = this.watch.end(span);
    this.watch.begin(span);
    return violation;
  }

  contains(low: number, high: number): boolean {
    const offset = joined(low, high) - this.base;
    return offset >= 0n && offset < BigInt(FRAMES * FRAME_BYTES);
  }

  readWord(low: number): number {
    return this.words[((low - this.#baseLow) >>> 0) >>> 2];
  }

  writeWord(low: number, _high: number, value: number): void {
    this.words[((low - this.#baseLow) >>> 0) >>> 2] = value;
  }
}
