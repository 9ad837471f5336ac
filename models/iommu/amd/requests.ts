/**
 * A device's request, page by page: the device table entry, then the guest's tables, the host's, both or neither.
 * Source: AMD 48882 §2.2.1 (how a request is treated), table 5 and 6; §2.2.6 (guest translation); §2.5.2 … §2.5.9.
 */
import { Rights } from "../../walkers/table-walker.js";
import { walkResultName } from "../../walkers/walk-result-name.js";
import { WalkResult, type WalkResultCode } from "../../walkers/walker.js";
import type { CachingWalker, ItemRules, Tables, WalkFault, WalkMode } from "../caching-walker.js";
import type { DeviceTlbs } from "../device-tlb.js";
import { addressOf } from "../physical-memory.js";
import type { RegisterFile } from "../register-file.js";
import { type LeafStep, NO_PASID } from "../translation-cache.js";
import type { DeviceCaches } from "./device-caches.js";
import { type DeviceEntry, type EntryLimits, entryFault } from "./device-entry.js";
import { EventCode, EventFlag } from "./event-log.js";
import { Register } from "./registers.js";

export interface Request {
  readonly device: number;
  readonly isWrite: boolean;
  readonly pasid: number;
  readonly translated: boolean;
  readonly ats: boolean;
}

export interface RequestFault {
  readonly kind: "fault";
  readonly reason: string;
  readonly code: number;
  readonly domain: number;
  readonly flags: number;
  readonly suppression: "none" | "repeats" | "all";
}

export type PageAnswer = { readonly kind: "page"; readonly page: number } | RequestFault;

interface Parts {
  readonly registers: RegisterFile;
  readonly caches: DeviceCaches;
  readonly walker: CachingWalker;
  readonly deviceTlbs: DeviceTlbs;
  readonly host: ItemRules;
  readonly guest: ItemRules;
  readonly limits: EntryLimits;
}

export class AmdRequests {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  translate(request: Request, page: number, mode: WalkMode): PageAnswer {
    const { caches, limits } = this.#parts;
    const { device } = request;
    const entry = mode.cached ? caches.entry(device) : caches.readEntry(device);
    if (entry === undefined)
      return fault(EventCode.deviceTableHardwareError, "the device table is not backed by memory");
    if (entry === "beyond")
      return fault(EventCode.illegalDeviceEntry, "the device table has no entry for the device");
    if (!entry.valid) return { kind: "page", page };
    const illegal = entryFault(entry, limits);
    if (illegal !== undefined) return fault(EventCode.illegalDeviceEntry, illegal, entry);
    if ((request.translated || request.ats) && !entry.ats)
      return fault(EventCode.invalidDeviceRequest, "the device may not use translations of its own", entry);
    if (request.translated) return { kind: "page", page };
    if (!entry.translationValid) return this.#pageFault(request, entry, "translation is not valid", 0);
    if (this.#isExcluded(entry, page)) return { kind: "page", page };
    return request.ats
      ? this.#ownTlb(request, entry, page, mode)
      : this.#untranslated(request, entry, page, mode);
  }

  /** The tables that the entry gives to requests with this PASID; a fault in words, or undefined for none. */
  tablesOf(device: number, entry: DeviceEntry, pasid: number, mode: WalkMode): Tables | string | undefined {
    const host = entry.mode === 0 ? undefined : this.#hostTables(entry);
    const { guest } = entry;
    if (pasid === NO_PASID && !guest?.translatesWithoutPasid) return host;
    if (guest === undefined) return "the request has a PASID and the device no guest tables";
    const guestPasid = pasid === NO_PASID ? 0 : pasid;
    const { caches } = this.#parts;
    const found = mode.cached
      ? caches.guest(device, entry.domain, guest, guestPasid)
      : caches.readGuest(guest, guestPasid);
    if (found.kind === "not-backed") return "the guest CR3 table is not backed by memory";
    if (found.kind === "not-valid") return "the guest CR3 entry is not valid";
    return {
      domain: entry.domain,
      pasid: guestPasid,
      root: found.root,
      topLevel: guest.pageLevels - 1,
      rules: this.#parts.guest,
      accessed: true,
      dirty: true,
      under: host,
    };
  }

  #hostTables(entry: DeviceEntry): Tables {
    return {
      domain: entry.domain,
      pasid: NO_PASID,
      root: entry.root,
      topLevel: entry.mode - 1,
      rules: this.#parts.host,
      accessed: entry.hostAccessed,
      dirty: entry.hostDirty,
    };
  }

  #untranslated(request: Request, entry: DeviceEntry, page: number, mode: WalkMode): PageAnswer {
    const found = this.#find(request, entry, page, mode);
    if (found.kind !== "leaf") return found;
    return { kind: "page", page: found.outputPage + (page - found.firstPage) };
  }

  /** The device looks into its own TLB first, and keeps what it is answered. */
  #ownTlb(request: Request, entry: DeviceEntry, page: number, mode: WalkMode): PageAnswer {
    const { deviceTlbs } = this.#parts;
    const { device, pasid } = request;
    const kept = mode.cached ? deviceTlbs.find(device, pasid, page) : undefined;
    const found =
      kept !== undefined && (neededBy(request) & ~kept.rights) === 0
        ? kept
        : this.#find(request, entry, page, mode);
    if (found.kind !== "leaf") return found;
    if (found !== kept && mode.leavesTraces)
      deviceTlbs.keep(device, pasid, found, found.rights & rightsOf(entry));
    return { kind: "page", page: found.outputPage + (page - found.firstPage) };
  }

  #find(request: Request, entry: DeviceEntry, page: number, mode: WalkMode): LeafStep | PageAnswer {
    const needed = neededBy(request);
    const missing = needed & ~rightsOf(entry);
    const tables = this.tablesOf(request.device, entry, request.pasid, mode);
    if (typeof tables === "string") {
      return tables.includes("not backed")
        ? fault(EventCode.pageTableHardwareError, tables, entry)
        : this.#pageFault(request, entry, tables, EventFlag.guest);
    }
    const permission = EventFlag.present | EventFlag.permission;
    if (missing !== 0) return this.#pageFault(request, entry, "the device entry forbids it", permission);
    if (tables === undefined) return { kind: "page", page };
    const found = this.#parts.walker.translate(tables, page, needed, mode);
    if (found.kind === "leaf") return found;
    const isGuest = tables.pasid !== NO_PASID && found.fault.stage === 1;
    return this.#walkFault(request, entry, found.fault, isGuest ? EventFlag.guest : 0);
  }

  #walkFault(
    request: Request,
    entry: DeviceEntry,
    { result, missing }: WalkFault,
    flags: number,
  ): PageAnswer {
    if (result === WalkResult.OutsideMemory)
      return fault(EventCode.pageTableHardwareError, "a page table is not backed by memory", entry);
    if (missing !== 0)
      return this.#pageFault(
        request,
        entry,
        "no permission",
        flags | EventFlag.present | EventFlag.permission,
      );
    const malformed = isMalformed(result) ? EventFlag.present | EventFlag.reservedBit : 0;
    return this.#pageFault(request, entry, walkResultName(result), flags | malformed);
  }

  #pageFault(request: Request, entry: DeviceEntry, reason: string, flags: number): RequestFault {
    const write = request.isWrite ? EventFlag.write : 0;
    const translation = request.ats ? EventFlag.translation : 0;
    return fault(EventCode.pageFault, reason, entry, flags | write | translation);
  }

  /** Exclusion base: bit 0 on, bit 1 for all devices; both bounds hold addresses in 51:12. */
  #isExcluded(entry: DeviceEntry, page: number): boolean {
    const { registers } = this.#parts;
    const baseLow = registers.get32(Register.exclusionBase);
    if ((baseLow & 1) === 0 || !(entry.excludes || (baseLow & 2) !== 0)) return false;
    const first = pageIn(baseLow, registers.get32(Register.exclusionBase + 4));
    const last = pageIn(
      registers.get32(Register.exclusionLimit),
      registers.get32(Register.exclusionLimit + 4),
    );
    return page >= first && page <= last;
  }
}

function pageIn(low: number, high: number): number {
  return addressOf(low & ~0xfff, high & 0x000f_ffff) / 4096;
}

function neededBy({ isWrite }: Request): number {
  return isWrite ? Rights.write : Rights.read;
}

export function rightsOf({ read, write }: DeviceEntry): number {
  return (read ? Rights.read : 0) | (write ? Rights.write : 0);
}

/** The interrupt window can only be written. */
export function windowRead(): RequestFault {
  return fault(EventCode.invalidDeviceRequest, "the interrupt window cannot be read");
}

/** A present item that the architecture does not allow. */
function isMalformed(result: WalkResultCode): boolean {
  return (
    result === WalkResult.ReservedBit ||
    result === WalkResult.MisalignedLeaf ||
    result === WalkResult.IllegalLevel ||
    result === WalkResult.IllegalSize
  );
}

function fault(code: number, reason: string, entry?: DeviceEntry, flags = 0): RequestFault {
  const isPageFault = code === EventCode.pageFault;
  const repeats = isPageFault && entry?.suppressesRepeats ? "repeats" : "none";
  const suppression = isPageFault && entry?.suppressesAll ? "all" : repeats;
  return { kind: "fault", reason, code, domain: entry?.domain ?? 0, flags, suppression };
}
