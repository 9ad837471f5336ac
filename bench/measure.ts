/** Timing: batches of calls, and what is said of them. */
import { performance } from "node:perf_hooks";

/** Nanoseconds per pair or call. */
export interface Figures {
  readonly minNs: number;
  readonly medianNs: number;
  readonly avgNs: number;
  readonly batches: number;
}

/** How long things are measured. */
export interface Effort {
  /** Every loop runs this long before anything counts, over all formats. */
  readonly warmUpMs: number;
  /** Everything is measured this often in turn, so that a disturbance of the machine meets all alike. */
  readonly rounds: number;
  /** Each loop, in each round. */
  readonly roundMs: number;
  readonly batchMs: number;
}

export const FULL: Effort = { warmUpMs: 60, rounds: 4, roundMs: 50, batchMs: 0.1 };
export const QUICK: Effort = { warmUpMs: 20, rounds: 2, roundMs: 10, batchMs: 0.1 };

/** The effort for a process that measures only one format: what all share must be warmed by this one. */
export function aloneEffort(effort: Effort): Effort {
  return { ...effort, warmUpMs: effort.warmUpMs * 2, rounds: 1 };
}

/** One loop with the batches taken of it so far. */
export class Probe {
  readonly #loop: (count: number) => void;
  /** Nanoseconds per call, batch by batch. */
  readonly samples: number[] = [];
  #count = 1;

  constructor(loop: (count: number) => void) {
    this.#loop = loop;
  }

  /** Runs without counting, and finds how many calls make a batch. */
  warmUp(milliseconds: number, batchMs: number): void {
    const end = performance.now() + milliseconds;
    let callMs = Number.POSITIVE_INFINITY;
    do {
      callMs = Math.min(callMs, this.#batchMs() / this.#count);
      // At most twice as many at a time: the first batches run unoptimised code.
      this.#count = Math.max(1, Math.min(Math.round(batchMs / callMs), this.#count * 2));
    } while (performance.now() < end);
  }

  measure(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    do this.samples.push((this.#batchMs() * 1e6) / this.#count);
    while (performance.now() < end);
  }

  figures(): Figures {
    return figuresOf(this.samples);
  }

  #batchMs(): number {
    const start = performance.now();
    this.#loop(this.#count);
    return performance.now() - start;
  }
}

/** Warms every probe up, then measures them in rounds; `between` runs once in each round. */
export function measureAll(probes: readonly Probe[], effort: Effort, between: () => void = () => {}): void {
  for (const probe of probes) probe.warmUp(effort.warmUpMs, effort.batchMs);
  for (let round = 0; round < effort.rounds; round++) {
    between();
    for (const probe of probes) probe.measure(effort.roundMs);
  }
}

export function figuresOf(samples: readonly number[]): Figures {
  const ordered = [...samples].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  const median = ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
  const sum = ordered.reduce((total, sample) => total + sample, 0);
  return { minNs: ordered[0], medianNs: median, avgNs: sum / ordered.length, batches: ordered.length };
}
