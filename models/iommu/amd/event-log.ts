/**
 * The event log: a ring of 16-byte entries in memory. Source: AMD 48882 §2.5 (event logging), §3.4 (event log
 * registers, status). When the ring is full the unit sets EventOverflow, stops logging and drops events, until software
 * has cleared the bit and set EventLogEn anew.
 */
import { frameIn, type PhysicalMemory } from "../physical-memory.js";
import type { RegisterFile } from "../register-file.js";
import { Control, ENTRY_BYTES, Register, RING_POINTER_MASK, ringBytes, Status } from "./registers.js";

export const EventCode = {
  illegalDeviceEntry: 1,
  pageFault: 2,
  deviceTableHardwareError: 3,
  pageTableHardwareError: 4,
  illegalCommand: 5,
  commandHardwareError: 6,
  deviceTlbTimeout: 7,
  invalidDeviceRequest: 8,
} as const;

/** Flags of an event, as bits of d1 31:16 moved to 0. */
export const EventFlag = {
  guest: 1 << 0,
  noExecute: 1 << 1,
  user: 1 << 2,
  interrupt: 1 << 3,
  present: 1 << 4,
  write: 1 << 5,
  permission: 1 << 6,
  reservedBit: 1 << 7,
  translation: 1 << 8,
} as const;

export interface Event {
  readonly code: number;
  readonly device: number;
  /** Domain, or PASID 15:0 where the guest flag is set. */
  readonly domain: number;
  readonly flags: number;
  readonly address: bigint;
}

export class EventLog {
  readonly #registers: RegisterFile;
  readonly #memory: PhysicalMemory;
  readonly #isLate: boolean;
  #waiting: { readonly entry: number; readonly event: Event } | undefined;

  /** `isLate`: an entry is in memory only after the tail has moved (`settle`). */
  constructor(registers: RegisterFile, memory: PhysicalMemory, isLate: boolean) {
    this.#registers = registers;
    this.#memory = memory;
    this.#isLate = isLate;
  }

  /** An entry that is late arrives. Returns whether there was one. */
  settle(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return false;
    this.#waiting = undefined;
    this.#store(waiting.entry, waiting.event);
    return true;
  }

  /** The control register was written: logging (re)starts when its enable bit rises and no overflow is pending. */
  controlWritten(before: number, after: number): void {
    const isOn = (control: number) =>
      (control & Control.iommuEnable) !== 0 && (control & Control.eventLogEnable) !== 0;
    const status = this.#registers.get32(Register.status);
    if (!isOn(after)) this.#registers.setBits(Register.status, Status.eventLogRun, false);
    else if (!isOn(before) && (status & Status.eventOverflow) === 0)
      this.#registers.setBits(Register.status, Status.eventLogRun, true);
  }

  /** Writes an event. Returns whether it stands in the log. */
  write(event: Event): boolean {
    const registers = this.#registers;
    if ((registers.get32(Register.status) & Status.eventLogRun) === 0) return false;
    const baseLow = registers.get32(Register.eventBase);
    const baseHigh = registers.get32(Register.eventBase + 4);
    const size = ringBytes(baseHigh);
    const tail = registers.get32(Register.eventTail);
    const next = size === 0 ? 0 : (tail + ENTRY_BYTES) % size;
    if (size === 0 || next === registers.get32(Register.eventHead)) {
      registers.setBits(Register.status, Status.eventOverflow, true);
      registers.setBits(Register.status, Status.eventLogRun, false);
      this.#interrupt();
      return false;
    }
    const entry = frameIn(baseLow, baseHigh) + tail;
    if (!this.#memory.contains(entry)) return false;
    this.settle();
    if (this.#isLate) this.#waiting = { entry, event };
    else this.#store(entry, event);
    registers.set32(Register.eventTail, next & RING_POINTER_MASK);
    this.#interrupt();
    return true;
  }

  #store(entry: number, { code, device, domain, flags, address }: Event): void {
    this.#memory.write32(entry, device);
    this.#memory.write32(entry + 8, Number(BigInt.asIntN(32, address)));
    this.#memory.write32(entry + 12, Number(BigInt.asIntN(32, address >> 32n)));
    this.#memory.write32(entry + 4, (code << 28) | (flags << 16) | domain);
  }

  #interrupt(): void {
    if ((this.#registers.get32(Register.control) & Control.eventInterruptEnable) !== 0)
      this.#registers.setBits(Register.status, Status.eventInterrupt, true);
  }
}
