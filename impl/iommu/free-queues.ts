/**
 * Where frames wait that were taken out of a tree: one queue for each CPU, emptied from that CPU's idle loop.
 *
 * Idle time is the ordering device: an operation that takes frames out and then flushes, without giving up its CPU
 * in between, has flushed before its CPU is idle. So whoever runs the CPUs calls `runFreeing` only where no operation
 * is between the two.
 */
import { PageTableError } from "../errors.js";
import { NO_FRAME, type TableMemory } from "../memory/table-memory.js";
import type { FreeQueue } from "./vendor.js";

/** Frames that are freed in one step, where the caller asks for no other number. */
const STEP = 512;

interface CpuQueue {
  head: number;
  tail: number;
  count: number;
  /** Going down: it still runs and takes frames out, and is never idle any more. */
  isGoingDown: boolean;
  /** Its idle loop has something to free. */
  isScheduled: boolean;
}

/** The queues of all CPUs that use tables in one memory. CPUs are whole numbers. */
export class CpuFreeQueues implements FreeQueue {
  readonly #memory: TableMemory;
  readonly #queues = new Map<number, CpuQueue>();
  #currentCpu: number;
  #queued = 0;
  #freed = 0;

  /** @param bootCpu the CPU that runs first; its queue is there at once. */
  constructor(memory: TableMemory, bootCpu = 0) {
    this.#memory = memory;
    this.#currentCpu = bootCpu;
    this.upPrepare(bootCpu);
  }

  /** The CPU on which operations run: what they free waits in its queue. */
  get currentCpu(): number {
    return this.#currentCpu;
  }

  /** Frames that were ever queued. */
  get queuedFrames(): number {
    return this.#queued;
  }

  /** Frames that were queued and are free again. */
  get freedFrames(): number {
    return this.#freed;
  }

  /** What runs from here on runs on this CPU. */
  runOn(cpu: number): void {
    this.#queueOf(cpu);
    this.#currentCpu = cpu;
  }

  add(head: number, tail: number, count: number): void {
    const queue = this.#queueOf(this.#currentCpu);
    this.#append(queue, head, tail, count);
    this.#queued += count;
    queue.isScheduled = !queue.isGoingDown;
  }

  /** Frames that wait in a CPU's queue; 0 for a CPU that is not there. */
  waiting(cpu: number): number {
    return this.#queues.get(cpu)?.count ?? 0;
  }

  /** Whether the CPU's idle loop is to call `runFreeing`. */
  isScheduled(cpu: number): boolean {
    return this.#queues.get(cpu)?.isScheduled ?? false;
  }

  /**
   * Frees frames of a CPU's queue, oldest first, from its own idle loop. The rest stays scheduled.
   * @returns how many were freed; none where nothing is scheduled.
   */
  runFreeing(cpu: number, atMost = STEP): number {
    const queue = this.#queueOf(cpu);
    if (cpu !== this.#currentCpu) fail(`runFreeing: CPU ${cpu} is not the one that runs`);
    if (!Number.isSafeInteger(atMost) || atMost < 1) fail(`runFreeing: at most ${atMost} frames`);
    if (!queue.isScheduled) return 0;
    const count = Math.min(atMost, queue.count);
    queue.head = this.#memory.releaseSome(queue.head, count);
    if (queue.head === NO_FRAME) queue.tail = NO_FRAME;
    queue.count -= count;
    queue.isScheduled = queue.count > 0;
    this.#freed += count;
    return count;
  }

  /** A CPU is about to come up. */
  upPrepare(cpu: number): void {
    if (!Number.isSafeInteger(cpu) || cpu < 0) fail(`CPU ${cpu}: not a number of a CPU`);
    if (this.#queues.has(cpu)) fail(`CPU ${cpu} is up already`);
    const queue = { head: NO_FRAME, tail: NO_FRAME, count: 0, isGoingDown: false, isScheduled: false };
    this.#queues.set(cpu, queue);
  }

  /** A CPU is about to go down: its idle loop frees nothing from here on. */
  downPrepare(cpu: number): void {
    const queue = this.#queueOf(cpu);
    queue.isGoingDown = true;
    queue.isScheduled = false;
  }

  /** A CPU that was to go down stays: what waits is scheduled again, lest it be stranded. */
  downFailed(cpu: number): void {
    const queue = this.#queueOf(cpu);
    queue.isGoingDown = false;
    queue.isScheduled = queue.count > 0;
  }

  /** A CPU has gone down: what waits goes to the CPU that runs, in constant time. */
  dead(cpu: number): void {
    const queue = this.#queueOf(cpu);
    if (!queue.isGoingDown) fail(`CPU ${cpu} goes down unannounced`);
    if (cpu === this.#currentCpu) fail(`CPU ${cpu} runs: it is not dead`);
    this.#queues.delete(cpu);
    if (queue.count === 0) return;
    const heir = this.#queueOf(this.#currentCpu);
    this.#append(heir, queue.head, queue.tail, queue.count);
    heir.isScheduled = !heir.isGoingDown;
  }

  #append(queue: CpuQueue, head: number, tail: number, count: number): void {
    if (queue.tail === NO_FRAME) queue.head = head;
    else this.#memory.joinLists(queue.tail, head);
    queue.tail = tail;
    queue.count += count;
  }

  #queueOf(cpu: number): CpuQueue {
    return this.#queues.get(cpu) ?? fail(`CPU ${cpu} is not up`);
  }
}

function fail(detail: string): never {
  throw new PageTableError("INVALID_ARGUMENT", detail);
}
