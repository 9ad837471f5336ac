/**
 * The memory that a unit's driver shares with the hardware: frames of a table memory in which rings, device tables
 * and page tables lie, and the stores that hardware sees whole.
 *
 * Physical addresses are numbers below 2^52, a word is an index into `TableMemory.words`. An observer of the memory
 * is told of 128 bits as of two halves, after both are in memory, so that at no event a half of it is seen.
 */
import { NO_FRAME } from "../memory/frame-books.js";
import type { TableMemory } from "../memory/table-memory.js";

const PAGE_LG2 = 12;
const TWO32 = 2 ** 32;

/** Four words: 128 bits, the lowest word first. */
export type Words128 = readonly [number, number, number, number];

/**
 * Replaces the 128 bits from `word` on by `wanted` in one step, if they are `expected`; else false, and nothing is
 * done. JavaScript has no such store: a platform that shares memory with real hardware brings its own.
 */
export type Exchange128 = (
  memory: TableMemory,
  word: number,
  expected: Words128,
  wanted: Words128,
) => boolean;

/**
 * The exchange for hardware that runs in the same thread, such as a model or an emulator's device: between two
 * statements it cannot look. With hardware of its own clock this would tear.
 */
export const exchangeWithinThread: Exchange128 = ({ words }, word, expected, wanted) => {
  if (expected.some((value, index) => words[word + index] !== value)) return false;
  words.set(wanted, word);
  return true;
};

export interface UnitMemoryOptions {
  readonly memory: TableMemory;
  /** Without it, a live entry is blocked while its halves change. */
  readonly exchange128?: Exchange128 | undefined;
  /** Writes a range back from the CPU's cache, for a unit that does not snoop it. Bytes. */
  readonly writeBack?: ((address: number, bytes: number) => void) | undefined;
}

export class UnitMemory {
  readonly memory: TableMemory;
  /** Whether 128 bits can change in one step. */
  readonly exchanges: boolean;
  readonly #base: number;
  readonly #wide: BigUint64Array;
  readonly #exchange: Exchange128 | undefined;
  readonly #writeBack: ((address: number, bytes: number) => void) | undefined;

  constructor({ memory, exchange128, writeBack }: UnitMemoryOptions) {
    this.memory = memory;
    this.exchanges = exchange128 !== undefined;
    this.#base = Number(memory.base);
    this.#wide = new BigUint64Array(memory.words.buffer, 0, memory.words.length / 2);
    this.#exchange = exchange128;
    this.#writeBack = writeBack;
  }

  /** A zeroed frame of `2^bytesLg2` bytes, or `NO_FRAME`. */
  allocate(bytesLg2 = PAGE_LG2): number {
    const word = this.memory.allocate(bytesLg2);
    if (word !== NO_FRAME) this.writtenBack(word, 2 ** (bytesLg2 - 2));
    return word;
  }

  /** Gives a frame back that no hardware can reach any more. */
  free(word: number): void {
    this.memory.quarantine(word, NO_FRAME);
    this.memory.releaseList(word);
  }

  addressOf(word: number): number {
    return this.#base + word * 4;
  }

  /** The word at a physical address, or `NO_FRAME` outside of this memory. */
  wordAt(address: number): number {
    const word = (address - this.#base) / 4;
    return word >= 0 && word < this.memory.words.length ? Math.floor(word) : NO_FRAME;
  }

  /** The word there; hardware may have written it. */
  load(word: number): number {
    return Atomics.load(this.memory.words, word);
  }

  store(word: number, value: number): void {
    const old = this.memory.words[word];
    Atomics.store(this.memory.words, word, value);
    this.memory.observer?.stored(word, old, value);
    this.writtenBack(word, 1);
  }

  /** One 64-bit store; `word` is even. */
  store64(word: number, low: number, high: number): void {
    const [oldLow, oldHigh] = [this.memory.words[word], this.memory.words[word + 1]];
    Atomics.store(this.#wide, word / 2, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    this.memory.observer?.storedPair(word, oldLow, oldHigh, low, high);
    this.writtenBack(word, 2);
  }

  /** The 128 bits from a word on. */
  load128(word: number): Words128 {
    const { words } = this.memory;
    return [words[word], words[word + 1], words[word + 2], words[word + 3]];
  }

  /** True: what was `expected` is `wanted` now, in one step. Only where `exchanges` says that the platform can. */
  exchange128(word: number, expected: Words128, wanted: Words128): boolean {
    if (this.#exchange?.(this.memory, word, expected, wanted) !== true) return false;
    const { observer } = this.memory;
    observer?.storedPair(word, expected[0], expected[1], wanted[0], wanted[1]);
    observer?.storedPair(word + 2, expected[2], expected[3], wanted[2], wanted[3]);
    this.writtenBack(word, 4);
    return true;
  }

  /** For a unit that does not snoop: these words go to memory now. */
  writtenBack(word: number, words: number): void {
    this.#writeBack?.(this.addressOf(word), words * 4);
  }
}

/** Bits 31:0 of a physical address, as a signed word. */
export function addressLow(address: number): number {
  return (address % TWO32) | 0;
}

/** Bits 51:32 of a physical address. */
export function addressHigh(address: number): number {
  return Math.floor(address / TWO32);
}

/** The physical address in bits 51:12 of an entry. */
export function addressIn(low: number, high: number): number {
  return (high & 0xfffff) * TWO32 + ((low & -4096) >>> 0);
}

/** The 64 bits at a physical address, low word and high word; undefined where nothing readable is. */
export type ReadPhysical = (address: number) => readonly [low: number, high: number] | undefined;

/** Reads whichever of the memories holds the address. */
export function readerOf(memories: readonly TableMemory[]): ReadPhysical {
  return (address) => {
    for (const { base, words } of memories) {
      const word = (address - Number(base)) / 4;
      if (word >= 0 && word < words.length) return [words[word], words[word + 1]];
    }
    return undefined;
  };
}
