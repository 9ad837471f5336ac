/** Where an address falls in a format's tables. */
import {
  addressShift,
  granuleLg2,
  itemWords,
  leafLevelMax,
  tableBitsLg2,
  tableLow,
} from "../stamp/format.js";

export const itemsPerTable = 1 << tableBitsLg2;
export const itemMask = itemsPerTable - 1;
/** log2 of `itemWords`: word counts become item counts by a shift, for a division would be one of doubles. */
export const itemWordsLg2 = itemWords >> 1;

/** log2 of the bytes that one item of a level translates. */
export function levelLg2(level: number): number {
  return granuleLg2 + level * tableBitsLg2;
}

/** The level whose items hold a leaf of this size, contiguous entries included. */
export function levelOfSize(sizeLg2: number): number {
  const level = ((sizeLg2 - granuleLg2) / tableBitsLg2) | 0;
  return Math.min(level, leafLevelMax);
}

/** The low 32 bits of an unsigned 64-bit number shifted right by 0 to 63. */
export function shiftRightLow(low: number, high: number, by: number): number {
  // Without "| 0" the two branches differ in signedness, and the JIT would join them as doubles.
  return by < 32 ? (low >>> by) | ((high << 1) << (31 - by)) : (high >>> (by - 32)) | 0;
}

/** Bits 63:32 of a small number (below 2^31) shifted left by 0 to 63. */
export function shiftLeftHigh(value: number, by: number): number {
  return by < 32 ? ((value >>> 1) >>> (31 - by)) | 0 : value << (by - 32);
}

/** Bits 31:0 of the same. */
export function shiftLeftLow(value: number, by: number): number {
  return by < 32 ? value << by : 0;
}

/** Unsigned a < b. */
export function below(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
}

/** The number of trailing zero bits; 64 for 0. */
export function trailingZeros(low: number, high: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high !== 0 ? 63 - Math.clz32(high & -high) : 64;
}

/** How many of the low 32 bits belong to the offset within `2^sizeLg2` bytes, as a mask. */
export function offsetMaskLow(sizeLg2: number): number {
  return sizeLg2 < 32 ? (1 << sizeLg2) - 1 : -1;
}

export function offsetMaskHigh(sizeLg2: number): number {
  return sizeLg2 < 32 ? 0 : (1 << (sizeLg2 - 32)) - 1;
}

/**
 * Page numbers are split in two words at a level boundary, so that an index never straddles them: levels below
 * `SPLIT_LEVEL` take theirs from the low word, the others from the high one.
 */
const SPLIT_LEVEL = (32 / tableBitsLg2) | 0;
const SPLIT_HIGH = granuleLg2 + SPLIT_LEVEL * tableBitsLg2 - 32;

/** The low word of an address's split page number; bits above its own levels' are left in. */
export function pageLow(low: number, high: number): number {
  return (low >>> granuleLg2) | (high << (32 - granuleLg2));
}

/** The high word of an address's split page number. */
export function pageHigh(high: number): number {
  return high >>> SPLIT_HIGH;
}

/** Index into the words of the item that translates a page, in the table of a level that begins at `table`. */
export function itemOfPage(
  table: number,
  low: number,
  high: number,
  level: number,
  indexMask: number,
): number {
  const part =
    level < SPLIT_LEVEL ? low >> (level * tableBitsLg2) : high >> ((level - SPLIT_LEVEL) * tableBitsLg2);
  return table + ((part & indexMask) << itemWordsLg2);
}

/** How many of an address's bits from 31 down are not in an item's low word, since its field is shifted up. */
const MISSING_BITS = Math.max(addressShift, 0);

/** Bytes of the largest memory in which the low word of an item tells tables apart. */
export const tableWindowBytes = 2 ** (32 - MISSING_BITS);

/** Where the table begins that an item points to, in a memory whose base has this low word. */
export function tableWord(itemLow: number, baseLow: number): number {
  return ((tableLow(itemLow) - baseLow) << MISSING_BITS) >>> (2 + MISSING_BITS);
}
