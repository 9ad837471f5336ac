/**
 * Primary fault logging. Source: VT-d §7.2 and §11.4.10 … §11.4.14 (fault status, event control, fault recording
 * registers). A fault takes the next record; if that one still waits for software, the fault is lost and PFO is set, and
 * nothing is recorded until software clears it.
 */
import type { RegisterFile } from "../register-file.js";
import { type Capabilities, EVENT_MASKED, EVENT_PENDING, FaultStatus, Register } from "./registers.js";

const RECORD_BYTES = 16;
/** Bit 127 of a record. */
const RECORD_FAULT = 1 << 31;
/** Bit 126: a read. */
const RECORD_READ = 1 << 30;
/** Bit 95: the PASID field counts. */
const RECORD_HAS_PASID = 1 << 31;

export interface RecordedFault {
  readonly device: number;
  readonly address: bigint;
  readonly code: number;
  readonly isWrite: boolean;
  readonly pasid: number;
}

export class FaultRecords {
  readonly #registers: RegisterFile;
  readonly #first: number;
  readonly #count: number;
  #next = 0;

  constructor(registers: RegisterFile, { faultRecords, faultRecordCount }: Capabilities) {
    this.#registers = registers;
    this.#first = faultRecords;
    this.#count = faultRecordCount;
    registers.set32(Register.faultEventControl, EVENT_MASKED);
  }

  /** Returns whether the fault stands in a record. */
  record(fault: RecordedFault): boolean {
    const registers = this.#registers;
    if ((registers.get32(Register.faultStatus) & FaultStatus.overflow) !== 0) return false;
    const at = this.#first + this.#next * RECORD_BYTES;
    if ((registers.get32(at + 12) & RECORD_FAULT) !== 0) {
      this.raise(FaultStatus.overflow);
      return false;
    }
    const { device, address, code, isWrite, pasid } = fault;
    const hasPasid = pasid >= 0;
    registers.set64(at, address & ~0xfffn);
    registers.set32(at + 8, device | (hasPasid ? RECORD_HAS_PASID : 0));
    const pasidField = hasPasid ? pasid << 8 : 0;
    registers.set32(at + 12, RECORD_FAULT | (isWrite ? 0 : RECORD_READ) | pasidField | code);
    const status = registers.get32(Register.faultStatus);
    if ((status & FaultStatus.pending) === 0)
      registers.set32(Register.faultStatus, (status & ~0xff00) | (this.#next << 8));
    this.#next = (this.#next + 1) % this.#count;
    this.raise(FaultStatus.pending);
    return true;
  }

  /** A status bit is set, and with it a fault event: an interrupt, or one that waits while they are masked. */
  raise(bit: number): void {
    const registers = this.#registers;
    if ((registers.get32(Register.faultStatus) & bit) !== 0) return;
    registers.setBits(Register.faultStatus, bit, true);
    if ((registers.get32(Register.faultEventControl) & EVENT_MASKED) !== 0)
      registers.setBits(Register.faultEventControl, EVENT_PENDING, true);
  }

  /** Whether the register is the word of a record that holds its F bit. */
  isRecordWord(offset: number): boolean {
    const inside = offset - this.#first;
    return inside >= 0 && inside < this.#count * RECORD_BYTES;
  }

  /** Records are read-only but for F, which a 1 clears; PPF is the OR of all. */
  write(offset: number, value: number): void {
    const registers = this.#registers;
    if ((offset - this.#first) % RECORD_BYTES === 12 && (value & RECORD_FAULT) !== 0)
      registers.setBits(offset, RECORD_FAULT, false);
    let isPending = false;
    for (let index = 0; index < this.#count; index++)
      isPending ||= (registers.get32(this.#first + index * RECORD_BYTES + 12) & RECORD_FAULT) !== 0;
    registers.setBits(Register.faultStatus, FaultStatus.pending, isPending);
    this.statusCleared();
  }

  /** An interrupt that waits is gone when nothing is left to report. */
  statusCleared(): void {
    if ((this.#registers.get32(Register.faultStatus) & 0x7f) === 0)
      this.#registers.setBits(Register.faultEventControl, EVENT_PENDING, false);
  }
}
