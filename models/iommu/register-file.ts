/** The registers of a unit as plain storage; what writing one does is the unit's business. */
import { joined } from "./physical-memory.js";

export class RegisterFile {
  readonly #words: Uint32Array;

  constructor(bytes: number) {
    this.#words = new Uint32Array(bytes / 4);
  }

  /** @throws RangeError where no register can be. */
  get32(offset: number): number {
    return this.#words[this.#wordOf(offset)];
  }

  set32(offset: number, value: number): void {
    this.#words[this.#wordOf(offset)] = value;
  }

  get64(offset: number): bigint {
    return joined(this.get32(offset), this.get32(offset + 4));
  }

  set64(offset: number, value: bigint): void {
    this.set32(offset, Number(BigInt.asUintN(32, value)));
    this.set32(offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }

  setBits(offset: number, mask: number, on: boolean): void {
    const value = this.get32(offset);
    this.set32(offset, on ? value | mask : value & ~mask);
  }

  #wordOf(offset: number): number {
    if (offset % 4 !== 0 || offset < 0 || offset / 4 >= this.#words.length)
      throw new RangeError(`no register at 0x${offset.toString(16)}`);
    return offset / 4;
  }
}
