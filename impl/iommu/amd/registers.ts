/**
 * Registers of an AMD IOMMU, as byte offsets, and the bits of them that the driver uses.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §3.4 (MMIO registers).
 */
import type { RegisterAccess } from "../hardware.js";

export const DEVICE_TABLE_BASE = 0x0000;
export const COMMAND_BASE = 0x0008;
export const EVENT_BASE = 0x0010;
export const CONTROL = 0x0018;
const EXTENDED_FEATURES = 0x0030;
export const COMMAND_HEAD = 0x2000;
export const COMMAND_TAIL = 0x2008;
export const EVENT_HEAD = 0x2010;
export const EVENT_TAIL = 0x2018;
export const STATUS = 0x2020;

export const Control = { enable: 1n << 0n, eventLog: 1n << 2n, commands: 1n << 12n } as const;

/** Of the status register; the first two are cleared by writing 1. */
export const Status = { eventOverflow: 1 << 0, eventLogRuns: 1 << 3, commandsRun: 1 << 4 } as const;

/** What a unit says that it can. */
export interface AmdFeatures {
  /** The most levels of a host page table, 4 to 6. */
  readonly hostLevels: number;
  /** It has one command to forget everything. */
  readonly invalidatesAll: boolean;
  /** Guest tables (GCR3) are there, and the most levels of one, 4 or 5. */
  readonly guest: boolean;
  readonly guestLevels: number;
  /** The most levels of a table of guest CR3s, 1 to 3. */
  readonly cr3Levels: number;
  /** Bits of a PASID. */
  readonly pasidBits: number;
}

/** The extended feature register: GTSup 4, IASup 6, HATS 11:10, GATS 13:12, GLXSup 15:14, PASmax 36:32. */
export function featuresOf(registers: RegisterAccess): AmdFeatures {
  const features = registers.read64(EXTENDED_FEATURES);
  const field = (shift: bigint, mask: bigint): number => Number((features >> shift) & mask);
  return {
    hostLevels: 4 + Math.min(field(10n, 3n), 2),
    invalidatesAll: field(6n, 1n) === 1,
    guest: field(4n, 1n) === 1,
    guestLevels: 4 + Math.min(field(12n, 3n), 1),
    cr3Levels: 1 + Math.min(field(14n, 3n), 2),
    pasidBits: field(32n, 0x1fn) + 1,
  };
}

/** Changes bits of the control register and keeps the others. */
export function changeControl(registers: RegisterAccess, set: bigint, clear: bigint): void {
  registers.write64(CONTROL, (registers.read64(CONTROL) & ~clear) | set);
}
