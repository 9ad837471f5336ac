/**
 * 64-bit values as two signed 32-bit words, always `(low, high)`: what every walker computes with, because a
 * bigint costs more than the whole walk.
 */

/** The low word of `2^width − 1`, for widths 0…64. */
export function lowMask(width: number): number {
  return width >= 32 ? -1 : ((1 << width) - 1) | 0;
}

/** The high word of `2^width − 1`, for widths 0…64. */
export function highMask(width: number): number {
  if (width <= 32) return 0;
  return width >= 64 ? -1 : ((1 << (width - 32)) - 1) | 0;
}

/** The 32 bits that begin at bit `shift`, for shifts 1…63; the caller masks them to the field's width. */
export function bitsFrom(low: number, high: number, shift: number): number {
  return shift < 32 ? (low >>> shift) | (high << (32 - shift)) : (high >>> (shift - 32)) | 0;
}

/** The low word of `value << shift`, for values below 2^31 and shifts 1…63. */
export function shiftedLow(value: number, shift: number): number {
  return shift < 32 ? value << shift : 0;
}

/** The high word of `value << shift`, for values below 2^31 and shifts 1…63. */
export function shiftedHigh(value: number, shift: number): number {
  return shift < 32 ? value >>> (32 - shift) : value << (shift - 32);
}

/** The position of the lowest set bit; 32 for 0. */
export function lowestSetBit(word: number): number {
  return word === 0 ? 32 : 31 - Math.clz32(word & -word);
}

/** Whether all bits below `width` are 0. */
export function isAligned(low: number, high: number, width: number): boolean {
  return ((low & lowMask(width)) | (high & highMask(width))) === 0;
}

/** Whether all bits from `width` up are 0. */
export function fits(low: number, high: number, width: number): boolean {
  return ((low & ~lowMask(width)) | (high & ~highMask(width))) === 0;
}

/** Whether all bits from `width − 1` up are equal: the value is sign-extended from there. */
export function isSignExtended(low: number, high: number, width: number): boolean {
  if (width > 32) {
    const sign = high >> (width - 33);
    return sign === 0 || sign === -1;
  }
  const sign = low >> (width - 1);
  return high === sign && (sign === 0 || sign === -1);
}
