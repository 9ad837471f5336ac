/**
 * ARM's long descriptor at stage 1: VMSAv8-64 with every granule, and LPAE. Recorded names mean recorded page sizes,
 * which have no contiguous runs; other names have all sizes unless they say so.
 */
import type { Configuration } from "../configuration.js";
import {
  allSizes,
  bases,
  complete,
  kib4,
  kib64,
  mib2,
  type Options,
  plainSizes4K,
  plainSizes16K,
  plainSizes64K,
  tinySpace,
} from "./common.js";

/** As many levels as the input needs. */
function stage1(
  name: string,
  granuleLg2: 12 | 14 | 16,
  vaWidthLg2: number,
  oaWidthLg2: number,
  options: Options = {},
): Configuration {
  const topLevel = Math.ceil((vaWidthLg2 - granuleLg2) / (granuleLg2 - 3)) - 1;
  return complete("armv8-stage1", { granuleLg2, vaWidthLg2, oaWidthLg2, topLevel }, name, options);
}

/** Deployed pages only. */
const plain4K = { pageSizes: plainSizes4K };
const plain16K = { pageSizes: plainSizes16K };
const plain64K = { pageSizes: plainSizes64K };

export const armv8Stage1Configurations: readonly Configuration[] = [
  stage1("4k_ias32_oas40", 12, 32, 40, { ...plain4K, tableBase: bases.below40 }),
  stage1("4k_ias39_oas40_hd", 12, 39, 40, { ...plain4K, dirtyTracking: true }),
  stage1("4k_ias39_oas48_ttbr1", 12, 39, 48, { ...plain4K, upperHalf: true, tableBase: bases.straddling }),
  stage1("4k_ias40_oas40_noncoh_owbwa", 12, 40, 40, { ...plain4K, incoherent: true, outerWriteBack: true }),
  stage1("4k_ias48_oas48", 12, 48, 48, { ...plain4K, tableBase: bases.below48 }),
  // The walker remembers misses, and what is broken must be forgotten before something else is made.
  stage1("4k-caching", 12, 48, 48, { cachesNotPresent: true }),
  stage1("4k_ias48_oas48_ns", 12, 48, 48, { ...plain4K, nonSecure: true }),
  stage1("4k_ias48_oas48_ttbr1", 12, 48, 48, { ...plain4K, upperHalf: true }),
  stage1("4konly_ias48_oas48", 12, 48, 48, { pageSizes: kib4 }),
  stage1("16k_ias47_oas48", 14, 47, 48, { ...plain16K, tableBase: bases.straddling16K }),
  // One bit above a level: the root has two items.
  stage1("16k_ias48_oas48_hd", 14, 48, 48, { ...plain16K, dirtyTracking: true }),
  stage1("64k_ias32_oas40", 16, 32, 40, { ...plain64K, tableBase: bases.below40 }),
  stage1("64k_ias48_oas52_noncoh", 16, 48, 52, { ...plain64K, incoherent: true, tableBase: bases.below52 }),
  stage1("64k_ias52_oas52_hd", 16, 52, 52, { ...plain64K, dirtyTracking: true }),

  // All sizes from here on: contiguous runs at every level that has them.
  stage1("4k-all", 12, 48, 48, { tableBase: bases.straddling }),
  stage1("4k-all-size-tolerant-hd", 12, 39, 48, { toleratesSizeChange: true, dirtyTracking: true }),
  stage1("4k-cutting-noncoh", 12, 48, 48, { incoherent: true, partialUnmap: "cut", freeing: "empty" }),
  // Hardware manages the access flag, and not the dirty state.
  stage1("4k-all-accessed", 12, 48, 48, { accessedTracking: true, tableBase: bases.straddling }),
  stage1("4k-hd-nogaps", 12, 39, 48, { dirtyTracking: true, gather: "no-gaps" }),
  stage1("4k-ttbr1-hd-queued", 12, 42, 44, { upperHalf: true, dirtyTracking: true, gather: "queued" }),
  // Contiguous pages and blocks alone: the smallest page is sixteen items.
  stage1("4k-contiguous-only", 12, 39, 48, { pageSizes: kib64 | (1n << 25n) | (1n << 34n) }),
  // The fewest items that a root may have.
  stage1("4k-ias31-oas36", 12, 31, 36, { tableBase: bases.lowest }),
  stage1("16k-all-noncoh", 14, 47, 48, { incoherent: true, tableBase: bases.below48 }),
  stage1("16k-ttbr1-ns-nogaps", 14, 37, 42, { upperHalf: true, nonSecure: true, gather: "no-gaps" }),
  stage1("64k-all-hd", 16, 48, 48, { dirtyTracking: true, tableBase: bases.straddling64K }),
  stage1("64k-ttbr1-oas52", 16, 52, 52, { upperHalf: true, tableBase: bases.below52 }),
  stage1("64k-2mup-queued", 16, 42, 48, { pageSizes: allSizes & ~(mib2 - 1n), gather: "queued" }),
  // 52-bit addresses in the smaller granules: five levels, and blocks of 512 GiB and 64 GiB.
  stage1("4k-lpa2", 12, 52, 52, { lpa2: true, tableBase: bases.below52 }),
  stage1("4k-lpa2-hd-noncoh", 12, 48, 52, { lpa2: true, dirtyTracking: true, incoherent: true }),
  stage1("4k-lpa2-ttbr1-ns", 12, 49, 52, { lpa2: true, upperHalf: true, nonSecure: true }),
  stage1("16k-lpa2-hd", 14, 52, 52, { lpa2: true, dirtyTracking: true, tableBase: bases.below52 }),
  stage1("16k-lpa2-nogaps", 14, 47, 52, { lpa2: true, gather: "no-gaps" }),

  stage1("tiny-2-levels", 12, 39, 48, tinySpace(1)),
  stage1("tiny-2-levels-hd", 12, 39, 48, { ...tinySpace(1), dirtyTracking: true }),
  stage1("tiny-2-levels-size-tolerant", 12, 39, 48, { ...tinySpace(1), toleratesSizeChange: true }),
  stage1("tiny-2-levels-cutting-emptying-caching", 12, 39, 48, {
    ...tinySpace(1),
    partialUnmap: "cut",
    freeing: "empty",
    cachesNotPresent: true,
  }),
  stage1("tiny-2-levels-ttbr1", 12, 39, 48, { ...tinySpace(1), upperHalf: true, gather: "no-gaps" }),
  stage1("tiny-2-levels-64k-noncoh", 16, 39, 52, { ...tinySpace(1, 16), incoherent: true }),
  // The root has two items only.
  stage1("tiny-3-levels-narrow", 12, 39, 48, { ...tinySpace(2, 12, -1), tableBase: bases.straddling }),
];

function lpae1(name: string, vaWidthLg2: number, oaWidthLg2: number, options: Options = {}): Configuration {
  const topLevel = Math.ceil((vaWidthLg2 - 12) / 9) - 1;
  return complete("arm-lpae-stage1", { vaWidthLg2, oaWidthLg2, topLevel }, name, options);
}

export const lpaeStage1Configurations: readonly Configuration[] = [
  lpae1("ias32_oas32", 32, 32, { ...plain4K, tableBase: bases.below32 }),
  lpae1("ias32_oas40", 32, 40, { ...plain4K, tableBase: bases.straddling }),
  lpae1("ias32_oas40_ns_noncoh", 32, 40, { ...plain4K, nonSecure: true, incoherent: true }),

  lpae1("ias32-all-nogaps", 32, 40, { gather: "no-gaps", tableBase: bases.below40 }),
  lpae1("ias30-queued", 30, 36, { gather: "queued" }),
  // The narrowest input: the root has sixteen items.
  lpae1("ias25", 25, 40, { tableBase: bases.lowest }),

  lpae1("tiny-2-levels", 32, 40, tinySpace(1)),
];
