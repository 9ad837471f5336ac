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

/** One item as 64 bits, and its words. */
const one = new BigInt64Array(1);
const pair = new Int32Array(one.buffer);

export function enterTable(_domain: Domain, _table: number): void {}

export function loadItem(_domain: Domain, words: Int32Array, item: number): number {
  return Atomics.load(words, item);
}

export function storeWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  Atomics.store(words, word, value);
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
  if (itemWords === 2) return installPair(domain.pairs, item >> 1, low, high);
  const old = Atomics.load(words, item);
  return isEmpty(old) && Atomics.compareExchange(words, item, old, low) === old;
}

/** Both words in one exchange, or two threads' would be mixed. What an empty item holds need not be 0. */
function installPair(pairs: BigInt64Array, item: number, low: number, high: number): boolean {
  const old = Atomics.load(pairs, item);
  one[0] = old;
  if (!isEmpty(pair[0])) return false;
  pair[0] = low;
  pair[1] = high;
  return Atomics.compareExchange(pairs, item, old, one[0]) === old;
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

/** Present → empty for a run of items: in each, the low word, which has the valid bit, goes first. */
export function clearItems(domain: Domain, words: Int32Array, first: number, end: number): void {
  for (let word = first | 0; word < end; word++) storeWord(domain, words, word, 0);
}
