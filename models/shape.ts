/**
 * The shape of a configuration's tables, from the manuals: what generators, walkers and the lockstep share. The
 * reference has its own account of the same facts, and the implementation a third.
 */
import type { Configuration, FormatName } from "./configuration.js";

export interface Shape {
  /** log2 of the smallest page. */
  readonly granuleLg2: number;
  /** log2 of the items of every table but the root. */
  readonly tableBitsLg2: number;
  /** 3 for items of 64 bits, 2 for items of 32 bits. */
  readonly itemBytesLg2: 2 | 3;
  /**
   * The root takes all address bits that the levels below leave, so it may be several tables wide (concatenated
   * tables, G-stage roots, DART's TTBRs side by side) or hold a few items only. A top that grows, and a
   * sign-extended one, has at most one table's.
   */
  readonly wideRoot: boolean;
  /** How far an output address stands above its place in an item; negative for below. */
  readonly addressShift: number;
  /** The domain offers to read what devices wrote. */
  readonly tracksDirty: boolean;
  /** A fresh writable leaf is dirty (ARM DBM). */
  readonly mapsDirty: boolean;
  /** The domain offers to read what devices used. */
  readonly tracksAccessed: boolean;
  /** A fresh leaf is accessed (all but AMDv1 and VT-d's second stage). */
  readonly mapsAccessed: boolean;
}

const NARROW_ROOTS: ReadonlySet<FormatName> = new Set([
  "amdv1",
  "amdv1-mock",
  "x86-64",
  "x86-pae",
  "vtd-second-stage",
  "riscv64",
  "riscv32",
]);

export function shapeOf(configuration: Configuration): Shape {
  const { format, tiny, dirtyTracking, accessedTracking } = configuration;
  const isArmv8 = format === "armv8-stage1" || format === "armv8-stage2";
  const mapsDirty = isArmv8 && dirtyTracking === true;
  const tracksFromClean = format === "amdv1" || format === "amdv1-mock" || format === "vtd-second-stage";
  const mapsAccessed = format.startsWith("x86-") || mapsDirty || accessedTracking === true;
  const granuleLg2 = configuration.granuleLg2 ?? (format === "amdv1-mock" ? 11 : 12);
  const isShort = format === "arm-short";
  const itemBytesLg2 = format === "riscv32" || format === "riscv32-guest" || isShort ? 2 : 3;
  return {
    granuleLg2,
    // A table is as large as the smallest page, but for the mock's (4 KiB) and the short descriptor's (1 KiB).
    tableBitsLg2:
      tiny?.tableBitsLg2 ?? (isShort ? 8 : format === "amdv1-mock" ? 9 : granuleLg2 - itemBytesLg2),
    itemBytesLg2,
    wideRoot: !NARROW_ROOTS.has(format),
    addressShift: addressShiftOf(format),
    tracksDirty: mapsDirty || tracksFromClean,
    mapsDirty,
    tracksAccessed: mapsAccessed || tracksFromClean,
    mapsAccessed,
  };
}

function addressShiftOf(format: FormatName): number {
  if (format === "amdv1-mock") return 1;
  if (format === "dart2") return -4;
  return format.startsWith("riscv") ? -2 : 0;
}

/** log2 of the items that the root of a level uses. */
export function rootBitsLg2(configuration: Configuration, topLevel: number): number {
  const { granuleLg2, tableBitsLg2, wideRoot } = shapeOf(configuration);
  const left = Math.max(configuration.vaWidthLg2 - granuleLg2 - tableBitsLg2 * topLevel, 0);
  return wideRoot ? left : Math.min(left, tableBitsLg2);
}
