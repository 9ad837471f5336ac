/** What the page-by-page model keeps of a configuration, and how it compares answers. */
import type { Configuration, FormatName } from "../models/configuration.js";
import { itemSizeLg2 } from "./formats.js";

/** What the formats' leaves say beside addresses, told as groups: the reference has it as facts of each format. */
type Formats = ReadonlySet<FormatName>;
export const withoutReadBit: Formats = new Set([
  "x86-64",
  "x86-pae",
  "x86-pae32",
  "riscv64",
  "riscv32",
  "riscv64-guest",
  "riscv32-guest",
  "armv8-stage1",
  "arm-lpae-stage1",
  "arm-short",
]);
export const withoutExecuteBit: Formats = new Set([
  "amdv1",
  "amdv1-mock",
  "x86-64",
  "x86-pae",
  "x86-pae32",
  "vtd-second-stage",
  "dart1",
  "dart2",
]);

/** The formats that say of leaves which were written. */
const tracking: Formats = new Set(["amdv1", "amdv1-mock", "vtd-second-stage"]);

/** What never changes; clones share it. */
export interface Fixed {
  /** Every page of the input space, both halves of a sign-extended one. */
  readonly space: ReadonlySet<bigint>;
  /** The page sizes in bytes, smallest first. */
  readonly sizes: readonly bigint[];
  readonly tracksDirty: boolean;
  /** Pages that can be written begin dirty, and others never are. */
  readonly mapsDirty: boolean;
  /** The format says of leaves which were used. */
  readonly tracksAccessed: boolean;
  /** Pages begin used. */
  readonly mapsAccessed: boolean;
}

export function fixedOf(configuration: Configuration, pageSizes: bigint): Fixed {
  const { format, dirtyTracking, accessedTracking, vaWidthLg2, signExtended, upperHalf } = configuration;
  const pageBytes = 1n << BigInt(itemSizeLg2(configuration, 0));
  const space = new Set<bigint>();
  const count = (1n << BigInt(vaWidthLg2)) / pageBytes;
  const pagesOf64Bits = (1n << 64n) / pageBytes;
  for (let page = 0n; page < count; page++) {
    const isUpper = upperHalf === true || (signExtended && page >= count / 2n);
    space.add(isUpper ? pagesOf64Bits - count + page : page);
  }
  const powers = Array.from({ length: 64 }, (_, lg2) => 1n << BigInt(lg2));
  const sizes = powers.filter((size) => (pageSizes & size) !== 0n);
  const mapsDirty = dirtyTracking === true;
  const mapsAccessed = format.startsWith("x86-") || mapsDirty || accessedTracking === true;
  const isTracking = tracking.has(format);
  const dirty = { tracksDirty: mapsDirty || isTracking, mapsDirty };
  return { space, sizes, ...dirty, tracksAccessed: mapsAccessed || isTracking, mapsAccessed };
}

/** Whether two values, or all of their fields, are identical: a short way past the comparison as text. */
export function isFlatlyEqual(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other;
  }
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  for (const key of keys) if (Reflect.get(one, key) !== Reflect.get(other, key)) return false;
  return true;
}

/** Values as text, so that two of them can be compared and read. */
export function text(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `0x${part.toString(16)}` : part));
}
