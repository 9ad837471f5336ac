/** The plain variant: a store is a store. */
import type { Domain } from "../domain.js";

/** Whether arguments and invariants are asserted. */
export const observed: boolean = false;

export function storeWord(_domain: Domain, words: Int32Array, word: number, value: number): void {
  words[word] = value;
}

/** Publishes root and level, which are one cell (see `Domain.top`). */
export function publishTop(domain: Domain, top: number): void {
  domain.top = top;
}
