/**
 * ARM's long descriptor at stage 2, whose start tables may stand side by side, and Mali's tables. Recorded names mean
 * recorded page sizes, which have no contiguous runs; other names have all sizes unless they say so.
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

/** The top level is named, for it is what the rules of concatenation decide. */
function stage2(
  name: string,
  granuleLg2: 12 | 14 | 16,
  topLevel: number,
  vaWidthLg2: number,
  oaWidthLg2: number,
  options: Options = {},
): Configuration {
  return complete("armv8-stage2", { granuleLg2, vaWidthLg2, oaWidthLg2, topLevel }, name, options);
}

/** Deployed pages only. */
const plain4K = { pageSizes: plainSizes4K };
const plain16K = { pageSizes: plainSizes16K };
const plain64K = { pageSizes: plainSizes64K };
/** Concatenated wherever sixteen tables are enough. */
const eager = { eagerConcatenation: true };

export const armv8Stage2Configurations: readonly Configuration[] = [
  // Four items in the root.
  stage2("4k_ias32_oas40", 12, 2, 32, 40, { ...plain4K, tableBase: bases.below40 }),
  stage2("4k_ias39_oas40", 12, 2, 39, 40, { ...plain4K, tableBase: bases.straddling }),
  // Two tables side by side, since machines of 40 and 42 bits lack the level above.
  stage2("4k_ias40_oas40_noncoh", 12, 2, 40, 40, { ...plain4K, incoherent: true }),
  // Eight of them.
  stage2("4k_ias42_oas42", 12, 2, 42, 42, { ...plain4K, tableBase: bases.below42 }),
  // Machines of 44 bits have it: two items in the root.
  stage2("4k_ias40_oas44", 12, 3, 40, 44, { ...plain4K, tableBase: bases.below44 }),
  stage2("4k_ias48_oas48", 12, 3, 48, 48, { ...plain4K, tableBase: bases.below48 }),
  stage2("4k_ias48_oas48_fwb", 12, 3, 48, 48, { ...plain4K, forcedWriteBack: true }),
  // Sixteen tables.
  stage2("16k_ias40_oas40", 14, 1, 40, 40, { ...plain16K, tableBase: bases.below40 }),
  stage2("16k_ias44_oas44", 14, 2, 44, 44, { ...plain16K, tableBase: bases.straddling16K }),
  // A root of two items is forbidden here: two tables.
  stage2("16k_ias48_oas48", 14, 2, 48, 48, { ...plain16K, tableBase: bases.below48 }),
  stage2("64k_ias44_oas44", 16, 2, 44, 44, { ...plain64K, tableBase: bases.straddling64K }),
  stage2("64k_ias52_oas52", 16, 2, 52, 52, { ...plain64K, tableBase: bases.below52 }),

  // All sizes from here on. Sixteen tables of four start levels.
  stage2("4k-ias43-eager", 12, 2, 43, 48, { ...eager, tableBase: bases.straddling }),
  stage2("4k-ias34-eager-nogaps", 12, 1, 34, 40, { ...eager, gather: "no-gaps" }),
  stage2("4k-hd", 12, 3, 48, 48, { dirtyTracking: true }),
  stage2("4k-accessed", 12, 3, 48, 48, { accessedTracking: true, gather: "no-gaps" }),
  stage2("4k-ias40-hd-fwb-queued", 12, 2, 40, 40, {
    dirtyTracking: true,
    forcedWriteBack: true,
    gather: "queued",
  }),
  stage2("4k-64kup", 12, 2, 36, 36, { pageSizes: allSizes & ~kib4, tableBase: bases.lowest }),
  stage2("16k-ias38-eager-hd", 14, 1, 38, 44, { ...eager, dirtyTracking: true }),
  stage2("16k-all-noncoh", 14, 2, 47, 48, { incoherent: true, forcedWriteBack: true }),
  stage2("64k-ias44-eager-hd", 16, 1, 44, 48, { ...eager, dirtyTracking: true }),
  stage2("64k-ias52-nogaps", 16, 2, 52, 52, { gather: "no-gaps", dirtyTracking: true }),
  // 52-bit addresses in the smaller granules, with five levels and with sixteen tables instead of the fifth.
  stage2("4k-lpa2", 12, 4, 52, 52, { lpa2: true, tableBase: bases.below52 }),
  stage2("4k-lpa2-eager-hd", 12, 3, 52, 52, { ...eager, lpa2: true, dirtyTracking: true }),
  stage2("16k-lpa2-fwb", 14, 3, 52, 52, { lpa2: true, forcedWriteBack: true, tableBase: bases.below52 }),
  stage2("16k-lpa2-queued", 14, 2, 46, 52, { lpa2: true, gather: "queued" }),

  stage2("tiny-2-levels", 12, 1, 39, 48, tinySpace(1)),
  stage2("tiny-2-levels-hd", 12, 1, 39, 48, { ...tinySpace(1), dirtyTracking: true }),
  // Two tables side by side.
  stage2("tiny-2-levels-wide", 12, 1, 39, 48, { ...eager, ...tinySpace(1, 12, 1), gather: "no-gaps" }),
  stage2("tiny-2-levels-16k-lpa2", 14, 1, 39, 52, { ...tinySpace(1, 14), lpa2: true, gather: "queued" }),
  stage2("tiny-3-levels", 12, 2, 39, 48, { ...tinySpace(2), tableBase: bases.straddling }),
];

function lpae2(name: string, topLevel: number, vaWidthLg2: number, options: Options = {}): Configuration {
  return complete("arm-lpae-stage2", { vaWidthLg2, oaWidthLg2: 40, topLevel }, name, options);
}

export const lpaeStage2Configurations: readonly Configuration[] = [
  lpae2("ias32_oas40", 2, 32, { ...plain4K, tableBase: bases.straddling }),
  // LPAE has no level above: two tables.
  lpae2("ias40_oas40", 2, 40, { ...plain4K, tableBase: bases.below40 }),

  lpae2("ias40-all-noncoh-nogaps", 2, 40, { incoherent: true, gather: "no-gaps" }),
  lpae2("ias34-eager", 1, 34, { ...eager, tableBase: bases.lowest }),
  lpae2("ias38-queued-64k2m", 2, 38, { pageSizes: kib64 | mib2, gather: "queued" }),

  lpae2("tiny-2-levels", 1, 39, tinySpace(1)),
  lpae2("tiny-2-levels-wide", 1, 39, { ...eager, ...tinySpace(1, 12, 1) }),
];

/** Always four levels, so that a narrow input has a root of one item. */
function mali(name: string, vaWidthLg2: number, options: Options = {}): Configuration {
  return complete("mali", { vaWidthLg2, oaWidthLg2: 40, topLevel: 3 }, name, options);
}

export const maliConfigurations: readonly Configuration[] = [
  mali("ias33_oas40_noncoh", 33, { incoherent: true }),
  mali("ias39_oas40", 39, { tableBase: bases.straddling }),
  mali("ias48_oas40", 48, { tableBase: bases.below40 }),

  mali("ias41-nogaps", 41, { gather: "no-gaps", oaWidthLg2: 36 }),
  mali("ias48-queued-no2m", 48, { gather: "queued", pageSizes: allSizes & ~mib2, tableBase: bases.lowest }),

  // Sixteen pages below two tables with one item each.
  mali("tiny-4-levels-narrow", 39, { ...tinySpace(3, 12, -4) }),
  mali("tiny-4-levels", 39, { ...tinySpace(3, 12, -1), tableBase: bases.straddling }),
];
