/**
 * A campaign: numbered units of work, done by threads in any order and counted in the order of their numbers, so
 * that the same seed and number of operations give the same run whatever the number of threads is.
 */
import { Tinypool } from "tinypool";
import { configurationName } from "../../models/index.js";
import { type Finding, type OracleName, tokenOf } from "../lockstep/index.js";
import type { ShrunkFinding, UnitDone, UnitJob } from "./worker.js";

export interface CampaignPlan {
  readonly seed: string;
  /** Full names, `format/name`; the units fall to them in turn. */
  readonly configurations: readonly string[];
  /** Operations in all. Undefined: until the time is over. */
  readonly operations: number | undefined;
  readonly milliseconds: number;
  readonly operationsPerUnit: number;
  readonly workers: number;
  readonly oracles: readonly OracleName[];
}

/** What was done so far, and what came out. */
export interface CampaignTotals {
  units: number;
  operations: number;
  /** Different states seen: what operation got what answer where, for each configuration (see the lockstep's features). */
  states: number;
  /** Over the units' checksums, in order: equal for equal runs. */
  checksum: number;
  /** Units that failed. */
  failures: number;
  /** Of each format and invariant the first failure, shrunk. */
  findings: readonly ShrunkFinding[];
  /** Of every other configuration and invariant the first failure's token. */
  readonly others: string[];
}

export interface CampaignEvents {
  found(finding: ShrunkFinding): Promise<void>;
  progressed(totals: CampaignTotals): void;
}

export class Campaign {
  readonly totals: CampaignTotals = {
    units: 0,
    operations: 0,
    states: 0,
    checksum: 0,
    failures: 0,
    findings: [],
    others: [],
  };
  readonly #plan: CampaignPlan;
  readonly #events: CampaignEvents;
  readonly #signal: AbortSignal;
  readonly #pool: Tinypool;
  readonly #deadline: number;
  /** Units that are done before one with a lower number is. */
  readonly #early = new Map<number, UnitDone>();
  /** The states seen of each configuration. */
  readonly #seen: readonly Set<number>[];
  /** In the order of their units. */
  readonly #shrinking: Promise<ShrunkFinding>[] = [];
  readonly #known = new Set<string>();
  #next = 0;

  constructor(plan: CampaignPlan, events: CampaignEvents, signal: AbortSignal) {
    this.#plan = plan;
    this.#events = events;
    this.#signal = signal;
    this.#deadline = Date.now() + plan.milliseconds;
    this.#seen = plan.configurations.map(() => new Set());
    this.#pool = new Tinypool({
      filename: new URL("./worker.js", import.meta.url).href,
      minThreads: plan.workers,
      maxThreads: plan.workers,
    });
  }

  /** Runs until the plan is done or the signal says so; what is under way then is finished and counted. */
  async run(): Promise<CampaignTotals> {
    try {
      // Each feeder hands out the next unit when its last one is done; two for a thread, so that none waits.
      await Promise.all(Array.from({ length: 2 * this.#plan.workers }, () => this.#feed()));
      this.totals.findings = await Promise.all(this.#shrinking);
    } finally {
      await this.#pool.destroy();
    }
    return this.totals;
  }

  async #feed(): Promise<void> {
    for (let job = this.#nextJob(); job !== undefined; job = this.#nextJob()) {
      const { number, ...request } = job;
      this.#early.set(number, await this.#pool.run(request, { name: "runUnitJob" }));
      this.#countInOrder();
    }
  }

  #nextJob(): (UnitJob & { readonly number: number }) | undefined {
    const { configurations, operations, operationsPerUnit, seed, oracles } = this.#plan;
    const number = this.#next;
    const left = (operations ?? Number.POSITIVE_INFINITY) - number * operationsPerUnit;
    if (left <= 0 || this.#signal.aborted) return undefined;
    if (operations === undefined && Date.now() >= this.#deadline) return undefined;
    this.#next++;
    const configuration = configurations[number % configurations.length];
    const unit = Math.floor(number / configurations.length);
    return { number, configuration, seed, unit, oracles, operations: Math.min(left, operationsPerUnit) };
  }

  #countInOrder(): void {
    for (let done = this.#early.get(this.totals.units); done; done = this.#early.get(this.totals.units)) {
      this.#early.delete(this.totals.units);
      this.#count(done);
      this.#events.progressed(this.totals);
    }
  }

  #count({ operations, checksum, states, finding }: UnitDone): void {
    const { totals } = this;
    const seen = this.#seen[totals.units % this.#seen.length];
    const before = seen.size;
    for (const state of states) seen.add(state);
    totals.states += seen.size - before;
    totals.units++;
    totals.operations += operations;
    totals.checksum = (Math.imul(totals.checksum, 31) + checksum) >>> 0;
    if (finding !== undefined) this.#failed(finding);
  }

  /** Shrinking takes time, and the same mistake shows in many configurations of a format. */
  #failed(finding: Finding): void {
    const { configuration, invariant } = finding;
    this.totals.failures++;
    const kinds = [configuration.format, configurationName(configuration)].map((of) => `${of} ${invariant}`);
    const [ofFormat, ofConfiguration] = kinds.map((kind) => !this.#known.has(kind));
    for (const kind of kinds) this.#known.add(kind);
    if (ofFormat) this.#shrinking.push(this.#shrink(finding));
    else if (ofConfiguration) this.totals.others.push(tokenOf(finding) ?? "");
  }

  async #shrink(finding: Finding): Promise<ShrunkFinding> {
    const shrunk: ShrunkFinding = await this.#pool.run(finding, { name: "shrinkFinding" });
    this.totals.findings = [...this.totals.findings, shrunk];
    await this.#events.found(shrunk);
    return shrunk;
  }
}
