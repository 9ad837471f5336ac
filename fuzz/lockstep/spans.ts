import { isBelow, joined } from "./words.js";

/** Input addresses of which the translation changed, as inclusive ranges; neighbours become one. */
export class Spans {
  #words = new Int32Array(64);
  count = 0;

  clear(): void {
    this.count = 0;
  }

  add(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): void {
    const at = this.count * 4;
    if (at > 0 && this.#joins(at - 4, firstLow, firstHigh, lastLow, lastHigh)) return;
    if (at === this.#words.length) {
      const wider = new Int32Array(at * 2);
      wider.set(this.#words);
      this.#words = wider;
    }
    this.#words[at] = firstLow;
    this.#words[at + 1] = firstHigh;
    this.#words[at + 2] = lastLow;
    this.#words[at + 3] = lastHigh;
    this.count++;
  }

  first(index: number): bigint {
    return joined(this.#words[index * 4], this.#words[index * 4 + 1]);
  }

  last(index: number): bigint {
    return joined(this.#words[index * 4 + 2], this.#words[index * 4 + 3]);
  }

  /** Widens the span at an index of the words if the range overlaps or touches it. */
  #joins(at: number, firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): boolean {
    const words = this.#words;
    const afterLow = (words[at + 2] + 1) | 0;
    const afterHigh = (words[at + 3] + (afterLow === 0 ? 1 : 0)) | 0;
    const endLow = (lastLow + 1) | 0;
    const endHigh = (lastHigh + (endLow === 0 ? 1 : 0)) | 0;
    if (isBelow(afterLow, afterHigh, firstLow, firstHigh) && (afterLow | afterHigh) !== 0) return false;
    if (isBelow(endLow, endHigh, words[at], words[at + 1]) && (endLow | endHigh) !== 0) return false;
    if (isBelow(firstLow, firstHigh, words[at], words[at + 1])) {
      words[at] = firstLow;
      words[at + 1] = firstHigh;
    }
    if (isBelow(words[at + 2], words[at + 3], lastLow, lastHigh)) {
      words[at + 2] = lastLow;
      words[at + 3] = lastHigh;
    }
    return true;
  }
}
