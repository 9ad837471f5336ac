/**
 * The tables that hardware can reach at this very moment, followed store by store: where each item stands in the
 * input addresses, what was linked and what was unlinked. It knows nothing of operations, only of words and walks.
 */
import type { Configuration } from "../configuration.js";
import { rootBitsLg2, shapeOf } from "../shape.js";
import { createWalker, type PhysicalMemory, Pointer, type Walker, WalkResult } from "../walkers/index.js";
import { bitsFrom, highMask, lowMask, shiftedHigh, shiftedLow } from "../walkers/words.js";

/** Table memory: words from a physical address on, and the same as hardware reads it. */
export interface TableWindow {
  readonly words: Int32Array;
  readonly base: bigint;
  readonly physical: PhysicalMemory;
}

/** What hardware makes of an item. */
export const ItemKind = { empty: 0, leaf: 1, table: 2, illegal: 3 } as const;

export type ItemKindCode = (typeof ItemKind)[keyof typeof ItemKind];

/** The words of an item's place: hardware finds it at `level`, for the input address `va…`. */
export interface Place {
  level: number;
  vaLow: number;
  vaHigh: number;
}

const NO_TABLE = 0;

export class LiveTables {
  readonly configuration: Configuration;
  readonly walker: Walker;
  readonly words: Int32Array;
  readonly granuleLg2: number;
  readonly tableBitsLg2: number;
  /** 1 for items of 64 bits, 0 for items of 32. */
  readonly itemWordsLg2: number;
  /** log2 of the words of a unit; every frame is one or several units. */
  readonly unitWordsLg2: number;
  readonly #physical: PhysicalMemory;
  readonly #baseLow: number;
  /** The bit that is repeated above itself; −1 where addresses are not sign-extended. */
  readonly #signBit: number;
  /** Per unit: the level of the table it belongs to plus 1, and the input address of its first item. */
  readonly #levels: Uint8Array;
  readonly #vaLow: Int32Array;
  readonly #vaHigh: Int32Array;

  /** `smallestFrameLg2`: of the memory that the tables live in. */
  constructor(configuration: Configuration, window: TableWindow, smallestFrameLg2 = 12) {
    const { granuleLg2, tableBitsLg2, itemBytesLg2 } = shapeOf(configuration);
    this.configuration = configuration;
    this.walker = createWalker(configuration, window.physical);
    this.words = window.words;
    this.granuleLg2 = granuleLg2;
    this.tableBitsLg2 = tableBitsLg2;
    this.itemWordsLg2 = itemBytesLg2 - 2;
    this.unitWordsLg2 = smallestFrameLg2 - 2;
    this.#physical = window.physical;
    this.#signBit = configuration.signExtended ? configuration.vaWidthLg2 - 1 : -1;
    this.#baseLow = Number(BigInt.asIntN(32, window.base));
    const units = Math.ceil(window.words.length / 2 ** this.unitWordsLg2);
    this.#levels = new Uint8Array(units);
    this.#vaLow = new Int32Array(units);
    this.#vaHigh = new Int32Array(units);
  }

  /** The level of the table to which a word belongs; −1 where hardware reaches none. */
  levelAt(word: number): number {
    return this.#levels[word >> this.unitWordsLg2] - 1;
  }

  /** Where an item stands that hardware reaches. */
  locate(item: number, place: Place): void {
    const unit = item >> this.unitWordsLg2;
    const level = this.#levels[unit] - 1;
    const index = (item & ((1 << this.unitWordsLg2) - 1)) >> this.itemWordsLg2;
    const lg2 = this.itemLg2(level);
    place.level = level;
    place.vaLow = this.#vaLow[unit] | shiftedLow(index, lg2);
    place.vaHigh = this.#vaHigh[unit] | shiftedHigh(index, lg2);
    if (this.#signBit >= 0 && (bitsFrom(place.vaLow, place.vaHigh, this.#signBit) & 1) !== 0) {
      place.vaLow |= ~lowMask(this.#signBit);
      place.vaHigh |= ~highMask(this.#signBit);
    }
  }

  /** log2 of the bytes that an item of a level translates. */
  itemLg2(level: number): number {
    return this.granuleLg2 + this.tableBitsLg2 * level;
  }

  /** What hardware makes of an item's words; the walker's fields describe it. */
  kindOf(level: number, low: number, high: number): ItemKindCode {
    // In every architecture an item of nothing but zeroes is not present.
    if ((low | high) === 0) return ItemKind.empty;
    const result = this.walker.inspect(level, low, high);
    if (result === WalkResult.Translated) return ItemKind.leaf;
    if (result === Pointer) return ItemKind.table;
    return result === WalkResult.NotPresent ? ItemKind.empty : ItemKind.illegal;
  }

  /** The first word of the frame that the last inspected pointer leads to; −1 outside of the window. */
  get target(): number {
    const { oaLow, oaHigh } = this.walker;
    if (!this.#physical.contains(oaLow, oaHigh)) return -1;
    return ((oaLow - this.#baseLow) >>> 0) >>> 2;
  }

  /** The root is this table now, with all below it. */
  enterRoot(word: number, topLevel: number): void {
    const isUpper = this.configuration.upperHalf === true;
    const width = BigInt(this.configuration.vaWidthLg2);
    const va = isUpper ? (1n << 64n) - (1n << width) : 0n;
    const bits = rootBitsLg2(this.configuration, topLevel);
    const low = Number(BigInt.asIntN(32, va));
    this.#enter(word, topLevel, low, Number(BigInt.asIntN(32, va >> 32n)), bits);
  }

  /** Whether the first item of a table, or of those that it leads to, points to another one. */
  leadsTo(word: number, level: number, other: number): boolean {
    let table = word;
    for (let at = level; at > 0 && table >= 0; at--) {
      if (this.kindOf(at, this.words[table], this.highOf(table)) !== ItemKind.table) return false;
      table = this.target;
      if (table === other) return true;
    }
    return false;
  }

  /** The last inspected words, of the item at a place, point to a table: it is reached, and so are those below it. */
  link(place: Place): void {
    const target = this.target;
    if (target < 0 || place.level === 0) return;
    this.#enter(target, place.level - 1, place.vaLow, place.vaHigh, this.tableBitsLg2);
  }

  /**
   * The table at a word, of a level, is not reached any more; nor are those below it. Tells of each, children after
   * their parents, and answers whether a leaf was in one of them.
   */
  unlink(word: number, level: number, frames: number[]): boolean {
    if (word < 0 || this.levelAt(word) !== level) return false;
    frames.push(word);
    const items = 1 << this.tableBitsLg2;
    const end = word + (items << this.itemWordsLg2);
    this.#mark(word, end, NO_TABLE, 0, 0, 0);
    let holdsLeaf = false;
    for (let item = word; item < end; item += 1 << this.itemWordsLg2) {
      const kind = this.kindOf(level, this.words[item], this.highOf(item));
      if (kind === ItemKind.leaf) holdsLeaf = true;
      else if (kind === ItemKind.table) {
        if (this.unlink(this.target, level - 1, frames)) holdsLeaf = true;
      }
    }
    return holdsLeaf;
  }

  /** Whether a table of a level, or one below it, holds a leaf. */
  holdsLeaf(word: number, level: number): boolean {
    const end = word + (1 << (this.tableBitsLg2 + this.itemWordsLg2));
    for (let item = word; item < end; item += 1 << this.itemWordsLg2) {
      const kind = this.kindOf(level, this.words[item], this.highOf(item));
      if (kind === ItemKind.leaf) return true;
      if (kind === ItemKind.table && level > 0 && this.holdsLeaf(this.target, level - 1)) return true;
    }
    return false;
  }

  /** The high word of an item; 0 for items of one word. */
  highOf(item: number): number {
    return this.itemWordsLg2 === 1 ? this.words[item + 1] : 0;
  }

  #enter(word: number, level: number, vaLow: number, vaHigh: number, bitsLg2: number): void {
    if (level < 0 || this.levelAt(word) === level) return;
    const end = word + ((2 ** bitsLg2) << this.itemWordsLg2);
    this.#mark(word, end, level + 1, vaLow, vaHigh, this.itemLg2(level));
    if (level === 0) return;
    const place = { level, vaLow: 0, vaHigh: 0 };
    for (let item = word; item < end; item += 1 << this.itemWordsLg2) {
      if (this.kindOf(level, this.words[item], this.highOf(item)) !== ItemKind.table) continue;
      this.locate(item, place);
      this.link(place);
    }
  }

  #mark(word: number, end: number, level: number, vaLow: number, vaHigh: number, itemLg2: number): void {
    const first = word >> this.unitWordsLg2;
    const last = (end - 1) >> this.unitWordsLg2;
    const unitLg2 = itemLg2 + this.unitWordsLg2 - this.itemWordsLg2;
    for (let unit = first; unit <= last; unit++) {
      this.#levels[unit] = level;
      this.#vaLow[unit] = vaLow | shiftedLow(unit - first, unitLg2);
      this.#vaHigh[unit] = vaHigh | shiftedHigh(unit - first, unitLg2);
    }
  }
}
