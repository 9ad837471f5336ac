/**
 * A state as a short string: equal for two states exactly when implementation and reference answer every sequence
 * of operations alike.
 */
import { createHash } from "node:crypto";
import type { Configuration } from "../../models/configuration.js";
import { rootBitsLg2, shapeOf } from "../../models/index.js";
import { Pointer, type Walker } from "../../models/walkers/index.js";
import type { Reference } from "../../reference/index.js";
import type { Subject } from "../lockstep/subject.js";
import { lowWord } from "../lockstep/words.js";

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
  /** A wide root has another number of them; there is one level on which it stands. */
  readonly #rootWords: number;
  #state: number[] = [];

  constructor(configuration: Configuration, walker: Walker) {
    const { itemBytesLg2, tableBitsLg2, wideRoot } = shapeOf(configuration);
    this.#walker = walker;
    this.#itemWords = 1 << (itemBytesLg2 - 2);
    this.#tableWords = this.#itemWords << tableBitsLg2;
    const rootBits = rootBitsLg2(configuration, configuration.topLevel);
    this.#rootWords = wideRoot ? this.#itemWords << rootBits : this.#tableWords;
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
    const end = table + (depth === 0 ? this.#rootWords : this.#tableWords);
    for (let item = table; item < end; item += this.#itemWords) {
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
    return word + this.#tableWords <= words.length ? word : -1;
  }
}
