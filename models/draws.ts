/**
 * Where a generator's choices come from: a seed, for volume, or a string of bytes, for whoever wants to mutate
 * and shrink. The generator does not know which.
 */
import { Random } from "./random.js";

export interface Draws {
  /** An integer in [0, bound); bound is 1 … 2^32. */
  below(bound: number): number;
  /** Said before each operation: a source of bytes goes on with its next record. */
  nextRecord(): void;
  /** No further record is there: time to stop. Never true for a seed. */
  readonly exhausted: boolean;
}

export class SeededDraws implements Draws {
  readonly exhausted = false;
  readonly #random: Random;

  constructor(seed: string) {
    this.#random = Random.fromSeed(seed);
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  nextRecord(): void {}
}

/**
 * The bytes that one operation may use. Records of a fixed size keep a mutation local: changing or removing one
 * record leaves the choices of all the others as they were. Most operations need fewer bytes; an operation that
 * needs more sees zeros.
 */
export const recordBytes = 16;

/** Every byte string is a valid program: one operation for each record, the last one perhaps incomplete. */
export class ByteDraws implements Draws {
  readonly #bytes: Uint8Array;
  #next = 0;
  #recordEnd = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get exhausted(): boolean {
    return this.#recordEnd >= this.#bytes.length;
  }

  nextRecord(): void {
    this.#next = this.#recordEnd;
    this.#recordEnd += recordBytes;
  }

  below(bound: number): number {
    if (bound <= 1) return 0;
    if (bound <= 0x100) return this.#byte() % bound;
    if (bound <= 0x1_0000) return (this.#byte() | (this.#byte() << 8)) % bound;
    const low = this.#byte() | (this.#byte() << 8) | (this.#byte() << 16);
    return (low + this.#byte() * 0x100_0000) % bound;
  }

  #byte(): number {
    if (this.#next >= this.#recordEnd || this.#next >= this.#bytes.length) return 0;
    return this.#bytes[this.#next++];
  }
}
