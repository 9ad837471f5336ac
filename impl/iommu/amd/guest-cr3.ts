/**
 * The table of guest CR3s of one device: for each PASID the root of an x86-64 page table ("v2").
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.2.6 (guest CR3 table).
 */
import { Status } from "../../errors.js";
import { NO_FRAME } from "../../memory/frame-books.js";
import { addressHigh, addressIn, addressLow, type UnitMemory } from "../unit-memory.js";

const VALID = 1 << 0;
const INDEX_BITS = 9;
const ENTRIES = 1 << INDEX_BITS;

export class GuestCr3Table {
  /** 1 to 3: for PASIDs of 9, 18 or 20 bits. */
  readonly levels: number;
  readonly #memory: UnitMemory;
  readonly #root: number;

  private constructor(memory: UnitMemory, levels: number, root: number) {
    this.#memory = memory;
    this.levels = levels;
    this.#root = root;
  }

  /** Undefined: the memory has no frame left. */
  static create(memory: UnitMemory, levels: number): GuestCr3Table | undefined {
    const root = memory.allocate();
    return root === NO_FRAME ? undefined : new GuestCr3Table(memory, levels, root);
  }

  /** Physical address of the root, for the device table entry. */
  get address(): number {
    return this.#memory.addressOf(this.#root);
  }

  /** PASIDs from 0 on that have a place. */
  get pasids(): number {
    return Math.min(2 ** (INDEX_BITS * this.levels), 2 ** 20);
  }

  /** Sets the page-table root of a PASID, a multiple of 4 KiB. What was there is flushed by the caller. */
  set(pasid: number, cr3: number): Status {
    if (pasid >= this.pasids) return Status.INVALID_ARGUMENT;
    const word = this.#placeOf(pasid, true);
    if (word === NO_FRAME) return Status.OUT_OF_MEMORY;
    this.#memory.store64(word, addressLow(cr3) | VALID, addressHigh(cr3));
    return Status.OK;
  }

  clear(pasid: number): void {
    const word = this.#placeOf(pasid, false);
    if (word !== NO_FRAME) this.#memory.store64(word, 0, 0);
  }

  /** The page-table root of a PASID, or undefined. */
  get(pasid: number): number | undefined {
    const word = this.#placeOf(pasid, false);
    if (word === NO_FRAME) return undefined;
    const { words } = this.#memory.memory;
    return (words[word] & VALID) === 0 ? undefined : addressIn(words[word], words[word + 1]);
  }

  /** PASIDs that have a page table, ascending. */
  *present(): Generator<number> {
    yield* this.#presentIn(this.#root, this.levels - 1, 0);
  }

  /** Gives back every frame; no device refers to the table any more. */
  destroy(): void {
    this.#free(this.#root, this.levels - 1);
  }

  /** The word of a PASID's entry, or `NO_FRAME` where no table is and none is (or can be) made. */
  #placeOf(pasid: number, make: boolean): number {
    let table = this.#root;
    for (let level = this.levels - 1; level > 0; level--) {
      const word = table + 2 * ((pasid >>> (INDEX_BITS * level)) & (ENTRIES - 1));
      table = this.#tableBelow(word);
      if (table === NO_FRAME && make) table = this.#link(word);
      if (table === NO_FRAME) return NO_FRAME;
    }
    return table + 2 * (pasid & (ENTRIES - 1));
  }

  #tableBelow(word: number): number {
    const { words } = this.#memory.memory;
    if ((words[word] & VALID) === 0) return NO_FRAME;
    return this.#memory.wordAt(addressIn(words[word], words[word + 1]));
  }

  #link(word: number): number {
    const table = this.#memory.allocate();
    if (table === NO_FRAME) return NO_FRAME;
    const address = this.#memory.addressOf(table);
    this.#memory.store64(word, addressLow(address) | VALID, addressHigh(address));
    return table;
  }

  *#presentIn(table: number, level: number, first: number): Generator<number> {
    const { words } = this.#memory.memory;
    for (let index = 0; index < ENTRIES; index++) {
      const word = table + 2 * index;
      if ((words[word] & VALID) === 0) continue;
      const pasid = first + index * 2 ** (INDEX_BITS * level);
      if (level === 0) yield pasid;
      else yield* this.#presentIn(this.#tableBelow(word), level - 1, pasid);
    }
  }

  #free(table: number, level: number): void {
    for (let index = 0; level > 0 && index < ENTRIES; index++) {
      const below = this.#tableBelow(table + 2 * index);
      if (below !== NO_FRAME) this.#free(below, level - 1);
    }
    this.#memory.free(table);
  }
}
