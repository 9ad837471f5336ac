/** 64-bit values as pairs of signed words, `(low, high)`: what every check of the lockstep computes with. */

const wide = new BigUint64Array(1);
const pair = new Int32Array(wide.buffer);

export function lowWord(value: bigint): number {
  wide[0] = value;
  return pair[0];
}

export function highWord(value: bigint): number {
  wide[0] = value;
  return pair[1];
}

export function joined(low: number, high: number): bigint {
  pair[0] = low;
  pair[1] = high;
  return wide[0];
}

/** Unsigned a < b. */
export function isBelow(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
}

/** The low word of `2^width − 1`, for widths 0 to 64. */
export function maskLow(width: number): number {
  return width >= 32 ? -1 : (1 << width) - 1;
}

/** The high word of `2^width − 1`, for widths 0 to 64. */
export function maskHigh(width: number): number {
  if (width <= 32) return 0;
  return width >= 64 ? -1 : (1 << (width - 32)) - 1;
}

/** The low word of `value << shift`, for values below 2^31 and shifts 0 to 63. */
export function shiftedLow(value: number, shift: number): number {
  return shift < 32 ? value << shift : 0;
}

/** The high word of `value << shift`, for values below 2^31 and shifts 0 to 63. */
export function shiftedHigh(value: number, shift: number): number {
  if (shift === 0) return 0;
  return shift < 32 ? value >>> (32 - shift) : value << (shift - 32);
}

/** The carry out of the low words of `a + b`, given their sum. */
export function carryOf(sumLow: number, addendLow: number): number {
  return sumLow >>> 0 < addendLow >>> 0 ? 1 : 0;
}
