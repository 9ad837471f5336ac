/**
 * The generator behind every seeded run: xoshiro128** by Blackman and Vigna ("Scrambled linear pseudorandom
 * number generators", ACM TOMS 47, 2021), which needs four 32-bit words of state and a handful of instructions.
 * A seed string is spread over the four words by seedrandom, once; drawing never calls it again.
 */
import seedrandom from "seedrandom";

function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Four words of state, not all of them 0. */
  constructor(a: number, b: number, c: number, d: number) {
    if ((a | b | c | d) === 0) throw new RangeError("the state of the generator must not be all zero");
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    this.#d = d | 0;
  }

  /** The same string gives the same numbers, on every machine and in every version. */
  static fromSeed(seed: string): Random {
    const words = seedrandom(seed);
    // The last word is made odd, for a state of four zeros would stay zero for ever.
    return new Random(words.int32(), words.int32(), words.int32(), words.int32() | 1);
  }

  /** The next 32 bits, as a signed integer. */
  int32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** An integer in [0, bound), for a bound of 1 … 2^32; each value's share is off by less than bound / 2^32. */
  below(bound: number): number {
    return Math.floor(((this.int32() >>> 0) / 0x1_0000_0000) * bound);
  }
}
