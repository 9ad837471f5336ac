/** The implementation as the lockstep drives it: operations in, outcomes out, and its memory in the open. */
import {
  type Gather,
  type PageTable,
  PageTableError,
  type PhysicalRuns,
  Status,
  type StatusCode,
  statusCode,
  type TableMemory,
} from "../../impl/common.js";
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type {
  AskedOperation,
  Code,
  EntryFacts,
  Operation,
  Outcome,
  PhysicalRun,
  Range,
} from "../../models/operations.js";
import type { PhysicalMemory } from "../../models/walkers/index.js";
import { adoptTable, createTable, type Implementation, implementation } from "./create-table.js";
import { frameSizesLg2, smallestFrameLg2 } from "./frames.js";
import { createItemBits } from "./item-bits/index.js";
import { Journal } from "./journal.js";
import type { OracleName } from "./watch.js";
import { highWord, joined, lowWord } from "./words.js";

/** Tables enough for every program of the generators; larger ones hold more, so that fewer are needed. */
const tablesFor = (tableLg2: number) => Math.min(1 << 11, Math.max(1 << 8, 1 << (22 - tableLg2)));

const LAST_ADDRESS = 0xffff_ffff_ffff_ffffn;

/** Where hardware finds the tables. */
export interface HardwareRoot {
  readonly root: bigint;
  readonly mode: number;
  readonly topLevel: number;
}

/** What of a subject can be judged. */
export interface Scope {
  /** Items are the format's bit for bit; else hardware must read from them what the reference has. */
  readonly bits: boolean;
  /** Fresh entries are accessed, or not, as the format's; else their maker may have either. */
  readonly accessed: boolean;
  /** The tables alive are those of the reference; else it is up to the subject when it frees them. */
  readonly tables: boolean;
  readonly oracles: readonly OracleName[];
}

/**
 * What is judged. Another implementation than this project's can be put in its place: it must live in one window
 * of memory and tell the journal of every store.
 */
export interface Subject {
  readonly configuration: Configuration;
  /** The window: words from `base` on. Frames are powers of two, aligned to their size. */
  readonly base: bigint;
  readonly words: Int32Array;
  /** The same for hardware. */
  readonly physical: PhysicalMemory;
  readonly journal: Journal;
  /** Frames in use, and frames that wait for an invalidation. */
  readonly liveFrames: number;
  readonly quarantinedFrames: number;
  /** No frame is left in the window: a refusal for want of memory says nothing. */
  readonly isFull: boolean;
  /** What is pending in the gather that stays open between operations. */
  readonly pendingInvalidation: Range | undefined;
  /** What can be judged, where that is not everything. */
  readonly scope?: Scope | undefined;
  /**
   * The operation as the subject takes it; undefined for one that it does not know, which is then left out of
   * programs. Absent: it takes every operation as it is.
   */
  adapt?(operation: Operation): Operation | undefined;
  /** A device wrote: hardware has done it already. */
  deviceWritten?(operation: Extract<Operation, { op: "deviceWrite" }>): void;
  /** Whether the frame at this physical address is in use. */
  isLive(address: bigint): boolean;
  hardwareRoot(): HardwareRoot;
  lookup(iova: bigint): bigint | undefined;
  apply(operation: AskedOperation): Outcome;
  /** Frees everything. */
  destroy(): void;
}

/** A subject for a configuration: a page table of the observed stamps in a memory of its own. */
export function createSubject(configuration: Configuration): Subject {
  return new PageTableSubject(configuration);
}

/** Bytes of a window that has room for a root and so many tables, wherever the window begins. */
export function capacityFor(configuration: Configuration, tables: number): number {
  const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
  // Where all frames are alike the root is one of the tables.
  const own = table === root ? 0 : 2 ** Math.max(root, 12);
  const bytes = tables * 2 ** table + own + wasteOf(table, root);
  return Math.ceil(bytes / 4096) * 4096;
}

/** Bytes of a window with room for every program of the generators. */
export function defaultCapacity(configuration: Configuration): number {
  const { table } = frameSizesLg2(configuration, configuration.topLevel);
  return capacityFor(configuration, tablesFor(table));
}

/** Bytes that a root and tables of another size may leave unused by their alignment. */
function wasteOf(tableLg2: number, rootLg2: number): number {
  const isUniform = tableLg2 === 12 && rootLg2 === 12;
  return isUniform ? 0 : 2 * (2 ** Math.max(tableLg2, 12) + 2 ** Math.max(rootLg2, 12));
}

/** The bit of a table item's low word that says "this one was cleaned"; 0 for none, or where it is in the high word. */
export function markBitOf(configuration: Configuration): number {
  const { markWord, markBit } = createItemBits(configuration);
  return markWord === 0 ? markBit : 0;
}

/** Whether the implementation can be configured so. */
export function canCreate(configuration: Configuration): boolean {
  try {
    return (
      new PageTableSubject(configuration, capacityFor(configuration, 1)).table.topLevel ===
      configuration.topLevel
    );
  } catch (error) {
    if (error instanceof PageTableError) return false;
    throw error;
  }
}

export class PageTableSubject implements Subject {
  readonly configuration: Configuration;
  readonly base: bigint;
  readonly words: Int32Array;
  readonly physical: PhysicalMemory;
  readonly journal: Journal;
  readonly #made: Implementation;
  /** These three are others after a handover, over the same words. */
  #memory: TableMemory;
  #table: PageTable;
  #gather: Gather;
  readonly #tracksDirty: boolean;
  readonly #fullBytes: number;

  constructor(
    configuration: Configuration,
    capacityBytes = defaultCapacity(configuration),
    made: Implementation = implementation,
  ) {
    const { tableBase: base, incoherent } = configuration;
    this.configuration = configuration;
    this.#made = made;
    const smallest = { smallestFrameLg2: smallestFrameLg2(configuration) };
    this.#memory = made.createMemory({ base, capacityBytes, poison: true, ...smallest });
    this.base = this.memory.base;
    this.words = this.memory.words;
    this.physical = new WindowMemory(this.words, this.base);
    this.journal = new Journal(incoherent ? this.words.length : 0, createItemBits(configuration));
    this.memory.observer = this.journal;
    this.#table = createTable(configuration, this.memory, this.journal, made);
    this.#gather = this.table.createGather();
    this.#tracksDirty = shapeOf(configuration).tracksDirty;
    const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
    this.#fullBytes = capacityBytes - wasteOf(table, root);
  }

  get memory(): TableMemory {
    return this.#memory;
  }

  get table(): PageTable {
    return this.#table;
  }

  get liveFrames(): number {
    return this.memory.liveFrames;
  }

  get quarantinedFrames(): number {
    return this.memory.quarantinedFrames;
  }

  get isFull(): boolean {
    return this.journal.usedBytes >= this.#fullBytes;
  }

  get pendingInvalidation(): Range | undefined {
    const gather = this.#gather;
    if (!gather.pending) return undefined;
    if (this.configuration.gather === "queued") return [0n, LAST_ADDRESS];
    return [joined(gather.firstLow, gather.firstHigh), joined(gather.lastLow, gather.lastHigh)];
  }

  isLive(address: bigint): boolean {
    return this.memory.frameState(address) === "live";
  }

  hardwareRoot(): HardwareRoot {
    return this.table.hwInfo();
  }

  lookup(iova: bigint): bigint | undefined {
    return this.table.lookup(iova);
  }

  apply(operation: AskedOperation): Outcome {
    const { table } = this;
    switch (operation.op) {
      case "map": {
        const { iova, pa, length, prot, pageSizes } = operation;
        const status = table.tryMap(iova, pa, length, prot, pageSizes);
        const mappedBytes = table.mappedBytes;
        return { op: "map", code: codeOf(status), mappedBytes, invalidated: this.#invalidated() };
      }
      case "mapRuns": {
        const runs = this.#runsOf(operation.runs);
        const code = refusalOf(() => table.mapRuns(operation.iova, runs, operation.prot));
        const mappedBytes = operation.runs.length === 0 ? 0n : table.mappedBytes;
        return { op: "mapRuns", code, mappedBytes, invalidated: this.#invalidated() };
      }
      case "unmapRuns":
        return this.#unmapRuns(operation.iova, operation.length, operation.capacity);
      case "handover":
        return this.#handOver();
      case "unmap": {
        const status = table.tryUnmap(operation.iova, operation.length);
        return this.#unmapped("unmap", status);
      }
      case "unmapGathered": {
        const status = table.tryUnmap(operation.iova, operation.length, this.#gather);
        return this.#unmapped("unmapGathered", status);
      }
      case "sync":
        this.#gather.sync();
        return { op: "sync", invalidated: this.#invalidated() };
      case "lookup":
        return { op: "lookup", pa: table.lookup(operation.iova) };
      case "readAndClearAccessed":
      case "readAndClearDirty":
        return this.#readAndClear(operation);
      case "setDirty":
        return { op: "setDirty", code: refusalOf(() => table.setDirty(operation.iova)) };
      case "cut": {
        const code = codeOf(table.tryCut(operation.iova, this.#gatherOf(operation)));
        return { op: "cut", code, missed: this.#missed(), invalidated: this.#invalidated() };
      }
      case "resize": {
        const { iova, length, largestLg2 } = operation;
        const gather = this.#gatherOf(operation);
        const code = codeOf(table.tryResize(iova, length, { largestLg2, gather }));
        return { op: "resize", code, missed: this.#missed(), invalidated: this.#invalidated() };
      }
      case "trim": {
        const code = codeOf(table.tryTrim(operation.iova, operation.length, this.#gatherOf(operation)));
        return { op: "trim", code, freedTables: table.trimmedTables, invalidated: this.#invalidated() };
      }
      case "entries":
        return { op: "entries", entries: this.#entries(operation.iova, operation.length) };
      case "failNextAllocation":
        this.memory.failNextAllocation(operation.nth);
        return { op: "failNextAllocation" };
    }
  }

  destroy(): void {
    this.#gather.sync();
    this.table.destroy();
  }

  #runsOf(list: readonly PhysicalRun[]): PhysicalRuns {
    const runs = this.#made.createRuns(Math.max(1, list.length));
    for (const [pa, length] of list) runs.add(pa, length);
    return runs;
  }

  #unmapRuns(iova: bigint, length: bigint, capacity: number): Outcome {
    const told = this.#made.createRuns(capacity);
    let removedBytes = 0n;
    const code = refusalOf(() => {
      removedBytes = this.table.unmapRuns(iova, length, told);
    });
    const refused = code === "OK" ? {} : { refusal: code };
    const runs = [...told].map(({ pa, lengthBytes }): PhysicalRun => [pa, lengthBytes]);
    return { op: "unmapRuns", ...refused, removedBytes, runs, invalidated: this.#invalidated() };
  }

  /** To a table over the same memory, as another program that maps it would have it. */
  #handOver(): Outcome {
    const { configuration, journal } = this;
    this.#gather.sync();
    const record = this.table.handOver();
    this.memory.observer = undefined;
    this.#memory = this.#made.adoptMemory(this.words.buffer, [record], { poison: true });
    this.memory.observer = journal;
    this.#table = adoptTable(configuration, record, this.memory, journal, this.#made);
    this.#gather = this.table.createGather();
    return { op: "handover", invalidated: this.#invalidated() };
  }

  #readAndClear({
    op,
    iova,
    length,
    clear,
  }: Extract<Operation, { op: "readAndClearAccessed" | "readAndClearDirty" }>): Outcome {
    const told: { iova: bigint; length: bigint }[] = [];
    const report = (first: bigint, lengthBytes: bigint) => told.push({ iova: first, length: lengthBytes });
    const code = refusalOf(() => this.table[op](iova, length, report, { clear }));
    const invalidated = this.#invalidated();
    if (op === "readAndClearAccessed") return { op, code, accessed: told, invalidated };
    return { op, code, dirty: told, invalidated };
  }

  #gatherOf({ gathered }: Extract<Operation, { op: "cut" | "resize" | "trim" }>): Gather | undefined {
    return gathered === true ? this.#gather : undefined;
  }

  /** Where nobody offers dirty tracking, a dirty bit that is always set says nothing. */
  #entries(iova: bigint, length: bigint): EntryFacts[] {
    const entries: EntryFacts[] = [...this.table.entries(iova, length)];
    return this.#tracksDirty ? entries : entries.map((entry) => ({ ...entry, dirty: false }));
  }

  #unmapped(op: "unmap" | "unmapGathered", status: Status): Outcome {
    const refused = status === Status.OK ? {} : { refusal: codeOf(status) };
    return { op, ...refused, removedBytes: this.table.unmappedBytes, invalidated: this.#invalidated() };
  }

  #missed(): readonly Range[] {
    return this.table.missed.map(({ iova, lengthBytes }): Range => [iova, iova + lengthBytes - 1n]);
  }

  #invalidated(): readonly Range[] {
    const { invalidations } = this.journal;
    return invalidations.length === 0 ? [] : invalidations.map(({ first, last }): Range => [first, last]);
  }
}

/** The memory that the walkers read: a window that may lie across a boundary of 4 GiB. */
export class WindowMemory implements PhysicalMemory {
  readonly #words: Int32Array;
  readonly #bytes: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;

  constructor(words: Int32Array, base: bigint) {
    this.#words = words;
    this.#bytes = words.length * 4;
    this.#baseLow = lowWord(base);
    this.#baseHigh = highWord(base);
  }

  contains(low: number, high: number): boolean {
    if ((low - this.#baseLow) >>> 0 >= this.#bytes) return false;
    // Below its 4 GiB boundary the window has the base's high word, from there on the next one.
    return high === this.#baseHigh
      ? low >>> 0 >= this.#baseLow >>> 0
      : high === ((this.#baseHigh + 1) | 0) && low >>> 0 < this.#baseLow >>> 0;
  }

  readWord(low: number): number {
    return this.#words[((low - this.#baseLow) >>> 0) >>> 2];
  }

  writeWord(low: number, _high: number, value: number): void {
    this.#words[((low - this.#baseLow) >>> 0) >>> 2] = value;
  }
}

/** A refusal is an answer like others: of where it was thrown nobody wants to know, and finding out takes long. */
function refusalOf(attempt: () => void): Code {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    attempt();
    return "OK";
  } catch (error) {
    if (!(error instanceof PageTableError)) throw error;
    return asCode(error.code);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const codes: readonly Code[] = [
  "OK",
  "NO_PERMISSION",
  "PA_OUT_OF_RANGE",
  "READ_ONLY_REFUSED",
  "ZERO_LENGTH",
  "WRAPS",
  "MISALIGNED",
  "IOVA_OUT_OF_RANGE",
  "ADDRESS_IN_USE",
  "OUT_OF_MEMORY",
  "NOT_SUPPORTED",
  "NOT_MAPPED",
  "PARTIAL_ENTRY",
];

const codesByStatus = new Map<number, Code>(
  Object.entries(Status).flatMap(([name, status]) => {
    const code = codes.find((candidate) => candidate === name);
    return code === undefined ? [] : [[status, code] as const];
  }),
);

function codeOf(status: Status): Code {
  return codesByStatus.get(status) ?? asCode(statusCode(status));
}

/** @throws RangeError for a refusal that no operation of the language may meet. */
function asCode(name: StatusCode): Code {
  const code = codes.find((candidate) => candidate === name);
  if (code === undefined) throw new RangeError(`the operation was refused with ${name}`);
  return code;
}
