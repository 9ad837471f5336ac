/** The observed variant: every store is one event, so that caches and walkers can be checked between any two. */
import { itemWords } from "../../stamp/format.js";
import type { Domain } from "../domain.js";
import * as plain from "./plain.js";

export const threads = false;

/** No operation may walk a table that was freed. */
export function enterTable(domain: Domain, table: number): void {
  if (!Number.isInteger(table) || table >= domain.words.length) {
    throw new Error(`a table item points outside the table memory (word ${table})`);
  }
  if (domain.memory.isQuarantined(table)) {
    throw new Error(`the freed table at word ${table} is still walked`);
  }
}

export function loadItem(_domain: Domain, words: Int32Array, item: number): number {
  return words[item];
}

export function storeWord(domain: Domain, words: Int32Array, word: number, value: number): void {
  if (!Number.isInteger(word) || word < 0 || word >= words.length || (value | 0) !== value) {
    throw new Error(`a store of ${value} at word ${word} is not one of table memory`);
  }
  const oldValue = words[word];
  words[word] = value;
  domain.memory.observer?.stored(word, oldValue, value);
}

export function flipBits(domain: Domain, words: Int32Array, word: number, bits: number): void {
  const oldValue = words[word];
  plain.flipBits(domain, words, word, bits);
  domain.memory.observer?.stored(word, oldValue, words[word]);
}

export function storePair(domain: Domain, words: Int32Array, item: number, low: number, high: number): void {
  if (!Number.isInteger(item) || item < 0 || item + 1 >= words.length || (item & 1) !== 0) {
    throw new Error(`a store of 64 bits at word ${item} is not one of an item of table memory`);
  }
  if ((low | 0) !== low || (high | 0) !== high) throw new Error(`${low}, ${high} are not two words`);
  const oldLow = words[item];
  const oldHigh = words[item + 1];
  plain.storePair(domain, words, item, low, high);
  domain.memory.observer?.storedPair(item, oldLow, oldHigh, low, high);
}

export function prepareWord(domain: Domain, words: Int32Array, word: number, value: number): void {
  storeWord(domain, words, word, value);
}

export function installItem(
  domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): boolean {
  if (itemWords === 2) storeWord(domain, words, item + 1, high);
  storeWord(domain, words, item, low);
  return true;
}

export function publishTop(domain: Domain, top: number): boolean {
  const oldTop = domain.top;
  domain.top = top;
  domain.memory.observer?.published(oldTop, top);
  return true;
}

export function refreshTop(_domain: Domain): void {}

export function withdrawTop(domain: Domain): void {
  domain.top = -1;
}

/** Present → empty for a run of items: in each, the low word, which has the valid bit, goes first. */
export function clearItems(domain: Domain, words: Int32Array, first: number, end: number): void {
  for (let word = first; word < end; word++) storeWord(domain, words, word, 0);
}
