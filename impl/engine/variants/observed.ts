/** The observed variant: every store is one event, so that caches and walkers can be checked between any two. */
import type { Domain } from "../domain.js";

export const observed: boolean = true;

export function storeWord(domain: Domain, words: Int32Array, word: number, value: number): void {
  const oldValue = words[word];
  words[word] = value;
  domain.memory.observer?.stored(word, oldValue, value);
}

export function publishTop(domain: Domain, top: number): void {
  const oldTop = domain.top;
  domain.top = top;
  domain.memory.observer?.published(oldTop, top);
}

/** Present → empty for a run of items: in each, the low word, which has the valid bit, goes first. */
export function clearItems(domain: Domain, words: Int32Array, first: number, end: number): void {
  for (let word = first; word < end; word++) storeWord(domain, words, word, 0);
}
