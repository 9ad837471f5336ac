/**
 * The page tables of a device that nobody owns: its unity ranges 1:1, and behind every other address either nothing
 * or one page of its own that holds whatever is written there.
 *
 * The tables belong to one device, have exactly the levels that the device's entry says, and carry no markers.
 */
import { Status } from "../errors.js";
import { NO_FRAME } from "../memory/frame-books.js";
import { addressOfItem, type EntryCodec, ITEMS_PER_TABLE, indexAt } from "./entry-codec.js";
import type { UnitMemory } from "./unit-memory.js";
import { Access } from "./vendor.js";

/** Addresses that a device reaches 1:1 whoever owns it: firmware asks for them. Inclusive. */
export interface UnityRange {
  readonly firstDfn: number;
  readonly lastDfn: number;
  /** Bits of `Access`. */
  readonly access: number;
}

export interface QuarantineOptions {
  readonly memory: UnitMemory;
  readonly codec: EntryCodec;
  /** Levels of the tables: those of the device's entry. */
  readonly levels: number;
  readonly unity: readonly UnityRange[];
  /** Addresses outside of the unity ranges reach a scratch page; else they fault. */
  readonly scratchPage: boolean;
}

export class QuarantineTable {
  readonly levels: number;
  readonly #memory: UnitMemory;
  readonly #codec: EntryCodec;
  readonly #frames: number[] = [];
  #root: number = NO_FRAME;
  #scratch: number = NO_FRAME;

  private constructor({ memory, codec, levels }: QuarantineOptions) {
    this.#memory = memory;
    this.#codec = codec;
    this.levels = levels;
  }

  /** The tables, or undefined where memory runs out or a range does not fit the levels; then nothing is kept. */
  static create(options: QuarantineOptions): QuarantineTable | undefined {
    const tables = new QuarantineTable(options);
    if (tables.#build(options) === Status.OK) return tables;
    tables.destroy();
    return undefined;
  }

  /** Physical address of the root. */
  get root(): number {
    return this.#memory.addressOf(this.#root);
  }

  /** Forgets what a former owner's device wrote into the scratch page. */
  clearScratch(): void {
    if (this.#scratch === NO_FRAME) return;
    for (let word = 0; word < 1024; word++) this.#memory.store(this.#scratch + word, 0);
  }

  /** Gives back every frame; no device refers to the tables any more, and what was cached of them is flushed. */
  destroy(): void {
    for (const frame of this.#frames) this.#memory.free(frame);
    this.#frames.length = 0;
  }

  #build({ unity, scratchPage }: QuarantineOptions): Status {
    this.#root = this.#allocate();
    if (this.#root === NO_FRAME) return Status.OUT_OF_MEMORY;
    for (const range of unity) {
      const status = this.#mapUnity(range);
      if (status !== Status.OK) return status;
    }
    return scratchPage ? this.#fill() : Status.OK;
  }

  #mapUnity({ firstDfn, lastDfn, access }: UnityRange): Status {
    if (lastDfn >= 2 ** (9 * this.levels)) return Status.IOVA_OUT_OF_RANGE;
    for (let dfn = firstDfn; dfn <= lastDfn; dfn++) {
      const word = this.#leafPlace(dfn);
      if (word === NO_FRAME) return Status.OUT_OF_MEMORY;
      this.#set(word, this.#codec.page(dfn * 4096, access));
    }
    return Status.OK;
  }

  /** The word of a page's item in the table of level 0, made with the tables above it. */
  #leafPlace(dfn: number): number {
    let table = this.#root;
    for (let level = this.levels - 1; level > 0; level--) {
      const word = table + 2 * indexAt(dfn, level);
      table = this.#tableBelow(word);
      if (table !== NO_FRAME) continue;
      table = this.#allocate();
      if (table === NO_FRAME) return NO_FRAME;
      this.#set(word, this.#codec.table(this.#memory.addressOf(table), level));
    }
    return table + 2 * indexAt(dfn, 0);
  }

  #tableBelow(word: number): number {
    const [low, high] = this.#itemAt(word);
    return this.#codec.isPresent(low, high) ? this.#memory.wordAt(addressOfItem(low, high)) : NO_FRAME;
  }

  /** One table of fillers for each level below the root, the lowest full of the scratch page. */
  #fill(): Status {
    this.#scratch = this.#allocate();
    if (this.#scratch === NO_FRAME) return Status.OUT_OF_MEMORY;
    const fillers = [this.#codec.page(this.#memory.addressOf(this.#scratch), Access.read | Access.write)];
    for (let level = 1; level < this.levels; level++) {
      const table = this.#allocate();
      if (table === NO_FRAME) return Status.OUT_OF_MEMORY;
      for (let index = 0; index < ITEMS_PER_TABLE; index++) this.#set(table + 2 * index, fillers[level - 1]);
      fillers.push(this.#codec.table(this.#memory.addressOf(table), level));
    }
    this.#fillTable(this.#root, this.levels - 1, fillers);
    return Status.OK;
  }

  /** Fills what is absent, here and in the tables below that the unity ranges made. */
  #fillTable(table: number, level: number, fillers: readonly (readonly [number, number])[]): void {
    for (let index = 0; index < ITEMS_PER_TABLE; index++) {
      const word = table + 2 * index;
      const [low, high] = this.#itemAt(word);
      if (!this.#codec.isPresent(low, high)) this.#set(word, fillers[level]);
      else if (level > 0) this.#fillTable(this.#tableBelow(word), level - 1, fillers);
    }
  }

  #allocate(): number {
    const frame = this.#memory.allocate();
    if (frame !== NO_FRAME) this.#frames.push(frame);
    return frame;
  }

  #itemAt(word: number): readonly [number, number] {
    const { words } = this.#memory.memory;
    return [words[word], words[word + 1]];
  }

  #set(word: number, [low, high]: readonly [number, number]): void {
    this.#memory.store64(word, low, high);
  }
}
