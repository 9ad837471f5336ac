/**
 * Byte strings as records, for programs of tables and of machines alike: a header, then one record an operation. A
 * record whose first byte is below `FIRST_LITERAL` is drawn from `DRAWN_BYTES` bytes, any other names its operation.
 */
import type { Draws } from "../../models/index.js";

/** The fuzzer makes no longer inputs. */
export const bytesAtMost = 4096;
export const operationsAtMost = 1024;

export const DRAWN_BYTES = 4;
export const FIRST_LITERAL = 0xf0;

/** Bytes one after the other. Those that are missing at the end are zeros. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #headerBytes: number;
  #at = 0;

  constructor(bytes: Uint8Array, headerBytes: number) {
    this.#bytes = bytes.subarray(0, bytesAtMost);
    this.#headerBytes = headerBytes;
  }

  get isOver(): boolean {
    return this.#at >= Math.max(this.#bytes.length, this.#headerBytes);
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  bytes(length: number): readonly number[] {
    return Array.from({ length }, () => this.byte());
  }

  /** As `bytesOfWord` writes it. */
  word(): bigint {
    const shift = BigInt(this.byte() & 63);
    let value = 0n;
    for (let bits = 0n; bits < 70n; bits += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << bits;
      if (byte < 128) break;
    }
    return BigInt.asUintN(64, value << shift);
  }
}

/** A 64-bit word: how far it is shifted, then what is shifted, seven bits a byte, the lowest first. */
export function bytesOfWord(word: bigint): readonly number[] {
  let shift = 0;
  while (shift < 63 && word !== 0n && ((word >> BigInt(shift)) & 1n) === 0n) shift++;
  const bytes = [shift];
  for (let rest = word >> BigInt(shift); ; rest >>= 7n) {
    const isLast = rest < 128n;
    bytes.push(Number(rest & 127n) | (isLast ? 0 : 128));
    if (isLast) return bytes;
  }
}

/** The choices of one drawn record: its bytes while they last, then numbers that follow from them. */
export class RecordDraws implements Draws {
  readonly exhausted = false;
  readonly #record: readonly number[];
  #next = 0;
  #state: number;

  constructor(record: readonly number[]) {
    // The first byte comes from fewer than 256 values, and stands for all of them.
    this.#record = [Math.floor((record[0] * 256) / FIRST_LITERAL), ...record.slice(1)];
    this.#state = record.reduce((state, byte) => Math.imul(state ^ byte, 0x0100_0193), 0x811c_9dc5) | 1;
  }

  nextRecord(): void {}

  below(bound: number): number {
    if (bound <= 1) return 0;
    if (bound <= 256 && this.#next < this.#record.length) return this.#record[this.#next++] % bound;
    return this.#drawn() % bound;
  }

  /** Marsaglia's xorshift with 32 bits of state ("Xorshift RNGs", JSS 8, 2003). */
  #drawn(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }
}
