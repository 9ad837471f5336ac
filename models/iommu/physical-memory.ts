/** The memory of the machine, as the units see it: where rings, device tables, page tables and logs are. */
import type { PhysicalMemory as WalkerMemory } from "../walkers/walker.js";

export const FRAME_BYTES = 4096;

/** 32-bit little-endian words at 4-byte aligned physical addresses, which are numbers below 2^52. */
export interface PhysicalMemory {
  /** Whether the word at this address is backed; hardware that reads another one reports an error. */
  contains(address: number): boolean;
  /** The word, signed or unsigned: hardware takes its 32 bits. */
  read32(address: number): number;
  write32(address: number, value: number): void;
}

/** Frames of 4 KiB anywhere; only those that were added are backed. */
export class SparsePhysicalMemory implements PhysicalMemory {
  readonly #frames = new Map<number, Int32Array>();

  /** Backs the frame that holds this address with zeroes; one that is backed already stays as it is. */
  addFrame(address: number): void {
    const key = Math.floor(address / FRAME_BYTES);
    if (!this.#frames.has(key)) this.#frames.set(key, new Int32Array(FRAME_BYTES / 4));
  }

  contains(address: number): boolean {
    return this.#frames.has(Math.floor(address / FRAME_BYTES));
  }

  /** @throws RangeError where nothing is backed. */
  read32(address: number): number {
    return this.#frameAt(address)[(address % FRAME_BYTES) >>> 2];
  }

  /** @throws RangeError where nothing is backed. */
  write32(address: number, value: number): void {
    this.#frameAt(address)[(address % FRAME_BYTES) >>> 2] = value;
  }

  read64(address: number): bigint {
    return joined(this.read32(address), this.read32(address + 4));
  }

  /** Two stores, the low word first. */
  write64(address: number, value: bigint): void {
    this.write32(address, Number(BigInt.asIntN(32, value)));
    this.write32(address + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  #frameAt(address: number): Int32Array {
    const frame = this.#frames.get(Math.floor(address / FRAME_BYTES));
    if (frame === undefined) throw new RangeError(`no memory at 0x${address.toString(16)}`);
    return frame;
  }
}

/** The same memory as the walkers ask for it. */
export function walkerMemoryOf(memory: PhysicalMemory): WalkerMemory {
  return {
    contains: (low, high) => memory.contains(addressOf(low, high)),
    readWord: (low, high) => memory.read32(addressOf(low, high)) | 0,
    writeWord: (low, high, value) => memory.write32(addressOf(low, high), value),
  };
}

/** The number that two words are together; exact below 2^53. */
export function addressOf(low: number, high: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

export function joined(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The physical address in bits 51:12 of an entry. */
export function frameIn(low: number, high: number): number {
  return addressOf(low & ~0xfff, high & 0x000f_ffff);
}

/** `count` words from an address on, or undefined where one of them is not backed. */
export function wordsAt(memory: PhysicalMemory, address: number, count: number): Int32Array | undefined {
  const words = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const place = address + 4 * index;
    if (!memory.contains(place)) return undefined;
    words[index] = memory.read32(place);
  }
  return words;
}
