import { Status } from "../errors.js";
import {
  contiguousLg2Of,
  growsTop,
  isEmpty,
  isTable,
  itemWords,
  oaHigh,
  oaLow,
  upperHalf,
} from "../stamp/format.js";
import { enterTable, loadItem } from "../stamp/variant.js";
import type { Domain } from "./domain.js";
import {
  itemMask,
  itemOfPage,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  tableWord,
} from "./geometry.js";

/** Whether the present top does not reach an address that is inside the input width. */
export function beyondTop(domain: Domain, low: number, high: number): boolean {
  return ((low & domain.beyondTopLow) | (high & domain.beyondTopHigh)) !== 0;
}

/**
 * Translates one address. True: `resultLow` and `resultHigh` hold its output address. False is a miss, which is
 * never a number: physical address 0 is a legal answer.
 */
export function lookup(domain: Domain, low: number, high: number): boolean {
  if (upperHalf || ((low & domain.vaBeyondLow) | (high & domain.vaBeyondHigh)) !== 0) {
    if (domain.inputRangeStatus(low, high, low, high) !== Status.OK) return false;
  }
  if (growsTop && beyondTop(domain, low, high)) return false;
  const { words, baseLow } = domain;
  const pageInLow = pageLow(low, high);
  const pageInHigh = pageHigh(high);
  let level = domain.topLevel;
  let item = itemOfPage(domain.rootWord, pageInLow, pageInHigh, level, domain.topIndexMask);
  let itemLow = loadItem(domain, words, item);
  while (level > 0 && isTable(itemLow, level)) {
    level--;
    const table = tableWord(itemLow, baseLow);
    enterTable(domain, table);
    item = itemOfPage(table, pageInLow, pageInHigh, level, itemMask);
    itemLow = loadItem(domain, words, item);
  }
  if (isEmpty(itemLow)) return false;
  const itemHigh = itemWords === 2 ? words[item + 1] : 0;
  const sizeLg2 = levelLg2(level) + contiguousLg2Of(itemLow, itemHigh, level);
  const maskLow = offsetMaskLow(sizeLg2);
  const maskHigh = offsetMaskHigh(sizeLg2);
  const foundLow = oaLow(itemLow, itemHigh, level, domain.flags);
  const foundHigh = oaHigh(itemLow, itemHigh, level, domain.flags) & ~domain.encryptionHigh;
  domain.resultLow = (foundLow & ~maskLow) | (low & maskLow);
  domain.resultHigh = (foundHigh & ~maskHigh) | (high & maskHigh);
  return true;
}
