/** What the named configurations are made of. */
import type { Configuration, FormatName } from "../configuration.js";

/** Every page size that the format has. */
export const allSizes = 0xffff_ffff_ffff_ffffn;
export const kib4 = 1n << 12n;
export const kib64 = 1n << 16n;
export const mib2 = 1n << 21n;
export const gib1 = 1n << 30n;
/** The pages and blocks of the ARM long descriptor without its contiguous runs, which deployed code never makes. */
export const plainSizes4K = kib4 | mib2 | gib1;
export const plainSizes16K = (1n << 14n) | (1n << 25n);
export const plainSizes64K = kib64 | (1n << 29n) | (1n << 42n);

/** Where the table memory's window begins. The first frames are the ones in use, so a boundary must be near. */
export const bases = {
  /** Above 4 GiB, nothing special. */
  plain: 0x8_4000_0000n,
  /** The first frame that is not at physical address 0. */
  lowest: 0x1000n,
  /** Eight frames before a 4 GiB boundary: a table and its child differ in the high word. */
  straddling: 0x1_ffff_8000n,
  /** The same for tables of 16 KiB and of 64 KiB. */
  straddling16K: 0x1_fffe_0000n,
  straddling64K: 0x1_fff8_0000n,
  /** In the middle of the low 4 GiB, the word's sign bit clear. */
  within32: 0x4000_0000n,
  /** The last 256 MiB of the OA width n, with every address bit above them set. */
  below32: 0xf000_0000n,
  below34: 0x3_f000_0000n,
  below35: 0x7_f000_0000n,
  below36: 0xf_f000_0000n,
  below39: 0x7f_f000_0000n,
  below40: 0xff_f000_0000n,
  below42: 0x3ff_f000_0000n,
  below44: 0xfff_f000_0000n,
  below46: 0x3fff_f000_0000n,
  below48: 0xffff_f000_0000n,
  below51: 0x7_ffff_f000_0000n,
  below52: 0xf_ffff_f000_0000n,
  below56: 0xff_ffff_f000_0000n,
  /** The same below 2^52, the encryption bit clear. */
  below52Without32: 0xf_fffe_f000_0000n,
  below52Without40: 0xf_feff_f000_0000n,
  below52Without47: 0xf_7fff_f000_0000n,
} as const;

export type Options = Partial<Omit<Configuration, "format" | "name">>;

export function complete(
  format: FormatName,
  defaults: Options,
  name: string,
  options: Options,
): Configuration {
  return {
    vaWidthLg2: 48,
    oaWidthLg2: 52,
    topLevel: 3,
    growingTop: false,
    signExtended: false,
    pageSizes: allSizes,
    gather: "range",
    forceCoherence: false,
    forceWriteable: false,
    svnapot: false,
    incoherent: false,
    tableBase: bases.plain,
    ...defaults,
    ...options,
    format,
    name,
  };
}

/**
 * Four items a table, so that an exhaustive run can visit every state; `topLevel + 1` levels. A wide root has
 * `2^moreBits` times as many items.
 */
export function tinySpace(topLevel: number, granuleLg2 = 12, moreBits = 0): Options {
  const vaWidthLg2 = granuleLg2 + 2 * (topLevel + 1) + moreBits;
  return { tiny: { tableBitsLg2: 2, contiguousLg2: 1 }, topLevel, vaWidthLg2 };
}
