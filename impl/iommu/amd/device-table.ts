/**
 * The device table of an AMD IOMMU: what each requester's DMA and interrupts may do.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.2.2.1 (device table entry format) and
 * §2.2.2.2 (making device table entry changes).
 */
import { NO_FRAME } from "../../memory/frame-books.js";
import { UnitError } from "../unit-error.js";
import { addressHigh, addressIn, addressLow, type UnitMemory, type Words128 } from "../unit-memory.js";
import type { GuestCr3Table } from "./guest-cr3.js";

/** Words of an entry. */
const ENTRY_WORDS = 8;
const ENTRY_BYTES_LG2 = 5;

// Quadword 0.
const V = 1 << 0;
const TV = 1 << 1;
const MODE_SHIFT = 9;
const GIOV_HIGH = 1 << (54 - 32);
const GV_HIGH = 1 << (55 - 32);
const GLX_HIGH_SHIFT = 56 - 32;
const GCR3_14_HIGH_SHIFT = 58 - 32;
const IR_IW_HIGH = (1 << (61 - 32)) | (1 << (62 - 32));
// Quadword 1.
const IOTLB_HIGH = 1 << (32 - 32);
const GCR3_30_SHIFT = 16;
const GCR3_51_HIGH_SHIFT = 43 - 32;
// Quadword 2.
const IV = 1 << 0;
const GUEST_LEVELS_HIGH_SHIFT = 54 - 32;

/** Guest page tables (v2) of a device. */
export interface GuestTables {
  readonly cr3s: GuestCr3Table;
  /** Levels of each guest's page table, 4 or 5. */
  readonly guestLevels: number;
  /** Requests without a PASID are taken for those of PASID 0. */
  readonly withoutPasid: boolean;
}

/** What a device's DMA is translated by. */
export interface Translation {
  /** Physical address of the host page table's root; with `levels` 0 there is none. */
  readonly root: number;
  /** 1 to 6; 0: no host translation, for guest tables alone. */
  readonly levels: number;
  readonly domainId: number;
  /** The device may ask for translations and cache them. */
  readonly ats?: boolean;
  readonly guest?: GuestTables;
}

/** Entries as they stand in memory: the quadwords 0 and 1, and the high word of quadword 2. */
export interface DeviceEntry {
  readonly low: Words128;
  readonly guestLevelsHigh: number;
}

/** The entry of a device whose DMA is translated. */
export function translatingEntry({ root, levels, domainId, ats, guest }: Translation): DeviceEntry {
  const cr3 = guest?.cr3s.address ?? 0;
  const cr3Page = cr3 / 2 ** 12;
  let high0 = addressHigh(root) | IR_IW_HIGH;
  let low1 = domainId;
  let high1 = ats === true ? IOTLB_HIGH : 0;
  if (guest !== undefined) {
    high0 |= GV_HIGH | ((guest.cr3s.levels - 1) << GLX_HIGH_SHIFT) | ((cr3Page & 7) << GCR3_14_HIGH_SHIFT);
    if (guest.withoutPasid) high0 |= GIOV_HIGH;
    low1 |= (Math.floor(cr3 / 2 ** 15) & 0xffff) << GCR3_30_SHIFT;
    high1 |= Math.floor(cr3 / 2 ** 31) << GCR3_51_HIGH_SHIFT;
  }
  const low0 = addressLow(root) | (levels << MODE_SHIFT) | TV | V;
  const guestLevelsHigh = guest === undefined ? 0 : (guest.guestLevels - 4) << GUEST_LEVELS_HIGH_SHIFT;
  return { low: [low0, high0, low1, high1], guestLevelsHigh };
}

/** What an entry in memory says. */
export interface DecodedEntry {
  /** Addresses are translated, or refused where there is no table: the domain id counts. */
  readonly translates: boolean;
  /** Nothing stands between the device and all of memory. */
  readonly passesThrough: boolean;
  readonly root: number;
  readonly levels: number;
  readonly domainId: number;
  readonly ats: boolean;
}

export class DeviceTable {
  /** Requester ids from 0 on that have an entry. */
  readonly entries: number;
  readonly #memory: UnitMemory;
  readonly #frame: number;

  private constructor(memory: UnitMemory, frame: number, entries: number) {
    this.#memory = memory;
    this.#frame = frame;
    this.entries = entries;
  }

  /**
   * A table for the requester ids 0 to `lastRequester`, rounded up to a power of two of pages, in which every device
   * is blocked. Undefined: the memory has no frame left.
   */
  static create(memory: UnitMemory, lastRequester: number): DeviceTable | undefined {
    const entriesLg2 = Math.max(7, 32 - Math.clz32(lastRequester));
    const frame = memory.allocate(entriesLg2 + ENTRY_BYTES_LG2);
    if (frame === NO_FRAME) return undefined;
    const table = new DeviceTable(memory, frame, 2 ** entriesLg2);
    for (let requester = 0; requester < table.entries; requester++) table.block(requester);
    return table;
  }

  /** Gives back the memory of a table that no unit was told of. */
  destroy(): void {
    this.#memory.free(this.#frame);
  }

  /** What the device table base register says: the address, and the pages less one in bits 8:0. */
  get baseRegister(): bigint {
    const pages = (this.entries * 2 ** ENTRY_BYTES_LG2) / 4096;
    return BigInt(this.#memory.addressOf(this.#frame)) | BigInt(pages - 1);
  }

  read(requester: number): DecodedEntry {
    const [low0, high0, low1, high1] = this.#memory.load128(this.#wordOf(requester));
    return {
      translates: (low0 & V) !== 0 && (low0 & TV) !== 0,
      passesThrough: (low0 & V) === 0,
      root: addressIn(low0, high0),
      levels: (low0 >>> MODE_SHIFT) & 7,
      domainId: low1 & 0xffff,
      ats: (high1 & IOTLB_HIGH) !== 0,
    };
  }

  /**
   * Makes an entry translate. One that translates already changes in one step of 128 bits, so that no DMA meets half
   * of each; where the platform has no such step, or the levels of guest tables change with it, the device is
   * blocked in between. It is never let through.
   */
  install(requester: number, entry: DeviceEntry): void {
    const word = this.#wordOf(requester);
    const { words } = this.#memory.memory;
    const isSameBeside = words[word + 5] === entry.guestLevelsHigh && words[word + 4] === 0;
    if (this.read(requester).translates && isSameBeside && this.#memory.exchanges) {
      this.#exchange(word, entry.low, requester);
      return;
    }
    const [low0, high0, low1, high1] = entry.low;
    this.#memory.store64(word, V, 0);
    this.#memory.store64(word + 2, low1, high1);
    // Interrupts pass: their remapping is not this driver's.
    this.#memory.store64(word + 4, 0, entry.guestLevelsHigh);
    this.#memory.store64(word + 6, 0, 0);
    this.#memory.store64(word, low0, high0);
  }

  /** No translation and no check: the hardware domain's device in passthrough. */
  passThrough(requester: number): void {
    const word = this.#wordOf(requester);
    if (this.read(requester).translates && this.#memory.exchanges) {
      this.#exchange(word, [0, 0, 0, 0], requester);
      this.#memory.store64(word + 4, 0, 0);
      return;
    }
    this.#memory.store64(word, V, 0);
    this.#memory.store64(word + 2, 0, 0);
    this.#memory.store64(word + 4, 0, 0);
    this.#memory.store64(word + 6, 0, 0);
    this.#memory.store64(word, 0, 0);
  }

  /** No DMA and no interrupt passes: interrupts first, then translation, the device's own TLB and the rest. */
  block(requester: number): void {
    const word = this.#wordOf(requester);
    this.#memory.store64(word + 4, IV, 0);
    this.#memory.store64(word, V, 0);
    this.#memory.store64(word + 2, 0, 0);
    this.#memory.store64(word + 6, 0, 0);
  }

  #exchange(word: number, wanted: Words128, requester: number): void {
    if (this.#memory.exchange128(word, this.#memory.load128(word), wanted)) return;
    throw new UnitError("CHANGED", `the device table entry of requester 0x${requester.toString(16)}`);
  }

  #wordOf(requester: number): number {
    if (requester >= 0 && requester < this.entries) return this.#frame + requester * ENTRY_WORDS;
    throw new UnitError("UNSUPPORTED", `requester 0x${requester.toString(16)} has no device table entry`);
  }
}
