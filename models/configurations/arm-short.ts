/** ARM's short descriptor: two levels of 32-bit items below 4 GiB, and what MediaTek adds. */
import type { Configuration } from "../configuration.js";
import { allSizes, bases, complete, kib4, kib64, type Options } from "./common.js";

const mib1 = 1n << 20n;
const mib16 = 1n << 24n;

function short(name: string, options: Options = {}): Configuration {
  const defaults = { vaWidthLg2: 32, oaWidthLg2: 32, topLevel: 1, tableBase: bases.within32 };
  return complete("arm-short", defaults, name, options);
}

export const shortConfigurations: readonly Configuration[] = [
  short("4k_1m", { pageSizes: kib4 | mib1 }),
  short("all", { tableBase: bases.below32 }),
  short("mtk_ias32_oas34", { oaWidthLg2: 34, noPermissions: true, mediatek: true }),
  short("mtk_ias34_oas35_ttbrext", {
    vaWidthLg2: 34,
    oaWidthLg2: 35,
    noPermissions: true,
    mediatek: true,
    mediatekTables: true,
    tableBase: bases.below35,
  }),
  short("noncoh", { incoherent: true, tableBase: bases.lowest }),
  short("noperms", { noPermissions: true }),
  short("nosuper", { pageSizes: allSizes & ~mib16, tableBase: bases.below32 }),
  short("ns", { nonSecure: true }),

  // Supersections reach beyond 4 GiB, and nothing else does.
  short("oas40", { oaWidthLg2: 40, tableBase: bases.below32 }),
  short("oas36-nogaps", { oaWidthLg2: 36, gather: "no-gaps", nonSecure: true }),
  short("oas40-queued-4k16m", { oaWidthLg2: 40, pageSizes: kib4 | mib16, gather: "queued" }),
  short("oas40-64kup", { oaWidthLg2: 40, pageSizes: kib64 | mib1 | mib16, incoherent: true }),
  // Tables on both sides of 4 GiB.
  short("mtk-ttbrext-straddling", {
    oaWidthLg2: 35,
    noPermissions: true,
    mediatek: true,
    mediatekTables: true,
    tableBase: bases.straddling,
  }),
];
