/** A bitmap of dirty pages, as live migration wants it: one bit for each stretch of a size of its own. */
import { PageTableError } from "./errors.js";
import { isUint64 } from "./words.js";

/** Bits of a bitmap at most: 512 MiB of them. */
const BITS_LG2_MAX = 32;

/**
 * The bits of `[iova, iova + lengthBytes)`, one for each `2^grainLg2` bytes, the first for the stretch that begins
 * at `iova`. Whatever touches a stretch sets its bit; what lies outside the range is left out. The grain may be
 * smaller or larger than the table's pages.
 */
export class DirtyBitmap {
  readonly iova: bigint;
  readonly lengthBytes: bigint;
  readonly grainLg2: number;
  /** Bit n of the bitmap is bit n & 31 of word n >>> 5. */
  readonly words: Int32Array;
  /** For `readAndClearDirty`, and as well for `readAndClearAccessed`: takes a range. */
  readonly record: (iova: bigint, lengthBytes: bigint) => void;

  /** @throws PageTableError INVALID_ARGUMENT for a range that wraps, and for more than 2^32 bits. */
  constructor(iova: bigint, lengthBytes: bigint, grainLg2: number) {
    const isRange = isUint64(iova) && lengthBytes > 0n && iova + lengthBytes <= 1n << 64n;
    if (!isRange) throw new PageTableError("INVALID_ARGUMENT", "a bitmap's range: within 64 bits, not empty");
    if (!Number.isInteger(grainLg2) || grainLg2 < 0 || grainLg2 > 63) {
      throw new PageTableError("INVALID_ARGUMENT", `grainLg2 = ${grainLg2}: 0 to 63`);
    }
    const bits = ((lengthBytes - 1n) >> BigInt(grainLg2)) + 1n;
    if (bits > 2n ** BigInt(BITS_LG2_MAX)) {
      throw new PageTableError(
        "INVALID_ARGUMENT",
        `a bitmap of ${bits} bits; 2^${BITS_LG2_MAX} are the most`,
      );
    }
    this.iova = iova;
    this.lengthBytes = lengthBytes;
    this.grainLg2 = grainLg2;
    this.words = new Int32Array(Math.ceil(Number(bits) / 32));
    this.record = (first, length) => this.#record(first, length);
  }

  /** Whether the stretch that holds an address is dirty. False outside the range. */
  isDirty(iova: bigint): boolean {
    const bit = Number((iova - this.iova) >> BigInt(this.grainLg2));
    // Outside there is no word, or no bit of it was ever set.
    return (this.words[Math.floor(bit / 32)] & (1 << (bit & 31))) !== 0;
  }

  /** How many bits are set. */
  get dirtyStretches(): number {
    return this.words.reduce((sum, word) => sum + bitsIn(word), 0);
  }

  /** Sets all bits of the stretches that a range touches. */
  #record(iova: bigint, lengthBytes: bigint): void {
    const grainLg2 = BigInt(this.grainLg2);
    const from = iova - this.iova;
    const to = from + lengthBytes - 1n;
    if (to < 0n || from >= this.lengthBytes || lengthBytes <= 0n) return;
    const first = from < 0n ? 0 : Number(from >> grainLg2);
    const last = Number((to < this.lengthBytes ? to : this.lengthBytes - 1n) >> grainLg2);
    const firstWord = Math.floor(first / 32);
    const lastWord = Math.floor(last / 32);
    const fromFirst = -1 << (first & 31);
    const toLast = -1 >>> (31 - (last & 31));
    if (firstWord === lastWord) {
      this.words[firstWord] |= fromFirst & toLast;
      return;
    }
    this.words[firstWord] |= fromFirst;
    this.words.fill(-1, firstWord + 1, lastWord);
    this.words[lastWord] |= toLast;
  }
}

function bitsIn(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
