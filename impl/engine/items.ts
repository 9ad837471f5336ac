/** Storing items in the order that keeps every state in between harmless. */
import { cleanMarkWord, itemWords, markedClean, tableItemHigh, tableItemLow } from "../stamp/format.js";
import { storeWord } from "../stamp/variant.js";
import type { Domain } from "./domain.js";

export const itemBytes = itemWords * 4;

/** Empty → present: the word with the valid bit comes last. */
export function storeItem(domain: Domain, words: Int32Array, item: number, low: number, high: number): void {
  if (itemWords === 2) storeWord(domain, words, (item + 1) | 0, high);
  storeWord(domain, words, item, low);
}

/** Present → empty: the word with the valid bit goes first. */
export function clearItem(domain: Domain, words: Int32Array, item: number): void {
  storeWord(domain, words, item, 0);
  if (itemWords === 2) storeWord(domain, words, item + 1, 0);
}

/** Makes an empty item point to a table. */
export function linkTable(
  domain: Domain,
  words: Int32Array,
  item: number,
  table: number,
  level: number,
): void {
  const addressLow = domain.memory.addressLow(table);
  const addressHigh = domain.memory.addressHigh(table);
  const low = tableItemLow(addressLow, addressHigh, level, domain.tableLowBits);
  storeItem(domain, words, item, low, tableItemHigh(addressLow, addressHigh, domain.tableHighBits));
  if (domain.cleaner !== undefined) cleanTableItem(domain, words, item);
}

/** Cleans a table item to memory and says so in the item, for whoever meets it next. */
export function cleanTableItem(domain: Domain, words: Int32Array, item: number): void {
  domain.clean(item, itemBytes);
  const word = words[item + cleanMarkWord];
  const marked = markedClean(word);
  // Not every format has a bit for it.
  if (marked !== word) storeWord(domain, words, item + cleanMarkWord, marked);
}
