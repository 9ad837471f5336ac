import type { PhysicalMemory } from "./walker.js";

const FRAME_BYTES = 4096;

/**
 * Physical memory of single 4 KiB frames anywhere in the address space: for hand-made tables, dumps and
 * vectors. Only frames that were added are backed.
 */
export class SparseMemory implements PhysicalMemory {
  private readonly frames = new Map<number, Int32Array>();

  /** Backs the frame that holds this address with zeroes; a frame that is backed already stays as it is. */
  addFrame(address: bigint): void {
    const key = Number(address >> 12n);
    if (!this.frames.has(key)) this.frames.set(key, new Int32Array(FRAME_BYTES / 4));
  }

  contains(low: number, high: number): boolean {
    return this.frames.has(frameKey(low, high));
  }

  /** @throws RangeError where nothing is backed: a walker asks `contains` first. */
  readWord(low: number, high: number): number {
    return this.frameAt(low, high)[(low & (FRAME_BYTES - 1)) >>> 2];
  }

  /** @throws RangeError where nothing is backed. */
  writeWord(low: number, high: number, value: number): void {
    this.frameAt(low, high)[(low & (FRAME_BYTES - 1)) >>> 2] = value;
  }

  /** Writes 64 bits at an 8-byte aligned address. */
  write64(address: bigint, value: bigint): void {
    const low = Number(BigInt.asIntN(32, address));
    const high = Number(BigInt.asIntN(32, address >> 32n));
    this.writeWord(low, high, Number(BigInt.asIntN(32, value)));
    this.writeWord(low + 4, high, Number(BigInt.asIntN(32, value >> 32n)));
  }

  private frameAt(low: number, high: number): Int32Array {
    const frame = this.frames.get(frameKey(low, high));
    if (frame === undefined) throw new RangeError(`no memory at ${frameKey(low, high).toString(16)}000`);
    return frame;
  }
}

function frameKey(low: number, high: number): number {
  return (high >>> 0) * 2 ** 20 + (low >>> 12);
}
