/** The plain variant: a store is a store. */
import type { Domain } from "../domain.js";

/** Called with every table that an operation enters. */
export function enterTable(_domain: Domain, _table: number): void {}

export function storeWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

/** Publishes root and level, which are one cell (see `Domain.top`). */
export function publishTop(domain: Domain, top: number): void {
  domain.top = top;
}

/** From so many words on, the array's own fill is faster than a loop. */
const FILL_FROM_WORDS = 32;

/** Present → empty for a run of items. Nobody looks in between, so their order is free. */
export function clearItems(_domain: Domain, words: Int32Array, first: number, end: number): void {
  if (end - first >= FILL_FROM_WORDS) words.fill(0, first, end);
  else for (let word = first | 0; word < end; word++) words[word] = 0;
}
