/**
 * Root and context tables of a VT-d unit in legacy mode: which tables translate for which device.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §9.1 (root entry), §9.3
 * (context entry).
 */
import { Status } from "../../errors.js";
import { NO_FRAME } from "../../memory/frame-books.js";
import { UnitError } from "../unit-error.js";
import { addressHigh, addressIn, addressLow, type UnitMemory, type Words128 } from "../unit-memory.js";

const P = 1 << 0;
const TYPE_SHIFT = 2;
const DOMAIN_SHIFT = 8;
const ENTRY_WORDS = 4;

/** What the unit does with the device's requests, bits 3:2 of a context entry. */
const TRANSLATE = 0;
const TRANSLATE_WITH_DEVICE_TLB = 1;
const PASS_THROUGH = 2;

/** What a device's DMA is translated by. */
export interface IntelTranslation {
  /** Physical address of the second-stage root. */
  readonly root: number;
  /** Levels of these tables: those of the unit. */
  readonly levels: number;
  readonly domainId: number;
  /** The device may ask for translations and cache them. */
  readonly ats?: boolean;
}

export function translatingContext({ root, levels, domainId, ats }: IntelTranslation): Words128 {
  const type = ats === true ? TRANSLATE_WITH_DEVICE_TLB : TRANSLATE;
  const low = addressLow(root) | (type << TYPE_SHIFT) | P;
  return [low, addressHigh(root), (levels - 2) | (domainId << DOMAIN_SHIFT), 0];
}

/** The address width is the most that the unit has, though there is no table. */
export function passThroughContext(domainId: number, levels: number): Words128 {
  return [(PASS_THROUGH << TYPE_SHIFT) | P, 0, (levels - 2) | (domainId << DOMAIN_SHIFT), 0];
}

export interface DecodedContext {
  readonly isPresent: boolean;
  readonly passesThrough: boolean;
  readonly ats: boolean;
  readonly root: number;
  readonly levels: number;
  readonly domainId: number;
}

export function decodeContext([low0, high0, low1]: Words128): DecodedContext {
  const type = (low0 >>> TYPE_SHIFT) & 3;
  return {
    isPresent: (low0 & P) !== 0,
    passesThrough: type === PASS_THROUGH,
    ats: type === TRANSLATE_WITH_DEVICE_TLB,
    root: addressIn(low0, high0),
    levels: (low1 & 7) + 2,
    domainId: (low1 >>> DOMAIN_SHIFT) & 0xffff,
  };
}

export class RootTable {
  readonly #memory: UnitMemory;
  readonly #root: number;

  private constructor(memory: UnitMemory, root: number) {
    this.#memory = memory;
    this.#root = root;
  }

  /** A table without any device. Undefined: the memory has no frame left. */
  static create(memory: UnitMemory): RootTable | undefined {
    const root = memory.allocate();
    return root === NO_FRAME ? undefined : new RootTable(memory, root);
  }

  /** What the root table address register says. */
  get register(): bigint {
    return BigInt(this.#memory.addressOf(this.#root));
  }

  /** The root entry of a bus as it is. */
  rootEntry(bus: number): Words128 {
    return this.#memory.load128(this.#root + bus * ENTRY_WORDS);
  }

  /** The context entry of a requester as it is; undefined where its bus has no table. */
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
    const word = this.#root + (requester >>> 8) * ENTRY_WORDS;
    this.#memory.store64(word, addressLow(address) | P, addressHigh(address));
    return Status.OK;
  }

  /**
   * Puts an entry in the place that was reserved. A live one changes in one step of 128 bits, so that re-assignment
   * never passes through "not present"; where the platform has no such step it does, and `whileAbsent` has to make
   * the hardware forget the old half.
   */
  install(requester: number, entry: Words128, whileAbsent: () => void): void {
    const word = this.#placeOf(requester);
    if (word === NO_FRAME) throw new UnitError("UNSUPPORTED", "a context entry that was not reserved");
    const old = this.#memory.load128(word);
    const isLive = (old[0] & P) !== 0;
    if (isLive && this.#memory.exchanges) {
      if (this.#memory.exchange128(word, old, entry)) return;
      throw new UnitError("CHANGED", `the context entry of requester 0x${requester.toString(16)}`);
    }
    if (isLive) {
      this.#memory.store64(word, 0, 0);
      whileAbsent();
    }
    this.#memory.store64(word + 2, entry[2], entry[3]);
    this.#memory.store64(word, entry[0], entry[1]);
  }

  /** The half with the present bit goes first. */
  clear(requester: number): void {
    const word = this.#placeOf(requester);
    if (word === NO_FRAME) return;
    this.#memory.store64(word, 0, 0);
    this.#memory.store64(word + 2, 0, 0);
  }

  #placeOf(requester: number): number {
    const [low, high] = this.rootEntry(requester >>> 8);
    if ((low & P) === 0) return NO_FRAME;
    return this.#memory.wordAt(addressIn(low, high)) + (requester & 0xff) * ENTRY_WORDS;
  }
}
