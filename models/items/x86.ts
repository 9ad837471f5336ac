/**
 * x86 items: long mode, and the 32-bit PAE tables. Source: AMD64 Architecture Programmer's Manual vol. 2 §5.2.3,
 * §5.3–5.4; Intel SDM vol. 3 §4.4–4.5.
 */
import type { Configuration } from "../configuration.js";
import { address, bit, type FieldRow, type FieldTable, ignored, reserved } from "./field.js";

const COMMON: readonly FieldRow[] = [
  bit(0, "P", "present", "not present"),
  bit(1, "R/W", "writable", "not writable"),
  bit(2, "U/S", "user", "supervisor"),
  bit(3, "PWT", "write-through"),
  bit(4, "PCD", "cache disabled"),
  bit(5, "A", "accessed"),
];

/** Which bits an item of long mode has for an address, and who owns those above it. */
interface Reach {
  /** The first bit that is reserved although it lies in the address field. */
  readonly addressEnd: number;
  readonly upper: readonly FieldRow[];
}

export function x86Fields(configuration: Configuration): FieldTable {
  return configuration.format === "x86-pae32" ? pae32Fields(configuration) : longModeFields(configuration);
}

function longModeFields({ encryptionBit }: Configuration): FieldTable {
  const reach: Reach = { addressEnd: 52, upper: [ignored(62, 52), bit(63, "XD", "not executable")] };
  return (kind, level) => itemRows(kind, level, reach, encryptionBit);
}

/** Bits 62 down to MAXPHYADDR are reserved in every item of the 32-bit mode. */
function pae32Fields({ oaWidthLg2 }: Configuration): FieldTable {
  const end = Math.min(oaWidthLg2, 52);
  const reach: Reach = { addressEnd: end, upper: [reserved(62, end), bit(63, "XD", "not executable")] };
  return (kind, level) => (level === 2 ? pdpteRows(end) : itemRows(kind, level, reach, undefined));
}

/** The four entries that CR3 points to, which have neither permissions nor an accessed bit. */
function pdpteRows(addressEnd: number): readonly FieldRow[] {
  return [
    bit(0, "P", "present", "not present"),
    reserved(2, 1),
    bit(3, "PWT", "write-through"),
    bit(4, "PCD", "cache disabled"),
    reserved(8, 5),
    ignored(11, 9),
    address(addressEnd - 1, 12, "table address"),
    reserved(63, addressEnd),
  ];
}

function itemRows(
  kind: "table" | "leaf",
  level: number,
  { addressEnd, upper }: Reach,
  encryptionBit: number | undefined,
): readonly FieldRow[] {
  if (kind === "table") {
    return [
      ...COMMON,
      ignored(6),
      bit(7, "PS", "no table has this", "table"),
      ignored(11, 8),
      ...addressRows(addressEnd, 12, "table address", encryptionBit),
      ...upper,
    ];
  }
  const pageLg2 = 12 + 9 * level;
  const large = level > 0;
  return [
    ...COMMON,
    bit(6, "D", "dirty", "clean"),
    large ? bit(7, "PS", "large page", "no leaf here") : bit(7, "PAT"),
    bit(8, "G", "global"),
    ignored(11, 9),
    ...(large ? [bit(12, "PAT"), reserved(pageLg2 - 1, 13)] : []),
    ...addressRows(addressEnd, pageLg2, "page address", encryptionBit),
    ...upper,
  ];
}

/** An address field, in two where the bit that marks encrypted memory stands in it. */
function addressRows(
  end: number,
  low: number,
  name: string,
  encryptionBit: number | undefined,
): readonly FieldRow[] {
  if (encryptionBit === undefined) return [address(end - 1, low, name)];
  const above = encryptionBit < end - 1 ? [address(end - 1, encryptionBit + 1, `${name}, upper part`)] : [];
  return [...above, bit(encryptionBit, "C", "encrypted"), address(encryptionBit - 1, low, name)];
}
