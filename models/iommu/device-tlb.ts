/**
 * The TLBs of devices (PCIe ATS): what a device was told about a page, until an invalidation request names it. The
 * unit does not know what is in there.
 */
import type { LeafStep, PageBlock } from "./translation-cache.js";
import { TranslationCache } from "./translation-cache.js";

export class DeviceTlbs {
  readonly #cache = new TranslationCache();

  /** A device is what a domain is elsewhere: the tag. */
  find(device: number, pasid: number, page: number): LeafStep | undefined {
    const step = this.#cache.endAt({ domain: device, pasid }, page);
    return step?.kind === "leaf" ? step : undefined;
  }

  keep(device: number, pasid: number, leaf: LeafStep, rights: number): void {
    this.#cache.add({ ...leaf, domain: device, pasid, rights });
  }

  invalidate(device: number, pasid: number, block: PageBlock): void {
    this.#cache.invalidate((tag) => tag.domain === device && tag.pasid === pasid, block, true);
  }

  /** Of every PASID, and without one. */
  invalidateAnyPasid(device: number, block: PageBlock): void {
    this.#cache.invalidate((tag) => tag.domain === device, block, true);
  }

  /** Each leaf that a device keeps; its `domain` is the device. */
  *leaves(): IterableIterator<LeafStep> {
    for (const step of this.#cache.steps()) if (step.kind === "leaf") yield step;
  }

  usesFrame(frame: number): boolean {
    return this.#cache.usesFrame(frame);
  }
}
