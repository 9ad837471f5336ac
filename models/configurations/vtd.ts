/** VT-d's second stage. */
import type { Configuration } from "../configuration.js";
import { bases, complete, gib1, mib2, type Options, tinySpace } from "./common.js";

function vtd(name: string, options: Options = {}): Configuration {
  return complete("vtd-second-stage", {}, name, options);
}

export const vtdConfigurations: readonly Configuration[] = [
  vtd("3l", { vaWidthLg2: 39, topLevel: 2, tableBase: bases.lowest }),
  // A walk of four levels limited to 39 bits: the top has one usable item.
  vtd("3l-in-4l", { vaWidthLg2: 39, tableBase: bases.straddling }),
  vtd("4l", { tableBase: bases.below52 }),
  vtd("4l-incoherent", { incoherent: true }),
  vtd("4l-snoop", { forceCoherence: true }),
  vtd("4l-va42", { vaWidthLg2: 42, oaWidthLg2: 46, tableBase: bases.below46 }),
  vtd("4l-writeable", { forceWriteable: true }),
  vtd("5l", { vaWidthLg2: 57, topLevel: 4, tableBase: bases.below52 }),
  vtd("5l-snoop-incoherent", { vaWidthLg2: 57, topLevel: 4, forceCoherence: true, incoherent: true }),

  vtd("4l-queued", { gather: "queued" }),
  vtd("4l-nogaps-incoherent", { gather: "no-gaps", incoherent: true, tableBase: bases.straddling }),
  // Output addresses narrower than input addresses, both one bit off a level.
  vtd("4l-va40-oa39", { vaWidthLg2: 40, oaWidthLg2: 39, tableBase: bases.below39 }),
  // The smallest page is 2 MiB: level 0 stays unused.
  vtd("4l-2mup", { pageSizes: mib2 | gib1 }),
  // Caching mode, as emulated units have it: the unit remembers misses.
  vtd("4l-caching", { cachesNotPresent: true }),
  vtd("3l-caching-nogaps-incoherent", {
    vaWidthLg2: 39,
    topLevel: 2,
    cachesNotPresent: true,
    gather: "no-gaps",
    incoherent: true,
  }),

  vtd("tiny-2-levels", tinySpace(1)),
  vtd("tiny-2-levels-caching", { ...tinySpace(1), cachesNotPresent: true }),
  vtd("tiny-2-levels-nogaps-incoherent", { ...tinySpace(1), gather: "no-gaps", incoherent: true }),
  vtd("tiny-3-levels-cutting", { ...tinySpace(2), partialUnmap: "cut" }),
  vtd("tiny-3-levels", { ...tinySpace(2), tableBase: bases.straddling }),
];
