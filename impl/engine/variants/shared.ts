/**
 * The shared variant: several threads work on the same tables, in ranges that they keep apart.
 *
 * What two threads may both want to change is an empty item on the way to both of their ranges, and the top: those
 * are compared and exchanged. Everything else has one writer at a time; its stores are atomic, so that whoever
 * follows a pointer finds what was stored before it.
 */
import { isEmpty, itemWords } from "../../stamp/format.js";
import type { Domain } from "../domain.js";

export const threads = true;

/** An item as it was found, and as it shall be: as 64 bits, and in words. */
const pairs = new BigInt64Array(2);
const halves = new Int32Array(pairs.buffer);

export function enterTable(_domain: Domain, _table: number): void {}

export function loadItem(_domain: Domain, words: Int32Array, item: number): number {
  return Atomics.load(words, item);
}

export function storeWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  Atomics.store(words, word, value);
}

export function flipBits(_domain: Domain, words: Int32Array, word: number, bits: number): void {
  Atomics.xor(words, word, bits);
}

export function storePair(domain: Domain, _words: Int32Array, item: number, low: number, high: number): void {
  halves[2] = low;
  halves[3] = high;
  Atomics.store(domain.pairs, item >> 1, pairs[1]);
}

export function prepareWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

export function installItem(
  domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): boolean {
  return findEmpty(domain, words, item) && exchangeFound(domain, words, item, low, high);
}

/** Looks whether an item is empty, for `exchangeFound`. What an empty one holds need not be 0. */
export function findEmpty(domain: Domain, words: Int32Array, item: number): boolean {
  if (itemWords === 2) pairs[0] = Atomics.load(domain.pairs, item >> 1);
  else halves[0] = Atomics.load(words, item);
  return isEmpty(halves[0]);
}

/** Stores an item if it is as it was found; both words at once, or two threads' would be mixed. */
export function exchangeFound(
  domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): boolean {
  const found = halves[0];
  if (itemWords !== 2) return Atomics.compareExchange(words, item, found, low) === found;
  halves[2] = low;
  halves[3] = high;
  return Atomics.compareExchange(domain.pairs, item >> 1, pairs[0], pairs[1]) === pairs[0];
}

export function publishTop(domain: Domain, top: number): boolean {
  const old = domain.top;
  const found = Atomics.compareExchange(domain.topCell, 0, old, top);
  domain.adoptTop(found === old ? top : found);
  return found === old;
}

export function refreshTop(domain: Domain): void {
  const top = Atomics.load(domain.topCell, 0);
  if (top !== domain.top) domain.adoptTop(top);
}

export function withdrawTop(domain: Domain): void {
  Atomics.store(domain.topCell, 0, -1);
  domain.top = -1;
}

/**
 * Present → empty for a run of items: all words with the valid bit go first. The atomic store of the last of them
 * lets none of the earlier ones pass it, and the load lets no later store pass (measured: half of the time that
 * atomic stores throughout would take for 256 pages).
 */
export function clearItems(_domain: Domain, words: Int32Array, first: number, end: number): void {
  const last = end - itemWords;
  for (let item = first | 0; item < last; item += itemWords) words[item] = 0;
  Atomics.store(words, last, 0);
  if (itemWords === 2) {
    Atomics.load(words, last);
    for (let item = first | 0; item < end; item += 2) words[item + 1] = 0;
  }
}
