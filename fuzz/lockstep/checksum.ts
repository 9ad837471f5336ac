/** A checksum over what was done and answered: two runs of one unit agree in it, or something is not determined. */
import type { Operation, Outcome, PhysicalRun } from "../../models/operations.js";
import { highWord, lowWord } from "./words.js";

export class Checksum {
  #state = 0x811c9dc5 | 0;

  /** The checksum so far, as an unsigned 32-bit number. */
  get value(): number {
    return this.#state >>> 0;
  }

  add(operation: Operation, outcome: Outcome | undefined): void {
    this.#addText(operation.op);
    if ("iova" in operation) this.#addBig(operation.iova);
    if ("length" in operation) this.#addBig(operation.length);
    if (operation.op === "map") {
      this.#addBig(operation.pa);
      this.#addWord(operation.prot);
    }
    if (operation.op === "mapRuns") {
      this.#addRuns(operation.runs);
      this.#addWord(operation.prot);
    }
    if (operation.op === "unmapRuns") this.#addWord(operation.capacity);
    if (operation.op === "resize") this.#addWord(operation.largestLg2);
    if (outcome === undefined) return;
    if ("code" in outcome) this.#addText(outcome.code);
    if ("refusal" in outcome && outcome.refusal !== undefined) this.#addText(outcome.refusal);
    if ("invalidated" in outcome) {
      for (const [first, last] of outcome.invalidated) {
        this.#addBig(first);
        this.#addBig(last);
      }
    }
    this.#addAnswer(outcome);
  }

  #addAnswer(outcome: Outcome): void {
    if ("mappedBytes" in outcome) this.#addBig(outcome.mappedBytes);
    if (outcome.op === "trim") this.#addWord(outcome.freedTables);
    if ("removedBytes" in outcome) this.#addBig(outcome.removedBytes);
    if (outcome.op === "unmapRuns") this.#addRuns(outcome.runs);
    if (outcome.op === "lookup") this.#addBig(outcome.pa ?? 1n);
    if ("permitted" in outcome) this.#addWord(outcome.permitted ? 2 : 3);
    if (outcome.op === "readAndClearDirty" || outcome.op === "readAndClearAccessed") {
      for (const { iova, length } of outcome.op === "readAndClearDirty" ? outcome.dirty : outcome.accessed) {
        this.#addBig(iova);
        this.#addBig(length);
      }
    }
    if (outcome.op === "entries") {
      for (const { iova, pa, sizeLg2 } of outcome.entries) {
        this.#addBig(iova);
        this.#addBig(pa);
        this.#addWord(sizeLg2);
      }
    }
  }

  #addRuns(runs: readonly PhysicalRun[]): void {
    for (const [pa, length] of runs) {
      this.#addBig(pa);
      this.#addBig(length);
    }
  }

  #addText(text: string): void {
    this.#addWord(text.length);
    this.#addWord(text.charCodeAt(0) | (text.charCodeAt(text.length - 1) << 16));
  }

  #addBig(value: bigint): void {
    this.#addWord(lowWord(value));
    this.#addWord(highWord(value));
  }

  /** One round of MurmurHash3's body. */
  #addWord(word: number): void {
    let k = Math.imul(word, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    const h = this.#state ^ Math.imul(k, 0x1b873593);
    this.#state = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
}
