/** The way down to the item of a chosen level, through leaves that are in the way. */
import { Status } from "../../errors.js";
import { EntryKind } from "../../formats/format.js";
import { NO_FRAME } from "../../memory/table-memory.js";
import { isTable, kindOf, leafHigh, leafLow, oaHigh, oaLow, rootFrameLg2 } from "../../stamp/format.js";
import { enterTable, loadItem } from "../../stamp/variant.js";
import {
  itemMask,
  itemOfPage,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  tableWord,
} from "../geometry.js";
import { unmarkedHigh, unmarkedLow } from "./markers.js";
import { LEVELS, type ReplacingDomain } from "./state.js";
import { linkEmptyTable, reserveTables, splitLeaf } from "./tables.js";

/** Nothing is there, and nothing was to be made. */
export const ABSENT = -2;
/** A leaf above the level says already what is wanted. */
export const SAME = -3;

/** The item met on each level of the last walk; operations do not nest. */
export const path = new Int32Array(LEVELS);

/** The leaf that a map wants, which need not be split for it. */
export class Wanted {
  paLow = 0;
  paHigh = 0;
  attributesLow = 0;
  attributesHigh = 0;
}

/**
 * The item that an address falls on in the table of a level; `path` has the items above it. A leaf in the way is
 * split, unless it says what is wanted. `ABSENT`: there is no such table, and `wanted` is undefined. `NO_FRAME`: the
 * walk failed, with `refusal`.
 */
export function descend(
  domain: ReplacingDomain,
  low: number,
  high: number,
  level: number,
  wanted: Wanted | undefined,
): number {
  const { words, baseLow } = domain;
  const pageInLow = pageLow(low, high);
  const pageInHigh = pageHigh(high);
  let table = domain.rootWord;
  let indexMask = domain.topIndexMask;
  for (let at = domain.topLevel; at > level; at--) {
    const item = itemOfPage(table, pageInLow, pageInHigh, at, indexMask);
    path[at] = item;
    const itemLow = loadItem(domain, words, item);
    table = isTable(itemLow, at)
      ? tableWord(itemLow, baseLow)
      : makeWay(domain, item, at, level, low, high, wanted);
    if (table < 0) return table;
    enterTable(domain, table);
    indexMask = itemMask;
  }
  const item = itemOfPage(table, pageInLow, pageInHigh, level, indexMask);
  path[level] = item;
  return item;
}

/** A table in place of an item that points to none, or why there is none. */
function makeWay(
  domain: ReplacingDomain,
  item: number,
  at: number,
  level: number,
  low: number,
  high: number,
  wanted: Wanted | undefined,
): number {
  const { rules, words } = domain;
  const isLeaf = kindOf(words[item], at) === EntryKind.Leaf;
  if (!isLeaf && wanted === undefined) return ABSENT;
  if (isLeaf && rules.losesLeavesAtZero && isAtZero(domain, item, at)) {
    domain.refusal = Status.IOVA_OUT_OF_RANGE;
    return wanted === undefined ? ABSENT : NO_FRAME;
  }
  const splitsFirst = rules.makesTablesOneByOne;
  if (isLeaf && !splitsFirst && wanted !== undefined && says(words, item, at, low, high, wanted)) return SAME;
  // All tables down to the level are missing. Taken together, or not at all, they leave nothing half done.
  if (!reserveTables(domain, splitsFirst ? 1 : at - level)) return NO_FRAME;
  return isLeaf ? splitLeaf(domain, item, at) : linkEmptyTable(domain, item, at);
}

/** Whether a leaf translates an address inside it as is wanted. */
function says(
  words: Int32Array,
  item: number,
  at: number,
  low: number,
  high: number,
  { paLow, paHigh, attributesLow, attributesHigh }: Wanted,
): boolean {
  const maskLow = offsetMaskLow(levelLg2(at));
  const maskHigh = offsetMaskHigh(levelLg2(at));
  if ((((paLow ^ low) & maskLow) | ((paHigh ^ high) & maskHigh)) !== 0) return false;
  const firstLow = paLow & ~maskLow;
  const firstHigh = paHigh & ~maskHigh;
  return isAs(
    words,
    item,
    leafLow(firstLow, firstHigh, at, 0, attributesLow),
    leafHigh(firstLow, firstHigh, at, 0, attributesHigh),
  );
}

/** Whether an item has these words, its marker aside. */
export function isAs(words: Int32Array, item: number, low: number, high: number): boolean {
  return (((words[item] ^ low) & unmarkedLow) | ((words[item + 1] ^ high) & unmarkedHigh)) === 0;
}

function isAtZero(domain: ReplacingDomain, item: number, level: number): boolean {
  const low = domain.words[item];
  const high = domain.words[item + 1];
  return (oaLow(low, high, level, domain.flags) | oaHigh(low, high, level, domain.flags)) === 0;
}

/** Makes a root where there is none; false: there is no memory for it. */
export function makeRoot(domain: ReplacingDomain, level: number): boolean {
  const root = domain.allocateFrame(Math.max(rootFrameLg2, domain.memory.smallestFrameLg2));
  if (root === NO_FRAME) {
    domain.refusal = Status.OUT_OF_MEMORY;
    return false;
  }
  domain.setTop(root, level);
  domain.tables++;
  return true;
}
