/** What the register or device-table entry says that names tables whose root has a level; see `Walker.setRoot`. */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";

export function modeOf(configuration: Configuration, topLevel: number): number {
  const { format, vaWidthLg2 } = configuration;
  switch (format) {
    // VT-d 9.3, AW: 1 for three levels.
    case "vtd-second-stage":
      return topLevel - 1;
    // RISC-V privileged architecture, satp.MODE: 8 for Sv32 and Sv39, one more for each level.
    case "riscv32":
    case "riscv32-guest":
      return 8;
    case "riscv64":
    case "riscv64-guest":
      return topLevel + 6;
    // TCR.TnSZ.
    case "armv8-stage1":
    case "arm-lpae-stage1":
      return 64 - vaWidthLg2;
    case "armv8-stage2":
    case "arm-lpae-stage2":
      return (64 - vaWidthLg2) | startLevel(configuration, topLevel);
    // TTBCR.N.
    case "arm-short":
      return 0;
    // The number of levels; Mali has no other than four, and counts them from 0.
    case "mali":
      return topLevel;
    default:
      return topLevel + 1;
  }
}

/** VTCR.SL0 in bits 7:6 and SL2 in bit 8 (Arm ARM, VTCR_EL2): of 4 KiB, 0 names the last level but one. */
function startLevel(configuration: Configuration, topLevel: number): number {
  const isOf4K = shapeOf(configuration).granuleLg2 === 12;
  if (isOf4K && topLevel === 4) return 1 << 8;
  return ((isOf4K ? topLevel + 3 : topLevel) & 3) << 6;
}
