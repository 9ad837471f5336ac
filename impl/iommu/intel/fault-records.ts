/**
 * Fault records of a VT-d unit: registers that the hardware fills one after the other, and the driver empties.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §7.2 to §7.4 (fault logging,
 * fault reasons), §11.4.7 (fault status register) and §11.4.14 (fault recording registers).
 */
import type { RegisterAccess } from "../hardware.js";
import { deviceName, hex } from "../requesters.js";
import { FAULT_STATUS, Fault, type IntelCapabilities } from "./registers.js";

const RECORD_BYTES = 16;
/** Offsets inside a record. */
const SOURCE = 8;
const REASON = 12;
/** Bit 95 of a record: it has a PASID, in bits 123:104. */
const HAS_PASID = 1 << 31;
/** Bits of the last word. */
const IS_READ = 1 << 30;
const IS_FULL = 1 << 31;

/** Reasons of DMA faults in legacy mode. */
const DMA_REASONS = [
  "no reason",
  "the root entry is not present",
  "the context entry is not present",
  "the context entry is invalid",
  "the address is beyond the width of the tables",
  "a write without permission",
  "a read without permission",
  "a page table cannot be read",
  "the root table cannot be read",
  "a context table cannot be read",
  "a reserved bit in a root entry",
  "a reserved bit in a context entry",
  "a reserved bit in a page-table entry",
  "the context entry refuses this kind of request",
];
const FIRST_INTERRUPT_REASON = 0x20;
const INTERRUPT_REASONS = [
  "a reserved bit in an interrupt request",
  "the interrupt index is beyond the table",
  "the interrupt entry is not present",
  "the interrupt table cannot be read",
  "a reserved bit in an interrupt entry",
  "an interrupt of the old kind is blocked",
  "the interrupt's source is not the entry's",
];

/** Reasons of DMA faults in scalable mode. */
const SCALABLE_REASONS: Readonly<Record<number, string>> = {
  56: "the root table cannot be read",
  57: "the root entry is not present",
  58: "a reserved bit in a root entry",
  64: "a context table cannot be read",
  65: "the context entry is not present",
  66: "a reserved bit in a context entry",
  67: "the context entry is invalid",
  68: "the context entry refuses this kind of request",
  80: "the PASID directory cannot be read",
  81: "the PASID directory entry is not present",
  82: "a reserved bit in a PASID directory entry",
  88: "a PASID table cannot be read",
  89: "the PASID entry is not present",
  90: "a reserved bit in a PASID entry",
  91: "the PASID entry is invalid",
  112: "a first-stage table cannot be read",
  113: "a first-stage entry is not present",
  114: "a reserved bit in a first-stage entry",
  120: "a second-stage table cannot be read",
  121: "a second-stage entry without the permission",
  122: "a reserved bit in a second-stage entry",
};

export interface IntelFault {
  readonly reason: number;
  readonly source: number;
  readonly isRead: boolean;
  /** Undefined: the request had none. */
  readonly pasid: number | undefined;
  /** Bits 63:12 of the record: the input address >> 12 of a DMA; bits 51:36 are the index of an interrupt. */
  readonly dfn: number;
}

export interface FaultReport {
  readonly faults: readonly IntelFault[];
  /** The records were full: faults were lost after these. */
  readonly overflowed: boolean;
}

/** Whether a fault is that of a DMA, which has an address. */
export function isDmaFault({ reason }: IntelFault): boolean {
  return reason < FIRST_INTERRUPT_REASON || reason >= FIRST_INTERRUPT_REASON + INTERRUPT_REASONS.length;
}

/** Two lines about a fault: who wanted what, and why it was refused. */
export function describeFault(fault: IntelFault, unit: number, segment: number): readonly string[] {
  const { reason, source, dfn, pasid } = fault;
  const device = deviceName({ segment, bus: source >>> 8, devfn: source & 0xff });
  const interrupt = INTERRUPT_REASONS[reason - FIRST_INTERRUPT_REASON];
  const text = interrupt ?? DMA_REASONS[reason] ?? SCALABLE_REASONS[reason] ?? "a reason of no name";
  const what =
    interrupt !== undefined
      ? `interrupt request ${device} index 0x${hex(Math.floor(dfn / 2 ** 36))}`
      : `DMA ${fault.isRead ? "read" : "write"} ${device}${pasid === undefined ? "" : ` PASID 0x${hex(pasid)}`} address 0x${hex(dfn)}000`;
  return [what, `reason ${hex(reason, 2)}: ${text} (unit ${unit})`];
}

/**
 * Takes the faults out of the records, from the one that the hardware filled first. `compat`: as in a deployed driver
 * the index passes one record beyond the last before it goes round, so that faults which went round are never read.
 */
export function readFaultRecords(
  registers: RegisterAccess,
  { faultRecords, faultRecordCount }: IntelCapabilities,
  compat = false,
): FaultReport {
  const faults: IntelFault[] = [];
  const status = registers.read32(FAULT_STATUS);
  const first = (status >>> 8) & 0xff;
  const places = faultRecordCount + (compat ? 1 : 0);
  const isPending = (status & Fault.pending) !== 0;
  for (let step = 0; isPending && step < faultRecordCount; step++) {
    const record = faultRecords + ((first + step) % places) * RECORD_BYTES;
    const fault = faultIn(registers, record);
    if (fault !== undefined) {
      faults.push(fault);
      registers.write32(record + REASON, IS_FULL >>> 0);
    } else if (compat) break;
    // Else: the index is that of the first fault since none was pending; what came while faults were read is elsewhere.
  }
  const overflowed = (registers.read32(FAULT_STATUS) & Fault.overflow) !== 0;
  if (overflowed) registers.write32(FAULT_STATUS, Fault.overflow);
  return { faults, overflowed };
}

/** The fault in a record, if there is one. */
function faultIn(registers: RegisterAccess, record: number): IntelFault | undefined {
  const word = registers.read32(record + REASON);
  if ((word & IS_FULL) === 0) return undefined;
  const middle = registers.read32(record + SOURCE);
  return {
    reason: word & 0xff,
    source: middle & 0xffff,
    isRead: (word & IS_READ) !== 0,
    pasid: (middle & HAS_PASID) === 0 ? undefined : (word >>> 8) & 0xfffff,
    dfn: Number(registers.read64(record) >> 12n),
  };
}
