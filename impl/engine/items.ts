/** Storing items in the order that keeps every state in between harmless. */
import { cleanMarkWord, itemWords, markedClean, tableItemHigh, tableItemLow } from "../stamp/format.js";
import { installItem, prepareWord, storePair, storeWord } from "../stamp/variant.js";
import type { Domain } from "./domain.js";

export const itemBytes = itemWords * 4;

/** Empty → present: the word with the valid bit comes last. */
export function storeItem(domain: Domain, words: Int32Array, item: number, low: number, high: number): void {
  if (itemWords === 2) prepareWord(domain, words, (item + 1) | 0, high);
  storeWord(domain, words, item, low);
}

/** Present → present: one store, of one word where the other stays as it is, else of both. */
export function replaceItem(
  domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): void {
  if (itemWords !== 2 || words[item + 1] === high) storeWord(domain, words, item, low);
  else if (words[item] === low) storeWord(domain, words, item + 1, high);
  else storePair(domain, words, item, low, high);
}

/** Present → empty: the word with the valid bit goes first. */
export function clearItem(domain: Domain, words: Int32Array, item: number): void {
  storeWord(domain, words, item, 0);
  if (itemWords === 2) storeWord(domain, words, item + 1, 0);
}

/** Makes an empty item point to a table. False: another thread filled it before. */
export function linkTable(
  domain: Domain,
  words: Int32Array,
  item: number,
  table: number,
  level: number,
): boolean {
  const addressLow = domain.memory.addressLow(table);
  const addressHigh = domain.memory.addressHigh(table);
  const low = tableItemLow(addressLow, addressHigh, level, domain.tableLowBits);
  const high = tableItemHigh(addressLow, addressHigh, domain.tableHighBits);
  if (!installItem(domain, words, item, low, high)) return false;
  if (domain.cleaner !== undefined) cleanTableItem(domain, words, item);
  return true;
}

/** Cleans a table item to memory and says so in the item, for whoever meets it next. */
export function cleanTableItem(domain: Domain, words: Int32Array, item: number): void {
  domain.clean(item, itemBytes);
  const word = words[item + cleanMarkWord];
  const marked = markedClean(word);
  // Not every format has a bit for it.
  if (marked !== word) storeWord(domain, words, item + cleanMarkWord, marked);
}
