/**
 * Scalable mode: the context entry of a device names a directory of PASID tables, and each PASID's entry says which
 * tables translate for it.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §9.2 (scalable-mode root
 * entry), §9.4 (scalable-mode context entry), §9.5 and §9.6 (PASID directory entry, PASID table entry).
 */
import { Status } from "../../errors.js";
import { NO_FRAME } from "../../memory/frame-books.js";
import { addressHigh, addressIn, addressLow, type UnitMemory, type Words128 } from "../unit-memory.js";

const P = 1 << 0;
// Of context entries.
const DEVICE_TLB = 1 << 2;
const PASIDS = 1 << 3;
const DIRECTORY_SIZE_SHIFT = 9;
/** The smallest directory has 2^7 entries, the largest 2^14. */
export const DIRECTORY_LG2_MIN = 7;
export const DIRECTORY_LG2_MAX = 14;
/** Of a PASID, what indexes a PASID table; the rest indexes the directory. */
const PASID_TABLE_BITS = 6;
const PASID_ENTRY_WORDS = 16;
const PASIDS_PER_TABLE = 1 << PASID_TABLE_BITS;
// Of PASID entries, quadword 0.
const WIDTH_SHIFT = 2;
const TYPE_SHIFT = 6;
const Type = { firstStage: 1, secondStage: 2, passThrough: 4 } as const;
// Quadword 2.
const SUPERVISOR = 1 << 0;
const FIRST_STAGE_LEVELS_SHIFT = 2;

/** The PASID that stands for requests without one. */
export const RID_PASID = 0;

/** What translates a PASID's requests. */
export type PasidTranslation =
  /** Second-stage tables; the levels are those of the unit. */
  | { readonly stage: "second"; readonly root: number; readonly levels: number; readonly domainId: number }
  /** x86-64 tables of 4 or 5 levels. */
  | { readonly stage: "first"; readonly root: number; readonly levels: number; readonly domainId: number }
  | { readonly stage: "none"; readonly domainId: number; readonly levels: number };

/** The words of quadwords 0 to 2 of an entry; the others are 0. */
export function pasidEntry(translation: PasidTranslation): readonly number[] {
  const { domainId, levels } = translation;
  switch (translation.stage) {
    case "second": {
      const low = addressLow(translation.root) | (Type.secondStage << TYPE_SHIFT) | P;
      return [low | ((levels - 2) << WIDTH_SHIFT), addressHigh(translation.root), domainId, 0, 0, 0];
    }
    case "first": {
      const low = (Type.firstStage << TYPE_SHIFT) | P;
      const root = addressLow(translation.root) | ((levels - 4) << FIRST_STAGE_LEVELS_SHIFT) | SUPERVISOR;
      return [low, 0, domainId, 0, root, addressHigh(translation.root)];
    }
    case "none":
      return [(Type.passThrough << TYPE_SHIFT) | ((levels - 2) << WIDTH_SHIFT) | P, 0, domainId, 0, 0, 0];
  }
}

/** A PASID entry as it stands in memory. */
export interface DecodedPasid {
  readonly isPresent: boolean;
  readonly isSecondStage: boolean;
  readonly root: number;
  readonly levels: number;
  readonly domainId: number;
  /** Quadword 0. */
  readonly low: number;
  readonly high: number;
}

/** The PASIDs of one device. */
export class PasidTables {
  readonly directoryLg2: number;
  readonly #memory: UnitMemory;
  readonly #directory: number;

  private constructor(memory: UnitMemory, directoryLg2: number, directory: number) {
    this.#memory = memory;
    this.directoryLg2 = directoryLg2;
    this.#directory = directory;
  }

  /** Undefined: the memory has no frame left. */
  static create(memory: UnitMemory, directoryLg2: number): PasidTables | undefined {
    const directory = memory.allocate(Math.max(12, directoryLg2 + 3));
    return directory === NO_FRAME ? undefined : new PasidTables(memory, directoryLg2, directory);
  }

  /** Physical address of the directory. */
  get address(): number {
    return this.#memory.addressOf(this.#directory);
  }

  /** PASIDs from 0 on that have a place. */
  get pasids(): number {
    return Math.min(2 ** (this.directoryLg2 + PASID_TABLE_BITS), 2 ** 20);
  }

  /** PASIDs that have an entry, ascending. */
  *present(): Generator<number> {
    for (let index = 0; index < 1 << this.directoryLg2; index++) {
      if (this.#tableOf(index) === NO_FRAME) continue;
      for (let below = 0; below < PASIDS_PER_TABLE; below++) {
        const pasid = index * PASIDS_PER_TABLE + below;
        if (this.read(pasid).isPresent) yield pasid;
      }
    }
  }

  read(pasid: number): DecodedPasid {
    const word = this.#placeOf(pasid);
    const [low, high, low1] = word === NO_FRAME ? [0, 0, 0] : this.#memory.load128(word);
    return {
      isPresent: (low & P) !== 0,
      isSecondStage: ((low >>> TYPE_SHIFT) & 7) === Type.secondStage,
      root: addressIn(low, high),
      levels: ((low >>> WIDTH_SHIFT) & 7) + 2,
      domainId: low1 & 0xffff,
      low,
      high,
    };
  }

  /** Sets an entry that is not present; the quadword with the present bit comes last. */
  set(pasid: number, translation: PasidTranslation): Status {
    if (pasid >= this.pasids) return Status.INVALID_ARGUMENT;
    if (this.#placeOf(pasid) === NO_FRAME && !this.#link(pasid >>> PASID_TABLE_BITS)) {
      return Status.OUT_OF_MEMORY;
    }
    const word = this.#placeOf(pasid);
    const words = pasidEntry(translation);
    for (const quadword of [2, 1, 0]) {
      this.#memory.store64(word + 2 * quadword, words[2 * quadword], words[2 * quadword + 1]);
    }
    return Status.OK;
  }

  /** Takes the present bit away, and nothing else: the unit may still read the rest. */
  clear(pasid: number): void {
    const word = this.#placeOf(pasid);
    if (word !== NO_FRAME) this.#memory.store64(word, 0, 0);
  }

  /** Gives back every frame; no device refers to the tables any more. */
  destroy(): void {
    for (let index = 0; index < 1 << this.directoryLg2; index++) {
      const table = this.#tableOf(index);
      if (table !== NO_FRAME) this.#memory.free(table);
    }
    this.#memory.free(this.#directory);
  }

  #link(index: number): boolean {
    const table = this.#memory.allocate();
    if (table === NO_FRAME) return false;
    const address = this.#memory.addressOf(table);
    this.#memory.store64(this.#directory + 2 * index, addressLow(address) | P, addressHigh(address));
    return true;
  }

  #tableOf(index: number): number {
    const { words } = this.#memory.memory;
    const [low, high] = [words[this.#directory + 2 * index], words[this.#directory + 2 * index + 1]];
    return (low & P) === 0 ? NO_FRAME : this.#memory.wordAt(addressIn(low, high));
  }

  #placeOf(pasid: number): number {
    const table = this.#tableOf(pasid >>> PASID_TABLE_BITS);
    return table === NO_FRAME ? NO_FRAME : table + (pasid % PASIDS_PER_TABLE) * PASID_ENTRY_WORDS;
  }
}

/** Quadword 0 of a scalable-mode context entry; quadword 1 holds `RID_PASID`. */
export function scalableContext(tables: PasidTables, ats: boolean): readonly [low: number, high: number] {
  const size = (tables.directoryLg2 - DIRECTORY_LG2_MIN) << DIRECTORY_SIZE_SHIFT;
  const low = addressLow(tables.address) | size | PASIDS | (ats ? DEVICE_TLB : 0) | P;
  return [low, addressHigh(tables.address)];
}

const CONTEXT_WORDS = 8;
const ROOT_WORDS = 4;
/** Devices 0 to 127 of a bus have the one context table, the others another. */
const DEVICES_PER_TABLE = 128;

/** Root and context tables of scalable mode. */
export class ScalableRootTable {
  readonly #memory: UnitMemory;
  readonly #root: number;

  private constructor(memory: UnitMemory, root: number) {
    this.#memory = memory;
    this.#root = root;
  }

  /** A table without any device. Undefined: the memory has no frame left. */
  static create(memory: UnitMemory): ScalableRootTable | undefined {
    const root = memory.allocate();
    return root === NO_FRAME ? undefined : new ScalableRootTable(memory, root);
  }

  /** What the root table address register says: bit 10 asks for scalable mode. */
  get register(): bigint {
    return BigInt(this.#memory.addressOf(this.#root)) | (1n << 10n);
  }

  rootEntry(bus: number): Words128 {
    return this.#memory.load128(this.#root + bus * ROOT_WORDS);
  }

  /** Quadwords 0 and 1 of a requester's context entry as they are; undefined where it has no table. */
  read(requester: number): Words128 | undefined {
    const word = this.#placeOf(requester);
    return word === NO_FRAME ? undefined : this.#memory.load128(word);
  }

  /** Makes sure that the requester has an entry. */
  reserve(requester: number): Status {
    if (this.#placeOf(requester) !== NO_FRAME) return Status.OK;
    const table = this.#memory.allocate();
    if (table === NO_FRAME) return Status.OUT_OF_MEMORY;
    const address = this.#memory.addressOf(table);
    this.#memory.store64(this.#rootPlaceOf(requester), addressLow(address) | P, addressHigh(address));
    return Status.OK;
  }

  /** Live or not, the entry changes with one 64-bit store: quadword 1 is the same for every device. */
  install(requester: number, tables: PasidTables, ats: boolean): void {
    const word = this.#placeOf(requester);
    const [low, high] = scalableContext(tables, ats);
    this.#memory.store64(word + 2, RID_PASID, 0);
    this.#memory.store64(word, low, high);
  }

  clear(requester: number): void {
    const word = this.#placeOf(requester);
    if (word !== NO_FRAME) this.#memory.store64(word, 0, 0);
  }

  #rootPlaceOf(requester: number): number {
    const isUpper = (requester & 0xff) >= DEVICES_PER_TABLE;
    return this.#root + (requester >>> 8) * ROOT_WORDS + (isUpper ? 2 : 0);
  }

  #placeOf(requester: number): number {
    const { words } = this.#memory.memory;
    const place = this.#rootPlaceOf(requester);
    if ((words[place] & P) === 0) return NO_FRAME;
    const table = this.#memory.wordAt(addressIn(words[place], words[place + 1]));
    return table + (requester % DEVICES_PER_TABLE) * CONTEXT_WORDS;
  }
}
