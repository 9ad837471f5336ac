/** A memory image in a file, read in place: what is never asked for is never read, so its size does not matter. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { PhysicalMemory } from "../../models/index.js";

const BLOCK_BYTES = 1 << 16;
/** 16 MiB of an image are kept. */
const BLOCKS_KEPT = 256;
const WORD_BYTES = 4;

/** The file's first byte stands at the physical address `base`; the address space ends with the file. */
export class Image implements PhysicalMemory {
  readonly base: bigint;
  readonly lengthBytes: number;
  readonly #file: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  /** By their number, those used longest ago first. */
  readonly #blocks = new Map<number, DataView>();
  #lastNumber = -1;
  #lastBlock: DataView = new DataView(new ArrayBuffer(0));

  /** @throws what the file system throws when there is no such file. */
  constructor(path: string, base: bigint) {
    this.#file = openSync(path, "r");
    this.lengthBytes = fstatSync(this.#file).size;
    this.base = base;
    this.#baseLow = Number(BigInt.asUintN(32, base));
    this.#baseHigh = Number(base >> 32n);
  }

  close(): void {
    closeSync(this.#file);
  }

  contains(low: number, high: number): boolean {
    const offset = this.#offsetOf(low, high);
    return offset >= 0 && offset + WORD_BYTES <= this.lengthBytes;
  }

  readWord(low: number, high: number): number {
    const offset = this.#offsetOf(low, high);
    if (offset < 0 || offset + WORD_BYTES > this.lengthBytes) throw new RangeError("not in the image");
    const number = Math.floor(offset / BLOCK_BYTES);
    if (number !== this.#lastNumber) this.#lastBlock = this.#block(number);
    return this.#lastBlock.getInt32(offset - number * BLOCK_BYTES, true);
  }

  /** @throws Error always: an image is only read. */
  writeWord(): void {
    throw new Error("an image is only read");
  }

  /** Negative, or beyond the file: not in it. */
  #offsetOf(low: number, high: number): number {
    return ((high >>> 0) - this.#baseHigh) * 2 ** 32 + ((low >>> 0) - this.#baseLow);
  }

  #block(number: number): DataView {
    const block = this.#blocks.get(number) ?? this.#read(number);
    this.#blocks.delete(number);
    this.#blocks.set(number, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > BLOCKS_KEPT && oldest !== undefined) this.#blocks.delete(oldest);
    this.#lastNumber = number;
    return block;
  }

  #read(number: number): DataView {
    const bytes = new Uint8Array(BLOCK_BYTES);
    let got = 0;
    for (;;) {
      const more = readSync(this.#file, bytes, got, BLOCK_BYTES - got, number * BLOCK_BYTES + got);
      got += more;
      if (more === 0 || got === BLOCK_BYTES) return new DataView(bytes.buffer);
    }
  }
}
