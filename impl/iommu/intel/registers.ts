/**
 * Registers of a VT-d unit, as byte offsets, and what its capability registers say.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §11.4 (register descriptions).
 */
import type { RegisterAccess } from "../hardware.js";

const VERSION = 0x00;
const CAPABILITY = 0x08;
const EXTENDED_CAPABILITY = 0x10;
const GLOBAL_COMMAND = 0x18;
const GLOBAL_STATUS = 0x1c;
export const ROOT_TABLE = 0x20;
export const CONTEXT_COMMAND = 0x28;
export const FAULT_STATUS = 0x34;
export const QUEUE_HEAD = 0x80;
export const QUEUE_TAIL = 0x88;
export const QUEUE_ADDRESS = 0x90;

/** Bits of the global command register, and of the global status register that answers it. */
export const Global = {
  translation: 1 << 31,
  rootTable: 1 << 30,
  writeBufferFlush: 1 << 27,
  queue: 1 << 26,
} as const;
/** What a command keeps as it is: everything in the status but what acts once. */
const PERSISTENT = ~((1 << 30) | (1 << 29) | (1 << 27) | (1 << 24));

/** Bits of the fault status register, cleared by writing 1; but `pending`, which is 1 while a record is full. */
export const Fault = {
  overflow: 1 << 0,
  pending: 1 << 1,
  queueError: 1 << 4,
  completionError: 1 << 5,
  timeout: 1 << 6,
} as const;

/** What a unit says that it can. */
export interface IntelCapabilities {
  /** Architecture version, the part before the point. */
  readonly version: number;
  /** Domain ids that the unit tells apart. */
  readonly domainIds: number;
  /** Stores may wait in a buffer of the chipset until they are flushed. */
  readonly buffersWrites: boolean;
  /** The unit caches that something is not present. */
  readonly cachesNotPresent: boolean;
  /** Levels that second-stage tables may have: 3, 4, 5. */
  readonly levels: readonly number[];
  /** Bits of an input address. */
  readonly addressBits: number;
  /** Page sizes of second-stage tables above 4 KiB. */
  readonly pages2M: boolean;
  readonly pages1G: boolean;
  readonly invalidatesPages: boolean;
  /** log2 of the most pages that one invalidation names. */
  readonly maxOrder: number;
  readonly drainsWrites: boolean;
  readonly drainsReads: boolean;
  /** Byte offset of the first fault record, and how many there are. */
  readonly faultRecords: number;
  readonly faultRecordCount: number;
  /** It reads tables through the CPU's caches. */
  readonly snoops: boolean;
  readonly hasQueue: boolean;
  readonly hasDeviceTlbs: boolean;
  readonly passesThrough: boolean;
  readonly controlsSnooping: boolean;
  /** Byte offset of the IOTLB registers. */
  readonly iotlb: number;
  readonly hasScalableMode: boolean;
}

export function capabilitiesOf(registers: RegisterAccess): IntelCapabilities {
  const capability = registers.read64(CAPABILITY);
  const extended = registers.read64(EXTENDED_CAPABILITY);
  const at = (register: bigint, shift: number, bits = 1) =>
    Number((register >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  return {
    version: (registers.read32(VERSION) >>> 4) & 0xf,
    domainIds: Math.min(2 ** (4 + 2 * at(capability, 0, 3)), 2 ** 16),
    buffersWrites: at(capability, 4) === 1,
    cachesNotPresent: at(capability, 7) === 1,
    levels: [3, 4, 5].filter((levels) => at(capability, 8 + levels - 2) === 1),
    addressBits: at(capability, 16, 6) + 1,
    pages2M: at(capability, 34) === 1,
    pages1G: at(capability, 35) === 1,
    invalidatesPages: at(capability, 39) === 1,
    maxOrder: at(capability, 48, 6),
    drainsWrites: at(capability, 54) === 1,
    drainsReads: at(capability, 55) === 1,
    faultRecords: 16 * at(capability, 24, 10),
    faultRecordCount: at(capability, 40, 8) + 1,
    snoops: at(extended, 0) === 1,
    hasQueue: at(extended, 1) === 1,
    hasDeviceTlbs: at(extended, 2) === 1,
    passesThrough: at(extended, 6) === 1,
    controlsSnooping: at(extended, 7) === 1,
    iotlb: 16 * at(extended, 8, 10),
    hasScalableMode: at(extended, 43) === 1,
  };
}

/** Gives a command of one bit and waits until the status shows it, set or clear. */
export function command(
  registers: RegisterAccess,
  bit: number,
  isOn: boolean,
  relax: () => void,
  answer: "set" | "clear" = isOn ? "set" : "clear",
): void {
  const kept = registers.read32(GLOBAL_STATUS) & PERSISTENT;
  registers.write32(GLOBAL_COMMAND, (isOn ? kept | bit : kept & ~bit) >>> 0);
  const expected = answer === "set" ? bit : 0;
  while ((registers.read32(GLOBAL_STATUS) & bit) !== expected) relax();
}
