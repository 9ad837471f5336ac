/**
 * Device table entries and guest CR3 entries, from memory or as remembered. Source: AMD 48882 §2.2.2 (device table),
 * §2.2.6.3 (guest CR3 table), §2.4.2 (INVALIDATE_DEVTAB_ENTRY).
 */
import { frameIn, type PhysicalMemory, wordsAt } from "../physical-memory.js";
import type { RegisterFile } from "../register-file.js";
import { type DeviceEntry, decodeEntry, ENTRY_WORDS, type GuestFields } from "./device-entry.js";
import { Register } from "./registers.js";

const GUEST_INDEX_BITS = 9;

/** A guest's root, as an entry of the guest CR3 table has it. */
export interface GuestRoot {
  readonly kind: "root";
  /** Guest-physical where the host translates too. */
  readonly root: number;
}

export type GuestLookup = GuestRoot | { readonly kind: "not-valid" } | { readonly kind: "not-backed" };

export interface KeptGuest extends GuestRoot {
  readonly device: number;
  readonly domain: number;
  readonly pasid: number;
}

export class DeviceCaches {
  readonly #registers: RegisterFile;
  readonly #memory: PhysicalMemory;
  readonly #keeps: boolean;
  readonly entries = new Map<number, DeviceEntry>();
  readonly guests = new Map<number, KeptGuest>();
  /** Every device that ever asked. */
  readonly seen = new Set<number>();

  constructor(registers: RegisterFile, memory: PhysicalMemory, keeps: boolean) {
    this.#registers = registers;
    this.#memory = memory;
    this.#keeps = keeps;
  }

  /** The entry in memory now; undefined where it is not backed, "beyond" where the table has none. */
  readEntry(device: number): DeviceEntry | "beyond" | undefined {
    const low = this.#registers.get32(Register.deviceTableBase);
    const high = this.#registers.get32(Register.deviceTableBase + 4);
    const bytes = ((low & 0x1ff) + 1) * 4096;
    const offset = device * ENTRY_WORDS * 4;
    if (offset >= bytes) return "beyond";
    const words = wordsAt(this.#memory, frameIn(low, high) + offset, ENTRY_WORDS);
    return words === undefined ? undefined : decodeEntry(words);
  }

  /** The remembered entry, or the one in memory, which is then remembered: valid or not. */
  entry(device: number): DeviceEntry | "beyond" | undefined {
    this.seen.add(device);
    const kept = this.entries.get(device);
    if (kept !== undefined) return kept;
    const entry = this.readEntry(device);
    if (this.#keeps && typeof entry === "object") this.entries.set(device, entry);
    return entry;
  }

  readGuest({ table, tableLevels }: GuestFields, pasid: number): GuestLookup {
    let address = table;
    if (pasid >= 2 ** (GUEST_INDEX_BITS * tableLevels)) return { kind: "not-valid" };
    for (let level = tableLevels - 1; level >= 0; level--) {
      const index = (pasid >>> (GUEST_INDEX_BITS * level)) & 511;
      const words = wordsAt(this.#memory, address + 8 * index, 2);
      if (words === undefined) return { kind: "not-backed" };
      if ((words[0] & 1) === 0) return { kind: "not-valid" };
      address = frameIn(words[0], words[1]);
    }
    return { kind: "root", root: address };
  }

  guest(device: number, domain: number, fields: GuestFields, pasid: number): GuestLookup {
    const key = device * 2 ** 20 + pasid;
    const kept = this.guests.get(key);
    if (kept !== undefined && kept.domain === domain) return kept;
    const found = this.readGuest(fields, pasid);
    if (this.#keeps && found.kind === "root") this.guests.set(key, { ...found, device, domain, pasid });
    return found;
  }

  /** Forgets what the device's entry said, and what was found through it. */
  forgetDevice(device: number): void {
    this.entries.delete(device);
    for (const [key, kept] of this.guests) if (kept.device === device) this.guests.delete(key);
  }

  forgetGuest(domain: number, pasid: number): void {
    for (const [key, kept] of this.guests)
      if (kept.domain === domain && kept.pasid === pasid) this.guests.delete(key);
  }

  forgetAll(): void {
    this.entries.clear();
    this.guests.clear();
  }
}
