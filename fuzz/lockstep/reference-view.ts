/** What the reference maps, in words, run by run: for checks that ask of one address after the other. */
import type { Reference } from "../../reference/index.js";
import { carryOf, highWord, isBelow, joined, lowWord } from "./words.js";

const LAST_ADDRESS = 0xffff_ffff_ffff_ffffn;

export class ReferenceView {
  /** Whether the stretch `first … last`, inclusive, is a run of leaves or a hole. */
  mapped = false;
  firstLow = 0;
  firstHigh = 0;
  lastLow = 0;
  lastHigh = 0;
  /** Of a run: the output address of its first byte, the size of its leaves, their effective permissions. */
  paLow = 0;
  paHigh = 0;
  sizeLg2 = 0;
  prot = 0;
  readonly #reference: Reference;
  #known = false;

  constructor(reference: Reference) {
    this.#reference = reference;
  }

  /** Said when the reference has changed. */
  changed(): void {
    this.#known = false;
  }

  /** Stands on the run or hole that holds the address. */
  find(low: number, high: number): void {
    if (
      this.#known &&
      !isBelow(low, high, this.firstLow, this.firstHigh) &&
      !isBelow(this.lastLow, this.lastHigh, low, high)
    ) {
      return;
    }
    const { runs } = this.#reference;
    const address = joined(low, high);
    let after = 0;
    for (let end = runs.length; after < end; ) {
      const middle = (after + end) >> 1;
      if (runs[middle].iova <= address) after = middle + 1;
      else end = middle;
    }
    let first = 0n;
    let last = after < runs.length ? runs[after].iova - 1n : LAST_ADDRESS;
    this.mapped = false;
    if (after > 0) {
      const run = runs[after - 1];
      const end = run.iova + (run.count << BigInt(run.sizeLg2));
      if (address < end) {
        this.mapped = true;
        first = run.iova;
        last = end - 1n;
        this.paLow = lowWord(run.pa);
        this.paHigh = highWord(run.pa);
        this.sizeLg2 = run.sizeLg2;
        this.prot = run.prot;
      } else {
        first = end;
      }
    }
    this.firstLow = lowWord(first);
    this.firstHigh = highWord(first);
    this.lastLow = lowWord(last);
    this.lastHigh = highWord(last);
    this.#known = true;
  }

  /** The output address of an input address in the present run, low word. */
  outputLow(low: number): number {
    return (this.paLow + low - this.firstLow) | 0;
  }

  /** The high word of the same. */
  outputHigh(low: number, high: number): number {
    const offsetLow = (low - this.firstLow) | 0;
    const borrow = low >>> 0 < this.firstLow >>> 0 ? 1 : 0;
    const sumLow = (this.paLow + offsetLow) | 0;
    return (this.paHigh + high - this.firstHigh - borrow + carryOf(sumLow, offsetLow)) | 0;
  }
}
