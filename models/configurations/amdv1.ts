/** AMDv1 and its mock with a granule of 2 KiB. */
import type { Configuration } from "../configuration.js";
import { allSizes, bases, complete, gib1, kib4, kib64, mib2, type Options, tinySpace } from "./common.js";

/** AMDv1 as deployed: the top grows to what 64 bits need, and leaves carry FC. */
function amdv1(name: string, options: Options = {}): Configuration {
  const defaults = { vaWidthLg2: 64, topLevel: 2, growingTop: true, forceCoherence: true };
  return complete("amdv1", defaults, name, options);
}

function amdv1Mock(name: string, options: Options): Configuration {
  return complete("amdv1-mock", { oaWidthLg2: 51 }, name, options);
}

export const amdv1Configurations: readonly Configuration[] = [
  amdv1("top1-va64", { topLevel: 1, tableBase: bases.straddling }),
  amdv1("top2-va48", { vaWidthLg2: 48 }),
  amdv1("top2-va57", { vaWidthLg2: 57, tableBase: bases.lowest }),
  amdv1("top2-va64", { tableBase: bases.below52 }),
  amdv1("top2-va64-4konly", { pageSizes: kib4 }),
  // Bit 47 marks encrypted memory: no size above 2^47, no output address that holds the bit.
  amdv1("top2-va64-enc47", { encryptionBit: 47, tableBase: bases.below52Without47 }),
  amdv1("top2-va64-enc51", { encryptionBit: 51, tableBase: bases.below51 }),
  amdv1("top2-va64-nogaps", { gather: "no-gaps" }),
  amdv1("top2-va64-oa40", { oaWidthLg2: 40, tableBase: bases.below40 }),
  amdv1("top2-va64-v1sizes", { pageSizes: kib4 | mib2 | gib1, tableBase: bases.straddling }),
  amdv1("top3-va57", { vaWidthLg2: 57, topLevel: 3 }),
  amdv1("top3-va64", { topLevel: 3 }),
  amdv1("top4-va64", { topLevel: 4, tableBase: bases.below52 }),

  amdv1("top2-va64-queued", { gather: "queued" }),
  // The highest start there is: level 5 has 128 items and no leaf.
  amdv1("top5-va64", { topLevel: 5 }),
  // One contiguous size only, and one OA width below the base's architecture limit.
  amdv1("top2-va64-64k", { pageSizes: kib4 | kib64 | mib2, oaWidthLg2: 40, tableBase: bases.below40 }),
  // Every second power of two: each leaf size is reached over a gap of two.
  amdv1("top2-va64-evensizes", { pageSizes: 0x5555_5555_5555_5000n }),
  // The smallest page is not the granule, so the whole of level 0 stays unused.
  amdv1("top2-va64-2mup", { pageSizes: allSizes & ~(mib2 - 1n), tableBase: bases.lowest }),
  // One bit above a level: the grown top has two usable items.
  amdv1("top2-va40", { vaWidthLg2: 40, tableBase: bases.straddling }),
  amdv1("top1-va31-queued", { topLevel: 1, vaWidthLg2: 31, gather: "queued" }),
  // The encryption bit is the lowest of the high word.
  amdv1("top3-va64-enc32", { topLevel: 3, encryptionBit: 32, tableBase: bases.below52Without32 }),
  // The top stays where it began, and leaves carry no FC.
  amdv1("top3-va48-fixed", { topLevel: 3, vaWidthLg2: 48, growingTop: false, forceCoherence: false }),
  amdv1("top2-va64-cutting-emptying", { partialUnmap: "cut", freeing: "empty", gather: "no-gaps" }),
  amdv1("top2-va64-refusing", { partialUnmap: "refuse", vaWidthLg2: 48 }),

  amdv1("tiny-2-levels-refusing", { ...tinySpace(1), growingTop: false, partialUnmap: "refuse" }),
  amdv1("tiny-2-levels", { ...tinySpace(1), growingTop: false }),
  amdv1("tiny-3-levels", { ...tinySpace(2), growingTop: false, tableBase: bases.straddling }),
  // Begins with two levels and grows to three.
  amdv1("tiny-growing", { ...tinySpace(2), topLevel: 1 }),
  // Grows by two levels at once, so that the second of them may be the one without memory.
  amdv1("tiny-growing-twice", { ...tinySpace(3), topLevel: 1, gather: "no-gaps" }),
];

export const amdv1MockConfigurations: readonly Configuration[] = [
  amdv1Mock("top2-va56", { topLevel: 2, vaWidthLg2: 38, tableBase: bases.below51 }),
  amdv1Mock("top3-va56", { topLevel: 3, vaWidthLg2: 47, tableBase: bases.straddling }),

  amdv1Mock("top2-va56-queued", { topLevel: 2, vaWidthLg2: 38, gather: "queued" }),
  // Host pages of 4 KiB over a granule of 2 KiB.
  amdv1Mock("top2-va56-4kup", { topLevel: 2, vaWidthLg2: 38, pageSizes: allSizes & ~0xfffn }),
  // The highest top of this format.
  amdv1Mock("top4-va56", { topLevel: 4, vaWidthLg2: 56, tableBase: bases.lowest }),

  amdv1Mock("tiny-2-levels", tinySpace(1, 11)),
  amdv1Mock("tiny-3-levels", tinySpace(2, 11)),
  amdv1Mock("tiny-3-levels-cutting-emptying", {
    ...tinySpace(2, 11),
    partialUnmap: "cut",
    freeing: "empty",
    gather: "no-gaps",
  }),
];
