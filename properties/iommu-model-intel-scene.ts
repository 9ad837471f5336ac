/** A VT-d unit with its memory, as the tests of the model set it up: every word is encoded here, from the manual. */
import {
  type DmaOptions,
  type DmaOutcome,
  SparsePhysicalMemory,
  VtdUnitDevice,
  type VtdUnitOptions,
} from "../models/iommu/index.js";

export const ROOTS = 0x10_0000;
export const CONTEXTS = 0x10_1000;
export const QUEUE = 0x20_0000;
/** A word where wait descriptors store. */
export const DONE = 0x22_0000;
/** Second-stage tables of levels 3, 2, 1 and 0, and another tree's root. */
export const TABLES = [0x30_0000, 0x30_1000, 0x30_2000, 0x30_3000] as const;
export const LEAVES = TABLES[3];
export const OTHER_ROOT = 0x31_0000;
/** Bus 2, device 3, function 1. */
export const DEVICE = 0x0219;
export const OTHER_DEVICE = 0x0220;
export const SPARE = 0x40_0000;

/** The default capabilities of the model, as the manual encodes them. */
export const CAP =
  6n | (6n << 8n) | (47n << 16n) | (0x20n << 24n) | (3n << 34n) | (1n << 39n) | (7n << 40n) | (18n << 48n);
export const ECAP = 1n | (1n << 1n) | (1n << 2n) | (1n << 6n) | (1n << 7n) | (0x10n << 8n);
export const CACHING = 1n << 7n;
export const WRITE_BUFFER = 1n << 4n;

export class VtdScene {
  readonly memory: SparsePhysicalMemory;
  readonly unit: VtdUnitDevice;
  #tail = 0;

  constructor(options: VtdUnitOptions = {}, memory = new SparsePhysicalMemory()) {
    this.memory = memory;
    for (const frame of [ROOTS, CONTEXTS, QUEUE, DONE, ...TABLES, OTHER_ROOT, SPARE]) memory.addFrame(frame);
    memory.write64(ROOTS + 2 * 16, BigInt(CONTEXTS) | 1n);
    this.unit = new VtdUnitDevice(memory, { capability: CAP, extendedCapability: ECAP, ...options });
    this.start();
  }

  /** Root table, queue of one page, translation: one command after the other. */
  start(root = BigInt(ROOTS)): void {
    const { unit } = this;
    unit.write64(0x20, root);
    unit.write32(0x18, 1 << 30);
    unit.write64(0x90, BigInt(QUEUE));
    unit.write32(0x18, 1 << 26);
    unit.write32(0x18, (1 << 31) | (1 << 26));
  }

  /** A present context entry: translation type, tables, four levels, domain. */
  context(device: number, options: ContextOptions = {}): void {
    const { type = 0, root = TABLES[0], width = 2, domain = 7, low = 0n, high = 0n } = options;
    const at = CONTEXTS + (device & 0xff) * 16;
    this.memory.write64(at, BigInt(root) | BigInt(type << 2) | 1n | low);
    this.memory.write64(at + 8, BigInt(width) | (BigInt(domain) << 8n) | high);
  }

  /** Four levels that map 0x4000_5000 to this leaf. */
  map(leaf: bigint): void {
    this.memory.write64(TABLES[0], BigInt(TABLES[1]) | 3n);
    this.memory.write64(TABLES[1] + 8, BigInt(TABLES[2]) | 3n);
    this.memory.write64(TABLES[2], BigInt(LEAVES) | 3n);
    this.memory.write64(LEAVES + 40, leaf);
  }

  /** Puts a descriptor into the queue and moves the tail. */
  descriptor(low: bigint, high: bigint): void {
    this.memory.write64(QUEUE + this.#tail, low);
    this.memory.write64(QUEUE + this.#tail + 8, high);
    this.#tail = (this.#tail + 16) % 4096;
    this.unit.write32(0x88, this.#tail);
  }

  /** Context cache, device-selective. */
  invalidateContext(device: number, domain: number, functionMask = 0): void {
    this.descriptor(
      0x31n | (BigInt(domain) << 16n) | (BigInt(device) << 32n) | (BigInt(functionMask) << 48n),
      0n,
    );
  }

  /** IOTLB, page-selective: 2^mask pages. */
  invalidatePages(domain: number, address: bigint, mask = 0n): void {
    this.descriptor(0x32n | (BigInt(domain) << 16n), address | mask);
  }

  /** IOTLB, domain-selective. */
  invalidateDomain(domain: number): void {
    this.descriptor(0x22n | (BigInt(domain) << 16n), 0n);
  }

  /** A wait that stores `data` at `DONE`. */
  wait(data: number): void {
    this.descriptor(0x25n | (BigInt(data) << 32n), BigInt(DONE));
  }

  /** Where one byte goes, as a hexadecimal address, or the reason of the fault. */
  seen(iova: bigint, isWrite = false, device = DEVICE, options: DmaOptions = {}): string {
    return describe(this.unit.dma(device, iova, 1, isWrite, options));
  }

  /** The n-th fault record, low and high. */
  record(index: number): readonly bigint[] {
    return [this.unit.read64(0x200 + index * 16), this.unit.read64(0x208 + index * 16)];
  }
}

export interface ContextOptions {
  readonly type?: number;
  readonly root?: number;
  readonly width?: number;
  readonly domain?: number;
  /** Further bits. */
  readonly low?: bigint;
  readonly high?: bigint;
}

export function describe(outcome: DmaOutcome): string {
  if (outcome.kind === "interrupt") return "interrupt";
  if (outcome.kind === "fault") return outcome.fault.reason;
  return outcome.ranges
    .map(({ address, lengthBytes }) => `${address.toString(16)}${lengthBytes === 1 ? "" : `+${lengthBytes}`}`)
    .join(" ");
}
