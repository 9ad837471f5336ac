/**
 * The event log of an AMD IOMMU: a ring that the hardware fills and the driver empties.
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882 §2.5 (event logging).
 */
import { NO_FRAME } from "../../memory/frame-books.js";
import type { RegisterAccess } from "../hardware.js";
import { deviceName, hex, hex64 } from "../requesters.js";
import type { UnitMemory, Words128 } from "../unit-memory.js";
import type { RingOptions } from "./command-ring.js";
import { Control, changeControl, EVENT_BASE, EVENT_HEAD, EVENT_TAIL, STATUS, Status } from "./registers.js";

const EVENT_BYTES_LG2 = 4;
const LENGTH_SHIFT = 56n;
const IO_PAGE_FAULT = 2;
const IOTLB_INV_TIMEOUT = 7;

/** Names of the codes in bits 31:28 of an event's second word. */
const EVENT_NAMES: Readonly<Record<number, string>> = {
  1: "ILLEGAL_DEV_TABLE_ENTRY",
  2: "IO_PAGE_FAULT",
  3: "DEV_TAB_HARDWARE_ERROR",
  4: "PAGE_TAB_HARDWARE_ERROR",
  5: "ILLEGAL_COMMAND_ERROR",
  6: "COMMAND_HARDWARE_ERROR",
  7: "IOTLB_INV_TIMEOUT",
  8: "INVALID_DEVICE_REQUEST",
};

/** Names of the flags of an IO_PAGE_FAULT, from bit 0 on; bits 11:9 are reserved. */
const FLAG_NAMES = ["GN", "NX", "US", "I", "PR", "RW", "PE", "RZ", "TR", "??", "??", "??"];

export interface AmdEvent {
  readonly code: number;
  /** Of IO_PAGE_FAULT and the like: the requester, its domain, and bits 27:16 of the second word. */
  readonly requester: number;
  readonly domainId: number;
  readonly flags: number;
  /** The address that the event is about, its low and its high word. */
  readonly addressLow: number;
  readonly addressHigh: number;
  /** The four words as they stood in the log. */
  readonly raw: Words128;
}

export interface EventReport {
  readonly events: readonly AmdEvent[];
  /** The log was full: events were lost after these. */
  readonly overflowed: boolean;
}

export function decodeEvent(raw: Words128): AmdEvent {
  const [d0, d1, addressLow, addressHigh] = raw;
  const [requester, domainId] = [d0 & 0xffff, d1 & 0xffff];
  return { code: d1 >>> 28, requester, domainId, flags: (d1 >>> 16) & 0xfff, addressLow, addressHigh, raw };
}

/** Whether an event is a DMA that the page tables refused. */
export function isPageFault({ code }: AmdEvent): boolean {
  return code === IO_PAGE_FAULT;
}

/** The input address >> 12 that an event is about. */
export function dfnOf({ addressLow, addressHigh }: AmdEvent): number {
  return (addressHigh >>> 0) * 2 ** 20 + (addressLow >>> 12);
}

/** One line about an event. */
export function describeEvent(event: AmdEvent, segment: number): string {
  const name = EVENT_NAMES[event.code] ?? `event ${event.code}`;
  if (!isPageFault(event)) return `${name} ${event.raw.map((word) => hex(word >>> 0, 8)).join(" ")}`;
  const id = { segment, bus: event.requester >>> 8, devfn: event.requester & 0xff };
  const address = hex64(event.addressLow, event.addressHigh);
  const flags = FLAG_NAMES.filter((_, bit) => (event.flags & (1 << bit)) !== 0).reverse();
  const numbers = `domain ${event.domainId} address 0x${address} flags 0x${hex(event.flags, 3)}`;
  return [`${name}: ${deviceName(id)} ${numbers}`, ...flags].join(" ");
}

export class EventLog {
  readonly #memory: UnitMemory;
  readonly #registers: RegisterAccess;
  readonly #relax: () => void;
  readonly #frame: number;
  readonly #bytes: number;

  private constructor({ memory, registers, relax, entriesLg2 }: RingOptions, frame: number) {
    this.#memory = memory;
    this.#registers = registers;
    this.#relax = relax;
    this.#frame = frame;
    this.#bytes = 2 ** (entriesLg2 + EVENT_BYTES_LG2);
  }

  /** Undefined: the memory has no frame left. */
  static create(options: RingOptions): EventLog | undefined {
    const frame = options.memory.allocate(options.entriesLg2 + EVENT_BYTES_LG2);
    return frame === NO_FRAME ? undefined : new EventLog(options, frame);
  }

  /** Gives back the memory of a log that was never started. */
  destroy(): void {
    this.#memory.free(this.#frame);
  }

  /** Tells the unit where the log is, empty, and lets it write there. */
  start(): void {
    changeControl(this.#registers, 0n, Control.eventLog);
    while ((this.#registers.read32(STATUS) & Status.eventLogRuns) !== 0) this.#relax();
    this.#registers.write32(STATUS, Status.eventOverflow);
    const entriesLg2 = BigInt(Math.log2(this.#bytes) - EVENT_BYTES_LG2);
    const base = BigInt(this.#memory.addressOf(this.#frame)) | (entriesLg2 << LENGTH_SHIFT);
    // Writing the base puts head and tail to 0; so does writing them, where hardware leaves that to the driver.
    this.#registers.write64(EVENT_BASE, base);
    this.#registers.write64(EVENT_HEAD, 0n);
    this.#registers.write64(EVENT_TAIL, 0n);
    changeControl(this.#registers, Control.eventLog, 0n);
  }

  /** Takes every event out of the log, and restarts it where it was full. */
  read(): EventReport {
    const events: AmdEvent[] = [];
    let head = Number(this.#registers.read64(EVENT_HEAD));
    while (head !== Number(this.#registers.read64(EVENT_TAIL))) {
      events.push(this.#take(this.#frame + head / 4));
      head = (head + 2 ** EVENT_BYTES_LG2) % this.#bytes;
      this.#registers.write64(EVENT_HEAD, BigInt(head));
    }
    const overflowed = (this.#registers.read32(STATUS) & Status.eventOverflow) !== 0;
    if (overflowed) this.start();
    return { events, overflowed };
  }

  /** Bytes from the log's start to where the next event goes. */
  get tail(): number {
    return Number(this.#registers.read64(EVENT_TAIL));
  }

  /**
   * Whether the unit has logged, since its tail was there, that a device did not make its TLB forget. Takes nothing
   * out; of what a full log lost nothing is known.
   */
  timedOutSince(tail: number): boolean {
    for (let at = tail; at !== this.tail; at = (at + 2 ** EVENT_BYTES_LG2) % this.#bytes) {
      if (this.#codeAt(this.#frame + at / 4) === IOTLB_INV_TIMEOUT) return true;
    }
    return false;
  }

  /** Some hardware moves the tail before the entry is in memory: it is there once its code is. */
  #codeAt(word: number): number {
    for (;;) {
      const code = this.#memory.load(word + 1) >>> 28;
      if (code !== 0) return code;
      this.#relax();
    }
  }

  /** The word with the code is zeroed after use, so that the next lap does not take the old one for the new. */
  #take(word: number): AmdEvent {
    this.#codeAt(word);
    const event = decodeEvent(this.#memory.load128(word));
    this.#memory.store(word + 1, 0);
    return event;
  }
}
