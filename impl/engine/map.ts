/**
 * Mapping: the checks, then run after run of equal leaves (`map-runs.ts`).
 *
 * Nothing is rolled back: on a refusal `result…` is the address up to which the range was mapped.
 */
import { Status } from "../errors.js";
import { PROT_MASK, Prot } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import {
  farPageLg2,
  features,
  granuleLg2,
  growsTop,
  leafAttributesHigh,
  leafAttributesLow,
  pageReachLg2,
  rootIsLoaded,
} from "../stamp/format.js";
import type { Domain } from "./domain.js";
import { below, levelLg2, levelOfSize, offsetMaskLow, shiftLeftLow } from "./geometry.js";
import { grow } from "./grow.js";
import { beyondTop } from "./lookup.js";
import { mapPage, mapRuns } from "./map-runs.js";
import { largestSizeLg2 } from "./page-size.js";

const FORCE_WRITEABLE = 1 << features.flags.indexOf("forceWriteable");
const mayForceWriteable = features.flags.includes("forceWriteable");

/**
 * Maps `length` bytes at `iova` to `pa` with the domain's `sizes…`. Tables that an empty subtree gave up are
 * reported to `gather`, which is synced before it returns.
 */
export function map(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  paLow: number,
  paHigh: number,
  lengthLow: number,
  lengthHigh: number,
  prot: number,
  gather: Gather,
): Status {
  domain.resultLow = iovaLow;
  domain.resultHigh = iovaHigh;
  const status = requestStatus(domain, iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, prot);
  if (status !== Status.OK) return status;
  if (growsTop && beyondTop(domain, domain.lastLow, domain.lastHigh)) {
    // At once to the level of the first leaf, if that is above what the range needs.
    const { sizesLow, sizesHigh } = domain;
    const first = largestSizeLg2(
      sizesLow,
      sizesHigh,
      iovaLow | paLow,
      iovaHigh | paHigh,
      lengthLow,
      lengthHigh,
    );
    const grown = grow(domain, domain.lastLow, domain.lastHigh, levelOfSize(first));
    if (grown !== Status.OK) return grown;
  }
  const attributesLow = leafAttributesLow(prot, domain.flags);
  const attributesHigh = leafAttributesHigh(prot, domain.flags, domain.encryptionHigh);
  if (lengthLow === 1 << granuleLg2 && lengthHigh === 0) {
    const one = mapPage(domain, iovaLow, iovaHigh, paLow, paHigh, attributesLow, attributesHigh);
    if (rootIsLoaded && domain.linkedItems !== 0) gatherLinked(domain, gather);
    if (domain.cachesNotPresent) gatherMapped(domain, iovaLow, iovaHigh, gather);
    if (gather.pending) gather.sync();
    return one;
  }
  const result = mapRuns(
    domain,
    iovaLow,
    iovaHigh,
    paLow,
    paHigh,
    lengthLow,
    lengthHigh,
    attributesLow,
    attributesHigh,
    gather,
  );
  if (rootIsLoaded && domain.linkedItems !== 0) gatherLinked(domain, gather);
  if (domain.cachesNotPresent) gatherMapped(domain, iovaLow, iovaHigh, gather);
  if (gather.pending) gather.sync();
  return result;
}

/** Adds what was mapped, where the hardware may remember at any level that nothing was there. */
function gatherMapped(domain: Domain, firstLow: number, firstHigh: number, gather: Gather): void {
  const { resultLow, resultHigh } = domain;
  if (resultLow === firstLow && resultHigh === firstHigh) return;
  const levels = (2 << domain.topLevel) - 1;
  const lastHigh = resultLow === 0 ? (resultHigh - 1) | 0 : resultHigh;
  gather.add(firstLow, firstHigh, (resultLow - 1) | 0, lastHigh, levels, levels);
}

/** Adds what the linked items of the root translate, from the first of them to the last, below 4 GiB. */
function gatherLinked(domain: Domain, gather: Gather): void {
  const lg2 = levelLg2(domain.topLevel);
  const linked = domain.linkedItems;
  domain.linkedItems = 0;
  const firstLow = shiftLeftLow(31 - Math.clz32(linked & -linked), lg2);
  const lastLow = shiftLeftLow(31 - Math.clz32(linked), lg2) | offsetMaskLow(lg2);
  gather.add(firstLow, 0, lastLow, 0, 0, 1 << (domain.topLevel - 1));
}

/** The checks, in the order in which deployed code makes them; the last, of the last output address, is ours. */
function requestStatus(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  paLow: number,
  paHigh: number,
  lengthLow: number,
  lengthHigh: number,
  prot: number,
): Status {
  if ((prot & (Prot.read | Prot.write)) === 0) return Status.NO_PERMISSION;
  if ((prot & ~PROT_MASK) !== 0) return Status.INVALID_ARGUMENT;
  if (((paLow & domain.paForbiddenLow) | (paHigh & domain.paForbiddenHigh)) !== 0) {
    return Status.PA_OUT_OF_RANGE;
  }
  if (mayForceWriteable && (domain.flags & FORCE_WRITEABLE) !== 0 && (prot & Prot.write) === 0) {
    return Status.READ_ONLY_REFUSED;
  }
  if ((lengthLow | lengthHigh) === 0) return Status.ZERO_LENGTH;
  const beforeLow = (lengthLow - 1) | 0;
  const beforeHigh = lengthLow === 0 ? (lengthHigh - 1) | 0 : lengthHigh;
  const lastLow = (iovaLow + beforeLow) | 0;
  const lastHigh = (iovaHigh + beforeHigh + (lastLow >>> 0 < iovaLow >>> 0 ? 1 : 0)) | 0;
  if (below(lastLow, lastHigh, iovaLow, iovaHigh)) return Status.WRAPS;
  domain.lastLow = lastLow;
  domain.lastHigh = lastHigh;
  const strayLow = (iovaLow | paLow | lengthLow) & domain.strayLow;
  const strayHigh = (iovaHigh | paHigh | lengthHigh) & domain.strayHigh;
  if ((strayLow | strayHigh) !== 0) return Status.MISALIGNED;
  const paLastLow = (paLow + beforeLow) | 0;
  const paLastHigh = (paHigh + beforeHigh + (paLastLow >>> 0 < paLow >>> 0 ? 1 : 0)) | 0;
  const hasFar = pageReachLg2 < 64 && domain.settings.oaWidthLg2 > pageReachLg2;
  if (hasFar && !reachesFar(domain, iovaLow, paLow, paHigh, paLastLow, paLastHigh)) {
    return Status.MISALIGNED;
  }
  const inside = domain.inputRangeStatus(iovaLow, iovaHigh, lastLow, lastHigh);
  if (inside !== Status.OK) return inside;
  // The start has no forbidden bit. A range that leaves its block of the lowest such bit enters one where it is set.
  const leavesLow = ((paLastLow ^ paLow) | beforeLow) & domain.paBlockLow;
  const leavesHigh = ((paLastHigh ^ paHigh) | beforeHigh) & domain.paBlockHigh;
  return (leavesLow | leavesHigh) === 0 ? Status.OK : Status.PA_OUT_OF_RANGE;
}

/** Whether what a range has from `2^pageReachLg2` on, which is 2^32 or more, is whole pages that reach there. */
function reachesFar(
  domain: Domain,
  iovaLow: number,
  paLow: number,
  paHigh: number,
  paLastLow: number,
  paLastHigh: number,
): boolean {
  // A last address that is below the first has passed 2^64, and the limit before.
  const isNear = paLastHigh >>> (pageReachLg2 - 32) === 0;
  if (isNear && !below(paLastLow, paLastHigh, paLow, paHigh)) return true;
  const farLg2 = farPageLg2(domain.flags);
  if (domain.farSizesLow === 0) return false;
  // From below the limit it comes to an address that is aligned if both differ by whole pages.
  const start = paHigh >>> (pageReachLg2 - 32) === 0 ? iovaLow ^ paLow : iovaLow | paLow;
  return ((start | (paLastLow + 1)) & offsetMaskLow(farLg2)) === 0;
}
