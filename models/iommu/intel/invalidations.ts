/**
 * What each invalidation takes out of which cache, however it was asked for. Source: VT-d §6.5.1 (register-based) and
 * §6.5.2 (queued), table of cached entries by granularity; §6.2.2 (a context entry is tagged with the domain that it
 * had when it was read).
 */
import type { DeviceTlbs } from "../device-tlb.js";
import { ALL_PAGES, NO_PASID, type TranslationCache } from "../translation-cache.js";
import type { Descriptor, IotlbDescriptor } from "./descriptors.js";
import type { DeviceCaches } from "./device-caches.js";

/** Function bits that a mask of 0 … 3 leaves out of the comparison: none, the highest, the two highest, all. */
const FUNCTION_MASKS = [0, 4, 6, 7] as const;

export class Invalidations {
  readonly #cache: TranslationCache;
  readonly #caches: DeviceCaches;
  readonly #deviceTlbs: DeviceTlbs;

  constructor(cache: TranslationCache, caches: DeviceCaches, deviceTlbs: DeviceTlbs) {
    this.#cache = cache;
    this.#caches = caches;
    this.#deviceTlbs = deviceTlbs;
  }

  /** A device-selective invalidation names the device and the domain that its entry was cached with. */
  contexts({
    granularity,
    domain,
    device,
    functionMask,
  }: Omit<Descriptor & { readonly kind: "context" }, "kind">): void {
    const compared = 0xffff & ~FUNCTION_MASKS[functionMask];
    this.#caches.forgetContexts((kept) => {
      if (granularity === "global") return true;
      const isScalable = kept.context.kind === "scalable";
      if (granularity === "domain") return !isScalable && kept.domain === domain;
      const isDevice = ((kept.device ^ device) & compared) === 0;
      return isDevice && (isScalable || kept.domain === domain);
    });
  }

  /** Pages are those of the second stage; what was nested above it goes with the domain. */
  iotlb({ granularity, domain, block, leavesOnly }: IotlbDescriptor): void {
    if (granularity === "global") this.#cache.clear();
    else if (granularity === "domain")
      this.#cache.invalidate((tag) => tag.domain === domain, ALL_PAGES, true);
    else {
      const isSecondStage = (tag: { domain: number; pasid: number }) =>
        tag.domain === domain && tag.pasid === NO_PASID;
      this.#cache.invalidate(isSecondStage, block, !leavesOnly);
      this.#cache.invalidateNested(domain);
    }
  }

  pasidIotlb({ domain, pasid, block, leavesOnly }: Descriptor & { readonly kind: "pasid-iotlb" }): void {
    const matches = (tag: { domain: number; pasid: number }) => tag.domain === domain && tag.pasid === pasid;
    this.#cache.invalidate(matches, block ?? ALL_PAGES, block === undefined || !leavesOnly);
  }

  pasids({ granularity, domain, pasid }: Descriptor & { readonly kind: "pasid-cache" }): void {
    this.#caches.forgetPasids(
      (kept) =>
        granularity === "global" ||
        (kept.domain === domain && (granularity === "domain" || kept.pasid === pasid)),
    );
  }

  deviceTlb(descriptor: Descriptor & { readonly kind: "device-tlb" | "pasid-device-tlb" }): void {
    const { device, block } = descriptor;
    if (descriptor.kind === "device-tlb") this.#deviceTlbs.invalidate(device, NO_PASID, block);
    else if (descriptor.global) this.#deviceTlbs.invalidateAnyPasid(device, block);
    else this.#deviceTlbs.invalidate(device, descriptor.pasid, block);
  }
}
