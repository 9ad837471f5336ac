/** An AMD IOMMU with its memory, as the tests of the model set it up: every word is encoded here, from the manual. */
import { AmdIommuDevice, type AmdIommuOptions, SparsePhysicalMemory } from "../models/iommu/index.js";

export const DEVICE_TABLE = 0x10_0000;
export const COMMANDS = 0x20_0000;
export const EVENTS = 0x21_0000;
/** A word where completion waits store. */
export const DONE = 0x22_0000;
/** The root and the tables below it, of levels 2, 1 and 0, and a second tree's. */
export const ROOT = 0x30_0000;
export const MIDDLE = 0x30_1000;
export const LEAVES = 0x30_2000;
export const OTHER_ROOT = 0x31_0000;
/** Bus 2, device 3, function 1. */
export const DEVICE = 0x0219;
export const OTHER_DEVICE = 0x0300;

const READ = 1n << 61n;
const WRITE = 1n << 62n;

/** A leaf, or a pointer to a table of level `next` − 1, that permits what the letters say. */
export function item(address: number, next: number, rights = "rw"): bigint {
  const read = rights.includes("r") ? READ : 0n;
  const write = rights.includes("w") ? WRITE : 0n;
  return BigInt(address) | (BigInt(next) << 9n) | 1n | read | write;
}

export interface EntryOptions {
  readonly mode?: number;
  readonly root?: number;
  readonly domain?: number;
  readonly rights?: string;
  /** Further bits of the four quadwords. */
  readonly more?: readonly bigint[];
}

export class AmdScene {
  readonly memory = new SparsePhysicalMemory();
  readonly unit: AmdIommuDevice;
  #tail = 0;

  constructor(options: AmdIommuOptions = {}) {
    const { memory } = this;
    for (let frame = 0; frame < 17; frame++) memory.addFrame(DEVICE_TABLE + frame * 4096);
    for (const frame of [COMMANDS, EVENTS, DONE, ROOT, MIDDLE, LEAVES, OTHER_ROOT]) memory.addFrame(frame);
    this.unit = new AmdIommuDevice(memory, options);
    this.start();
  }

  /** 2 MiB of device table, both rings of 256 entries, everything on. */
  start(): void {
    const { unit } = this;
    unit.write64(0x00, BigInt(DEVICE_TABLE) | 0x0fn);
    unit.write64(0x08, BigInt(COMMANDS) | (8n << 56n));
    unit.write64(0x10, BigInt(EVENTS) | (8n << 56n));
    unit.write64(0x18, 0x100dn);
  }

  /** A valid entry: V, TV, the mode, the root, IR and IW; the domain in the second quadword. */
  entry(device: number, options: EntryOptions = {}): void {
    const { mode = 3, root = ROOT, domain = 7, rights = "rw", more = [] } = options;
    const q0 = (item(root, 0, rights) & ~1n) | 3n | (BigInt(mode) << 9n);
    const words = [q0, BigInt(domain), 0n, 0n];
    for (const [index, word] of words.entries())
      this.memory.write64(DEVICE_TABLE + device * 32 + index * 8, word | (more[index] ?? 0n));
  }

  /** Three levels that map 0x4000_5000 to this item's page. */
  map(leaf: bigint): void {
    this.memory.write64(ROOT + 8, item(MIDDLE, 2));
    this.memory.write64(MIDDLE, item(LEAVES, 1));
    this.memory.write64(LEAVES + 5 * 8, leaf);
  }

  /** Puts a command into the ring and moves the tail. */
  command(d0: number, d1: number, d2: number, d3: number): void {
    for (const [index, word] of [d0, d1, d2, d3].entries())
      this.memory.write32(COMMANDS + this.#tail + index * 4, word | 0);
    this.#tail = (this.#tail + 16) % 4096;
    this.unit.write32(0x2008, this.#tail);
  }

  /** INVALIDATE_IOMMU_PAGES of a domain. */
  invalidate(domain: number, d2: number, d3 = 0): void {
    this.command(0, (3 << 28) | domain, d2, d3);
  }

  invalidateEntry(device: number): void {
    this.command(device, 2 << 28, 0, 0);
  }

  /** Where one byte goes, as a hexadecimal address, or the reason of the fault. */
  seen(iova: bigint, isWrite = false, device = DEVICE, options = {}): string {
    return describe(this.unit.dma(device, iova, 1, isWrite, options));
  }

  /** The four words of the n-th event. */
  event(index: number): readonly number[] {
    return [0, 4, 8, 12].map((offset) => this.memory.read32(EVENTS + index * 16 + offset) >>> 0);
  }
}

export function describe(outcome: ReturnType<AmdIommuDevice["dma"]>): string {
  if (outcome.kind === "interrupt") return "interrupt";
  if (outcome.kind === "fault") return outcome.fault.reason;
  return outcome.ranges
    .map(({ address, lengthBytes }) => `${address.toString(16)}${lengthBytes === 1 ? "" : `+${lengthBytes}`}`)
    .join(" ");
}
