/** How far the tables of a domain reach and which page sizes it offers, by the facts of its format. */
import type { Configuration } from "../models/configuration.js";
import { hasWideRoot, itemSizeLg2, leafSizesLg2, perConfiguration } from "./formats.js";

export const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
export const larger = (a: bigint, b: bigint) => (a > b ? a : b);

/** log2 of the bytes that a table of this level spans. A wide root spans every input address. */
export function tableSpanLg2(configuration: Configuration, level: number): number {
  const isWide = hasWideRoot(configuration) && level >= configuration.topLevel;
  return isWide ? configuration.vaWidthLg2 : itemSizeLg2(configuration, level + 1);
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
  return Math.min(configuration.vaWidthLg2, tableSpanLg2(configuration, highestTopLevel(configuration)));
}

/** Input addresses lie below the first of these or from the second on. */
export const inputEnds = perConfiguration(
  (configuration): readonly [lowerEnd: bigint, upperStart: bigint] => {
    const width = 1n << BigInt(inputWidthLg2(configuration));
    if (configuration.upperHalf === true) return [0n, 2n ** 64n - width];
    return configuration.signExtended ? [width / 2n, 2n ** 64n - width / 2n] : [width, 2n ** 64n];
  },
);

/** log2 of the page sizes of all levels up to the top, smallest first, whatever the domain allows. */
export function formatSizesLg2(configuration: Configuration): number[] {
  const levels = Array.from({ length: highestTopLevel(configuration) + 1 }, (_, level) => level);
  return levels.flatMap((level) => leafSizesLg2(configuration, level));
}

/** log2 of the page sizes that the domain offers, smallest first. */
export function offeredSizesLg2(configuration: Configuration): number[] {
  const { oaWidthLg2, encryptionBit, pageSizes } = configuration;
  // A leaf above 2^c could not express its encryption bit c: the bit would lie inside the page.
  const largest = Math.min(oaWidthLg2 - 1, encryptionBit ?? 64);
  return sizesIn(pageSizes, formatSizesLg2(configuration)).filter((sizeLg2) => sizeLg2 <= largest);
}

/** Those of the sizes that the mask allows. */
export function sizesIn(pageSizes: bigint, sizesLg2: readonly number[]): number[] {
  return sizesLg2.filter((sizeLg2) => ((pageSizes >> BigInt(sizeLg2)) & 1n) === 1n);
}
