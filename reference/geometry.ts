/**
 * How much an item covers at each level, which page sizes a domain offers, and what a request's permissions become:
 * written down again from the manuals, so that a wrong constant of an implementation meets a right one here.
 */
import type { Configuration } from "../models/configuration.js";

/** The bits of a request's `prot`, as the operation language numbers them. */
const [READ, WRITE, NO_EXEC, MMIO] = [1, 2, 4, 32];

/** log2 of the bytes that one item of a table at this level covers; `level + 1` gives a whole table's. */
export function itemSizeLg2({ format, tiny }: Configuration, level: number): number {
  return (
    (format === "amdv1-mock" ? 11 : 12) + level * (tiny?.tableBitsLg2 ?? (format === "riscv32" ? 10 : 9))
  );
}

/** The level whose table holds leaves of this size. */
export function levelOfSize(configuration: Configuration, sizeLg2: number): number {
  let level = 0;
  while (itemSizeLg2(configuration, level + 1) <= sizeLg2) level++;
  return level;
}

/** The level that the root can reach: the present one, or as far as growing must go to hold every address. */
function highestTopLevel(configuration: Configuration): number {
  const { growingTop, topLevel, vaWidthLg2 } = configuration;
  return growingTop ? Math.max(topLevel, levelOfSize(configuration, vaWidthLg2 - 1)) : topLevel;
}

/** log2 of the number of input addresses: the configured width, as far as the highest root can hold it. */
export function inputWidthLg2(configuration: Configuration): number {
  return Math.min(configuration.vaWidthLg2, itemSizeLg2(configuration, highestTopLevel(configuration) + 1));
}

/** log2 of the page sizes that the domain offers, smallest first. */
export function offeredSizesLg2(configuration: Configuration): number[] {
  const { oaWidthLg2, encryptionBit, pageSizes } = configuration;
  // A leaf above 2^c could not express its encryption bit c: the bit would lie inside the page.
  const largest = Math.min(oaWidthLg2 - 1, encryptionBit ?? 64);
  const offered = formatSizesLg2(configuration).filter((sizeLg2) => sizeLg2 <= largest);
  return sizesIn(pageSizes, offered).sort((a, b) => a - b);
}

/** Those of the sizes that the mask allows. */
export function sizesIn(pageSizes: bigint, sizesLg2: readonly number[]): number[] {
  return sizesLg2.filter((sizeLg2) => ((pageSizes >> BigInt(sizeLg2)) & 1n) === 1n);
}

function formatSizesLg2(configuration: Configuration): number[] {
  const { format, svnapot, tiny } = configuration;
  const top = highestTopLevel(configuration);
  const granuleLg2 = itemSizeLg2(configuration, 0);
  if (format === "amdv1" || format === "amdv1-mock") {
    // Every power of two below the span of the highest leaf level (4, the mock 3), without the 512 GiB of the erratum.
    const count = itemSizeLg2(configuration, Math.min(top, format === "amdv1-mock" ? 3 : 4) + 1) - granuleLg2;
    return Array.from({ length: count }, (_, n) => granuleLg2 + n).filter((lg2) => lg2 !== 39);
  }
  const leafLevelMax = format === "riscv64" || format === "riscv32" ? top : Math.min(top, 2);
  const sizes = Array.from({ length: leafLevelMax + 1 }, (_, level) => itemSizeLg2(configuration, level));
  return format === "riscv64" && svnapot ? [...sizes, granuleLg2 + (tiny?.contiguousLg2 ?? 4)] : sizes;
}

/** What is left of a request's `prot` in a leaf: only what the format can express, and what it implies. */
export function effectiveProt({ format, encryptionBit }: Configuration, prot: number): number {
  // W without R is a reserved encoding.
  if (format === "riscv64" || format === "riscv32") return READ | (prot & (WRITE | NO_EXEC));
  // MMIO keeps the encryption bit out of a leaf, and does nothing else.
  const kept = prot & (encryptionBit === undefined ? READ | WRITE : READ | WRITE | MMIO);
  // A present page of x86-64 can be read: there is no write-only one.
  return format === "x86-64" ? kept | READ : kept;
}

/** What an effective `prot` grants. Where nothing controls execution, what can be read can be executed. */
export function permissionsOf(prot: number) {
  const read = (prot & READ) !== 0;
  return { read, write: (prot & WRITE) !== 0, execute: read && (prot & NO_EXEC) === 0 };
}

/** Whether the format records that a device wrote. */
export function tracksDirty({ format }: Configuration): boolean {
  return format === "amdv1" || format === "amdv1-mock" || format === "vtd-second-stage";
}
