/**
 * Table memory as hardware sees it. A walker that does not snoop sees what was written back; legacy PAE holds the
 * entries of the root that it loaded, until it is told; all others see what is stored.
 */
import type { TableMemory } from "../../impl/common.js";
import type { Configuration } from "../../models/index.js";
import type { PhysicalMemory } from "../../models/walkers/index.js";
import { WindowMemory } from "../lockstep/subject.js";
import { lowWord } from "../lockstep/words.js";

/** Four items of 64 bits. */
const LOADED_WORDS = 8;

export class HardwareView {
  readonly physical: PhysicalMemory;
  /** What hardware sees in place of the memory's own words. */
  readonly remembered: Int32Array;
  readonly #memory: TableMemory;
  readonly #holdsRoot: boolean;
  #root = 0;

  constructor({ incoherent, format }: Configuration, memory: TableMemory) {
    this.#memory = memory;
    this.#holdsRoot = format === "x86-pae32";
    const words = incoherent ? memory.words.length : this.#holdsRoot ? LOADED_WORDS : 0;
    this.remembered = new Int32Array(words);
    if (this.#holdsRoot) this.physical = this.#withLoadedRoot();
    else this.physical = new WindowMemory(incoherent ? this.remembered : memory.words, memory.base);
  }

  /** Bytes were written back. */
  cleaned(word: number, lengthBytes: number): void {
    this.remembered.set(this.#memory.words.subarray(word, word + lengthBytes / 4), word);
  }

  /** Hardware was told of a range; whatever it is, a root that is held is loaded again. */
  told(root: number): void {
    if (!this.#holdsRoot) return;
    this.#root = root;
    this.remembered.set(this.#memory.words.subarray(root, root + LOADED_WORDS));
  }

  #withLoadedRoot(): PhysicalMemory {
    const window = new WindowMemory(this.#memory.words, this.#memory.base);
    const baseLow = lowWord(this.#memory.base);
    return {
      contains: (low, high) => window.contains(low, high),
      readWord: (low) => {
        const inRoot = (((low - baseLow) >>> 0) >>> 2) - this.#root;
        return inRoot >= 0 && inRoot < LOADED_WORDS ? this.remembered[inRoot] : window.readWord(low);
      },
      writeWord: (low, high, value) => window.writeWord(low, high, value),
    };
  }
}
