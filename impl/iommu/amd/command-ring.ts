/**
 * The command buffer of an AMD IOMMU: a ring in memory, filled at the tail by the driver, emptied at the head by the
 * hardware. Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.4.
 */
import { PageTableError } from "../../errors.js";
import { NO_FRAME } from "../../memory/frame-books.js";
import type { RegisterAccess } from "../hardware.js";
import { UnitError } from "../unit-error.js";
import type { UnitMemory, Words128 } from "../unit-memory.js";
import { completionWait } from "./commands.js";
import {
  COMMAND_BASE,
  COMMAND_HEAD,
  COMMAND_TAIL,
  Control,
  changeControl,
  STATUS,
  Status,
} from "./registers.js";

const COMMAND_BYTES_LG2 = 4;
/** The length field of the base register holds log2 of the entries, 8 to 15. */
export const RING_ENTRIES_LG2_MIN = 8;
const RING_ENTRIES_LG2_MAX = 15;
const LENGTH_SHIFT = 56n;
/** What a wait stores: another number each time, for one that was given up may be done later. */
const NUMBERS = 2 ** 31 - 1;

export interface RingOptions {
  readonly memory: UnitMemory;
  readonly registers: RegisterAccess;
  /** log2 of the ring's entries, 8 to 15. */
  readonly entriesLg2: number;
  /**
   * Called while the driver waits for the hardware. There is no time limit, for a flush that is reported and did not
   * happen is a hole; a `relax` that throws is how to give up.
   */
  readonly relax: () => void;
}

/** @throws PageTableError INVALID_OPTION where no ring has so many entries. */
export function checkRingLg2(what: string, entriesLg2: number): void {
  if (entriesLg2 >= RING_ENTRIES_LG2_MIN && entriesLg2 <= RING_ENTRIES_LG2_MAX && entriesLg2 % 1 === 0)
    return;
  throw new PageTableError("INVALID_OPTION", `${what}: ${RING_ENTRIES_LG2_MIN} to ${RING_ENTRIES_LG2_MAX}`);
}

export class CommandRing {
  readonly #memory: UnitMemory;
  readonly #registers: RegisterAccess;
  readonly #relax: () => void;
  readonly #frame: number;
  readonly #bytes: number;
  /** Where the hardware reports that a wait is done: 8 bytes. */
  readonly #slot: number;
  /** Bytes from the ring's start to where the next command goes. */
  #tail = 0;
  #number = 0;

  private constructor({ memory, registers, relax, entriesLg2 }: RingOptions, frame: number, slot: number) {
    this.#memory = memory;
    this.#registers = registers;
    this.#relax = relax;
    this.#frame = frame;
    this.#slot = slot;
    this.#bytes = 2 ** (entriesLg2 + COMMAND_BYTES_LG2);
  }

  /** Undefined: the memory has no frame left. */
  static create(options: RingOptions): CommandRing | undefined {
    const frame = options.memory.allocate(options.entriesLg2 + COMMAND_BYTES_LG2);
    const slot = options.memory.allocate();
    if (frame !== NO_FRAME && slot !== NO_FRAME) return new CommandRing(options, frame, slot);
    for (const one of [frame, slot]) if (one !== NO_FRAME) options.memory.free(one);
    return undefined;
  }

  /** Gives back the memory of what was never started. */
  destroy(): void {
    for (const frame of [this.#frame, this.#slot]) this.#memory.free(frame);
  }

  /** Tells the unit where the ring is, empty, and lets it run. */
  start(): void {
    changeControl(this.#registers, 0n, Control.commands);
    while ((this.#registers.read32(STATUS) & Status.commandsRun) !== 0) this.#relax();
    const entriesLg2 = BigInt(Math.log2(this.#bytes) - COMMAND_BYTES_LG2);
    const base = BigInt(this.#memory.addressOf(this.#frame)) | (entriesLg2 << LENGTH_SHIFT);
    this.#registers.write64(COMMAND_BASE, base);
    this.#registers.write64(COMMAND_HEAD, 0n);
    this.#registers.write64(COMMAND_TAIL, 0n);
    this.#tail = 0;
    changeControl(this.#registers, Control.commands, 0n);
  }

  /** Appends a command; waits while the ring is full. */
  send(command: Words128): void {
    const next = (this.#tail + 2 ** COMMAND_BYTES_LG2) % this.#bytes;
    // One place stays free: equal head and tail mean that the ring is empty.
    while (Number(this.#registers.read64(COMMAND_HEAD)) === next) this.#wait();
    const word = this.#frame + this.#tail / 4;
    this.#memory.store64(word, command[0], command[1]);
    this.#memory.store64(word + 2, command[2], command[3]);
    this.#tail = next;
    this.#registers.write64(COMMAND_TAIL, BigInt(next));
  }

  /** Returns when the hardware has done every command sent before. */
  complete(): void {
    this.#number = (this.#number % NUMBERS) + 1;
    const number = this.#number;
    this.send(completionWait(this.#memory.addressOf(this.#slot), number, 0));
    while (this.#memory.load(this.#slot) !== number) this.#wait();
  }

  /** A ring that stopped never gets further: that is no success, and no reason to wait. */
  #wait(): void {
    const stopped = (this.#registers.read32(STATUS) & Status.commandsRun) === 0;
    if (stopped)
      throw new UnitError("STOPPED", "the command buffer: the event log says which command it met");
    this.#relax();
  }
}
