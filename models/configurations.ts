/**
 * The named configurations that everyone tests with: those of the deployed tables (the golden vectors carry the
 * same names), variants with a flush queue, odd ones whose limits fall in awkward places, and tiny ones whose
 * whole input space can be enumerated.
 */
import type { Configuration, FormatName } from "./configuration.js";

/** Every page size that the format has. */
const allSizes = 0xffff_ffff_ffff_ffffn;
const kib4 = 1n << 12n;
const kib64 = 1n << 16n;
const mib2 = 1n << 21n;
const gib1 = 1n << 30n;

/** Where the table memory's window begins. The first frames are the ones in use, so a boundary must be near. */
const bases = {
  /** Above 4 GiB, nothing special. */
  plain: 0x8_4000_0000n,
  /** The first frame that is not at physical address 0. */
  lowest: 0x1000n,
  /** Eight frames before a 4 GiB boundary: a table and its child differ in the high word. */
  straddling: 0x1_ffff_8000n,
  /** The last 256 MiB of the OA width n, with every address bit above them set. */
  below34: 0x3_f000_0000n,
  below39: 0x7f_f000_0000n,
  below40: 0xff_f000_0000n,
  below44: 0xfff_f000_0000n,
  below46: 0x3fff_f000_0000n,
  below51: 0x7_ffff_f000_0000n,
  below52: 0xf_ffff_f000_0000n,
  below56: 0xff_ffff_f000_0000n,
  /** The same below 2^52, the encryption bit clear. */
  below52Without32: 0xf_fffe_f000_0000n,
  below52Without40: 0xf_feff_f000_0000n,
  below52Without47: 0xf_7fff_f000_0000n,
} as const;

type Options = Partial<Omit<Configuration, "format" | "name">>;

function complete(format: FormatName, defaults: Options, name: string, options: Options): Configuration {
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

/** AMDv1 as deployed: the top grows to what 64 bits need, and leaves carry FC. */
function amdv1(name: string, options: Options = {}): Configuration {
  const defaults = { vaWidthLg2: 64, topLevel: 2, growingTop: true, forceCoherence: true };
  return complete("amdv1", defaults, name, options);
}

function amdv1Mock(name: string, options: Options): Configuration {
  return complete("amdv1-mock", { oaWidthLg2: 51 }, name, options);
}

function x86(name: string, options: Options = {}): Configuration {
  return complete("x86-64", {}, name, options);
}

function vtd(name: string, options: Options = {}): Configuration {
  return complete("vtd-second-stage", {}, name, options);
}

/** RISC-V as deployed: sign-extended, with Svnapot. */
function riscv64(name: string, vaWidthLg2: number, options: Options = {}): Configuration {
  const topLevel = (vaWidthLg2 - 12) / 9 - 1;
  const defaults = { vaWidthLg2, topLevel, oaWidthLg2: 56, signExtended: true, svnapot: true };
  return complete("riscv64", defaults, name, options);
}

function riscv32(name: string, options: Options = {}): Configuration {
  return complete("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 }, name, options);
}

/** Four items a table, so that an exhaustive run can visit every state; `topLevel + 1` levels. */
function tinySpace(topLevel: number, granuleLg2 = 12): Options {
  const vaWidthLg2 = granuleLg2 + 2 * (topLevel + 1);
  return { tiny: { tableBitsLg2: 2, contiguousLg2: 1 }, topLevel, vaWidthLg2 };
}

const amdv1Configurations: readonly Configuration[] = [
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

  amdv1("tiny-2-levels", { ...tinySpace(1), growingTop: false }),
  amdv1("tiny-3-levels", { ...tinySpace(2), growingTop: false, tableBase: bases.straddling }),
  // Begins with two levels and grows to three.
  amdv1("tiny-growing", { ...tinySpace(2), topLevel: 1 }),
  // Grows by two levels at once, so that the second of them may be the one without memory.
  amdv1("tiny-growing-twice", { ...tinySpace(3), topLevel: 1, gather: "no-gaps" }),
];

const amdv1MockConfigurations: readonly Configuration[] = [
  amdv1Mock("top2-va56", { topLevel: 2, vaWidthLg2: 38, tableBase: bases.below51 }),
  amdv1Mock("top3-va56", { topLevel: 3, vaWidthLg2: 47, tableBase: bases.straddling }),

  amdv1Mock("top2-va56-queued", { topLevel: 2, vaWidthLg2: 38, gather: "queued" }),
  // Host pages of 4 KiB over a granule of 2 KiB.
  amdv1Mock("top2-va56-4kup", { topLevel: 2, vaWidthLg2: 38, pageSizes: allSizes & ~0xfffn }),
  // The highest top of this format.
  amdv1Mock("top4-va56", { topLevel: 4, vaWidthLg2: 56, tableBase: bases.lowest }),

  amdv1Mock("tiny-2-levels", tinySpace(1, 11)),
  amdv1Mock("tiny-3-levels", tinySpace(2, 11)),
];

const x86Configurations: readonly Configuration[] = [
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
  x86("tiny-2-levels-signed", { ...tinySpace(1), signExtended: true }),
  x86("tiny-3-levels-signed", { ...tinySpace(2), signExtended: true, tableBase: bases.straddling }),
];

const vtdConfigurations: readonly Configuration[] = [
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

  vtd("tiny-2-levels", tinySpace(1)),
  vtd("tiny-2-levels-nogaps-incoherent", { ...tinySpace(1), gather: "no-gaps", incoherent: true }),
  vtd("tiny-3-levels", { ...tinySpace(2), tableBase: bases.straddling }),
];

const riscv64Configurations: readonly Configuration[] = [
  riscv64("sv39", 39, { tableBase: bases.below56 }),
  riscv64("sv39-nonapot", 39, { svnapot: false }),
  riscv64("sv48", 48, { tableBase: bases.straddling }),
  riscv64("sv48-nosign", 48, { signExtended: false, tableBase: bases.lowest }),
  riscv64("sv57", 57, { tableBase: bases.below56 }),

  riscv64("sv48-queued", 48, { gather: "queued" }),
  riscv64("sv39-nogaps", 39, { gather: "no-gaps", oaWidthLg2: 44, tableBase: bases.below44 }),
  // The smallest page is the contiguous one.
  riscv64("sv39-64kup", 39, { pageSizes: allSizes & ~kib4 }),
  // Svnapot is there, but the domain may not use its size.
  riscv64("sv57-no64k", 57, { pageSizes: allSizes & ~kib64 }),

  riscv64("tiny-2-levels", 39, { ...tinySpace(1), svnapot: false }),
  riscv64("tiny-2-levels-napot", 39, tinySpace(1)),
  riscv64("tiny-3-levels-napot", 39, { ...tinySpace(2), signExtended: false, tableBase: bases.straddling }),
];

const riscv32Configurations: readonly Configuration[] = [
  riscv32("sv32", { tableBase: bases.below34 }),
  riscv32("sv32-4konly", { pageSizes: kib4, tableBase: bases.straddling }),
  riscv32("sv32-queued", { gather: "queued", tableBase: bases.lowest }),
  // Output addresses no wider than a word, and tables only there.
  riscv32("sv32-oa32-nogaps", { oaWidthLg2: 32, gather: "no-gaps", tableBase: bases.lowest }),

  riscv32("tiny-2-levels", { ...tinySpace(1), tableBase: bases.below34 }),
  riscv32("tiny-3-levels", { ...tinySpace(2), tableBase: bases.straddling }),
];

/** Every named configuration, grouped by format, each group in its own order. */
export const configurations: readonly Configuration[] = [
  ...amdv1Configurations,
  ...amdv1MockConfigurations,
  ...x86Configurations,
  ...vtdConfigurations,
  ...riscv64Configurations,
  ...riscv32Configurations,
];

/** Every format that has a configuration. */
export const formatNames: readonly FormatName[] = [
  "amdv1",
  "amdv1-mock",
  "x86-64",
  "vtd-second-stage",
  "riscv64",
  "riscv32",
];

/** The configurations of one format, in their published order. */
export function configurationsOf(format: FormatName): readonly Configuration[] {
  return configurations.filter((configuration) => configuration.format === format);
}

/** `format/name`, the name by which a configuration is known everywhere. */
export function configurationName(configuration: Configuration): string {
  return `${configuration.format}/${configuration.name}`;
}

/** The configuration of this full name, such as `amdv1/top2-va64`, or `undefined`. */
export function findConfiguration(fullName: string): Configuration | undefined {
  return configurations.find((configuration) => configurationName(configuration) === fullName);
}
