/**
 * The shape of the tables that an `io-pgtable` recording is of, from the architectures' manuals: Arm ARM DDI 0487
 * D8 (long descriptor), Arm ARM v7-A/R B3 (short descriptor), and for DART its table of bits.
 */
import type { IoConfig, IoCreation, IoFormat, IoMade } from "./io-vector.js";
import type { TreeGeometry } from "./tree.js";

export interface IoFacts extends TreeGeometry {
  readonly format: IoFormat;
  readonly itemBytes: 4 | 8;
  readonly topLevel: number;
  /** Items that the root uses, in all its tables. */
  readonly rootItems: number;
  /** A call of deployed code that maps pages of one size ends at the end of a table. */
  readonly stopsAtTableEnd: boolean;
}

export function ioFactsOf(creation: IoCreation, made: IoMade): IoFacts {
  const { format, config } = creation;
  const granuleLg2 = granuleOf(config) ?? 12;
  const isShort = format === "arm_v7s";
  const tableBitsLg2 = isShort ? 8 : granuleLg2 - 3;
  const left = made.vaWidthLg2 - granuleLg2 - made.topLevel * tableBitsLg2;
  return {
    format,
    granuleLg2,
    tableBitsLg2,
    itemBytes: isShort ? 4 : 8,
    topLevel: made.topLevel,
    rootItems: 2 ** Math.max(left, 0),
    stopsAtTableEnd: !isShort,
  };
}

const GRANULES = [12, 14, 16];

/** Deployed code takes the smallest granule that is among the page sizes asked for; undefined: none is. */
export function granuleOf({ pageSizes }: IoConfig): number | undefined {
  return GRANULES.find((lg2) => (pageSizes & (1n << BigInt(lg2))) !== 0n);
}

/** The level at which pages of a size are leaves; the size is a power of two. */
export function levelOf({ granuleLg2, tableBitsLg2 }: IoFacts, pageSize: bigint): number {
  const lg2 = pageSize.toString(2).length - 1;
  return Math.max(0, Math.floor((lg2 - granuleLg2) / tableBitsLg2));
}

/** How much of a run of pages of one size one recorded call maps; the size is a power of two. */
export function bytesOfOneCall(facts: IoFacts, iova: bigint, pageSize: bigint, pages: bigint): bigint {
  const asked = pageSize * pages;
  if (!facts.stopsAtTableEnd) return asked;
  // Of a root of several tables too, each ends a call.
  const span = 1n << BigInt(facts.granuleLg2 + facts.tableBitsLg2 * (levelOf(facts, pageSize) + 1));
  const left = span - (iova & (span - 1n));
  return asked < left ? asked : left;
}

/** Stage 2 of the long descriptor. */
export function isStage2(format: IoFormat): boolean {
  return format === "arm_64_lpae_s2" || format === "arm_32_lpae_s2";
}

export function isStage1(format: IoFormat): boolean {
  return format === "arm_64_lpae_s1" || format === "arm_32_lpae_s1";
}

export function isDart(format: IoFormat): boolean {
  return format === "apple_dart" || format === "apple_dart2";
}
