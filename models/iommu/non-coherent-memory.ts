/**
 * Memory behind a CPU cache that a unit does not snoop, or behind a buffer of stores: what was stored is seen only after
 * it was written back. Whoever owns the memory tells of each store and of each write-back. Source: VT-d §6.8 (write
 * buffer flushing), ECAP.C (page-walk coherency).
 *
 * A cache may also write back on its own at any time; here it never does, which is stricter.
 */
import { FRAME_BYTES, type PhysicalMemory } from "./physical-memory.js";

export class NonCoherentMemory implements PhysicalMemory {
  readonly #memory: PhysicalMemory;
  readonly #lineBytes: number;
  /** What the unit still sees of words that were stored to since their line was written back. */
  readonly #old = new Map<number, number>();

  /** `lineBytes`: what is written back together, a power of two from 4. */
  constructor(memory: PhysicalMemory, lineBytes = 4) {
    this.#memory = memory;
    this.#lineBytes = lineBytes;
  }

  /** The CPU stores: to be told with the word that was there before. */
  stored(address: number, oldValue: number): void {
    if (!this.#old.has(address)) this.#old.set(address, oldValue);
  }

  /** A frame of zeroes was handed out: the unit sees what it saw before, of which only garbage is safe to assume. */
  zeroed(address: number, garbage: number, lengthBytes = FRAME_BYTES): void {
    for (let offset = 0; offset < lengthBytes; offset += 4) this.stored(address + offset, garbage);
  }

  /** The CPU was told to write these bytes back. */
  cleaned(address: number, lengthBytes: number): void {
    const first = address - (address % this.#lineBytes);
    for (let at = first; at < address + lengthBytes; at += 4) this.#old.delete(at);
    const end = address + lengthBytes;
    for (let at = end - (end % 4); at % this.#lineBytes !== 0; at += 4) this.#old.delete(at);
  }

  cleanAll(): void {
    this.#old.clear();
  }

  contains(address: number): boolean {
    return this.#memory.contains(address);
  }

  read32(address: number): number {
    return this.#old.get(address) ?? this.#memory.read32(address);
  }

  /** The unit's own store goes to memory. */
  write32(address: number, value: number): void {
    this.#old.delete(address);
    this.#memory.write32(address, value);
  }
}
