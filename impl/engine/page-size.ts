/** Which page size comes next, and how often. */
import { shiftRightLow, trailingZeros } from "./geometry.js";

const HIGHEST_SIZE_LG2 = 63;

/**
 * The largest of the allowed sizes that divides both addresses and does not exceed what remains; −1 for none.
 * `remaining` is the number of bytes, not 0.
 */
export function largestSizeLg2(
  sizesLow: number,
  sizesHigh: number,
  alignmentLow: number,
  alignmentHigh: number,
  remainingLow: number,
  remainingHigh: number,
): number {
  const fits = remainingHigh !== 0 ? 63 - Math.clz32(remainingHigh) : 31 - Math.clz32(remainingLow);
  const divides = trailingZeros(alignmentLow, alignmentHigh);
  return highestSizeUpTo(sizesLow, sizesHigh, Math.min(divides, fits));
}

/** The largest allowed size of at most `2^limit` bytes; −1 for none. */
export function highestSizeUpTo(sizesLow: number, sizesHigh: number, limit: number): number {
  if (limit >= 32) {
    const bits = sizesHigh & ((2 << (Math.min(limit, HIGHEST_SIZE_LG2) - 32)) - 1);
    if (bits !== 0) return 63 - Math.clz32(bits);
    return 31 - Math.clz32(sizesLow);
  }
  return 31 - Math.clz32(sizesLow & ((2 << limit) - 1));
}

/** The smallest allowed size above `2^sizeLg2` bytes; 64 for none. */
export function nextLargerSizeLg2(sizesLow: number, sizesHigh: number, sizeLg2: number): number {
  const low = sizeLg2 < 31 ? sizesLow & (-2 << sizeLg2) : 0;
  const high = sizeLg2 < 32 ? sizesHigh : sizeLg2 < 63 ? sizesHigh & (-2 << (sizeLg2 - 32)) : 0;
  return trailingZeros(low, high);
}

/** `remaining >> sizeLg2`, or `limit` if that is less. Both words are unsigned. */
export function wholePages(
  remainingLow: number,
  remainingHigh: number,
  sizeLg2: number,
  limit: number,
): number {
  const above = sizeLg2 < 32 ? remainingHigh >>> sizeLg2 : 0;
  if (above !== 0) return limit;
  const pages = shiftRightLow(remainingLow, remainingHigh, sizeLg2);
  return pages < 0 || pages > limit ? limit : pages;
}
