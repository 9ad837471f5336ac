/** Going through what is mapped, entry by entry. */
import { EntryKind } from "../formats/format.js";
import {
  accessedLow,
  contiguousLg2Of,
  executable,
  isDirty,
  isEmpty,
  itemWords,
  kindOf,
  oaHigh,
  oaLow,
  readable,
  tracksDirty,
  writable,
} from "../stamp/format.js";
import { enterTable, loadItem } from "../stamp/variant.js";
import type { Domain } from "./domain.js";
import {
  below,
  itemMask,
  itemOfPage,
  itemWordsLg2,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  shiftLeftHigh,
  shiftLeftLow,
  shiftRightLow,
} from "./geometry.js";
import { beyondTop } from "./lookup.js";

/** The entry a cursor stands on. */
export class Cursor {
  readonly domain: Domain;
  /** First input address of the entry. */
  low = 0;
  high = 0;
  level = 0;
  sizeLg2 = 0;
  /** The first item of the entry, and how many words all of its items have. */
  item = 0;
  itemsWords = 0;
  /** The address after the entry or hole that the last step met. */
  nextLow = 0;
  nextHigh = 0;

  constructor(domain: Domain) {
    this.domain = domain;
  }

  /** Moves to the first entry that touches the inclusive range. False: there is none. */
  seek(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): boolean {
    let low = firstLow;
    let high = firstHigh;
    while (!beyondTop(this.domain, low, high)) {
      if (this.#stand(low, high)) return true;
      low = this.nextLow;
      high = this.nextHigh;
      // The address after the last of all is 0.
      if ((low | high) === 0 || below(lastLow, lastHigh, low, high)) return false;
    }
    return false;
  }

  /** Moves to the next entry that touches the range up to its last address. */
  advance(lastLow: number, lastHigh: number): boolean {
    if ((this.nextLow | this.nextHigh) === 0) return false;
    if (below(lastLow, lastHigh, this.nextLow, this.nextHigh)) return false;
    return this.seek(this.nextLow, this.nextHigh, lastLow, lastHigh);
  }

  /** The item of this entry that translates an address inside it. */
  itemOf(low: number, high: number): number {
    const index = shiftRightLow(low, high, levelLg2(this.level)) & ((this.itemsWords >> itemWordsLg2) - 1);
    return this.item + index * itemWords;
  }

  /** Output address of the entry. */
  get paLow(): number {
    const { words, flags } = this.domain;
    return oaLow(words[this.item], this.#high(), this.level, flags) & ~offsetMaskLow(this.sizeLg2);
  }

  get paHigh(): number {
    const { words, flags } = this.domain;
    const raw = oaHigh(words[this.item], this.#high(), this.level, flags);
    return raw & ~this.domain.encryptionHigh & ~offsetMaskHigh(this.sizeLg2);
  }

  get readable(): boolean {
    return readable(this.domain.words[this.item], this.#high(), this.level, this.domain.flags);
  }

  get writable(): boolean {
    return writable(this.domain.words[this.item], this.#high(), this.level, this.domain.flags);
  }

  get executable(): boolean {
    return executable(this.domain.words[this.item], this.#high(), this.level, this.domain.flags);
  }

  /** An entry is dirty if any of its items is; never, where the format's dirty bit tracks nothing. */
  get dirty(): boolean {
    if (!tracksDirty || !this.domain.tracksDirty) return false;
    const words = this.domain.words;
    const end = this.item + this.itemsWords;
    for (let item = this.item; item < end; item += itemWords) {
      if (isDirty(words[item], words[item + itemWords - 1])) return true;
    }
    return false;
  }

  /** As `dirty`, of what devices used at all. */
  get accessed(): boolean {
    const words = this.domain.words;
    for (let left = this.itemsWords - itemWords; left >= 0; left -= itemWords) {
      if ((words[this.item + left] & accessedLow) !== 0) return true;
    }
    return false;
  }

  #high(): number {
    return itemWords === 2 ? this.domain.words[this.item + 1] : 0;
  }

  /** Stands on the entry that translates an address, or sets `next…` to the end of the hole around it. */
  #stand(low: number, high: number): boolean {
    const words = this.domain.words;
    const pageInLow = pageLow(low, high);
    const pageInHigh = pageHigh(high);
    let level = this.domain.topLevel;
    let table = this.domain.rootWord;
    let indexMask = this.domain.topIndexMask;
    let item = itemOfPage(table, pageInLow, pageInHigh, level, indexMask);
    let itemLow = loadItem(this.domain, words, item);
    let kind = kindOf(itemLow, level);
    while (kind === EntryKind.Table) {
      table = this.domain.tableOf(itemLow);
      enterTable(this.domain, table);
      level--;
      indexMask = itemMask;
      item = itemOfPage(table, pageInLow, pageInHigh, level, indexMask);
      itemLow = loadItem(this.domain, words, item);
      kind = kindOf(itemLow, level);
    }
    const lg2 = levelLg2(level);
    if (kind === EntryKind.Empty) {
      this.#setNext(low, high, lg2);
      this.#skipEmpty(item, table + (indexMask << itemWordsLg2), lg2);
      return false;
    }
    const contiguousLg2 = contiguousLg2Of(itemLow, itemWords === 2 ? words[item + 1] : 0, level);
    this.level = level;
    this.sizeLg2 = lg2 + contiguousLg2;
    this.itemsWords = itemWords << contiguousLg2;
    // The window begins at a multiple of 4 KiB, so an entry's items begin at a multiple of their number.
    this.item = item & ~(this.itemsWords - 1);
    this.low = low & ~offsetMaskLow(this.sizeLg2);
    this.high = high & ~offsetMaskHigh(this.sizeLg2);
    this.#setNext(low, high, this.sizeLg2);
    return true;
  }

  /** Moves `next…` over the empty items that follow up to the table's last: none of them needs a walk of its own. */
  #skipEmpty(empty: number, last: number, lg2: number): void {
    const words = this.domain.words;
    let item = empty;
    while (item < last && isEmpty(words[item + itemWords])) item += itemWords;
    const skipped = (item - empty) >> itemWordsLg2;
    const bytesLow = shiftLeftLow(skipped, lg2);
    this.nextLow = (this.nextLow + bytesLow) | 0;
    const carry = this.nextLow >>> 0 < bytesLow >>> 0 ? 1 : 0;
    this.nextHigh = (this.nextHigh + shiftLeftHigh(skipped, lg2) + carry) | 0;
  }

  #setNext(low: number, high: number, sizeLg2: number): void {
    const lastLow = low | offsetMaskLow(sizeLg2);
    const lastHigh = high | offsetMaskHigh(sizeLg2);
    this.nextLow = (lastLow + 1) | 0;
    this.nextHigh = this.nextLow === 0 ? (lastHigh + 1) | 0 : lastHigh;
  }
}
