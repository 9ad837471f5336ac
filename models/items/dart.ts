/** Items of Apple's DART 1 and 2, as recorded tables have them: there is no public manual. */
import type { Configuration } from "../configuration.js";
import { address, bit, bits, type FieldRow, type FieldTable, ignored } from "./field.js";

export function dartFields({ format }: Configuration): FieldTable {
  const valid = bit(0, "valid", "valid", "not valid");
  return (kind) => {
    const place = kind === "table" ? "table address" : "page address";
    if (format === "dart1")
      return [valid, ...(kind === "table" ? [ignored(11, 1)] : dart1Rows()), ...dart1Upper(kind, place)];
    const own = kind === "table" ? [ignored(9, 1)] : dart2Rows();
    return [valid, ...own, address(37, 10, place, 14), ...upper(kind, 38)];
  };
}

function dart1Rows(): readonly FieldRow[] {
  return [
    bit(1, "SP_DIS", "sub-page protection is off"),
    ignored(6, 2),
    bit(7, "NO_WRITE", "not writable", "writable"),
    bit(8, "NO_READ", "not readable", "readable"),
    ignored(11, 9),
  ];
}

function dart1Upper(kind: "table" | "leaf", place: string): readonly FieldRow[] {
  return [address(35, 12, place), ...upper(kind, 36)];
}

function dart2Rows(): readonly FieldRow[] {
  return [
    bit(1, "NO_CACHE", "not cached", "cached"),
    bit(2, "NO_WRITE", "not writable", "writable"),
    bit(3, "NO_READ", "not readable", "readable"),
    ignored(9, 4),
  ];
}

/** Above the address: the sub-page that a leaf permits, in sixteenths of what the hardware counts. */
function upper(kind: "table" | "leaf", from: number): readonly FieldRow[] {
  if (kind === "table") return [ignored(63, from)];
  return [ignored(39, from), bits(51, 40, "sub-page end"), bits(63, 52, "sub-page start")];
}
