/**
 * A campaign: numbered units of work, done by threads in any order and told in the order of their numbers, so that
 * the same seed and number of operations give the same run whatever the number of threads is.
 */
import { Tinypool } from "tinypool";
import type { Failure, FoundFailure, UnitDone, UnitJob } from "./jobs.js";

export interface CampaignPlan {
  readonly seed: string;
  /** Full names, `format/name`; unit n runs on the nth, round and round. */
  readonly configurations: readonly string[];
  /** Operations in all. Undefined: until the time is over. */
  readonly operations: number | undefined;
  readonly milliseconds: number;
  readonly operationsPerUnit: number;
  readonly workers: number;
}

/** What was done so far, and what came out. */
export interface CampaignTotals {
  units: number;
  operations: number;
  /** Distinct states of table memory, as the units tell them apart, summed over the configurations. */
  states: number;
  /** Units that failed. */
  failures: number;
  /** The first failure of each configuration and invariant, shrunk. */
  readonly findings: FoundFailure[];
}

export interface CampaignEvents {
  found(finding: FoundFailure): void;
  progressed(totals: CampaignTotals): void;
}

/** Runs until the plan is done, or the signal says so: then what is under way is finished and counted. */
export class Campaign {
  readonly totals: CampaignTotals = { units: 0, operations: 0, states: 0, failures: 0, findings: [] };
  readonly #plan: CampaignPlan;
  readonly #events: CampaignEvents;
  readonly #signal: AbortSignal;
  readonly #pool: Tinypool;
  readonly #deadline: number;
  /** Units that are done, but not all of those before them. */
  readonly #early = new Map<number, UnitDone>();
  readonly #states = new Set<string>();
  readonly #shrinking: Promise<void>[] = [];
  readonly #known = new Set<string>();
  #next = 0;

  constructor(plan: CampaignPlan, events: CampaignEvents, signal: AbortSignal) {
    this.#plan = plan;
    this.#events = events;
    this.#signal = signal;
    this.#deadline = Date.now() + plan.milliseconds;
    this.#pool = new Tinypool({
      filename: new URL("./worker.js", import.meta.url).href,
      minThreads: plan.workers,
      maxThreads: plan.workers,
    });
  }

  async run(): Promise<CampaignTotals> {
    try {
      // Each feeder hands out the next unit when its last one is done; two a thread, so that none waits.
      await Promise.all(Array.from({ length: 2 * this.#plan.workers }, () => this.#feed()));
      await Promise.all(this.#shrinking);
    } finally {
      await this.#pool.destroy();
    }
    this.totals.findings.sort((a, b) => a.unit - b.unit);
    return this.totals;
  }

  async #feed(): Promise<void> {
    for (let job = this.#nextJob(); job !== undefined; job = this.#nextJob()) {
      const done: UnitDone = await this.#pool.run(job, { name: "runUnitJob" });
      this.#early.set(job.unit, done);
      this.#tellInOrder();
    }
  }

  #nextJob(): UnitJob | undefined {
    const { configurations, operations, operationsPerUnit, seed } = this.#plan;
    const unit = this.#next;
    const left = operations === undefined ? Number.POSITIVE_INFINITY : operations - unit * operationsPerUnit;
    if (left <= 0 || this.#signal.aborted) return undefined;
    if (operations === undefined && Date.now() >= this.#deadline) return undefined;
    this.#next++;
    const configuration = configurations[unit % configurations.length];
    return { configuration, seed, unit, operations: Math.min(left, operationsPerUnit) };
  }

  #tellInOrder(): void {
    const { totals } = this;
    for (;;) {
      const done = this.#early.get(totals.units);
      if (done === undefined) return;
      this.#early.delete(totals.units);
      totals.units++;
      totals.operations += done.operations;
      for (const state of done.states) this.#states.add(state);
      totals.states = this.#states.size;
      if (done.failure !== undefined) this.#failed(done.failure);
      this.#events.progressed(totals);
    }
  }

  /** Only the first failure of a kind is worth the time that shrinking takes. */
  #failed(failure: Failure): void {
    this.totals.failures++;
    const kind = `${failure.configuration} ${failure.invariant}`;
    if (this.#known.has(kind)) return;
    this.#known.add(kind);
    this.#shrinking.push(this.#shrink(failure));
  }

  async #shrink(failure: Failure): Promise<void> {
    const found: FoundFailure = await this.#pool.run(failure, { name: "shrinkFailure" });
    this.totals.findings.push(found);
    this.#events.found(found);
  }
}
