/**
 * Invalidation by registers: the context command register, and the IOTLB registers where ECAP places them. Source: VT-d
 * §6.5.1, §11.4.5 (CCMD), §11.4.6 (IOTLB, IVA). Hardware clears the busy bit and says what it did; a granularity that
 * it does not know does nothing, and is answered with 0.
 */
import type { RegisterFile } from "../register-file.js";
import { contextGranularity, iotlbOf } from "./descriptors.js";
import type { Invalidations } from "./invalidations.js";
import { type Capabilities, Register } from "./registers.js";

const BUSY = 1 << 31;

export class RegisterInvalidation {
  readonly #registers: RegisterFile;
  readonly #capabilities: Capabilities;
  readonly #invalidations: Invalidations;
  readonly #address: number;
  readonly #iotlb: number;

  constructor(registers: RegisterFile, capabilities: Capabilities, invalidations: Invalidations) {
    this.#registers = registers;
    this.#capabilities = capabilities;
    this.#invalidations = invalidations;
    this.#address = capabilities.iotlb;
    this.#iotlb = capabilities.iotlb + 8;
  }

  /** Whether the register is the word that starts an invalidation. */
  isCommand(offset: number): boolean {
    return offset === Register.contextCommand + 4 || offset === this.#iotlb + 4;
  }

  /** Does what the word asks for, which stands in its register. */
  execute(offset: number, value: number): void {
    if ((value & BUSY) === 0) return;
    if (offset === Register.contextCommand + 4) this.#context(value);
    else this.#iotlbCommand(value);
  }

  /** ICC 63, asked 62:61, done 60:59, FM 33:32, device 31:16, domain 15:0. */
  #context(value: number): void {
    const low = this.#registers.get32(Register.contextCommand);
    const granularity = contextGranularity((value >>> 29) & 3);
    const functionMask = value & 3;
    if (granularity !== undefined)
      this.#invalidations.contexts({
        granularity,
        domain: low & 0xffff,
        device: low >>> 16,
        functionMask,
      });
    const done = (value >>> 29) & 3;
    this.#registers.set32(Register.contextCommand + 4, (value & 0x67ff_ffff) | (done << 27));
  }

  /** IVT 63, asked 61:60, done 58:57, DR 49, DW 48, domain 47:32; the address and its mask in the register before. */
  #iotlbCommand(value: number): void {
    const low = this.#registers.get32(this.#address);
    const high = this.#registers.get32(this.#address + 4);
    const asked = (value >>> 28) & 3;
    const request = iotlbOf(asked, value & 0xffff, low, high, this.#capabilities);
    if (request !== undefined) this.#invalidations.iotlb(request);
    const done = request === undefined ? 0 : asked;
    this.#registers.set32(this.#iotlb + 4, (value & 0x79ff_ffff) | (done << 25));
  }
}
