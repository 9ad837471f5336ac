/** The input space of a tiny configuration: few enough pages to look at every one of them. */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";

export interface TinySpace {
  /** log2 of the bytes of the smallest page. */
  readonly pageLg2: number;
  readonly pageCount: number;
  /**
   * The first address of page n; in a sign-extended space the upper half of the pages is at the end of 64 bits, in
   * the upper half all are.
   */
  addressOf(page: number): bigint;
}

/** @throws RangeError for a configuration that is not tiny */
export function spaceOf(configuration: Configuration): TinySpace {
  const { tiny, vaWidthLg2, signExtended, upperHalf } = configuration;
  if (tiny === undefined) throw new RangeError(`${configuration.name} is not a tiny configuration`);
  const pageLg2 = shapeOf(configuration).granuleLg2;
  const pageCount = 1 << (vaWidthLg2 - pageLg2);
  const hole = (1n << 64n) - (1n << BigInt(vaWidthLg2));
  const firstAfterHole = upperHalf === true ? -Infinity : signExtended ? pageCount / 2 : Infinity;
  return {
    pageLg2,
    pageCount,
    addressOf: (page) => (BigInt(page) << BigInt(pageLg2)) + (page >= firstAfterHole ? hole : 0n),
  };
}
