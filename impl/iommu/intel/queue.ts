/**
 * The invalidation queue of a VT-d unit: a ring in memory, filled at the tail by the driver, emptied at the head by
 * the hardware.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §6.5.2.
 */
import { NO_FRAME } from "../../memory/frame-books.js";
import type { RegisterAccess } from "../hardware.js";
import { UnitError } from "../unit-error.js";
import type { UnitMemory, Words128 } from "../unit-memory.js";
import { waitDescriptor } from "./invalidation.js";
import { command, FAULT_STATUS, Fault, Global, QUEUE_ADDRESS, QUEUE_HEAD, QUEUE_TAIL } from "./registers.js";

const DESCRIPTOR_BYTES = 16;
/** What a wait stores: another number each time, for one that was given up may be done later. */
const NUMBERS = 2 ** 31 - 1;

export interface QueueOptions {
  readonly memory: UnitMemory;
  readonly registers: RegisterAccess;
  /** log2 of the queue's pages of 4 KiB, 0 to 7. */
  readonly pagesLg2: number;
  /**
   * Called while the driver waits for the hardware. There is no time limit, for a flush that is reported and did not
   * happen is a hole; a `relax` that throws is how to give up.
   */
  readonly relax: () => void;
}

export class InvalidationQueue {
  readonly #options: QueueOptions;
  readonly #frame: number;
  readonly #bytes: number;
  /** Where the hardware reports that a wait is done: 4 bytes. */
  readonly #slot: number;
  /** Bytes from the queue's start to where the next descriptor goes. */
  #tail = 0;
  #number = 0;

  private constructor(options: QueueOptions, frame: number, slot: number) {
    this.#options = options;
    this.#frame = frame;
    this.#slot = slot;
    this.#bytes = 4096 * 2 ** options.pagesLg2;
  }

  /** Undefined: the memory has no frame left. */
  static create(options: QueueOptions): InvalidationQueue | undefined {
    const frame = options.memory.allocate(12 + options.pagesLg2);
    const slot = options.memory.allocate();
    if (frame !== NO_FRAME && slot !== NO_FRAME) return new InvalidationQueue(options, frame, slot);
    for (const one of [frame, slot]) if (one !== NO_FRAME) options.memory.free(one);
    return undefined;
  }

  /** Gives back the memory of what was never started. */
  destroy(): void {
    for (const frame of [this.#frame, this.#slot]) this.#options.memory.free(frame);
  }

  /** Tells the unit where the queue is, empty, and lets it run. */
  start(): void {
    const { memory, registers, pagesLg2, relax } = this.#options;
    command(registers, Global.queue, false, relax);
    registers.write64(QUEUE_TAIL, 0n);
    registers.write64(QUEUE_ADDRESS, BigInt(memory.addressOf(this.#frame)) | BigInt(pagesLg2));
    this.#tail = 0;
    command(registers, Global.queue, true, relax);
  }

  /** Appends a descriptor; waits while the queue is full. */
  send(descriptor: Words128): void {
    const { memory, registers } = this.#options;
    const next = (this.#tail + DESCRIPTOR_BYTES) % this.#bytes;
    // One place stays free: equal head and tail mean that the queue is empty.
    while (Number(registers.read64(QUEUE_HEAD)) === next) this.#wait();
    const word = this.#frame + this.#tail / 4;
    memory.store64(word, descriptor[0], descriptor[1]);
    memory.store64(word + 2, descriptor[2], descriptor[3]);
    this.#tail = next;
    registers.write64(QUEUE_TAIL, BigInt(next));
  }

  /** Returns when the hardware has done every descriptor sent before. */
  complete(): void {
    const { memory } = this.#options;
    this.#number = (this.#number % NUMBERS) + 1;
    const number = this.#number;
    this.send(waitDescriptor(memory.addressOf(this.#slot), number));
    while (memory.load(this.#slot) !== number) this.#wait();
  }

  /** A queue with an error never gets further: that is no success, and no reason to wait. */
  #wait(): void {
    const status = this.#options.registers.read32(FAULT_STATUS);
    if ((status & Fault.queueError) !== 0) throw new UnitError("STOPPED", "an invalidation descriptor");
    if ((status & Fault.timeout) !== 0) throw new UnitError("STOPPED", "a device's TLB does not answer");
    this.#options.relax();
  }
}
