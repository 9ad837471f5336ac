/** MMIO registers. Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882, rev 3, §3.4. */

export const Register = {
  deviceTableBase: 0x0000,
  commandBase: 0x0008,
  eventBase: 0x0010,
  control: 0x0018,
  exclusionBase: 0x0020,
  exclusionLimit: 0x0028,
  extendedFeatures: 0x0030,
  commandHead: 0x2000,
  commandTail: 0x2008,
  eventHead: 0x2010,
  eventTail: 0x2018,
  status: 0x2020,
} as const;

/** Bytes of MMIO space that have registers here. */
export const REGISTER_BYTES = 0x4000;

export const Control = {
  iommuEnable: 1 << 0,
  eventLogEnable: 1 << 2,
  eventInterruptEnable: 1 << 3,
  completionInterruptEnable: 1 << 4,
  commandBufferEnable: 1 << 12,
} as const;

export const Status = {
  eventOverflow: 1 << 0,
  eventInterrupt: 1 << 1,
  completionInterrupt: 1 << 2,
  eventLogRun: 1 << 3,
  commandBufferRun: 1 << 4,
} as const;

/** The bits of the status register that software clears by writing 1. */
export const STATUS_WRITE_1_TO_CLEAR =
  Status.eventOverflow | Status.eventInterrupt | Status.completionInterrupt;

/** Ring pointers are byte offsets in bits 18:4. */
export const RING_POINTER_MASK = 0x7fff0;

/** Entries of commands and events are 16 bytes; 2^8 to 2^15 of them. */
export const ENTRY_BYTES = 16;

/** Bytes of a ring whose base register has this high word, or 0: lengths below 2^8 entries are reserved. */
export function ringBytes(baseHigh: number): number {
  const entriesLg2 = (baseHigh >>> 24) & 0xf;
  return entriesLg2 < 8 ? 0 : ENTRY_BYTES << entriesLg2;
}
