/**
 * Freeing a table as soon as nothing is left in it. Whether anything is, memory itself says: for each table it is
 * remembered where an item was last seen in use, and that one is asked first. Only if it is empty now are the others
 * looked at, from the hole on, and one that is far from it is remembered: whoever empties a table from one end to the
 * other comes to it late. So mapping keeps no count, and tables that somebody else filled are right as well.
 */
import type { Gather } from "../memory/gather.js";
import { isEmpty, itemWords, presentBits } from "../stamp/format.js";
import type { Domain } from "./domain.js";
import {
  below,
  itemMask,
  itemsPerTable,
  itemWordsLg2,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  shiftRightLow,
} from "./geometry.js";
import { clearItem, itemBytes } from "./items.js";

const TABLE_WORDS = itemsPerTable * itemWords;
/** The offsets in words at which items begin: what is remembered may be of another table that stood there before. */
export const USED_OFFSET_MASK = TABLE_WORDS - itemWords;

/**
 * Frees a table if it is empty, now that an item of it is, and the tables above it for which the same is true. `path`
 * has the items that lead to it, by level; the address is one that the item translated. Returns the mask of the levels
 * freed, and notes what they spanned for `widened`.
 */
export function freeEmptied(
  domain: Domain,
  first: number,
  firstLevel: number,
  emptied: number,
  path: Int32Array,
  low: number,
  high: number,
): number {
  const topLevel = domain.topLevel;
  let table = first;
  let item = emptied;
  let levels = 0;
  for (let level = firstLevel; level < topLevel && isEmptyTable(domain, table, item); level++) {
    item = path[level + 1];
    clearItem(domain, domain.words, item);
    if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
    domain.takeOutOfUse(table);
    levels |= 1 << level;
    const spanLg2 = levelLg2(level + 1);
    noteSpan(domain, low, high, spanLg2);
    table = item - ((shiftRightLow(low, high, spanLg2) & itemMask) << itemWordsLg2);
  }
  return levels;
}

function isEmptyTable(domain: Domain, table: number, emptied: number): boolean {
  const { words, usedOffsets, usedShift } = domain;
  const place = table >>> usedShift;
  if (!isEmpty(words[table + (usedOffsets[place] & USED_OFFSET_MASK)])) return false;
  const used = usedItem(words, table, emptied);
  if (used < 0) return true;
  usedOffsets[place] = used - table;
  return false;
}

/** An item of a table that is in use; −1 for none. */
function usedItem(words: Int32Array, table: number, emptied: number): number {
  const end = table + TABLE_WORDS;
  const behind = firstInUse(words, emptied, end);
  if (behind < end) return usedItemBehind(words, behind, end);
  const before = firstInUse(words, table, emptied);
  return before < emptied ? before : -1;
}

/** The first item in use from one on, or `end`. Four at a time, since the JIT checks the array once per turn of a loop. */
function firstInUse(words: Int32Array, first: number, end: number): number {
  const fourBefore = end - 4 * itemWords;
  let item = first | 0;
  while (item <= fourBefore) {
    const two = words[item] | words[item + itemWords];
    const four = two | words[item + 2 * itemWords] | words[item + 3 * itemWords];
    if ((four & presentBits) !== 0) break;
    item = (item + 4 * itemWords) | 0;
  }
  while (item < end && isEmpty(words[item])) item = (item + itemWords) | 0;
  return item;
}

/** From one in use, in steps that double, as far as those met are in use. */
function usedItemBehind(words: Int32Array, first: number, end: number): number {
  let item = first | 0;
  let step = itemWords | 0;
  while (item + step < end && !isEmpty(words[item + step])) {
    item = (item + step) | 0;
    step <<= 1;
  }
  return item;
}

/** Begins to note what freed tables span, at an address that is removed. */
export function beginSpan(domain: Domain, low: number, high: number): void {
  domain.spanFirstLow = low;
  domain.spanFirstHigh = high;
  domain.spanLastLow = low;
  domain.spanLastHigh = high;
}

function noteSpan(domain: Domain, low: number, high: number, spanLg2: number): void {
  const firstLow = low & ~offsetMaskLow(spanLg2);
  const firstHigh = high & ~offsetMaskHigh(spanLg2);
  const lastLow = low | offsetMaskLow(spanLg2);
  const lastHigh = high | offsetMaskHigh(spanLg2);
  if (below(firstLow, firstHigh, domain.spanFirstLow, domain.spanFirstHigh)) {
    domain.spanFirstLow = firstLow;
    domain.spanFirstHigh = firstHigh;
  }
  if (below(domain.spanLastLow, domain.spanLastHigh, lastLow, lastHigh)) {
    domain.spanLastLow = lastLow;
    domain.spanLastHigh = lastHigh;
  }
}

/** Adds what was removed to a gather, as one range with all that the freed tables spanned. */
export function widened(
  domain: Domain,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  leafLevels: number,
  tableLevels: number,
  gather: Gather,
): void {
  const { spanFirstLow, spanFirstHigh, spanLastLow, spanLastHigh } = domain;
  const isBefore = below(spanFirstLow, spanFirstHigh, firstLow, firstHigh);
  const isBehind = below(lastLow, lastHigh, spanLastLow, spanLastHigh);
  gather.add(
    isBefore ? spanFirstLow : firstLow,
    isBefore ? spanFirstHigh : firstHigh,
    isBehind ? spanLastLow : lastLow,
    isBehind ? spanLastHigh : lastHigh,
    leafLevels,
    tableLevels,
  );
}
