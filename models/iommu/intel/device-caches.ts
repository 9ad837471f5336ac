/**
 * Context entries and PASID entries, from memory or as remembered. Source: VT-d §3.4 (how they are found), §6.2.1 and
 * §6.2.2 (context cache and PASID cache: their tags), §6.1 (caching mode: what is not present or in error is
 * remembered as well, with domain 0).
 */
import { type PhysicalMemory, wordsAt } from "../physical-memory.js";
import {
  type LegacyContext,
  legacyContext,
  legacyContextFault,
  type PasidEntry,
  pasidEntry,
  pasidEntryFault,
  type ScalableContext,
  scalableContext,
  scalableContextFault,
  tableEntry,
} from "./entries.js";
import { Legacy, type Reason, Scalable } from "./fault-reasons.js";
import type { Capabilities } from "./registers.js";

/** Where the root table is since the last "set root table pointer". */
export interface Root {
  readonly table: number;
  /** 0: legacy; 1: scalable; every other blocks. */
  readonly mode: number;
}

export interface Failure {
  readonly kind: "failure";
  readonly reason: Reason;
  /** The entry that it was found in says that faults are not recorded. */
  readonly silent: boolean;
}

export type Context = LegacyContext | ScalableContext | Failure;
/** `table`: the PASID table that holds the entry. */
export type Pasid = (PasidEntry & { readonly kind: "pasid"; readonly table: number }) | Failure;

export interface KeptContext {
  readonly device: number;
  /** The tag: 0 for what is not present, in error, or of scalable mode. */
  readonly domain: number;
  readonly context: Context;
  /** The table that the root entry led to, −1 for none. */
  readonly contextTable: number;
}

export interface KeptPasid {
  readonly device: number;
  readonly pasid: number;
  readonly domain: number;
  readonly entry: Pasid;
}

/** Extends a key of 2^16 devices by a PASID. */
const PASIDS = 2 ** 20;

export class DeviceCaches {
  root: Root = { table: 0, mode: 0 };
  readonly contexts = new Map<number, KeptContext>();
  readonly pasids = new Map<number, KeptPasid>();
  /** Every device that ever asked. */
  readonly seen = new Set<number>();
  readonly #memory: PhysicalMemory;
  readonly #capabilities: Capabilities;
  readonly #keeps: boolean;

  constructor(memory: PhysicalMemory, capabilities: Capabilities, keeps: boolean) {
    this.#memory = memory;
    this.#capabilities = capabilities;
    this.#keeps = keeps;
  }

  context(device: number): Context {
    this.seen.add(device);
    const kept = this.contexts.get(device);
    if (kept !== undefined) return kept.context;
    const found = this.readContext(device);
    const { context } = found;
    if (this.#keeps && (context.kind !== "failure" || this.#capabilities.cachingMode))
      this.contexts.set(device, found);
    return context;
  }

  /** What memory says now. */
  readContext(device: number): KeptContext {
    const { mode } = this.root;
    if (mode === 0) return this.#readLegacy(device);
    if (mode === 1 && this.#capabilities.scalable) return this.#readScalable(device);
    return failed(device, Scalable.mode);
  }

  #readLegacy(device: number): KeptContext {
    const words = wordsAt(this.#memory, this.root.table + (device >>> 8) * 16, 4);
    if (words === undefined) return failed(device, Legacy.rootAccess);
    const root = tableEntry(words[0], words[1], 0);
    if (!root.present) return failed(device, Legacy.rootNotPresent);
    if (root.reserved || (words[2] | words[3]) !== 0) return failed(device, Legacy.rootReserved);
    const entry = wordsAt(this.#memory, root.table + (device & 0xff) * 16, 4);
    if (entry === undefined) return failed(device, Legacy.contextAccess);
    const context = legacyContext(entry);
    const reason = legacyContextFault(context, this.#capabilities);
    if (reason !== undefined) return failed(device, reason, context.silent, root.table);
    return { device, domain: context.domain, context, contextTable: root.table };
  }

  /** The lower half of the root entry is for devices and functions 0 … 127, the upper for the rest. */
  #readScalable(device: number): KeptContext {
    const half = (device >>> 7) & 1;
    const words = wordsAt(this.#memory, this.root.table + (device >>> 8) * 16 + half * 8, 2);
    if (words === undefined) return failed(device, Scalable.rootAccess);
    const root = tableEntry(words[0], words[1], 0);
    if (!root.present) return failed(device, Scalable.rootNotPresent);
    if (root.reserved) return failed(device, Scalable.rootReserved);
    const entry = wordsAt(this.#memory, root.table + (device & 0x7f) * 32, 8);
    if (entry === undefined) return failed(device, Scalable.contextAccess);
    const context = scalableContext(entry);
    const reason = scalableContextFault(context, this.#capabilities);
    if (reason !== undefined) return failed(device, reason, context.silent, root.table);
    return { device, domain: 0, context, contextTable: root.table };
  }

  pasid(device: number, context: ScalableContext, pasid: number): Pasid {
    const key = device * PASIDS + pasid;
    const kept = this.pasids.get(key);
    if (kept !== undefined) return kept.entry;
    const entry = this.readPasid(context, pasid);
    if (this.#keeps && (entry.kind === "pasid" || this.#capabilities.cachingMode)) {
      const domain = entry.kind === "pasid" ? entry.domain : 0;
      this.pasids.set(key, { device, pasid, domain, entry });
    }
    return entry;
  }

  readPasid({ directory, pasids, silent }: ScalableContext, pasid: number): Pasid {
    if (pasid >= pasids) return failure(Scalable.pasidTooLarge, silent);
    const words = wordsAt(this.#memory, directory + (pasid >>> 6) * 8, 2);
    if (words === undefined) return failure(Scalable.directoryAccess, silent);
    const found = tableEntry(words[0], words[1], 2);
    const isSilent = silent || (words[0] & 2) !== 0;
    if (!found.present) return failure(Scalable.directoryNotPresent, isSilent);
    if (found.reserved) return failure(Scalable.directoryReserved, isSilent);
    const entry = wordsAt(this.#memory, found.table + (pasid & 63) * 64, 16);
    if (entry === undefined) return failure(Scalable.pasidAccess, isSilent);
    const decoded = pasidEntry(entry);
    const reason = pasidEntryFault(decoded, this.#capabilities);
    if (reason !== undefined) return failure(reason, isSilent || decoded.silent);
    return { kind: "pasid", ...decoded, table: found.table, silent: isSilent || decoded.silent };
  }

  forgetDevice(device: number): void {
    this.contexts.delete(device);
    this.forgetPasids((kept) => kept.device === device);
  }

  forgetContexts(matches: (kept: KeptContext) => boolean): void {
    for (const [key, kept] of this.contexts) if (matches(kept)) this.contexts.delete(key);
  }

  forgetPasids(matches: (kept: KeptPasid) => boolean): void {
    for (const [key, kept] of this.pasids) if (matches(kept)) this.pasids.delete(key);
  }

  /** Whether a remembered entry leads to the frame of this address. */
  usesFrame(frame: number): boolean {
    for (const { context, contextTable } of this.contexts.values()) {
      if (contextTable === frame) return true;
      if (context.kind === "legacy" && context.type !== 2 && context.root === frame) return true;
      if (context.kind === "scalable" && isWithin(frame, context.directory, context.pasids / 8)) return true;
    }
    for (const { entry } of this.pasids.values()) {
      if (entry.kind !== "pasid") continue;
      if (entry.table === frame) return true;
      if ((entry.type & 2) !== 0 && entry.secondRoot === frame) return true;
      if (entry.type === 1 && entry.firstRoot === frame) return true;
    }
    return false;
  }
}

/** The directory has 8 bytes for 64 PASIDs. */
function isWithin(frame: number, directory: number, bytes: number): boolean {
  return frame >= directory && frame < directory + Math.max(bytes, 4096);
}

function failure(reason: Reason, silent: boolean): Failure {
  return { kind: "failure", reason, silent: silent && reason.qualified };
}

function failed(device: number, reason: Reason, silent = false, contextTable = -1): KeptContext {
  return { device, domain: 0, context: failure(reason, silent), contextTable };
}
