/** Items that go on as the one before them did: compared by adding, not by decoding each. */
import { itemSizeLg2 } from "../../reference/index.js";
import type { ReferenceView } from "./reference-view.js";
import type { Subject } from "./subject.js";
import { carryOf, shiftedHigh, shiftedLow } from "./words.js";

const FRAME_WORDS = 1024;

/**
 * A run begins with an item that was decoded and found to be as the reference has it. Those behind it, as far as the
 * reference's own run and the table go, hold the same words inside a contiguous entry, else the address one page
 * further; in a hole they are empty.
 */
export class ItemRun {
  isHole = false;
  /** The level of the run's items, and the input address of its first. */
  level = 0;
  vaLow = 0;
  vaHigh = 0;
  readonly #view: ReferenceView;
  readonly #words: Int32Array;
  /** 1 for items of 64 bits, 0 for items of 32. */
  readonly #itemWordsLg2: number;
  /** How far an output address stands above its place in an item. */
  readonly #addressShift: number;
  /** By level: log2 of what an item covers. */
  readonly #itemSizesLg2: readonly number[];
  #nextItem = -1;
  #itemsLeft = 0;
  #nextLow = 0;
  #nextHigh = 0;
  #strideLow = 0;
  #strideHigh = 0;
  #entryMask = 0;

  constructor({ configuration, words }: Subject, view: ReferenceView) {
    this.#view = view;
    this.#words = words;
    this.#itemWordsLg2 = configuration.format === "riscv32" ? 0 : 1;
    const isRiscv = configuration.format === "riscv64" || configuration.format === "riscv32";
    this.#addressShift = isRiscv ? -2 : configuration.format === "amdv1-mock" ? 1 : 0;
    this.#itemSizesLg2 = Array.from({ length: 8 }, (_, level) => itemSizeLg2(configuration, level));
  }

  end(): void {
    this.#nextItem = -1;
  }

  /** Begins after an item that agrees with the run or hole on which the view stands. */
  begin(item: number, level: number, vaLow: number, vaHigh: number): void {
    const view = this.#view;
    const itemLg2 = this.#itemSizesLg2[level];
    const inTable = (FRAME_WORDS - 1 - (item & (FRAME_WORDS - 1))) >> this.#itemWordsLg2;
    const inRun = this.#itemsBehind(vaLow, vaHigh, itemLg2);
    this.#itemsLeft = inRun >>> 0 < inTable ? inRun : inTable;
    this.#nextItem = item + (1 << this.#itemWordsLg2);
    this.level = level;
    this.vaLow = vaLow;
    this.vaHigh = vaHigh;
    this.isHole = !view.mapped;
    if (this.isHole) return;
    const strideLg2 = view.sizeLg2 + this.#addressShift;
    this.#strideLow = shiftedLow(1, strideLg2);
    this.#strideHigh = shiftedHigh(1, strideLg2);
    this.#entryMask = (1 << (view.sizeLg2 - itemLg2)) - 1;
    this.#nextLow = this.#words[item];
    this.#nextHigh = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
  }

  /** Whether this is the next item, and its words are those that the run wants there. */
  goesOn(item: number): boolean {
    if (item !== this.#nextItem || this.#itemsLeft === 0) return false;
    const low = this.#words[item];
    const high = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
    if (!this.isHole && ((item >> this.#itemWordsLg2) & this.#entryMask) === 0) {
      this.#nextLow = (this.#nextLow + this.#strideLow) | 0;
      this.#nextHigh = (this.#nextHigh + this.#strideHigh + carryOf(this.#nextLow, this.#strideLow)) | 0;
    }
    const isWanted = this.isHole ? (low | high) === 0 : low === this.#nextLow && high === this.#nextHigh;
    if (!isWanted) return false;
    this.#itemsLeft--;
    this.#nextItem = item + (1 << this.#itemWordsLg2);
    return true;
  }

  /** How many items lie between the one at an address and the end of the view's stretch; any number above 1023. */
  #itemsBehind(vaLow: number, vaHigh: number, itemLg2: number): number {
    const { lastLow, lastHigh } = this.#view;
    const borrow = lastLow >>> 0 < vaLow >>> 0 ? 1 : 0;
    const low = (lastLow - vaLow) | 0;
    const high = (lastHigh - vaHigh - borrow) | 0;
    if (itemLg2 >= 32) return high >>> (itemLg2 - 32);
    return high >>> itemLg2 !== 0 ? FRAME_WORDS : (low >>> itemLg2) | (high << (32 - itemLg2));
  }
}
