/**
 * The pointers of the command ring. Source: AMD 48882 §2.4 and §3.4 (command buffer registers): the ring runs from the
 * moment that its enable bit rises until it falls or a command is in error; writing the base resets both pointers.
 */
import { frameIn } from "../physical-memory.js";
import type { RegisterFile } from "../register-file.js";
import { Control, ENTRY_BYTES, Register, RING_POINTER_MASK, ringBytes, Status } from "./registers.js";

/** Where the next command is. */
export function commandAddress(registers: RegisterFile): number {
  const base = frameIn(registers.get32(Register.commandBase), registers.get32(Register.commandBase + 4));
  return base + registers.get32(Register.commandHead);
}

export class CommandRing {
  readonly #registers: RegisterFile;
  readonly #misuses: string[];

  constructor(registers: RegisterFile, misuses: string[]) {
    this.#registers = registers;
    this.#misuses = misuses;
  }

  controlWritten(before: number, after: number): void {
    const wanted = Control.iommuEnable | Control.commandBufferEnable;
    const isOn = (after & wanted) === wanted;
    if (!isOn) this.#registers.setBits(Register.status, Status.commandBufferRun, false);
    else if ((before & wanted) !== wanted)
      this.#registers.setBits(Register.status, Status.commandBufferRun, true);
  }

  writeBase(offset: number, value: number): void {
    if (this.#isRunning()) this.#misuses.push("the command buffer base was written while the ring runs");
    this.#registers.set32(offset, value);
    this.#registers.set32(Register.commandHead, 0);
    this.#registers.set32(Register.commandTail, 0);
  }

  writeHead(value: number): void {
    if (this.#isRunning()) this.#misuses.push("the command head was written while the ring runs");
    else this.#registers.set32(Register.commandHead, value & RING_POINTER_MASK);
  }

  writeTail(value: number): void {
    const tail = value & RING_POINTER_MASK;
    if (tail >= this.#size()) this.#misuses.push("the command tail was written beyond the ring");
    else this.#registers.set32(Register.commandTail, tail);
  }

  /** A command waits and the ring runs. */
  isReady(): boolean {
    return (
      this.#isRunning() &&
      this.#registers.get32(Register.commandHead) !== this.#registers.get32(Register.commandTail)
    );
  }

  advance(): void {
    const head = this.#registers.get32(Register.commandHead) + ENTRY_BYTES;
    this.#registers.set32(Register.commandHead, head % this.#size());
  }

  #isRunning(): boolean {
    return (this.#registers.get32(Register.status) & Status.commandBufferRun) !== 0;
  }

  #size(): number {
    return ringBytes(this.#registers.get32(Register.commandBase + 4));
  }
}
