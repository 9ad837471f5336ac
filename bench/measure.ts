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

/** What a median takes at least in each round: where the machine stands still for a while, a round's time holds few. */
const LEAST_TURNS = 50;

/** Something that is warmed up once, and measured in rounds. */
export interface Measurable {
  warmUp(milliseconds: number, batchMs: number): void;
  measure(milliseconds: number): void;
}

/** One loop with the batches taken of it so far. */
export class Probe implements Measurable {
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
    do this.measureBatch();
    while (performance.now() < end);
  }

  /** Takes one batch; returns its nanoseconds per call. */
  measureBatch(): number {
    const nanoseconds = (this.#batchMs() * 1e6) / this.#count;
    this.samples.push(nanoseconds);
    return nanoseconds;
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

/**
 * Two ways of doing the same, held against each other batch by batch. A core that others share has two speeds, each of
 * which lasts longer than a round: the same loop, measured twice as two probes, was found to take 0.5 to 1.5 times as
 * long as itself, by the minima too. Two batches in a row meet the same machine; so the ratio is taken of each such
 * pair, and the median leaves out those in which the speed changed. The loop against itself then gives 0.98 to 1.00.
 */
export class Comparison implements Measurable {
  readonly base: Probe;
  readonly other: Probe;
  readonly #ratios: number[] = [];

  constructor(base: (count: number) => void, other: (count: number) => void) {
    this.base = new Probe(base);
    this.other = new Probe(other);
  }

  warmUp(milliseconds: number, batchMs: number): void {
    this.base.warmUp(milliseconds, batchMs);
    this.other.warmUp(milliseconds, batchMs);
  }

  measure(milliseconds: number): void {
    const end = performance.now() + 2 * milliseconds;
    for (let turn = 0; turn < LEAST_TURNS || performance.now() < end; turn++) {
      // Either goes first as often as the other: what one leaves in the caches is not held against it.
      const isBaseFirst = turn % 2 === 0;
      const first = isBaseFirst ? this.base.measureBatch() : this.other.measureBatch();
      const second = isBaseFirst ? this.other.measureBatch() : this.base.measureBatch();
      this.#ratios.push(isBaseFirst ? second / first : first / second);
    }
  }

  /** How many times as long as the base the other takes. */
  get ratio(): number {
    return figuresOf(this.#ratios).medianNs;
  }
}

/** Warms everything up, then measures it in rounds; `between` runs once in each round. */
export function measureAll(
  probes: readonly Measurable[],
  effort: Effort,
  between: () => void = () => {},
): void {
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
