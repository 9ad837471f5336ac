/**
 * The device table entry: 256 bits. Source: AMD 48882 §2.2.2.1 (table 7, "Device Table Entry Fields") and §2.2.2.3
 * (guest CR3 table root).
 */
import { addressOf } from "../physical-memory.js";

export const ENTRY_WORDS = 8;

export interface DeviceEntry {
  readonly words: Int32Array;
  readonly valid: boolean;
  readonly translationValid: boolean;
  /** 0: no translation; 1 … 6: levels of the host's tables. */
  readonly mode: number;
  readonly root: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly domain: number;
  readonly hostAccessed: boolean;
  readonly hostDirty: boolean;
  /** The device may send translation requests and translated requests. */
  readonly ats: boolean;
  /** Page faults are logged once, or not at all. */
  readonly suppressesRepeats: boolean;
  readonly suppressesAll: boolean;
  /** The exclusion range counts for this device. */
  readonly excludes: boolean;
  readonly guest: GuestFields | undefined;
}

export interface GuestFields {
  /** System physical address of the guest CR3 table. */
  readonly table: number;
  /** Levels of it, 1 … 3. */
  readonly tableLevels: number;
  /** Levels of the guest's page tables. */
  readonly pageLevels: number;
  /** Requests without a PASID take entry 0. */
  readonly translatesWithoutPasid: boolean;
}

export function decodeEntry(words: Int32Array): DeviceEntry {
  const [q0Low, q0High, q1Low, q1High] = words;
  const had = (q0Low >>> 7) & 3;
  return {
    words,
    valid: (q0Low & 1) !== 0,
    translationValid: (q0Low & 2) !== 0,
    mode: (q0Low >>> 9) & 7,
    root: addressOf(q0Low & ~0xfff, q0High & 0x000f_ffff),
    read: ((q0High >>> 29) & 1) !== 0,
    write: ((q0High >>> 30) & 1) !== 0,
    domain: q1Low & 0xffff,
    hostAccessed: (had & 1) !== 0,
    hostDirty: had === 3,
    ats: (q1High & 1) !== 0,
    suppressesRepeats: (q1High & 2) !== 0,
    suppressesAll: (q1High & 4) !== 0,
    excludes: (q1High & (1 << 7)) !== 0,
    guest: ((q0High >>> 23) & 1) !== 0 ? guestFields(words) : undefined,
  };
}

/** The root's address is in three pieces: bits 14:12, 30:15 and 51:31. */
function guestFields([, q0High, q1Low, q1High, , q2High]: Int32Array): GuestFields {
  const from12 = (q0High >>> 26) & 7;
  const from15 = q1Low >>> 16;
  const from31 = q1High >>> 11;
  return {
    table: from12 * 2 ** 12 + from15 * 2 ** 15 + from31 * 2 ** 31,
    tableLevels: ((q0High >>> 24) & 3) + 1,
    pageLevels: ((q2High >>> 22) & 3) + 4,
    translatesWithoutPasid: ((q0High >>> 22) & 1) !== 0,
  };
}

/** What this unit can do, as far as entries depend on it. */
export interface EntryLimits {
  /** Levels that the host's tables may have, 4 … 6. */
  readonly hostLevels: number;
  readonly guestTranslation: boolean;
  readonly guestTableLevels: number;
  readonly guestPageLevels: number;
}

/**
 * Why a valid entry is illegal (event ILLEGAL_DEV_TABLE_ENTRY), or undefined. Reserved: q0 6:2 and 63, q1 42, mode 7,
 * HAD 2, GLX 3. Nothing but V is looked at unless V = 1; translation fields count when TV = 1.
 */
export function entryFault(entry: DeviceEntry, limits: EntryLimits): string | undefined {
  const [q0Low, q0High, , q1High] = entry.words;
  if ((q0Low & 0x7c) !== 0 || q0High < 0 || (q1High & (1 << 10)) !== 0) return "a reserved bit is set";
  if (!entry.translationValid) return undefined;
  if (entry.mode === 7) return "the mode is reserved";
  if (entry.mode > limits.hostLevels) return "the mode has more levels than the unit";
  if (((q0Low >>> 7) & 3) === 2) return "the accessed and dirty setting is reserved";
  const { guest } = entry;
  if (guest === undefined) return undefined;
  if (!limits.guestTranslation) return "guest translation is not supported";
  if (guest.tableLevels > limits.guestTableLevels) return "the guest CR3 table has too many levels";
  return guest.pageLevels > limits.guestPageLevels ? "the guest's tables have too many levels" : undefined;
}
