/** Items that go on as the one before them did: compared by adding, not by decoding each. */
import { shapeOf } from "../../models/index.js";
import type { ItemBits } from "./item-bits/index.js";
import type { ReferenceView } from "./reference-view.js";
import type { Subject } from "./subject.js";
import { carryOf, maskHigh, maskLow, shiftedHigh, shiftedLow } from "./words.js";

/** More than any table has. */
const MANY = 1 << 30;

/**
 * A run begins with an item that was decoded and found to be as the reference has it. Those behind it, as far as the
 * reference's own run and the table go, hold the same words inside a contiguous entry of identical items, else the
 * address one step further; in a hole they are empty.
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
  readonly #stepped: boolean;
  readonly #linearLg2: number;

  constructor({ configuration, words }: Subject, view: ReferenceView, bits: ItemBits) {
    this.#view = view;
    this.#words = words;
    const { itemBytesLg2, addressShift, granuleLg2, tableBitsLg2 } = shapeOf(configuration);
    this.#itemWordsLg2 = itemBytesLg2 - 2;
    this.#addressShift = addressShift;
    this.#itemSizesLg2 = Array.from({ length: 8 }, (_, level) => granuleLg2 + level * tableBitsLg2);
    this.#stepped = bits.stepped;
    this.#linearLg2 = bits.linearLg2;
  }

  end(): void {
    this.#nextItem = -1;
  }

  /** Begins after an item that agrees with the run or hole on which the view stands; no item is at `tableEnd`. */
  begin(item: number, tableEnd: number, level: number, vaLow: number, vaHigh: number): void {
    const view = this.#view;
    const itemLg2 = this.#itemSizesLg2[level];
    const inTable = ((tableEnd - item) >> this.#itemWordsLg2) - 1;
    const inRun = itemsBetween(vaLow, vaHigh, view.lastLow, view.lastHigh, itemLg2);
    this.#itemsLeft = inRun >>> 0 < inTable ? inRun : inTable;
    if (view.mapped) this.#stayLinear(vaLow, vaHigh, itemLg2);
    this.#nextItem = item + (1 << this.#itemWordsLg2);
    this.level = level;
    this.vaLow = vaLow;
    this.vaHigh = vaHigh;
    this.isHole = !view.mapped;
    if (this.isHole) return;
    const strideLg2 = (this.#stepped ? itemLg2 : view.sizeLg2) + this.#addressShift;
    this.#strideLow = shiftedLow(1, strideLg2);
    this.#strideHigh = shiftedHigh(1, strideLg2);
    this.#entryMask = this.#stepped ? 0 : (1 << (view.sizeLg2 - itemLg2)) - 1;
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

  /** Ends the run where the output address no longer counts as the words do. */
  #stayLinear(vaLow: number, vaHigh: number, itemLg2: number): void {
    const linear = this.#linearLg2;
    if (linear === 64) return;
    const view = this.#view;
    const lastLow = maskLow(linear);
    const lastHigh = maskHigh(linear);
    const low = view.outputLow(vaLow) & lastLow;
    const high = view.outputHigh(vaLow, vaHigh) & lastHigh;
    const items = itemsBetween(low, high, lastLow, lastHigh, itemLg2);
    if (items < this.#itemsLeft) this.#itemsLeft = items;
  }
}

/** How many items lie behind the one at an address up to a last address; `MANY` stands for as many and more. */
function itemsBetween(low: number, high: number, lastLow: number, lastHigh: number, itemLg2: number): number {
  const borrow = lastLow >>> 0 < low >>> 0 ? 1 : 0;
  const leftLow = (lastLow - low) | 0;
  const leftHigh = (lastHigh - high - borrow) | 0;
  if (itemLg2 >= 32) return leftHigh >>> (itemLg2 - 32);
  if (leftHigh >>> (itemLg2 - 2) !== 0) return MANY;
  return (leftLow >>> itemLg2) | (leftHigh << (32 - itemLg2));
}
