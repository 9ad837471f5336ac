/** Apple's DART: pages of one size, and up to four tables at the root, each named by a register. */
import type { Configuration } from "../configuration.js";
import { bases, complete, type Options, tinySpace } from "./common.js";

function dart1(name: string, granuleLg2: 12 | 14, vaWidthLg2: number, options: Options = {}): Configuration {
  return dart("dart1", name, granuleLg2, vaWidthLg2, { oaWidthLg2: 36, ...options });
}

function dart2(name: string, vaWidthLg2: number, options: Options = {}): Configuration {
  return dart("dart2", name, 14, vaWidthLg2, { oaWidthLg2: 42, ...options });
}

/** The last two bits that the levels leave over, with 4 KiB tables, select one of up to four of them. */
function dart(
  format: "dart1" | "dart2",
  name: string,
  granuleLg2: 12 | 14,
  vaWidthLg2: number,
  options: Options,
): Configuration {
  const registersLg2 = granuleLg2 === 12 ? 2 : 0;
  const levels = Math.ceil((vaWidthLg2 - granuleLg2 - registersLg2) / (granuleLg2 - 3));
  return complete(format, { granuleLg2, vaWidthLg2, topLevel: Math.max(2, levels) - 1 }, name, options);
}

export const dart1Configurations: readonly Configuration[] = [
  dart1("4k_ias30_oas36", 12, 30, { tableBase: bases.below36 }),
  dart1("4k_ias31_oas36", 12, 31, { tableBase: bases.straddling }),
  dart1("4k_ias32_oas36", 12, 32, { tableBase: bases.below36 }),
  dart1("4k_ias36_oas36", 12, 36),
  dart1("16k_ias32_oas36", 14, 32, { tableBase: bases.straddling16K }),
  dart1("16k_ias36_oas36", 14, 36, { tableBase: bases.lowest }),

  dart1("4k-ias32-nogaps", 12, 32, { gather: "no-gaps", oaWidthLg2: 34, tableBase: bases.below34 }),
  dart1("4k-ias33-queued", 12, 33, { gather: "queued", tableBase: bases.lowest }),

  // One register, two, and three levels.
  dart1("tiny-2-levels", 12, 30, tinySpace(1)),
  dart1("tiny-2-levels-wide", 12, 30, { ...tinySpace(1, 12, 1), gather: "no-gaps" }),
  dart1("tiny-3-levels-wide", 12, 30, { ...tinySpace(2, 12, 1), tableBase: bases.straddling }),
];

export const dart2Configurations: readonly Configuration[] = [
  dart2("16k_ias32_oas42", 32, { tableBase: bases.below42 }),
  dart2("16k_ias36_oas42", 36, { tableBase: bases.straddling16K }),
  dart2("16k_ias42_oas42", 42, { tableBase: bases.below42 }),

  dart2("ias38-queued", 38, { gather: "queued" }),
  dart2("ias36-oas36-nogaps", 36, { gather: "no-gaps", oaWidthLg2: 36, tableBase: bases.lowest }),

  dart2("tiny-2-levels", 32, tinySpace(1, 14)),
  dart2("tiny-3-levels", 32, { ...tinySpace(2, 14), tableBase: bases.straddling16K }),
];
