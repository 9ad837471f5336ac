/** What the caches of a VT-d unit hold that memory does not say any more, and which frames they lead to. */
import { type CachingWalker, LOOK, type Tables } from "../caching-walker.js";
import { disagreementOf, hex, ofDevice, staleLeaf, staleness } from "../compare.js";
import type { DeviceTlbs } from "../device-tlb.js";
import type { Disagreement } from "../hardware.js";
import { type LeafStep, NO_PASID, type TranslationCache } from "../translation-cache.js";
import type { Context, DeviceCaches, KeptContext, KeptPasid, Pasid } from "./device-caches.js";
import type { VtdRequests } from "./requests.js";

export class VtdDisagreements {
  readonly #cache: TranslationCache;
  readonly #caches: DeviceCaches;
  readonly #deviceTlbs: DeviceTlbs;
  readonly #requests: VtdRequests;
  readonly #walker: CachingWalker;

  constructor(
    cache: TranslationCache,
    caches: DeviceCaches,
    deviceTlbs: DeviceTlbs,
    requests: VtdRequests,
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
    for (const kept of this.#caches.contexts.values()) {
      const sentence = this.#staleContext(kept);
      if (sentence !== undefined)
        found.push(ofDevice("device entry", kept.device, kept.domain, NO_PASID, sentence));
    }
    for (const kept of this.#caches.pasids.values()) {
      const sentence = this.#stalePasid(kept);
      if (sentence !== undefined)
        found.push(ofDevice("guest entry", kept.device, kept.domain, kept.pasid, sentence));
    }
    const used = this.#tablesInUse();
    for (const step of this.#cache.steps()) {
      const tables = used.find(({ domain, pasid }) => domain === step.domain && pasid === step.pasid);
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
    return (
      this.#cache.usesFrame(frame) ||
      this.#deviceTlbs.usesFrame(frame) ||
      this.#caches.usesFrame(frame * 4096)
    );
  }

  #staleContext({ device, context, contextTable }: KeptContext): string | undefined {
    const now = this.#caches.readContext(device);
    const isSame = now.contextTable === contextTable && sameEntry(context, now.context);
    return isSame ? undefined : `the context entry of device ${hex(device)} is cached as it was before`;
  }

  #stalePasid({ device, pasid, entry }: KeptPasid): string | undefined {
    const { context } = this.#caches.readContext(device);
    if (context.kind !== "scalable")
      return `PASID ${pasid} of device ${hex(device)} is cached and not in use`;
    return sameEntry(entry, this.#caches.readPasid(context, pasid))
      ? undefined
      : `the entry of PASID ${pasid} of device ${hex(device)} is cached as it was before`;
  }

  #staleOwn(leaf: LeafStep): string | undefined {
    const route = this.#requests.routeOf(leaf.domain, leaf.pasid, LOOK);
    if (route.kind === "fault" || !route.deviceTlb)
      return "the device keeps a translation and may not have any";
    if (route.tables === undefined) return "the device keeps a translation of tables that it has no more";
    return staleLeaf(this.#walker, route.tables, leaf, -1);
  }

  /** The tables of every device that ever asked, with each PASID that was used, as memory has them now. */
  #tablesInUse(): readonly Tables[] {
    const found: Tables[] = [];
    const add = (device: number, pasid: number) => {
      const route = this.#requests.routeOf(device, pasid, LOOK);
      if (route.kind !== "route" || route.tables === undefined) return;
      found.push(route.tables);
      if (route.tables.under !== undefined) found.push(route.tables.under);
    };
    for (const device of this.#caches.seen) add(device, NO_PASID);
    for (const { device, pasid } of this.#caches.pasids.values()) add(device, pasid);
    return found;
  }
}

/** Two entries, or why there is none. */
function sameEntry(a: Context | Pasid, b: Context | Pasid): boolean {
  if (a.kind === "failure" || b.kind === "failure")
    return a.kind === b.kind && "reason" in a && "reason" in b && a.reason === b.reason;
  return a.kind === b.kind && a.words.every((word, index) => word === b.words[index]);
}
