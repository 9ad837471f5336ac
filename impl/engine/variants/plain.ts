/** The plain variant: a store is a store. */
import { itemWords } from "../../stamp/format.js";
import type { Domain } from "../domain.js";

/** Whether other threads may work on the same tables. */
export const threads = false;

/** Two words as one number of 64 bits. */
const pair = new BigInt64Array(1);
const halves = new Int32Array(pair.buffer);

/** Called with every table that an operation enters. */
export function enterTable(_domain: Domain, _table: number): void {}

/** The low word of an item that may point to a table. */
export function loadItem(_domain: Domain, words: Int32Array, item: number): number {
  return words[item];
}

export function storeWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

/** Turns bits of a live item round, and keeps what hardware changes in the others at the same time. */
export function flipBits(_domain: Domain, words: Int32Array, word: number, bits: number): void {
  Atomics.xor(words, word, bits);
}

/** Both words of an item in one store, for a live one of which both change: no walker may see half of each. */
export function storePair(domain: Domain, _words: Int32Array, item: number, low: number, high: number): void {
  halves[0] = low;
  halves[1] = high;
  // A plain store of a bigint may be done in two parts.
  Atomics.store(domain.pairs, item >> 1, pair[0]);
}

/** A store that nobody looks at before the `storeWord` that follows. */
export function prepareWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

/** Makes an empty item point to a table. False: another thread filled it before. */
export function installItem(
  _domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): boolean {
  if (itemWords === 2) words[item + 1] = high;
  words[item] = low;
  return true;
}

/** Publishes root and level, which are one cell (see `Domain.top`). False: another thread published before. */
export function publishTop(domain: Domain, top: number): boolean {
  domain.top = top;
  return true;
}

/** Called before every operation: learns of what other threads published. */
export function refreshTop(_domain: Domain): void {}

/** No operation finds tables here from now on. */
export function withdrawTop(domain: Domain): void {
  domain.top = -1;
}

/** From so many words on, the array's own fill is faster than a loop. */
const FILL_FROM_WORDS = 32;

/** Present → empty for a run of items. Nobody looks in between, so their order is free. */
export function clearItems(_domain: Domain, words: Int32Array, first: number, end: number): void {
  if (end - first >= FILL_FROM_WORDS) words.fill(0, first, end);
  else for (let word = first | 0; word < end; word++) words[word] = 0;
}
