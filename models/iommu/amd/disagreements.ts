/** What the caches of an AMD IOMMU hold that memory does not say any more, and which frames they lead to. */
import { type CachingWalker, LOOK, type Tables } from "../caching-walker.js";
import { disagreementOf, hex, ofDevice, staleLeaf, staleness } from "../compare.js";
import type { DeviceTlbs } from "../device-tlb.js";
import type { Disagreement } from "../hardware.js";
import type { CachedStep, LeafStep, TranslationCache } from "../translation-cache.js";
import type { DeviceCaches, KeptGuest } from "./device-caches.js";
import type { DeviceEntry } from "./device-entry.js";
import { type AmdRequests, rightsOf } from "./requests.js";

export class AmdDisagreements {
  readonly #cache: TranslationCache;
  readonly #caches: DeviceCaches;
  readonly #deviceTlbs: DeviceTlbs;
  readonly #requests: AmdRequests;
  readonly #walker: CachingWalker;

  constructor(
    cache: TranslationCache,
    caches: DeviceCaches,
    deviceTlbs: DeviceTlbs,
    requests: AmdRequests,
    walker: CachingWalker,
  ) {
    this.#cache = cache;
    this.#caches = caches;
    this.#deviceTlbs = deviceTlbs;
    this.#requests = requests;
    this.#walker = walker;
  }

  list(): readonly Disagreement[] {
    const found: Disagreement[] = [];
    for (const [device, entry] of this.#caches.entries) {
      const sentence = this.#staleEntry(device, entry);
      if (sentence !== undefined) found.push(ofDevice("device entry", device, entry.domain, -1, sentence));
    }
    for (const guest of this.#caches.guests.values()) {
      const sentence = this.#staleGuest(guest);
      if (sentence !== undefined)
        found.push(ofDevice("guest entry", guest.device, guest.domain, guest.pasid, sentence));
    }
    const inUse = this.#entriesInUse();
    let tables: Tables | undefined;
    for (const step of this.#cache.steps()) {
      // Steps come tag by tag.
      if (tables === undefined || tables.domain !== step.domain || tables.pasid !== step.pasid)
        tables = this.#tablesInUse(step, inUse);
      const sentence = staleness(this.#walker, tables ?? step.tables, step);
      if (sentence !== undefined) found.push(disagreementOf(step, sentence));
    }
    for (const leaf of this.#deviceTlbs.leaves()) {
      const sentence = this.#staleOwn(leaf);
      if (sentence !== undefined)
        found.push({
          ...disagreementOf(leaf, sentence),
          cache: "device TLB",
          device: leaf.domain,
          domain: -1,
        });
    }
    return found;
  }

  usesFrame(frame: number): boolean {
    if (this.#cache.usesFrame(frame) || this.#deviceTlbs.usesFrame(frame)) return true;
    for (const entry of this.#caches.entries.values()) {
      if (!entry.valid || !entry.translationValid) continue;
      if (entry.mode !== 0 && entry.root / 4096 === frame) return true;
      if (entry.guest !== undefined && entry.guest.table / 4096 === frame) return true;
    }
    for (const { device, root } of this.#caches.guests.values()) {
      const isPhysical = this.#caches.entries.get(device)?.mode === 0;
      if (isPhysical && root / 4096 === frame) return true;
    }
    return false;
  }

  #staleEntry(device: number, kept: DeviceEntry): string | undefined {
    const now = this.#caches.readEntry(device);
    if (now === undefined || now === "beyond") return `the entry of device ${hex(device)} is cached and gone`;
    const differs = now.words.some((word, index) => word !== kept.words[index]);
    return differs ? `the entry of device ${hex(device)} is cached as it was before` : undefined;
  }

  #staleGuest({ device, domain, pasid, root }: KeptGuest): string | undefined {
    const entry = this.#entryNow(device);
    if (entry?.guest === undefined || entry.domain !== domain)
      return "the guest CR3 is cached and not in use";
    const now = this.#caches.readGuest(entry.guest, pasid);
    if (now.kind !== "root") return "the guest CR3 is cached and not valid";
    return now.root === root ? undefined : `the guest CR3 is cached as ${hex(root)} and is ${hex(now.root)}`;
  }

  #staleOwn(leaf: LeafStep): string | undefined {
    const entry = this.#entryNow(leaf.domain);
    if (entry === undefined || !entry.ats) return "the device keeps a translation and may not have any";
    const tables = this.#requests.tablesOf(leaf.domain, entry, leaf.pasid, LOOK);
    if (typeof tables !== "object") return "the device keeps a translation of tables that it has no more";
    return staleLeaf(this.#walker, tables, leaf, rightsOf(entry));
  }

  /** The entry of the device, if requests are translated by it. */
  #entryNow(device: number): DeviceEntry | undefined {
    const entry = this.#caches.readEntry(device);
    return typeof entry === "object" && entry.valid && entry.translationValid ? entry : undefined;
  }

  #entriesInUse(): ReadonlyMap<number, DeviceEntry> {
    const found = new Map<number, DeviceEntry>();
    for (const device of this.#caches.seen) {
      const entry = this.#entryNow(device);
      if (entry !== undefined) found.set(device, entry);
    }
    return found;
  }

  /** The tables that the step's tag stands for: those of a device that is in the domain now. */
  #tablesInUse(step: CachedStep, inUse: ReadonlyMap<number, DeviceEntry>): Tables | undefined {
    for (const [device, entry] of inUse) {
      if (entry.domain !== step.domain) continue;
      const tables = this.#requests.tablesOf(device, entry, step.pasid, LOOK);
      if (typeof tables === "object" && tables.pasid === step.pasid) return tables;
    }
    return undefined;
  }
}
