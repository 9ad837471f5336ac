/**
 * The pointers of the invalidation queue and what stops it. Source: VT-d §6.5.2 (queued invalidation interface),
 * §6.5.2.11 (errors), §11.4.9 (registers): nothing is fetched while IQE, ICE or ITE is set. For ICE the manual asks only
 * that it is reported; here it stops the queue as well, so that a driver which never clears it is seen.
 */
import { frameIn } from "../physical-memory.js";
import type { RegisterFile } from "../register-file.js";
import { FaultStatus, Global, Register } from "./registers.js";

const POINTER_MASK = 0x7fff0;
const STOPS = FaultStatus.queueError | FaultStatus.completionError | FaultStatus.timeoutError;
/** In the queue's address register: descriptors of 32 bytes. */
const WIDE = 1 << 11;

export class InvalidationQueue {
  readonly #registers: RegisterFile;

  constructor(registers: RegisterFile) {
    this.#registers = registers;
  }

  get descriptorBytes(): number {
    return (this.#registers.get32(Register.queueAddress) & WIDE) !== 0 ? 32 : 16;
  }

  /** Where the next descriptor is. */
  get address(): number {
    const low = this.#registers.get32(Register.queueAddress);
    const high = this.#registers.get32(Register.queueAddress + 4);
    return frameIn(low, high) + this.#registers.get32(Register.queueHead);
  }

  isReady(): boolean {
    const registers = this.#registers;
    return (
      this.isOn() &&
      (registers.get32(Register.faultStatus) & STOPS) === 0 &&
      registers.get32(Register.queueHead) !== registers.get32(Register.queueTail)
    );
  }

  isOn(): boolean {
    return (this.#registers.get32(Register.globalStatus) & Global.queuedInvalidation) !== 0;
  }

  advance(): void {
    const head = this.#registers.get32(Register.queueHead) + this.descriptorBytes;
    this.#registers.set32(Register.queueHead, head % this.#size());
  }

  /** Returns whether the tail names a place in the queue. */
  writeTail(value: number): boolean {
    const tail = value & POINTER_MASK;
    this.#registers.set32(Register.queueTail, tail);
    return tail < this.#size() && tail % this.descriptorBytes === 0;
  }

  /** The interface was turned off: the head begins anew. */
  reset(): void {
    this.#registers.set32(Register.queueHead, 0);
  }

  #size(): number {
    return 4096 << (this.#registers.get32(Register.queueAddress) & 7);
  }
}
