/** Arithmetic on 64-bit addresses, as the generator needs it. */

/** 2^0 … 2^64. */
export const powersOfTwo: readonly bigint[] = Array.from({ length: 65 }, (_, lg2) => 1n << BigInt(lg2));

const words = new Int32Array(2);
const wide = new BigUint64Array(words.buffer);

/** The number of zero bits below the lowest set one; 64 for 0. Bits from 64 up do not count. */
export function trailingZeros(value: bigint): number {
  wide[0] = value;
  const low = words[0];
  if (low !== 0) return 31 - Math.clz32(low & -low);
  const high = words[1];
  return high === 0 ? 64 : 63 - Math.clz32(high & -high);
}

export function alignDown(value: bigint, sizeLg2: number): bigint {
  return value & -powersOfTwo[sizeLg2];
}

export function alignUp(value: bigint, sizeLg2: number): bigint {
  return (value + powersOfTwo[sizeLg2] - 1n) & -powersOfTwo[sizeLg2];
}

/** `count` times 2^sizeLg2. */
export function times(count: number, sizeLg2: number): bigint {
  return BigInt(count) << BigInt(sizeLg2);
}

export function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
