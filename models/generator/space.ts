/** What the generator knows of a domain: the shape of its input and output spaces, and what is mapped just now. */
import type { Configuration } from "../configuration.js";
import { rootBitsLg2, shapeOf } from "../shape.js";
import { powersOfTwo } from "./words.js";

/** `count` leaves of `2^sizeLg2` bytes; leaf i maps `iova + (i << sizeLg2)` to `pa + (i << sizeLg2)`. */
export interface MappedRun {
  readonly iova: bigint;
  readonly count: bigint | number;
  readonly sizeLg2: number;
  readonly pa: bigint;
  readonly prot: number;
}

/** The state that arguments are drawn from. The reference model satisfies it; the implementation never does. */
export interface GeneratorState {
  readonly configuration: Configuration;
  /** The page sizes that the domain offers, bit n for 2^n bytes. */
  readonly pageSizes: bigint;
  /** The root's level at present. */
  readonly topLevel: number;
  /** Ordered by address, disjoint. */
  readonly runs: readonly MappedRun[];
}

/** The shape of the spaces, derived once for each program. */
export interface Space {
  readonly granuleLg2: number;
  readonly tableBitsLg2: number;
  /** log2 of what a table of each level spans; a wide root spans the whole input. */
  readonly spansLg2: readonly number[];
  /** The highest level that the root can reach. */
  readonly highestTopLevel: number;
  readonly growingTop: boolean;
  /** log2 of the number of input addresses. */
  readonly widthLg2: number;
  readonly signExtended: boolean;
  /** The bits above the width are ones in every input address. */
  readonly upperHalf: boolean;
  /** The offered page sizes, smallest first. */
  readonly sizesLg2: readonly number[];
  readonly outputLg2: number;
  /** log2 of the output addresses where items hold them in another word, another field or another way. */
  readonly seamsLg2: readonly number[];
  /** The short descriptor's output addresses from 4 GiB on need this page size; 64 where there is no such rule. */
  readonly farSizeLg2: number;
  /** The encryption bit, which no output address may hold; 64 for none. */
  readonly encryptionBit: number;
  /** No request without write permission is accepted. */
  readonly forceWriteable: boolean;
}

export function spaceOf({ configuration, pageSizes }: GeneratorState): Space {
  const { vaWidthLg2, topLevel, growingTop, oaWidthLg2 } = configuration;
  const { granuleLg2, tableBitsLg2, wideRoot } = shapeOf(configuration);
  const neededLevel = Math.ceil((vaWidthLg2 - granuleLg2) / tableBitsLg2) - 1;
  const highestTopLevel = growingTop ? Math.max(topLevel, neededLevel) : topLevel;
  const topItemLg2 = granuleLg2 + tableBitsLg2 * highestTopLevel;
  // A root narrower than one of its items has one, of which the input reaches a part.
  const rootLg2 = Math.min(topItemLg2 + rootBitsLg2(configuration, highestTopLevel), vaWidthLg2);
  const spansLg2 = Array.from({ length: highestTopLevel + 1 }, (_, level) =>
    wideRoot && level === topLevel ? rootLg2 : Math.min(granuleLg2 + tableBitsLg2 * (level + 1), 64),
  );
  const sizesLg2 = sizesIn(pageSizes);
  return {
    granuleLg2,
    tableBitsLg2,
    spansLg2,
    highestTopLevel,
    growingTop,
    widthLg2: rootLg2,
    signExtended: configuration.signExtended,
    upperHalf: configuration.upperHalf === true,
    sizesLg2,
    outputLg2: oaWidthLg2,
    seamsLg2: seamsOf(configuration),
    farSizeLg2: farSizeOf(configuration),
    encryptionBit: configuration.encryptionBit ?? 64,
    forceWriteable: configuration.forceWriteable,
  };
}

/** Words end at bit 32; ARM's 64K granule moves the address bits from 48 on, LPA2 from 50, MediaTek from 32. */
function seamsOf(configuration: Configuration): number[] {
  const moved = configuration.mediatek === true ? [33, 34] : [48, 50];
  const seams = new Set([32, 32 - shapeOf(configuration).addressShift, ...moved]);
  return [...seams].filter((lg2) => lg2 < configuration.oaWidthLg2);
}

function farSizeOf({ format, oaWidthLg2, mediatek, tiny }: Configuration): number {
  if (format !== "arm-short" || mediatek === true || oaWidthLg2 <= 32) return 64;
  return tiny === undefined ? 24 : 12 + tiny.tableBitsLg2 + tiny.contiguousLg2;
}

/** The same space with the output addresses of its low 4 GiB only. */
export function lowOutputs(space: Space): Space {
  return { ...space, outputLg2: 32, seamsLg2: [], farSizeLg2: 64 };
}

function sizesIn(mask: bigint): number[] {
  return powersOfTwo.flatMap((bit, lg2) => ((mask & bit) === 0n ? [] : [lg2]));
}

/** log2 of what a table of this level spans. */
export function spanLg2(space: Space, level: number): number {
  return space.spansLg2[level];
}

/** The level whose tables hold leaves of this size. */
export function levelOf(space: Space, sizeLg2: number): number {
  return Math.floor((sizeLg2 - space.granuleLg2) / space.tableBitsLg2);
}

/** log2 of the input addresses that a root of this level reaches on one side of a sign-extended hole. */
export function reachLg2(space: Space, topLevel: number): number {
  return Math.min(space.widthLg2, spanLg2(space, topLevel)) - (space.signExtended ? 1 : 0);
}

/** The valid input address that agrees with this one in the bits that are translated. */
export function canonical(space: Space, iova: bigint): bigint {
  if (space.upperHalf) return BigInt.asUintN(space.widthLg2, iova) + firstOfUpperHalf(space);
  if (!space.signExtended) return BigInt.asUintN(space.widthLg2, iova);
  return BigInt.asUintN(64, BigInt.asIntN(space.widthLg2, iova));
}

export function firstOfUpperHalf(space: Space): bigint {
  return powersOfTwo[64] - powersOfTwo[space.widthLg2];
}

/** The last valid address of the half, or of the whole space, that holds this valid address. */
export function lastOf(space: Space, iova: bigint): bigint {
  if (space.upperHalf) return powersOfTwo[64] - 1n;
  const half = powersOfTwo[space.widthLg2 - (space.signExtended ? 1 : 0)];
  return iova < half ? half - 1n : powersOfTwo[64] - 1n;
}

/** One past the last byte of a run. */
export function endOf(run: MappedRun): bigint {
  return run.iova + (BigInt(run.count) << BigInt(run.sizeLg2));
}

/** The index of the run that holds the address, or of the first one after it. */
export function runIndexAt(runs: readonly MappedRun[], iova: bigint): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle].iova <= iova) low = middle + 1;
    else high = middle;
  }
  return low > 0 && endOf(runs[low - 1]) > iova ? low - 1 : low;
}

/** log2 of what one item of a page's level covers: a table of the level has 2^tableBitsLg2 items, a leaf at least one. */
export function itemLg2Of(space: Space, sizeLg2: number): number {
  return Math.min(spanLg2(space, levelOf(space, sizeLg2)) - space.tableBitsLg2, sizeLg2);
}
