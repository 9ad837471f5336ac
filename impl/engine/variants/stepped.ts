/**
 * The shared variant, step by step, for a scheduler that decides which of several operations goes on. Each access to
 * what threads share ends in a `step`; the build makes a generator of every function that comes to one, so that an
 * operation stands still there. Only the project's own tests stamp it.
 */
import { itemWords } from "../../stamp/format.js";
import type { Domain } from "../domain.js";
import * as shared from "./shared.js";

export { enterTable, threads } from "./shared.js";

/** What `step` names where the cell of the root and its level is meant. */
const TOP = -1;

/** Stands still after an access to a word of table memory. */
export function* step(word: number): Generator<number, void, void> {
  yield word;
}

export function loadItem(domain: Domain, words: Int32Array, item: number): number {
  const low = shared.loadItem(domain, words, item);
  step(item);
  return low;
}

export function storeWord(domain: Domain, words: Int32Array, word: number, value: number): void {
  shared.storeWord(domain, words, word, value);
  step(word);
}

export function flipBits(domain: Domain, words: Int32Array, word: number, bits: number): void {
  shared.flipBits(domain, words, word, bits);
  step(word);
}

export function storePair(domain: Domain, words: Int32Array, item: number, low: number, high: number): void {
  shared.storePair(domain, words, item, low, high);
  step(item);
}

export function prepareWord(domain: Domain, words: Int32Array, word: number, value: number): void {
  shared.prepareWord(domain, words, word, value);
  step(word);
}

export function installItem(
  domain: Domain,
  words: Int32Array,
  item: number,
  low: number,
  high: number,
): boolean {
  // The table was allocated before; another thread may come now, and after the look at the item.
  step(item);
  const isEmpty = shared.findEmpty(domain, words, item);
  step(item);
  if (!isEmpty) return false;
  const isInstalled = shared.exchangeFound(domain, words, item, low, high);
  step(item);
  return isInstalled;
}

export function publishTop(domain: Domain, top: number): boolean {
  step(TOP);
  const isPublished = shared.publishTop(domain, top);
  step(TOP);
  return isPublished;
}

export function refreshTop(domain: Domain): void {
  shared.refreshTop(domain);
  step(TOP);
}

export function withdrawTop(domain: Domain): void {
  shared.withdrawTop(domain);
  step(TOP);
}

export function clearItems(domain: Domain, words: Int32Array, first: number, end: number): void {
  for (let item = first; item < end; item += itemWords) storeWord(domain, words, item, 0);
  if (itemWords === 2) {
    for (let item = first; item < end; item += 2) storeWord(domain, words, item + 1, 0);
  }
}
