/**
 * A campaign: numbered units of work, done by threads in any order and counted in the order of their numbers, so
 * that the same seed and number of operations give the same run whatever the number of threads is, and however often
 * it was interrupted.
 */
import { configurationName } from "../../models/index.js";
import {
  type CampaignFile,
  type CampaignPlan,
  type Counts,
  Ledger,
  type ShrunkFinding,
  Swarm,
} from "../campaign/index.js";
import { type Finding, tokenOf } from "../lockstep/index.js";
import { hungUnit, isHung, shrinkHung } from "./hung-unit.js";
import { Hung, WatchedPool } from "./watched-pool.js";
import type { ShrinkJob, UnitDone, UnitJob } from "./worker.js";

/** What was done so far, and what came out. */
export interface CampaignTotals extends Counts {
  /** Of each format and invariant the first failures, shrunk; those that are one told once. */
  findings: readonly ShrunkFinding[];
  /** Of every other configuration and invariant the first failure's token. */
  readonly others: string[];
}

export interface CampaignEvents {
  found(finding: ShrunkFinding): Promise<void>;
  progressed(totals: CampaignTotals): void;
}

/** Failures of one format and invariant that are shrunk: there may be several mistakes behind them. */
const SHRUNK_OF_A_KIND = 3;
/** Of one configuration; some thousand is what long campaigns see. */
const STATES_AT_MOST = 20_000;
/** A shorter program that takes so long hangs, too. */
const SHRINKING_PATIENCE = 5000;
const SHRINKING_AT_MOST = 1_800_000;
/** How much work a killed process may leave to be done again. */
const SAVE_EVERY_MILLISECONDS = 1000;

export interface Threads {
  readonly workers: number;
  /** How long one operation may take, in milliseconds. */
  readonly patience: number;
}

export class Campaign {
  readonly totals: CampaignTotals;
  readonly #plan: CampaignPlan;
  readonly #file: CampaignFile;
  readonly #ledger: Ledger;
  readonly #swarm: Swarm;
  readonly #workers: number;
  readonly #events: CampaignEvents;
  readonly #signal: AbortSignal;
  readonly #pool: WatchedPool;
  /** How long one operation may take. */
  readonly #patience: number;
  /** When the campaign would have begun, had it never been interrupted. */
  readonly #began: number;
  /** Units that are done before one with a lower number is. */
  readonly #early = new Map<number, UnitDone>();
  /** The states seen of each configuration. */
  readonly #seen: readonly Set<number>[];
  /** In the order of their units. */
  readonly #shrinking: Promise<ShrunkFinding>[] = [];
  /** How many failures of a kind were met: of a configuration and invariant, of a format and invariant. */
  readonly #met = new Map<string, number>();
  #next: number;
  #saved: number;

  /** The file knows the plan, and what of it is done. */
  constructor(
    file: CampaignFile,
    plan: CampaignPlan,
    { workers, patience }: Threads,
    events: CampaignEvents,
    signal: AbortSignal,
  ) {
    this.#plan = plan;
    this.#file = file;
    this.#workers = workers;
    this.#events = events;
    this.#signal = signal;
    this.#ledger = new Ledger(file);
    this.#swarm = new Swarm(plan.seed, plan.configurations.length);
    this.#began = Date.now() - file.milliseconds;
    this.#saved = Date.now();
    this.#seen = file.statesOf(plan.configurations.length);
    this.totals = { ...file.counts, findings: [], others: [] };
    this.#next = this.totals.units;
    this.#pool = new WatchedPool(workers);
    this.#patience = patience;
  }

  /** Runs until the plan is done or the signal says so; what is under way then is finished and counted. */
  async run(): Promise<CampaignTotals> {
    try {
      this.#takeUp();
      // Each feeder hands out the next unit when its last one is done; two for a thread, so that none waits.
      await Promise.all(Array.from({ length: 2 * this.#workers }, () => this.#feed()));
      this.#save();
      this.totals.findings = distinct(await Promise.all(this.#shrinking));
      if (!this.#signal.aborted) this.#file.end();
    } finally {
      await this.#pool.end();
    }
    return this.totals;
  }

  /** What was found before the campaign was interrupted; what was not shrunk then is now. */
  #takeUp(): void {
    for (const { number, finding, isShrunk, token } of this.#file.failures) {
      this.#meet(finding);
      if (!isShrunk) {
        this.totals.others.push(token);
        continue;
      }
      const shrunk = this.#file.shrunk(number);
      this.#shrinking.push(shrunk === undefined ? this.#shrink(number, finding) : Promise.resolve(shrunk));
      if (shrunk !== undefined) this.totals.findings = distinct([...this.totals.findings, shrunk]);
    }
  }

  async #feed(): Promise<void> {
    for (let job = this.#nextJob(); job !== undefined; job = this.#nextJob()) {
      const { number, ...request } = job;
      this.#early.set(number, await this.#run(request));
      this.#countInOrder();
    }
  }

  async #run(job: UnitJob): Promise<UnitDone> {
    try {
      return await this.#pool.run("runUnitJob", job, this.#patience);
    } catch (error) {
      if (error instanceof Hung) return hungUnit(job, error);
      throw error;
    }
  }

  #nextJob(): (UnitJob & { readonly number: number }) | undefined {
    const { configurations, operations, operationsPerUnit, milliseconds, seed, oracles, canary } = this.#plan;
    const number = this.#next;
    const left = (operations ?? Number.POSITIVE_INFINITY) - number * operationsPerUnit;
    if (left <= 0 || this.#signal.aborted) return undefined;
    if (operations === undefined && this.#elapsed >= milliseconds) return undefined;
    this.#next++;
    const { configuration: index, unit, mix } = this.#swarm.unitAt(number);
    const configuration = configurations[index];
    return {
      ...{ number, configuration, seed, unit, mix, oracles, canary },
      operations: Math.min(left, operationsPerUnit),
    };
  }

  get #elapsed(): number {
    return Date.now() - this.#began;
  }

  #countInOrder(): void {
    for (let done = this.#early.get(this.totals.units); done; done = this.#early.get(this.totals.units)) {
      this.#early.delete(this.totals.units);
      this.#count(done);
      this.#events.progressed(this.totals);
    }
    if (Date.now() - this.#saved >= SAVE_EVERY_MILLISECONDS) this.#save();
  }

  #count({ operations, checksum, states, judged, finding }: UnitDone): void {
    const { totals } = this;
    const number = totals.units;
    const { configuration } = this.#swarm.unitAt(number);
    for (const state of states) {
      const seen = this.#seen[configuration];
      if (seen.has(state) || seen.size >= STATES_AT_MOST) continue;
      seen.add(state);
      totals.states++;
      this.#ledger.addState(configuration, state);
    }
    this.#ledger.addJudged(this.#plan.configurations[configuration].split("/")[0], judged);
    totals.units++;
    totals.operations += operations;
    totals.checksum = (Math.imul(totals.checksum, 31) + checksum) >>> 0;
    if (finding !== undefined) this.#failed(number, finding);
  }

  #save(): void {
    this.#saved = Date.now();
    const { units, operations, states, checksum, failures } = this.totals;
    this.#ledger.save({ units, operations, states, checksum, failures }, this.#elapsed);
  }

  /** Shrinking takes time, and the same mistake shows in many configurations of a format. */
  #failed(number: number, finding: Finding): void {
    this.totals.failures++;
    const { ofFormat, ofConfiguration } = this.#meet(finding);
    if (ofConfiguration > 1) return;
    const isShrunk = ofFormat <= SHRUNK_OF_A_KIND;
    const token = tokenOf(finding) ?? "";
    this.#ledger.addFailure({ number, finding, isShrunk, token });
    if (!isShrunk) this.totals.others.push(token);
    // At once: who is killed now has it.
    this.#save();
    if (isShrunk) this.#shrinking.push(this.#shrink(number, finding));
  }

  /** How often the configuration broke the invariant, and in how many configurations the format did. */
  #meet({ configuration, invariant }: Finding) {
    const count = (kind: string, more: number): number => {
      const met = (this.#met.get(kind) ?? 0) + more;
      this.#met.set(kind, met);
      return met;
    };
    const ofConfiguration = count(`${configurationName(configuration)} ${invariant}`, 1);
    const ofFormat = count(`${configuration.format} ${invariant}`, ofConfiguration === 1 ? 1 : 0);
    return { ofFormat, ofConfiguration };
  }

  async #shrink(number: number, finding: Finding): Promise<ShrunkFinding> {
    const { canary } = this.#plan;
    const job: ShrinkJob = { finding, canary };
    const shrunk: ShrunkFinding = isHung(finding)
      ? await shrinkHung(this.#pool, finding, canary, Math.min(this.#patience, SHRINKING_PATIENCE))
      : await this.#pool.run("shrinkFinding", job, SHRINKING_AT_MOST);
    this.#file.saveShrunk(number, shrunk);
    const before = this.totals.findings;
    this.totals.findings = distinct([...before, shrunk]);
    if (this.totals.findings.length > before.length) await this.#events.found(shrunk);
    return shrunk;
  }
}

/** Without those that have the format and the shape of one before them. */
function distinct(findings: readonly ShrunkFinding[]): readonly ShrunkFinding[] {
  const keys = findings.map(({ finding, key }) => `${finding.configuration.format} ${key}`);
  return findings.filter((_, index) => keys.indexOf(keys[index]) === index);
}
