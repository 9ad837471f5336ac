/**
 * Unmapping: entry after entry from the first address on, until the range ends or a hole is met. Nothing is split:
 * an end inside an entry removes the whole entry, a start inside one removes nothing (`partial-unmap.ts` splits).
 */
import { Status } from "../errors.js";
import { EntryKind } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import {
  contiguousHigh,
  contiguousLg2Of,
  granuleLg2,
  incoherent,
  isTable,
  itemWords,
  kindOf,
  plainLeafBits,
  plainLeafMask,
  presentBits,
} from "../stamp/format.js";
import { clearItems, enterTable, loadItem } from "../stamp/variant.js";
import type { Domain } from "./domain.js";
import { beginSpan, freeEmptied, USED_OFFSET_MASK, widened } from "./free-emptied.js";
import {
  below,
  itemMask,
  itemOfPage,
  itemsPerTable,
  itemWordsLg2,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  shiftLeftHigh,
  shiftLeftLow,
  shiftRightLow,
  tableWord,
} from "./geometry.js";
import { clearItem, itemBytes } from "./items.js";
import { beyondTop } from "./lookup.js";

const GRANULE_MASK = (1 << granuleLg2) - 1;

/** Items on the way to the present one, by level. Operations do not nest, so one array serves a stamp. */
const path = new Int32Array(8);

/**
 * Unmaps the inclusive range; what was removed is `[first, result…)`, nothing if `resultAny` is false. A table is
 * freed when what this call removed, without a hole, covers every address it spans, or, if the domain says so, when
 * nothing is left in it; the root never is.
 */
export function unmap(
  domain: Domain,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  gather: Gather,
): void {
  domain.resultAny = false;
  domain.resultLow = firstLow;
  domain.resultHigh = firstHigh;
  if (domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh) !== Status.OK) return;
  if (firstHigh === lastHigh && lastLow === (firstLow | GRANULE_MASK)) {
    if (unmapPage(domain, firstLow, firstHigh, gather)) return;
  }
  if (domain.freesEmpty) beginSpan(domain, firstLow, firstHigh);
  const words = domain.words;
  let low = firstLow | 0;
  let high = firstHigh | 0;
  let leafLevels = 0;
  let tableLevels = 0;
  let going = true;
  while (going && !beyondTop(domain, low, high)) {
    const start = seek(domain, words, low, high) | 0;
    const level = domain.seekLevel;
    const lastItem = lastItemInTable(domain, low, high, lastLow, lastHigh) | 0;
    // Only a first entry can be entered in its middle: every other one begins where the one before ended.
    if (!beginsEntry(words, start, level, low, high)) break;
    const item = clearLeaves(domain, words, start, lastItem, level) | 0;
    if (item === start) break;
    if (incoherent && domain.cleaner !== undefined) domain.clean(start, (item - start) * 4);
    leafLevels |= 1 << level;
    const items = (item - start) >> itemWordsLg2;
    const lg2 = levelLg2(level);
    const bytesLow = shiftLeftLow(items, lg2);
    low = (low + bytesLow) | 0;
    high = (high + shiftLeftHigh(items, lg2) + (low >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    // Short of its last item it met a table, into which it goes on, or a hole. The address after the last is 0.
    if (item <= lastItem) going = kindOf(words[item], level) === EntryKind.Table;
    else going = !domain.seekHoldsLast && (low | high) !== 0;
    let covered = 0;
    if (item === domain.seekTable + itemsPerTable * itemWords && level < domain.topLevel) {
      covered = freeCovered(domain, domain.seekTable, level, low, high, firstLow, firstHigh);
    }
    if (domain.freesEmpty) covered |= freeUncovered(domain, words, low, high, item, covered);
    tableLevels |= covered;
  }
  domain.resultLow = low;
  domain.resultHigh = high;
  if (leafLevels === 0) return;
  domain.resultAny = true;
  const endLow = (low - 1) | 0;
  const endHigh = low === 0 ? (high - 1) | 0 : high;
  if (domain.freesEmpty && domain.freedCount !== 0) {
    widened(domain, firstLow, firstHigh, endLow, endHigh, leafLevels, tableLevels, gather);
  } else {
    gather.add(firstLow, firstHigh, endLow, endHigh, leafLevels, tableLevels);
  }
  if (domain.freedCount !== 0) domain.giveFrames(gather);
}

/** After the items before one were cleared: frees what is empty on the way to the last address before `end…`. */
function freeUncovered(
  domain: Domain,
  words: Int32Array,
  endLow: number,
  endHigh: number,
  end: number,
  covered: number,
): number {
  const lastLow = (endLow - 1) | 0;
  const lastHigh = endLow === 0 ? (endHigh - 1) | 0 : endHigh;
  // The tables that were covered are gone: the path ends above them now.
  const item = covered === 0 ? end - itemWords : seek(domain, words, lastLow, lastHigh);
  return freeEmptied(domain, domain.seekTable, domain.seekLevel, item, path, lastLow, lastHigh);
}

/** Unmaps one smallest page, the commonest request of all. False: it is not so simple, and nothing was done. */
function unmapPage(domain: Domain, low: number, high: number, gather: Gather): boolean {
  if ((low & GRANULE_MASK) !== 0 || beyondTop(domain, low, high)) return false;
  const words = domain.words;
  const item = seek(domain, words, low, high);
  if (domain.seekLevel !== 0 || !isPlainLeaf(words, item, plainLeafMask(0), plainLeafBits(0))) return false;
  clearItem(domain, words, item);
  if (incoherent && domain.cleaner !== undefined) domain.clean(item, itemBytes);
  domain.resultAny = true;
  domain.resultLow = (low + GRANULE_MASK + 1) | 0;
  domain.resultHigh = domain.resultLow === 0 ? (high + 1) | 0 : high;
  const table = domain.seekTable;
  // No call asks the item: where most unmaps before were of other domains, the JIT would leave it a call.
  if (
    domain.freesEmpty &&
    (words[table + (domain.usedOffsets[table >>> domain.usedShift] & USED_OFFSET_MASK)] & presentBits) === 0
  ) {
    if (freeWithPage(domain, item, low, high, gather)) return true;
  }
  gather.add(low, high, low | GRANULE_MASK, high, 1, 0);
  return true;
}

/** Frees what is empty now that a page is gone. By itself, since `unmapPage` is inlined while it is short. */
function freeWithPage(domain: Domain, item: number, low: number, high: number, gather: Gather): boolean {
  beginSpan(domain, low, high);
  const levels = freeEmptied(domain, domain.seekTable, 0, item, path, low, high);
  if (levels === 0) return false;
  widened(domain, low, high, low | GRANULE_MASK, high, 1, levels, gather);
  domain.giveFrames(gather);
  return true;
}

/** The item that translates an address, or the empty one in its place; its table and level go into `seek…`. */
function seek(domain: Domain, words: Int32Array, low: number, high: number): number {
  const baseLow = domain.baseLow;
  const pageInLow = pageLow(low, high);
  const pageInHigh = pageHigh(high);
  let level = domain.topLevel | 0;
  let table = domain.rootWord;
  let item = itemOfPage(table, pageInLow, pageInHigh, level, domain.topIndexMask);
  while (level > 0) {
    const itemLow = loadItem(domain, words, item);
    if (!isTable(itemLow, level)) break;
    path[level] = item;
    table = tableWord(itemLow, baseLow);
    enterTable(domain, table);
    level--;
    item = itemOfPage(table, pageInLow, pageInHigh, level, itemMask);
  }
  domain.seekLevel = level;
  domain.seekTable = table;
  return item;
}

/** The last item of the table just sought that the range reaches; `seekHoldsLast` says whether the range ends there. */
function lastItemInTable(
  domain: Domain,
  low: number,
  high: number,
  lastLow: number,
  lastHigh: number,
): number {
  const level = domain.seekLevel;
  const table = domain.seekTable;
  const top = level === domain.topLevel;
  const indexMask = top ? domain.topIndexMask : itemMask;
  const holdsLast = top
    ? !beyondTop(domain, lastLow, lastHigh)
    : sameTable(low ^ lastLow, high ^ lastHigh, levelLg2(level + 1));
  domain.seekHoldsLast = holdsLast;
  if (!holdsLast) return table + (indexMask << itemWordsLg2);
  return itemOfPage(table, pageLow(lastLow, lastHigh), pageHigh(lastHigh), level, indexMask);
}

/** Whether two addresses, given their exclusive or, fall in one table that spans `2^spanLg2` bytes (below 2^64). */
function sameTable(differenceLow: number, differenceHigh: number, spanLg2: number): boolean {
  return ((differenceLow & ~offsetMaskLow(spanLg2)) | (differenceHigh & ~offsetMaskHigh(spanLg2))) === 0;
}

/** Clears leaf entries from an item on, up to the entry that holds the last item; returns the item after them. */
function clearLeaves(
  domain: Domain,
  words: Int32Array,
  first: number,
  lastItem: number,
  level: number,
): number {
  let item = first | 0;
  while (item <= lastItem) {
    let end = endOfPlainLeaves(words, item, lastItem, plainLeafMask(level), plainLeafBits(level)) | 0;
    if (end === item) {
      if (kindOf(words[item], level) !== EntryKind.Leaf) break;
      const contiguousLg2 = contiguousLg2Of(words[item], words[item + itemWords - 1], level);
      end = item + (itemWords << contiguousLg2);
    }
    clearItems(domain, words, item, end);
    item = end;
  }
  return item;
}

/**
 * The item after the leaves, each an entry by itself, that begin at an item. Four at a time, since the JIT checks
 * the array once per turn of a loop.
 */
function endOfPlainLeaves(
  words: Int32Array,
  first: number,
  lastItem: number,
  mask: number,
  bits: number,
): number {
  const fourBefore = lastItem - 3 * itemWords;
  let item = first | 0;
  while (item <= fourBefore) {
    const second = (item + itemWords) | 0;
    const third = (item + 2 * itemWords) | 0;
    const fourth = (item + 3 * itemWords) | 0;
    if (!isPlainLeaf(words, item, mask, bits)) return item;
    if (!isPlainLeaf(words, second, mask, bits)) return second;
    if (!isPlainLeaf(words, third, mask, bits)) return third;
    if (!isPlainLeaf(words, fourth, mask, bits)) return fourth;
    item = (item + 4 * itemWords) | 0;
  }
  while (item <= lastItem && isPlainLeaf(words, item, mask, bits)) item += itemWords;
  return item;
}

function isPlainLeaf(words: Int32Array, item: number, mask: number, bits: number): boolean {
  return (words[item] & mask) === bits && (contiguousHigh === 0 || (words[item + 1] & contiguousHigh) === 0);
}

/** Whether an address is the first of the entry that the item belongs to; true where there is none. */
function beginsEntry(words: Int32Array, item: number, level: number, low: number, high: number): boolean {
  const itemLow = words[item];
  if (kindOf(itemLow, level) !== EntryKind.Leaf) return true;
  const contiguousLg2 = contiguousLg2Of(itemLow, itemWords === 2 ? words[item + 1] : 0, level);
  const sizeLg2 = levelLg2(level) + contiguousLg2;
  return ((low & offsetMaskLow(sizeLg2)) | (high & offsetMaskHigh(sizeLg2))) === 0;
}

/**
 * Frees a table whose last address was just removed, if the first one was too, and the tables above it for which
 * the same is true. `end…` is the address after them. Returns the mask of the levels freed.
 */
function freeCovered(
  domain: Domain,
  table: number,
  level: number,
  endLow: number,
  endHigh: number,
  firstLow: number,
  firstHigh: number,
): number {
  const topLevel = domain.topLevel;
  const lastLow = (endLow - 1) | 0;
  const lastHigh = endLow === 0 ? (endHigh - 1) | 0 : endHigh;
  let levels = 0;
  let freed = table;
  for (let at = level; at < topLevel; at++) {
    const spanLg2 = levelLg2(at + 1);
    const startLow = lastLow & ~offsetMaskLow(spanLg2);
    const startHigh = lastHigh & ~offsetMaskHigh(spanLg2);
    if (below(startLow, startHigh, firstLow, firstHigh)) break;
    const item = path[at + 1];
    clearItem(domain, domain.words, item);
    if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
    domain.takeOutOfUse(freed);
    levels |= 1 << at;
    // The table above ends here too only if the item was its last.
    const index = shiftRightLow(lastLow, lastHigh, spanLg2) & itemMask;
    if (index !== itemMask) break;
    freed = item - itemMask * itemWords;
  }
  return levels;
}
