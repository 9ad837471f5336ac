/** RISC-V: Sv39 to Sv57, Sv32, and their guest stages. */
import type { Configuration } from "../configuration.js";
import { allSizes, bases, complete, kib4, kib64, type Options, tinySpace } from "./common.js";

/** RISC-V as deployed: sign-extended, with Svnapot. */
function riscv64(name: string, vaWidthLg2: number, options: Options = {}): Configuration {
  const topLevel = (vaWidthLg2 - 12) / 9 - 1;
  const defaults = { vaWidthLg2, topLevel, oaWidthLg2: 56, signExtended: true, svnapot: true };
  return complete("riscv64", defaults, name, options);
}

function riscv32(name: string, options: Options = {}): Configuration {
  return complete("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 }, name, options);
}

/** The guest stage: an input two bits wider than the first stage's, all of it in the root, and no sign extension. */
function guest64(name: string, vaWidthLg2: number, options: Options = {}): Configuration {
  const topLevel = (vaWidthLg2 - 14) / 9 - 1;
  return complete("riscv64-guest", { vaWidthLg2, topLevel, oaWidthLg2: 56, svnapot: true }, name, options);
}

function guest32(name: string, options: Options = {}): Configuration {
  const defaults = { vaWidthLg2: 34, oaWidthLg2: 34, topLevel: 1, tableBase: bases.below34 };
  return complete("riscv32-guest", defaults, name, options);
}

export const riscv64Configurations: readonly Configuration[] = [
  riscv64("sv39", 39, { tableBase: bases.below56 }),
  riscv64("sv39-nonapot", 39, { svnapot: false }),
  riscv64("sv48", 48, { tableBase: bases.straddling }),
  riscv64("sv48-nosign", 48, { signExtended: false, tableBase: bases.lowest }),
  riscv64("sv57", 57, { tableBase: bases.below56 }),

  riscv64("sv48-queued", 48, { gather: "queued" }),
  riscv64("sv39-nogaps", 39, { gather: "no-gaps", oaWidthLg2: 44, tableBase: bases.below44 }),
  // The smallest page is the contiguous one.
  riscv64("sv39-64kup", 39, { pageSizes: allSizes & ~kib4 }),
  // Leaves carry memory types.
  riscv64("sv48-svpbmt", 48, { svpbmt: true }),
  riscv64("sv39-svpbmt-nonapot", 39, { svpbmt: true, svnapot: false, tableBase: bases.lowest }),
  // Svnapot is there, but the domain may not use its size.
  riscv64("sv57-no64k", 57, { pageSizes: allSizes & ~kib64 }),
  // Hardware sets the accessed bit.
  riscv64("sv39-accessed", 39, { accessedTracking: true, gather: "no-gaps", tableBase: bases.straddling }),

  riscv64("tiny-2-levels", 39, { ...tinySpace(1), svnapot: false }),
  riscv64("tiny-2-levels-napot", 39, tinySpace(1)),
  riscv64("tiny-2-levels-napot-accessed", 39, { ...tinySpace(1), accessedTracking: true }),
  riscv64("tiny-3-levels-napot", 39, { ...tinySpace(2), signExtended: false, tableBase: bases.straddling }),
];

export const riscv32Configurations: readonly Configuration[] = [
  riscv32("sv32", { tableBase: bases.below34 }),
  riscv32("sv32-4konly", { pageSizes: kib4, tableBase: bases.straddling }),
  riscv32("sv32-queued", { gather: "queued", tableBase: bases.lowest }),
  // Output addresses no wider than a word, and tables only there.
  riscv32("sv32-oa32-nogaps", { oaWidthLg2: 32, gather: "no-gaps", tableBase: bases.lowest }),
  riscv32("sv32-accessed", { accessedTracking: true, tableBase: bases.below34 }),

  riscv32("tiny-2-levels", { ...tinySpace(1), tableBase: bases.below34 }),
  riscv32("tiny-3-levels", { ...tinySpace(2), tableBase: bases.straddling }),
];

export const guest64Configurations: readonly Configuration[] = [
  guest64("sv39x4", 41, { tableBase: bases.below56 }),
  guest64("sv39x4-nonapot-nogaps", 41, { svnapot: false, gather: "no-gaps" }),
  guest64("sv48x4", 50, { tableBase: bases.straddling16K }),
  guest64("sv48x4-svpbmt-queued", 50, { svpbmt: true, gather: "queued", tableBase: bases.lowest }),
  guest64("sv57x4", 59, { tableBase: bases.below56 }),
  // The smallest page is the contiguous one.
  guest64("sv39x4-64kup-oa44", 41, {
    pageSizes: allSizes & ~kib4,
    oaWidthLg2: 44,
    tableBase: bases.below44,
  }),
  guest64("sv48x4-accessed", 50, { accessedTracking: true, tableBase: bases.straddling16K }),

  // The root has sixteen items, the tables below it four.
  guest64("tiny-2-levels-wide", 41, { ...tinySpace(1, 12, 2), svnapot: false }),
  guest64("tiny-2-levels-wide-napot", 41, tinySpace(1, 12, 2)),
  guest64("tiny-3-levels-wide-napot", 41, { ...tinySpace(2, 12, 2), tableBase: bases.straddling16K }),
];

export const guest32Configurations: readonly Configuration[] = [
  guest32("sv32x4"),
  guest32("sv32x4-4konly", { pageSizes: kib4, tableBase: bases.straddling16K }),
  guest32("sv32x4-queued", { gather: "queued", tableBase: bases.lowest }),
  guest32("sv32x4-oa32-nogaps", { oaWidthLg2: 32, gather: "no-gaps", tableBase: bases.below32 }),
  guest32("sv32x4-accessed", { accessedTracking: true, gather: "no-gaps" }),

  guest32("tiny-2-levels-wide", tinySpace(1, 12, 2)),
  guest32("tiny-3-levels-wide", { ...tinySpace(2, 12, 2), tableBase: bases.straddling16K }),
];
