/** Changing the sizes of the entries of a range: larger ones fragmented, smaller ones merged. */
import { Status } from "../errors.js";
import { EntryKind } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import {
  accessedLow,
  contiguous,
  itemWords,
  kindOf,
  leafHigh,
  leafLow,
  tracksAccessed,
} from "../stamp/format.js";
import { threads } from "../stamp/variant.js";
import { takeSubtree } from "./collect.js";
import { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { breakItems, EntryFacts, Fragment, forgetMiss, putBack, sizesLowFor } from "./fragment.js";
import {
  below,
  itemMask,
  itemOfPage,
  itemWordsLg2,
  levelLg2,
  levelOfSize,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  shiftLeftHigh,
  shiftLeftLow,
} from "./geometry.js";
import { itemBytes, replaceItem, storeItem } from "./items.js";
import { largestSizeLg2 } from "./page-size.js";

/** No size is larger than 2^62. */
const SIZES_LG2_MAX = 63;

/**
 * Replaces the entries that touch the inclusive range and are larger than `2^largestLg2` bytes, then makes entries
 * inside the range as large as alignment, attributes and the domain's sizes allow, up to that size. Only what is
 * equally dirty is merged: a merged entry says of every byte what was said of it before.
 *
 * The tables for all fragments are built before anything is changed; without memory for them nothing is. `range` is
 * the status that the caller found for the range's own form.
 */
export function resize(
  domain: Domain,
  cursor: Cursor,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  largestLg2: number,
  range: Status,
  gather: Gather,
  breaking: Gather,
): Status {
  domain.missed.length = 0;
  if (threads) return Status.NEEDS_EXCLUSION;
  if (range !== Status.OK) return range;
  const { sizesLow, sizesHigh } = domain.settings;
  const endLg2 = Math.min(largestLg2 + 1, SIZES_LG2_MAX);
  const low = sizesLow & offsetMaskLow(endLg2);
  const high = sizesHigh & offsetMaskHigh(endLg2);
  if ((low | high) === 0) return Status.MISALIGNED;
  const inside = domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh);
  if (inside !== Status.OK) return inside;
  domain.allowSizes(low, high);
  try {
    const limits = { firstLow, firstHigh, lastLow, lastHigh };
    const status = shrink(domain, cursor, limits, largestLg2, gather, breaking);
    if (status === Status.OK) new Merging(domain, cursor, limits, largestLg2, gather, breaking).run();
    return status;
  } finally {
    domain.allowSizes(sizesLow, sizesHigh);
  }
}

interface Limits {
  readonly firstLow: number;
  readonly firstHigh: number;
  readonly lastLow: number;
  readonly lastHigh: number;
}

function shrink(
  domain: Domain,
  cursor: Cursor,
  { firstLow, firstHigh, lastLow, lastHigh }: Limits,
  largestLg2: number,
  gather: Gather,
  breaking: Gather,
): Status {
  const fragments: Fragment[] = [];
  let found = cursor.seek(firstLow, firstHigh, lastLow, lastHigh);
  for (; found; found = cursor.advance(lastLow, lastHigh)) {
    if (cursor.sizeLg2 <= largestLg2) continue;
    const fragment = new Fragment(domain, new EntryFacts(cursor), []);
    // Output addresses that need one size keep it.
    if (!fragment.isPossible) continue;
    if (fragment.build(breaking) !== Status.OK) {
      for (const built of fragments) built.discard();
      return Status.OUT_OF_MEMORY;
    }
    fragments.push(fragment);
  }
  let made = 0;
  try {
    for (; made < fragments.length; made++) fragments[made].make(gather, breaking);
  } finally {
    // When the user's `invalidate` threw.
    for (const unmade of fragments.slice(made + 1)) unmade.discard();
  }
  return Status.OK;
}

/** Entries side by side that lead to addresses side by side, with the same attributes and dirty state. */
class Merging {
  readonly #domain: Domain;
  readonly #cursor: Cursor;
  readonly #probe: Cursor;
  readonly #limits: Limits;
  readonly #largestLg2: number;
  readonly #gather: Gather;
  readonly #breaking: Gather;
  /** The first entry of the present run, and the input and output addresses after its last. */
  #first: EntryFacts | undefined = undefined;
  #endLow = 0;
  #endHigh = 0;
  #paEndLow = 0;
  #paEndHigh = 0;

  constructor(
    domain: Domain,
    cursor: Cursor,
    limits: Limits,
    largestLg2: number,
    gather: Gather,
    breaking: Gather,
  ) {
    this.#domain = domain;
    this.#cursor = cursor;
    this.#probe = new Cursor(domain);
    this.#limits = limits;
    this.#largestLg2 = largestLg2;
    this.#gather = gather;
    this.#breaking = breaking;
  }

  run(): void {
    const { firstLow, firstHigh, lastLow, lastHigh } = this.#limits;
    const cursor = this.#cursor;
    let found = cursor.seek(firstLow, firstHigh, lastLow, lastHigh);
    for (; found; found = cursor.advance(lastLow, lastHigh)) {
      // What could not be fragmented is not merged with what could.
      if (cursor.sizeLg2 > this.#largestLg2) continue;
      const { nextLow, nextHigh } = cursor;
      const endLow = (nextLow - 1) | 0;
      const endHigh = nextLow === 0 ? (nextHigh - 1) | 0 : nextHigh;
      const begins = !below(cursor.low, cursor.high, firstLow, firstHigh);
      if (begins && !below(lastLow, lastHigh, endLow, endHigh)) this.#add(new EntryFacts(cursor));
    }
    this.#end();
  }

  #add(entry: EntryFacts): void {
    if (!this.#goesOn(entry)) {
      this.#end();
      this.#first = entry;
    }
    const sizeLow = shiftLeftLow(1, entry.sizeLg2);
    const sizeHigh = shiftLeftHigh(1, entry.sizeLg2);
    this.#endLow = (entry.low + sizeLow) | 0;
    this.#endHigh = sumHigh(entry.high, sizeHigh, this.#endLow, sizeLow);
    this.#paEndLow = (entry.paLow + sizeLow) | 0;
    this.#paEndHigh = sumHigh(entry.paHigh, sizeHigh, this.#paEndLow, sizeLow);
  }

  #goesOn(entry: EntryFacts): boolean {
    const first = this.#first;
    return (
      first !== undefined &&
      entry.low === this.#endLow &&
      entry.high === this.#endHigh &&
      entry.paLow === this.#paEndLow &&
      entry.paHigh === this.#paEndHigh &&
      entry.dirty === first.dirty &&
      entry.attributesLow === first.attributesLow &&
      entry.attributesHigh === first.attributesHigh
    );
  }

  /** Makes the entries of the run as a map would. */
  #end(): void {
    const first = this.#first;
    if (first === undefined) return;
    const domain = this.#domain;
    const { attributesLow, attributesHigh } = first;
    this.#first = undefined;
    // The root is not replaced, nor does the top grow.
    const reachLg2 = Math.min(levelLg2(domain.topLevel + 1), SIZES_LG2_MAX);
    const reachHigh = domain.sizesHigh & offsetMaskHigh(reachLg2);
    let { low, high, paLow, paHigh } = first;
    while (low !== this.#endLow || high !== this.#endHigh) {
      const reachLow = sizesLowFor(domain, paHigh) & offsetMaskLow(reachLg2);
      const leftLow = (this.#endLow - low) | 0;
      const leftHigh = (this.#endHigh - high - (this.#endLow >>> 0 < low >>> 0 ? 1 : 0)) | 0;
      const sizeLg2 = largestSizeLg2(reachLow, reachHigh, low | paLow, high | paHigh, leftLow, leftHigh);
      this.#merge(low, high, paLow, paHigh, sizeLg2, attributesLow, attributesHigh);
      const sizeLow = shiftLeftLow(1, sizeLg2);
      const sizeHigh = shiftLeftHigh(1, sizeLg2);
      low = (low + sizeLow) | 0;
      high = sumHigh(high, sizeHigh, low, sizeLow);
      paLow = (paLow + sizeLow) | 0;
      paHigh = sumHigh(paHigh, sizeHigh, paLow, sizeLow);
    }
  }

  /** Puts one entry in the place of several, unless it is there already. */
  #merge(
    low: number,
    high: number,
    paLow: number,
    paHigh: number,
    sizeLg2: number,
    attributesLow: number,
    attributesHigh: number,
  ): void {
    const domain = this.#domain;
    const probe = this.#probe;
    probe.seek(low, high, low, high);
    if (probe.sizeLg2 === sizeLg2) return;
    const level = levelOfSize(sizeLg2);
    const contiguousLg2 = sizeLg2 - levelLg2(level);
    const item = itemAt(domain, low, high, level);
    const items = 1 << contiguousLg2;
    const lastLow = low | offsetMaskLow(sizeLg2);
    const lastHigh = high | offsetMaskHigh(sizeLg2);
    const attributes = attributesLow | this.#accessedWithin(low, high, lastLow, lastHigh);
    const words = domain.words.slice(item, item + (items << itemWordsLg2));
    const levels = levelsOf(domain, words, level);
    if (domain.breaksFirst) {
      breakItems(domain, item, items);
      this.#breaking.add(low, high, lastLow, lastHigh, levels, levels & ~(1 << level));
      try {
        this.#breaking.sync();
      } catch (error) {
        putBack(domain, item, words);
        throw error;
      }
      domain.missed.push({ low, high, sizeLg2 });
    }
    for (let index = 0; index < items; index++) {
      const offsetLow = contiguous === "stepped" ? shiftLeftLow(index, levelLg2(level)) : 0;
      const offsetHigh = contiguous === "stepped" ? shiftLeftHigh(index, levelLg2(level)) : 0;
      const outLow = paLow | offsetLow;
      const outHigh = paHigh | offsetHigh;
      const itemLow = leafLow(outLow, outHigh, level, contiguousLg2, attributes);
      const itemHigh = leafHigh(outLow, outHigh, level, contiguousLg2, attributesHigh);
      const at = item + (index << itemWordsLg2);
      if (domain.breaksFirst) storeItem(domain, domain.words, at, itemLow, itemHigh);
      else replaceItem(domain, domain.words, at, itemLow, itemHigh);
    }
    if (domain.cleaner !== undefined) domain.clean(item, items * itemBytes);
    takeTables(domain, words, level);
    if (domain.breaksFirst) {
      domain.releaseFreed();
      if (domain.cachesNotPresent) forgetMiss(low, high, sizeLg2, level, this.#breaking);
      return;
    }
    this.#gather.add(low, high, lastLow, lastHigh, levels, levels & ~(1 << level));
    if (domain.freedCount !== 0) domain.giveFrames(this.#gather);
  }

  /** The accessed state of an entry that takes the place of these: of any of them. */
  #accessedWithin(low: number, high: number, lastLow: number, lastHigh: number): number {
    const probe = this.#probe;
    let accessed = false;
    let found = tracksAccessed && probe.seek(low, high, lastLow, lastHigh);
    for (; found && !accessed; found = probe.advance(lastLow, lastHigh)) accessed = probe.accessed;
    return accessed ? accessedLow : 0;
  }
}

/** The item of a level on the way to an address; there are tables down to it. */
function itemAt(domain: Domain, low: number, high: number, level: number): number {
  const pageInLow = pageLow(low, high);
  const pageInHigh = pageHigh(high);
  let at = domain.topLevel;
  let item = itemOfPage(domain.rootWord, pageInLow, pageInHigh, at, domain.topIndexMask);
  while (at > level) {
    at--;
    item = itemOfPage(domain.tableOf(domain.words[item]), pageInLow, pageInHigh, at, itemMask);
  }
  return item;
}

/** The levels at which leaves may have been below items, as a mask: theirs, and those of all tables below. */
function levelsOf(domain: Domain, words: Int32Array, level: number): number {
  let levels = 1 << level;
  for (let word = 0; word < words.length; word += itemWords) {
    if (kindOf(words[word], level) === EntryKind.Table) levels |= levelsBelow(domain, words[word], level - 1);
  }
  return levels;
}

function levelsBelow(domain: Domain, itemLow: number, level: number): number {
  if (level === 0) return 1;
  const table = domain.tableOf(itemLow);
  return levelsOf(domain, domain.words.subarray(table, table + ((itemMask + 1) << itemWordsLg2)), level);
}

function takeTables(domain: Domain, words: Int32Array, level: number): void {
  for (let word = 0; word < words.length; word += itemWords) {
    if (kindOf(words[word], level) !== EntryKind.Table) continue;
    takeSubtree(domain, domain.tableOf(words[word]), level - 1);
  }
}

/** The high word of a sum, from the high words of what was added and the low words of the sum and of one of them. */
function sumHigh(aHigh: number, bHigh: number, sumLow: number, bLow: number): number {
  return (aHigh + bHigh + (sumLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0;
}
