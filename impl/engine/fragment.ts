/**
 * Replacing an entry by smaller ones that translate as it did, each of the largest size that fits. The tables that
 * this takes are built and filled before anything that hardware can reach is changed.
 *
 * Offsets inside an entry are numbers of bytes: an entry is smaller than 2^53, and aligned to its size, so that an
 * offset's words are or-ed into its addresses. These operations are not so frequent that it would matter.
 */
import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import { NO_FRAME } from "../memory/table-memory.js";
import {
  accessedLow,
  attributesHighOf,
  attributesLowOf,
  contiguous,
  dirtied,
  itemWords,
  leafHigh,
  leafLow,
  pageReachLg2,
  tableItemHigh,
  tableItemLow,
} from "../stamp/format.js";
import { clearItems } from "../stamp/variant.js";
import { takeSubtree } from "./collect.js";
import type { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { itemWordsLg2, levelLg2, offsetMaskHigh, offsetMaskLow, trailingZeros } from "./geometry.js";
import { cleanTableItem, itemBytes, replaceItem, storeItem } from "./items.js";
import { mapRuns } from "./map-runs.js";
import { largestSizeLg2 } from "./page-size.js";

const TWO_TO_32 = 2 ** 32;

const highOf = (bytes: number): number => (bytes / TWO_TO_32) | 0;

/** What a leaf entry says: where it is, where it leads, and what it permits and remembers. */
export class EntryFacts {
  readonly low: number;
  readonly high: number;
  readonly sizeLg2: number;
  readonly level: number;
  readonly paLow: number;
  readonly paHigh: number;
  readonly dirty: boolean;
  /** The attributes without the accessed state, which is apart: the mask of its bits. */
  readonly attributesLow: number;
  readonly attributesHigh: number;
  readonly accessed: number;
  /** The first of its items, and how many there are. */
  readonly item: number;
  readonly items: number;

  constructor(cursor: Cursor) {
    const { words, flags, encryptionHigh } = cursor.domain;
    this.low = cursor.low;
    this.high = cursor.high;
    this.sizeLg2 = cursor.sizeLg2;
    this.level = cursor.level;
    this.paLow = cursor.paLow;
    this.paHigh = cursor.paHigh;
    this.dirty = cursor.dirty;
    this.item = cursor.item;
    this.items = cursor.itemsWords >> itemWordsLg2;
    const high = itemWords === 2 ? words[this.item + 1] : 0;
    const attributes = attributesLowOf(words[this.item], this.level, flags) & ~accessedLow;
    this.attributesHigh = attributesHighOf(high, encryptionHigh);
    this.attributesLow = this.dirty ? dirtied(attributes, high) : attributes;
    let accessed = 0;
    // The items of an entry may have been used apart; the entry was if any of them was.
    for (let item = this.item; item < this.item + cursor.itemsWords; item += itemWords) {
      accessed |= attributesLowOf(words[item], this.level, flags) & accessedLow;
    }
    this.accessed = accessed;
  }
}

/** How far an address lies inside the entry on which a cursor stands. */
export function offsetOf(low: number, high: number, cursor: Cursor): number {
  return ((high ^ cursor.high) >>> 0) * TWO_TO_32 + ((low ^ cursor.low) >>> 0);
}

/** The page sizes below 4 GiB that are for an output address; those above are for all. */
export function sizesLowFor(domain: Domain, paHigh: number): number {
  return pageReachLg2 < 64 && paHigh >>> (pageReachLg2 - 32) !== 0 ? domain.farSizesLow : domain.sizesLow;
}

export class Fragment {
  readonly entry: EntryFacts;
  readonly #domain: Domain;
  /** Where parts must end, in order; the last is the entry's end. */
  readonly #ends: readonly number[];
  readonly #sizesLow: number;
  readonly #itemLg2: number;
  /** Per item of the entry: the table that shall stand there, or NO_FRAME for a part of the same level. */
  readonly #tables: number[] = [];
  /** Per item: the offset at which the part begins that holds its first byte, and log2 of its size. */
  readonly #parts: number[] = [];
  readonly #partsLg2: number[] = [];

  /** `cuts` are offsets in the entry, ascending. The domain's `sizes…` are those of the parts. */
  constructor(domain: Domain, entry: EntryFacts, cuts: readonly number[]) {
    this.entry = entry;
    this.#domain = domain;
    this.#ends = [...cuts, 2 ** entry.sizeLg2];
    this.#sizesLow = sizesLowFor(domain, entry.paHigh);
    this.#itemLg2 = levelLg2(entry.level);
  }

  /** Whether pages of the sizes in use can begin and end at the cuts. */
  get isPossible(): boolean {
    const smallest = 2 ** trailingZeros(this.#sizesLow, this.#domain.sizesHigh);
    return smallest < 2 ** this.entry.sizeLg2 && this.#ends.every((end) => end % smallest === 0);
  }

  /** Builds the tables. Without memory for all of them, none is left. */
  build(gather: Gather): Status {
    const items = this.entry.items;
    for (let item = 0; item < items; item++) {
      const isPart = this.#nextPart(item) >= this.#itemLg2;
      const table = isPart ? NO_FRAME : this.#buildTable(item, gather);
      if (table === NO_FRAME && !isPart) {
        this.discard();
        return Status.OUT_OF_MEMORY;
      }
      this.#tables.push(table);
    }
    return Status.OK;
  }

  /** Gives back what `build` made. Nobody has seen it. */
  discard(): void {
    for (const table of this.#tables.splice(0)) {
      if (table !== NO_FRAME) giveBack(this.#domain, table, this.entry.level - 1);
    }
  }

  /**
   * Puts the parts in the entry's place. Where the hardware may not see that, the entry is broken first, and forgotten
   * by `breaking`'s sync; else what it may remember of it is left to `gather`.
   */
  make(gather: Gather, breaking: Gather): void {
    const { low, high, level, item, items, sizeLg2 } = this.entry;
    const domain = this.#domain;
    const into = domain.breaksFirst ? breaking : gather;
    if (domain.breaksFirst) {
      const words = domain.words.slice(item, item + (items << itemWordsLg2));
      breakItems(domain, item, items);
      into.add(low, high, low | offsetMaskLow(sizeLg2), high | offsetMaskHigh(sizeLg2), 1 << level, 0);
      try {
        into.sync();
      } catch (error) {
        // What the hardware may not have forgotten is the same again.
        this.discard();
        putBack(domain, item, words);
        throw error;
      }
      domain.missed.push({ low, high, sizeLg2 });
    }
    for (let index = 0; index < items; index++) this.#makeItem(index);
    if (domain.cleaner !== undefined) this.#clean();
    if (!domain.breaksFirst) {
      into.add(low, high, low | offsetMaskLow(sizeLg2), high | offsetMaskHigh(sizeLg2), 1 << level, 0);
    } else if (domain.cachesNotPresent) {
      forgetMiss(low, high, sizeLg2, level, breaking);
    }
  }

  #makeItem(index: number): void {
    const domain = this.#domain;
    const { level, paLow, paHigh, attributesHigh } = this.entry;
    const attributesLow = this.entry.attributesLow | this.entry.accessed;
    const item = this.entry.item + (index << itemWordsLg2);
    const table = this.#tables[index];
    if (table !== NO_FRAME) {
      const addressLow = domain.memory.addressLow(table);
      const addressHigh = domain.memory.addressHigh(table);
      const pointer = tableItemLow(addressLow, addressHigh, level, domain.tableLowBits);
      this.#store(item, pointer, tableItemHigh(addressLow, addressHigh, domain.tableHighBits));
      return;
    }
    const contiguousLg2 = this.#partsLg2[index] - this.#itemLg2;
    const offset = contiguous === "stepped" ? index * 2 ** this.#itemLg2 : this.#parts[index];
    const outLow = paLow | offset;
    const outHigh = paHigh | highOf(offset);
    this.#store(
      item,
      leafLow(outLow, outHigh, level, contiguousLg2, attributesLow),
      leafHigh(outLow, outHigh, level, contiguousLg2, attributesHigh),
    );
  }

  #store(item: number, low: number, high: number): void {
    const domain = this.#domain;
    if (domain.breaksFirst) storeItem(domain, domain.words, item, low, high);
    else replaceItem(domain, domain.words, item, low, high);
  }

  #clean(): void {
    const domain = this.#domain;
    const { item, items } = this.entry;
    domain.clean(item, items * itemBytes);
    for (let index = 0; index < items; index++) {
      if (this.#tables[index] === NO_FRAME) continue;
      cleanTableItem(domain, domain.words, item + (index << itemWordsLg2));
    }
  }

  /** Notes the part that holds the first byte of the next item, and returns log2 of its size. */
  #nextPart(item: number): number {
    const offset = item * 2 ** this.#itemLg2;
    const before = item === 0 ? 0 : this.#parts[item - 1] + 2 ** this.#partsLg2[item - 1];
    const goesOn = before > offset;
    const lg2 = goesOn ? this.#partsLg2[item - 1] : this.#partLg2(offset);
    this.#parts.push(goesOn ? this.#parts[item - 1] : offset);
    this.#partsLg2.push(lg2);
    return lg2;
  }

  /** log2 of the size of the part that begins at an offset. */
  #partLg2(offset: number): number {
    const left = this.#end(offset) - offset;
    const high = this.#domain.sizesHigh;
    return largestSizeLg2(this.#sizesLow, high, offset | 0, highOf(offset), left | 0, highOf(left));
  }

  /** The first end behind an offset. */
  #end(offset: number): number {
    return this.#ends.find((end) => end > offset) ?? 0;
  }

  /** A table with the parts below one item, or NO_FRAME. */
  #buildTable(item: number, gather: Gather): number {
    const domain = this.#domain;
    const level = this.entry.level - 1;
    const table = domain.allocateTable();
    if (table === NO_FRAME) return NO_FRAME;
    const first = item * 2 ** this.#itemLg2;
    const end = first + 2 ** this.#itemLg2;
    const status = domain.standingOn(table, level, () => this.#fill(first, end, gather));
    if (status === Status.OK) return table;
    giveBack(domain, table, level);
    return NO_FRAME;
  }

  #fill(first: number, end: number, gather: Gather): Status {
    const { low, high, paLow, paHigh, attributesHigh } = this.entry;
    const attributesLow = this.entry.attributesLow | this.entry.accessed;
    let status: Status = Status.OK;
    for (let at = first; at < end && status === Status.OK; ) {
      const next = Math.min(this.#end(at), end);
      const bytes = next - at;
      status = mapRuns(
        this.#domain,
        low | at,
        high | highOf(at),
        paLow | at,
        paHigh | highOf(at),
        bytes | 0,
        highOf(bytes),
        attributesLow,
        attributesHigh,
        gather,
      );
      at = next;
    }
    return status;
  }
}

/** Present → empty for the items of an entry, as far as the hardware sees. */
export function breakItems(domain: Domain, item: number, items: number): void {
  clearItems(domain, domain.words, item, item + (items << itemWordsLg2));
  if (domain.cleaner !== undefined) domain.clean(item, items * itemBytes);
}

/** What was broken may have been met so, and be remembered as a miss: at its own level or at one below. */
export function forgetMiss(low: number, high: number, sizeLg2: number, level: number, gather: Gather): void {
  const levels = (2 << level) - 1;
  gather.add(low, high, low | offsetMaskLow(sizeLg2), high | offsetMaskHigh(sizeLg2), levels, levels);
  gather.sync();
}

/** Stores items as they were before `breakItems`. */
export function putBack(domain: Domain, item: number, words: Int32Array): void {
  for (let word = 0; word < words.length; word += itemWords) {
    storeItem(domain, domain.words, item + word, words[word], itemWords === 2 ? words[word + 1] : 0);
  }
  if (domain.cleaner !== undefined) domain.clean(item, words.length * 4);
}

/** Frees a table that nothing points to, with all below it. */
function giveBack(domain: Domain, table: number, level: number): void {
  takeSubtree(domain, table, level);
  domain.releaseFreed();
}
