/**
 * Items of the short descriptor. Source: Arm ARM v7-A/R DDI 0406 §B3.5.1 (translation table entry formats); the bits
 * of MediaTek's extension as its tables have them.
 */
import type { Configuration } from "../configuration.js";
import { address, bit, bits, type FieldRow, type FieldTable, ignored, reserved } from "./field.js";

const SUPERSECTION = 1n << 18n;

export function armShortFields({ noPermissions, mediatek, mediatekTables }: Configuration): FieldTable {
  const extended = mediatek === true;
  return (kind, level, raw) => {
    if (kind === "table") return tableRows(mediatekTables === true);
    if (level === 1) return sectionRows((raw & SUPERSECTION) !== 0n, extended);
    return (raw & 2n) !== 0n ? smallRows(extended) : largeRows(extended, noPermissions === true);
  };
}

function tableRows(extended: boolean): readonly FieldRow[] {
  const wide = [bit(9, "address 32"), ignored(8, 6), bit(5, "address 34"), bit(4, "address 33")];
  const plain = [ignored(9), bits(8, 5, "domain"), reserved(4)];
  return [
    bits(1, 0, "type", (value) => (value === 1n ? "table" : "no table has this")),
    bit(2, "PXN", "nothing below is executable, privileged"),
    bit(3, "NS", "non-secure", "secure"),
    ...(extended ? wide : plain),
    address(31, 10, "table address"),
  ];
}

function sectionRows(isSuper: boolean, extended: boolean): readonly FieldRow[] {
  const upper = isSuper
    ? [address(31, 24, "output address 31:24", 24), address(23, 20, "output address 35:32", 32)]
    : [address(31, 20, "output address")];
  const middle = extended
    ? [bit(9, "address 32"), ignored(8, 6), bit(5, "address 34"), bit(4, "address 33")]
    : [
        ignored(9),
        isSuper ? address(8, 5, "output address 39:36", 36) : bits(8, 5, "domain"),
        bit(4, "XN", "not executable"),
      ];
  return [
    bits(1, 0, "type", (value) => (value >= 2n ? "section" : "no leaf has this")),
    bit(2, "B"),
    bit(3, "C"),
    ...middle,
    ...rights(10, 11, 15),
    bits(14, 12, "TEX"),
    bit(16, "S", "shareable"),
    bit(17, "nG", "not global", "global"),
    bit(18, "super", "supersection: one of 16"),
    bit(19, "NS", "non-secure", "secure"),
    ...upper,
  ];
}

function smallRows(extended: boolean): readonly FieldRow[] {
  const own = extended ? [bit(9, "address 32"), bit(5, "address 34"), bit(4, "address 33")] : rights(4, 5, 9);
  return [
    bit(0, "XN", "not executable"),
    bit(1, "type", "small page"),
    bit(2, "B"),
    bit(3, "C"),
    ...own,
    bits(8, 6, "TEX"),
    bit(10, "S", "shareable"),
    bit(11, "nG", "not global", "global"),
    address(31, 12, "output address"),
  ];
}

function largeRows(extended: boolean, noPermissions: boolean): readonly FieldRow[] {
  const own = extended ? [bit(9, "address 32"), bit(5, "address 34"), bit(4, "address 33")] : rights(4, 5, 9);
  return [
    bits(1, 0, "type", (value) => (value === 1n ? "large page: one of 16" : "no leaf has this")),
    bit(2, "B"),
    bit(3, "C"),
    ...own,
    reserved(8, 6),
    bit(10, "S", "shareable"),
    bit(11, "nG", "not global", "global"),
    bits(14, 12, "TEX"),
    noPermissions ? ignored(15) : bit(15, "XN", "not executable"),
    address(31, 16, "output address"),
  ];
}

function rights(ap0: number, ap1: number, ap2: number): readonly FieldRow[] {
  return [
    bit(ap0, "AP[0]", "accessed", "an access faults"),
    bit(ap1, "AP[1]", "unprivileged too", "privileged only"),
    bit(ap2, "AP[2]", "read-only", "writable"),
  ];
}
