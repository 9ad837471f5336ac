/** Storing a run of leaf entries in one table. The loops stand alone so that each is compiled for itself. */
import { EntryKind } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import {
  addressShift,
  breakBeforeMake,
  contiguous,
  incoherent,
  isEmpty,
  itemWords,
  kindOf,
} from "../stamp/format.js";
import { collectEmpty } from "./collect.js";
import type { Domain } from "./domain.js";
import {
  itemWordsLg2,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  shiftLeftHigh,
  shiftLeftLow,
} from "./geometry.js";
import { storeItem } from "./items.js";

/**
 * Stores up to `leaves` entries of `2^contiguousLg2` items each, the first with the given words, and returns how
 * many it stored: it stops at an item in use. A table that holds no leaf is removed to make way.
 */
export function storeLeaves(
  domain: Domain,
  first: number,
  leaves: number,
  level: number,
  contiguousLg2: number,
  firstLow: number,
  firstHigh: number,
  iovaLow: number,
  iovaHigh: number,
  gather: Gather,
): number {
  const entryWordsLg2 = itemWordsLg2 + contiguousLg2;
  const end = first + (leaves << entryWordsLg2);
  let item = first | 0;
  for (;;) {
    const passed = (item - first) >> entryWordsLg2;
    item = storeFree(domain, item, end, level, contiguousLg2, firstLow, firstHigh, passed) | 0;
    if (item >= end) break;
    const index = (item - first) >> itemWordsLg2;
    const wayEnd = breakBeforeMake ? domain.stretchEnd : item + (1 << entryWordsLg2);
    const clearEnd = clearWay(domain, item, wayEnd, level, index, iovaLow, iovaHigh, gather);
    if (breakBeforeMake && gather.pending) forget(domain, index, level, iovaLow, iovaHigh, gather);
    if (clearEnd < item + (1 << entryWordsLg2)) break;
  }
  // Incoherent domains: the leaves of one table are cleaned together.
  if (incoherent && item > first && domain.cleaner !== undefined) domain.clean(first, (item - first) * 4);
  return (item - first) >> entryWordsLg2;
}

/** Stores entries while all their items are empty; the words given are those of the entry `passed` before. */
function storeFree(
  domain: Domain,
  first: number,
  end: number,
  level: number,
  contiguousLg2: number,
  firstLow: number,
  firstHigh: number,
  passed: number,
): number {
  const itemStrideLg2 = levelLg2(level) + addressShift;
  const strideLg2 = itemStrideLg2 + contiguousLg2;
  const skipLow = shiftLeftLow(passed, strideLg2);
  const low = (firstLow + skipLow) | 0;
  // Only the address field can carry: what is below the stride is attributes, which the sum leaves alone.
  const carry = low >>> 0 < skipLow >>> 0 ? 1 : 0;
  const high = (firstHigh + shiftLeftHigh(passed, strideLg2) + carry) | 0;
  if (contiguous !== "none" && contiguousLg2 !== 0) {
    const entryWords = itemWords << contiguousLg2;
    return contiguous === "stepped"
      ? storeSteppedEntries(domain, first, end, entryWords, low, high, itemStrideLg2)
      : storeEntries(domain, first, end, entryWords, low, high, strideLg2);
  }
  return storeItems(
    domain,
    domain.words,
    first,
    end,
    low,
    high,
    shiftLeftLow(1, strideLg2),
    shiftLeftHigh(1, strideLg2),
  );
}

/**
 * The loop that maps most pages: single items, up to the first that is not empty. Four at a time, since the JIT
 * checks the array once per turn of a loop (measured: 0.6 of the time of one at a time).
 */
function storeItems(
  domain: Domain,
  words: Int32Array,
  first: number,
  end: number,
  firstLow: number,
  firstHigh: number,
  strideLow: number,
  strideHigh: number,
): number {
  const stride = strideLow | 0;
  let low = firstLow | 0;
  let high = firstHigh | 0;
  let item = first | 0;
  // Four strides must be less than 2^32, or the carry would be missed.
  const fourBefore = stride > 0 && stride < 1 << 30 ? end - 4 * itemWords : -1;
  while (item <= fourBefore) {
    const second = (item + itemWords) | 0;
    const third = (item + 2 * itemWords) | 0;
    const fourth = (item + 3 * itemWords) | 0;
    if (!isEmpty(words[item]) || !isEmpty(words[second])) break;
    if (!isEmpty(words[third]) || !isEmpty(words[fourth])) break;
    const next = (low + 4 * stride) | 0;
    // The address must not carry into the high word among the four; the loop below takes those.
    if (next >>> 0 < low >>> 0) break;
    storeItem(domain, words, item, low, high);
    storeItem(domain, words, second, (low + stride) | 0, high);
    storeItem(domain, words, third, (low + 2 * stride) | 0, high);
    storeItem(domain, words, fourth, (low + 3 * stride) | 0, high);
    low = next;
    item = (item + 4 * itemWords) | 0;
  }
  for (; item < end; item += itemWords) {
    if (!isEmpty(words[item])) break;
    storeItem(domain, words, item, low, high);
    low = (low + stride) | 0;
    high = (high + strideHigh + (low >>> 0 < stride >>> 0 ? 1 : 0)) | 0;
  }
  return item;
}

/** The same for contiguous entries of identical items. */
function storeEntries(
  domain: Domain,
  first: number,
  end: number,
  entryWords: number,
  firstLow: number,
  firstHigh: number,
  strideLg2: number,
): number {
  const words = domain.words;
  const strideLow = shiftLeftLow(1, strideLg2);
  const strideHigh = shiftLeftHigh(1, strideLg2);
  let low = firstLow | 0;
  let high = firstHigh | 0;
  let item = first | 0;
  while (item < end) {
    const entryEnd = item + entryWords;
    for (let at = item | 0; at < entryEnd; at += itemWords) {
      if (!isEmpty(words[at])) return item;
    }
    for (; item < entryEnd; item += itemWords) {
      storeItem(domain, words, item, low, high);
    }
    low = (low + strideLow) | 0;
    high = (high + strideHigh + (low >>> 0 < strideLow >>> 0 ? 1 : 0)) | 0;
  }
  return item;
}

/** The same for contiguous entries in which each item holds its own address. */
function storeSteppedEntries(
  domain: Domain,
  first: number,
  end: number,
  entryWords: number,
  firstLow: number,
  firstHigh: number,
  strideLg2: number,
): number {
  const words = domain.words;
  const strideLow = shiftLeftLow(1, strideLg2);
  const strideHigh = shiftLeftHigh(1, strideLg2);
  let low = firstLow | 0;
  let high = firstHigh | 0;
  let item = first | 0;
  while (item < end) {
    const entryEnd = item + entryWords;
    for (let at = item | 0; at < entryEnd; at += itemWords) {
      if (!isEmpty(words[at])) return item;
    }
    for (; item < entryEnd; item += itemWords) {
      storeItem(domain, words, item, low, high);
      low = (low + strideLow) | 0;
      high = (high + strideHigh + (low >>> 0 < strideLow >>> 0 ? 1 : 0)) | 0;
    }
  }
  return item;
}

/**
 * Break before make: what was removed must be forgotten by the hardware before leaves take its place. The callback
 * may throw, so what was mapped until now is said before.
 */
function forget(
  domain: Domain,
  itemsFromStart: number,
  level: number,
  startLow: number,
  startHigh: number,
  gather: Gather,
): void {
  const doneLow = shiftLeftLow(itemsFromStart, levelLg2(level));
  const low = (startLow + doneLow) | 0;
  const carry = low >>> 0 < doneLow >>> 0 ? 1 : 0;
  domain.resultLow = low;
  domain.resultHigh = (startHigh + shiftLeftHigh(itemsFromStart, levelLg2(level)) + carry) | 0;
  gather.sync();
}

/** Clears the way for leaves, item by item, and returns the item at which something is mapped, or the end. */
function clearWay(
  domain: Domain,
  first: number,
  end: number,
  level: number,
  itemsFromStart: number,
  startLow: number,
  startHigh: number,
  gather: Gather,
): number {
  let items = itemsFromStart;
  for (let item = first; item < end; item += itemWords, items++) {
    if (isEmpty(domain.words[item])) continue;
    if (!removeEmptySubtree(domain, item, level, items, startLow, startHigh, gather)) return item;
  }
  return end;
}

/** Removes a table that holds no leaf, with all below it. False: something is mapped there. */
function removeEmptySubtree(
  domain: Domain,
  item: number,
  level: number,
  itemsFromStart: number,
  startLow: number,
  startHigh: number,
  gather: Gather,
): boolean {
  if (kindOf(domain.words[item], level) === EntryKind.Leaf) return false;
  const tableLevels = collectEmpty(domain, item, level);
  if (tableLevels === 0) return false;
  const lg2 = levelLg2(level);
  const offsetLow = shiftLeftLow(itemsFromStart, lg2);
  const firstLow = (startLow + offsetLow) | 0;
  const carry = firstLow >>> 0 < offsetLow >>> 0 ? 1 : 0;
  const firstHigh = (startHigh + shiftLeftHigh(itemsFromStart, lg2) + carry) | 0;
  const lastLow = firstLow | offsetMaskLow(lg2);
  const lastHigh = firstHigh | offsetMaskHigh(lg2);
  gather.add(firstLow, firstHigh, lastLow, lastHigh, 0, tableLevels);
  domain.giveFrames(gather);
  return true;
}
