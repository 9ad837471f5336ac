/**
 * A state as a short string: equal for two states exactly when implementation and reference answer every sequence
 * of operations alike.
 */
import { createHash } from "node:crypto";
import type { Configuration } from "../../models/configuration.js";
import { Pointer, type Walker } from "../../models/walkers/index.js";
import type { Reference } from "../../reference/index.js";
import type { Subject } from "../lockstep/subject.js";
import { lowWord } from "../lockstep/words.js";

const FRAME_WORDS = 1024;
/** Stands where a table follows, in place of the words of the item. No item has these. */
const TABLE_FOLLOWS = 0x7ab1e;
/** A tree deeper than any that is legal, so that a pointer to its own table ends. */
const DEPTH_AT_MOST = 8;

/**
 * Writes states down. Which frame holds a table is left out, for nothing depends on it: tables come in the order in
 * which hardware meets them, and a pointer says "a table follows".
 */
export class StateKeys {
  readonly #walker: Walker;
  readonly #itemWords: number;
  readonly #tableWords: number;
  #state: number[] = [];

  constructor({ format, tiny }: Configuration, walker: Walker) {
    this.#walker = walker;
    this.#itemWords = format === "riscv32" ? 1 : 2;
    this.#tableWords = this.#itemWords << (tiny?.tableBitsLg2 ?? 9);
  }

  /** The key of the state that both are in. */
  keyOf(subject: Subject, reference: Reference): string {
    const { root, topLevel } = subject.hardwareRoot();
    const pending = subject.pendingInvalidation;
    this.#state = [topLevel, subject.liveFrames, subject.quarantinedFrames];
    this.#write(subject, Number(root - subject.base) >> 2, topLevel, 0);
    const text = `${this.#state.join()}|${pending?.join()}|${reference.key()}`;
    return createHash("md5").update(text).digest("base64");
  }

  #write(subject: Subject, table: number, level: number, depth: number): void {
    const { words } = subject;
    for (let item = table; item < table + this.#tableWords; item += this.#itemWords) {
      const low = words[item];
      const high = this.#itemWords === 2 ? words[item + 1] : 0;
      const child = this.#tableOf(subject, level, low, high);
      if (child < 0 || depth === DEPTH_AT_MOST) {
        this.#state.push(low, high);
      } else {
        const { level: nextLevel } = this.#walker;
        this.#state.push(TABLE_FOLLOWS);
        this.#write(subject, child, nextLevel, depth + 1);
      }
    }
  }

  /** The first word of the table that an item points to; −1 for every other item. */
  #tableOf({ words, base }: Subject, level: number, low: number, high: number): number {
    if (low === 0 || this.#walker.inspect(level, low, high) !== Pointer) return -1;
    const word = (this.#walker.oaLow - lowWord(base)) >>> 2;
    return word % FRAME_WORDS === 0 && word < words.length ? word : -1;
  }
}
