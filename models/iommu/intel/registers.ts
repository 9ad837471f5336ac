/** Registers. Source: Intel Virtualization Technology for Directed I/O (VT-d), Architecture Specification, §11.4. */

export const Register = {
  version: 0x00,
  capability: 0x08,
  extendedCapability: 0x10,
  globalCommand: 0x18,
  globalStatus: 0x1c,
  rootTable: 0x20,
  contextCommand: 0x28,
  faultStatus: 0x34,
  faultEventControl: 0x38,
  queueHead: 0x80,
  queueTail: 0x88,
  queueAddress: 0x90,
  completionStatus: 0x9c,
  completionEventControl: 0xa0,
  queueError: 0xb0,
} as const;

export const REGISTER_BYTES = 0x1000;

/** Bits of the global command register; the status register shows each at the same place. */
export const Global = {
  translation: 1 << 31,
  setRoot: 1 << 30,
  writeBufferFlush: 1 << 27,
  queuedInvalidation: 1 << 26,
} as const;

/** Commands that software sets once and hardware completes; all others stay as they are written. */
export const ONE_SHOT = Global.setRoot | (1 << 29) | Global.writeBufferFlush | (1 << 24);

export const FaultStatus = {
  overflow: 1 << 0,
  pending: 1 << 1,
  queueError: 1 << 4,
  completionError: 1 << 5,
  timeoutError: 1 << 6,
} as const;

export const FAULT_STATUS_WRITE_1_TO_CLEAR =
  FaultStatus.overflow | FaultStatus.queueError | FaultStatus.completionError | FaultStatus.timeoutError;

/** In FECTL and IECTL. */
export const EVENT_MASKED = 1 << 31;
export const EVENT_PENDING = 1 << 30;

/** What the capability registers say, as far as the unit behaves by it. */
export interface Capabilities {
  readonly writeBufferFlush: boolean;
  readonly cachingMode: boolean;
  /** Bit n: tables of n + 2 levels. */
  readonly widths: number;
  /** Input addresses are below 2^inputWidthLg2. */
  readonly inputWidthLg2: number;
  readonly faultRecords: number;
  readonly faultRecordCount: number;
  readonly pageSizes: bigint;
  readonly pageSelective: boolean;
  readonly maximumMask: number;
  readonly fiveLevelFirstStage: boolean;
  readonly queued: boolean;
  readonly deviceTlbs: boolean;
  readonly passThrough: boolean;
  readonly snoopControl: boolean;
  /** Offset of the IOTLB registers. */
  readonly iotlb: number;
  readonly nested: boolean;
  readonly pasid: boolean;
  readonly scalable: boolean;
  readonly firstStage: boolean;
  readonly secondStage: boolean;
}

/** §11.4.2 and §11.4.3. */
export function decodeCapabilities(capability: bigint, extended: bigint): Capabilities {
  const field = (register: bigint, shift: number, bits: number) =>
    Number((register >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  const has = (register: bigint, bit: number) => field(register, bit, 1) === 1;
  return {
    writeBufferFlush: has(capability, 4),
    cachingMode: has(capability, 7),
    widths: field(capability, 8, 5),
    inputWidthLg2: field(capability, 16, 6) + 1,
    faultRecords: field(capability, 24, 10) * 16,
    faultRecordCount: field(capability, 40, 8) + 1,
    pageSizes: (1n << 12n) | (has(capability, 34) ? 1n << 21n : 0n) | (has(capability, 35) ? 1n << 30n : 0n),
    pageSelective: has(capability, 39),
    maximumMask: field(capability, 48, 6),
    fiveLevelFirstStage: has(capability, 60),
    queued: has(extended, 1),
    deviceTlbs: has(extended, 2),
    passThrough: has(extended, 6),
    snoopControl: has(extended, 7),
    iotlb: field(extended, 8, 10) * 16,
    nested: has(extended, 26),
    pasid: has(extended, 40),
    scalable: has(extended, 43),
    secondStage: has(extended, 46),
    firstStage: has(extended, 47),
  };
}

/** ND 16 bits, tables of 3 and 4 levels, 48 bits, 8 fault records at 0x200, 2 MiB and 1 GiB, PSI up to 2^18 pages. */
export const DEFAULT_CAPABILITY =
  6n |
  (6n << 8n) |
  (47n << 16n) |
  (0x20n << 24n) |
  (3n << 34n) |
  (1n << 39n) |
  (7n << 40n) |
  (18n << 48n) |
  (3n << 54n) |
  (1n << 56n);

/** Coherent, QI, DT, PT, SC, IOTLB registers at 0x100, NEST, PASID of 20 bits, scalable mode with both stages and A/D. */
export const DEFAULT_EXTENDED_CAPABILITY =
  1n |
  (1n << 1n) |
  (1n << 2n) |
  (1n << 6n) |
  (1n << 7n) |
  (0x10n << 8n) |
  (1n << 26n) |
  (19n << 35n) |
  (1n << 40n) |
  (1n << 43n) |
  (15n << 45n);
