/** x86-64, its tables with three levels, and legacy 32-bit PAE. */
import type { Configuration } from "../configuration.js";
import { allSizes, bases, complete, gib1, kib4, mib2, type Options, tinySpace } from "./common.js";

function x86(name: string, options: Options = {}): Configuration {
  return complete("x86-64", {}, name, options);
}

function pae(name: string, options: Options = {}): Configuration {
  return complete("x86-pae", { vaWidthLg2: 39, topLevel: 2 }, name, options);
}

/** The root's four entries and every table lie below 4 GiB, where CR3 can name them. */
function pae32(name: string, options: Options = {}): Configuration {
  const defaults = { vaWidthLg2: 32, topLevel: 2, tableBase: bases.lowest };
  return complete("x86-pae32", defaults, name, options);
}

export const x86Configurations: readonly Configuration[] = [
  x86("amdv2-4l", { vaWidthLg2: 47, tableBase: bases.straddling }),
  x86("amdv2-4l-enc51-nogaps", {
    vaWidthLg2: 47,
    encryptionBit: 51,
    gather: "no-gaps",
    tableBase: bases.below51,
  }),
  x86("amdv2-5l", { vaWidthLg2: 56, topLevel: 4, tableBase: bases.below52 }),
  x86("nosign-48"),
  x86("nosign-57", { vaWidthLg2: 57, topLevel: 4, tableBase: bases.lowest }),
  x86("vtdfs-4l", { signExtended: true }),
  x86("vtdfs-4l-incoherent", { signExtended: true, incoherent: true, tableBase: bases.straddling }),
  x86("vtdfs-4l-no1g", { signExtended: true, pageSizes: allSizes & ~gib1 }),
  x86("vtdfs-5l", { signExtended: true, vaWidthLg2: 57, topLevel: 4, tableBase: bases.below52 }),
  x86("vtdfs-5l-4konly", { signExtended: true, vaWidthLg2: 57, topLevel: 4, pageSizes: kib4 }),

  x86("vtdfs-4l-queued", { signExtended: true, gather: "queued" }),
  x86("amdv2-4l-queued-incoherent", { vaWidthLg2: 47, gather: "queued", incoherent: true }),
  // One bit above a level: the top has two usable items.
  x86("nosign-va40-oa40", { vaWidthLg2: 40, oaWidthLg2: 40, tableBase: bases.below40 }),
  // The smallest page is 2 MiB: level 0 stays unused.
  x86("vtdfs-4l-2mup", { signExtended: true, pageSizes: mib2 | gib1 }),
  x86("amdv2-4l-enc40", { vaWidthLg2: 47, encryptionBit: 40, tableBase: bases.below52Without40 }),

  x86("tiny-2-levels", tinySpace(1)),
  x86("tiny-2-levels-queued-incoherent", { ...tinySpace(1), gather: "queued", incoherent: true }),
  x86("tiny-3-levels-signed-emptying", { ...tinySpace(2), signExtended: true, freeing: "empty" }),
  x86("tiny-2-levels-signed", { ...tinySpace(1), signExtended: true }),
  x86("tiny-3-levels-signed", { ...tinySpace(2), signExtended: true, tableBase: bases.straddling }),
];

export const paeConfigurations: readonly Configuration[] = [
  pae("va39", { tableBase: bases.straddling }),
  pae("va39-signed", { signExtended: true, tableBase: bases.below52 }),
  pae("va39-incoherent", { incoherent: true }),
  pae("va39-queued-no1g", { gather: "queued", pageSizes: allSizes & ~gib1 }),
  // One bit above a level: the root has two usable items.
  pae("va31-oa40-nogaps", { vaWidthLg2: 31, oaWidthLg2: 40, gather: "no-gaps", tableBase: bases.below40 }),

  pae("tiny-3-levels", { ...tinySpace(2), tableBase: bases.straddling }),
  pae("tiny-3-levels-signed", { ...tinySpace(2), signExtended: true }),
];

export const pae32Configurations: readonly Configuration[] = [
  pae32("oa36", { oaWidthLg2: 36, tableBase: bases.below32 }),
  pae32("oa52-nogaps", { gather: "no-gaps" }),
  pae32("oa40-queued-4konly", { oaWidthLg2: 40, gather: "queued", pageSizes: kib4 }),
  // The smallest page is 2 MiB: level 0 stays unused.
  pae32("oa52-2mup", { pageSizes: mib2, tableBase: bases.below32 }),

  pae32("tiny-3-levels", tinySpace(2)),
];
