/**
 * Crossing between bigint, which the public face speaks, and pairs of signed 32-bit words, which the engine
 * speaks. A store into a one-element `BigUint64Array` converts in a few nanoseconds and allocates nothing.
 */
const one = new BigUint64Array(1);

/** The words, low and high, of the number that `toWords` took last. */
export const pair = new Int32Array(one.buffer);

/** Puts the words of an unsigned 64-bit number into `pair`. False, and nothing is done, for anything else. */
export function toWords(value: unknown): boolean {
  if (!isUint64(value)) return false;
  one[0] = value;
  return true;
}

/** Bits 31:0 of an unsigned 64-bit number, as a signed word. */
export function lowOf(value: bigint): number {
  one[0] = value;
  return pair[0];
}

/** Bits 63:32 of an unsigned 64-bit number, as a signed word. */
export function highOf(value: bigint): number {
  one[0] = value;
  return pair[1];
}

/** The unsigned 64-bit number of two words. */
export function fromWords(low: number, high: number): bigint {
  pair[0] = low;
  pair[1] = high;
  return one[0];
}

/** True for an unsigned 64-bit number. */
export function isUint64(value: unknown): value is bigint {
  return typeof value === "bigint" && BigInt.asUintN(64, value) === value;
}
