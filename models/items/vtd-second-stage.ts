/**
 * VT-d second-stage items. Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §9.8
 * (second-stage paging entries).
 */
import type { Configuration } from "../configuration.js";
import { address, bit, bits, type FieldRow, type FieldTable, ignored, reserved } from "./field.js";

export function vtdSecondStageFields({ oaWidthLg2 }: Configuration): FieldTable {
  const end = Math.min(oaWidthLg2, 52);
  const beyond = end < 52 ? [reserved(51, end)] : [];
  return (kind, level) => {
    const common: readonly FieldRow[] = [
      bit(0, "R", "readable", "not readable"),
      bit(1, "W", "writable", "not writable"),
      ignored(2),
      bit(8, "A", "accessed"),
      ignored(10),
      ignored(61, 52),
      reserved(62),
      ignored(63),
    ];
    // The address of a table may have every bit that the machine has.
    if (kind === "table") {
      return [
        ...common,
        ignored(6, 3),
        bit(7, "PS", "no table has this", "table"),
        ignored(9),
        reserved(11),
        address(51, 12, "table address"),
      ];
    }
    const pageLg2 = 12 + 9 * level;
    return [
      ...common,
      bits(5, 3, "EMT"),
      bit(6, "IPAT"),
      level > 0 ? bit(7, "PS", "large page", "no leaf here") : ignored(7),
      bit(9, "D", "dirty", "clean"),
      bit(11, "SNP", "snooping is forced"),
      ...(level > 0 ? [reserved(pageLg2 - 1, 12)] : []),
      address(end - 1, pageLg2, "page address"),
      ...beyond,
    ];
  };
}
