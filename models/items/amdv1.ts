/**
 * AMDv1 items. Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882, §2.2.3 (tables 15–17: I/O page
 * directory and page translation entries).
 */
import type { Configuration } from "../configuration.js";
import { address, bit, bits, type FieldRow, type FieldTable, ignored, reserved } from "./field.js";

export function amdv1Fields(configuration: Configuration): FieldTable {
  const isMock = configuration.format === "amdv1-mock";
  // The mock counts its addresses in units of 2 KiB, in the same field.
  const lowestBit = isMock ? 11 : 12;
  return (kind, _level, raw) => {
    const nextLevel = Number((raw >> 9n) & 7n);
    const common: readonly FieldRow[] = [
      bit(0, "PR", "present", "not present"),
      ignored(4, 1),
      bit(5, "A", "accessed"),
      ignored(8, 7),
      bit(61, "IR", "readable", "not readable"),
      bit(62, "IW", "writable", "not writable"),
      ignored(63),
    ];
    if (kind === "table") {
      return [
        ...common,
        ignored(6),
        bits(11, 9, "NextLevel", (value) => `table of level ${value}, counted from 1`),
        address(51, 12, "table address", lowestBit),
        reserved(60, 52),
      ];
    }
    const size = nextLevel === 7 ? "the size stands in the address" : "the level's own size";
    const place = nextLevel === 7 ? "page address and size code" : "page address";
    return [
      ...common,
      bit(6, "D", "dirty", "clean"),
      bits(11, 9, "NextLevel", (value) => (value === 0n || value === 7n ? size : "no leaf has this")),
      address(51, 12, place, lowestBit),
      reserved(58, 52),
      bit(59, "U", "untranslated access only"),
      bit(60, "FC", "coherent access is forced"),
    ];
  };
}
