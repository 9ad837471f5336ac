/**
 * Units against an implementation in a process of its own, one after the other. Whatever it does, crash, hang or
 * talk nonsense, is a finding, and the run goes on with a process begun anew.
 */
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import { Inconclusive, SubjectFailure } from "../lockstep/failure.js";
import {
  type Finding,
  type Invariant,
  report,
  runUnit,
  type Subject,
  shrink,
  tokenOf,
} from "../lockstep/index.js";
import { describeScope } from "./describe.js";
import { ExternalSubject } from "./external-subject.js";
import { AgainstError } from "./process.js";
import { type AgainstOptions, Refused, Session } from "./session.js";

export interface AgainstPlan extends AgainstOptions {
  readonly configurations: readonly Configuration[];
  readonly seed: string;
  /** Operations in all. Undefined: until the time is over. */
  readonly operations: number | undefined;
  readonly milliseconds: number;
  readonly operationsPerUnit: number;
}

export interface AgainstTotals {
  units: number;
  operations: number;
  states: number;
  /** Units that failed. */
  failures: number;
  /** Units of which nothing can be said, because a table grew larger than its memory. */
  inconclusive: number;
  /** How often the process was begun. */
  starts: number;
  /** Of each configuration and invariant the first, shrunk. */
  readonly findings: ShrunkFinding[];
}

export interface ShrunkFinding {
  readonly finding: Finding;
  readonly report: string;
}

export interface AgainstEvents {
  /** What is judged of a configuration, or that it is refused. */
  said(text: string): void;
  found(finding: ShrunkFinding): Promise<void>;
  progressed(totals: AgainstTotals): void;
}

/** How many programs may be tried to shrink a finding: who hangs is waited for, who crashes begun anew. */
const EXECUTIONS: Readonly<Partial<Record<Invariant, number>>> = { HANG: 40, CRASH: 200 };
const EXECUTIONS_OF_OTHERS = 500;

/** Where subjects of a session come from. */
export function subjectsOf(session: Session): (configuration: Configuration) => Subject {
  return (configuration) => new ExternalSubject(configuration, session);
}

/**
 * Runs until the plan is done or the signal says so.
 * @throws AgainstError when there is nothing to judge: the command cannot be run, or refuses everything.
 */
export async function runAgainst(
  plan: AgainstPlan,
  events: AgainstEvents,
  signal: AbortSignal,
): Promise<AgainstTotals> {
  const session = new Session(plan);
  try {
    return await new Campaign(plan, events, signal, session).run();
  } finally {
    session.close();
  }
}

class Campaign {
  readonly #totals: AgainstTotals = {
    units: 0,
    operations: 0,
    states: 0,
    failures: 0,
    inconclusive: 0,
    starts: 0,
    findings: [],
  };
  readonly #plan: AgainstPlan;
  readonly #events: AgainstEvents;
  readonly #signal: AbortSignal;
  readonly #session: Session;
  readonly #subjectOf: (configuration: Configuration) => Subject;
  readonly #states = new Set<string>();
  readonly #known = new Set<string>();

  constructor(plan: AgainstPlan, events: AgainstEvents, signal: AbortSignal, session: Session) {
    this.#plan = plan;
    this.#events = events;
    this.#signal = signal;
    this.#session = session;
    this.#subjectOf = subjectsOf(session);
  }

  async run(): Promise<AgainstTotals> {
    const { operations, operationsPerUnit, milliseconds } = this.#plan;
    const configurations = this.#accepted();
    const deadline = Date.now() + milliseconds;
    for (let number = 0; !this.#signal.aborted; number++) {
      const left = (operations ?? Number.POSITIVE_INFINITY) - number * operationsPerUnit;
      if (left <= 0 || (operations === undefined && Date.now() >= deadline)) break;
      const configuration = configurations[number % configurations.length];
      const unit = Math.floor(number / configurations.length);
      const finding = this.#runUnit(configuration, unit, Math.min(left, operationsPerUnit));
      this.#totals.units++;
      if (finding !== undefined) await this.#failed(finding);
      this.#totals.starts = this.#session.starts;
      this.#events.progressed(this.#totals);
      // Signals, and the news that a process has ended, come between units.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#totals;
  }

  /** Those of the plan's configurations of which the implementation makes a table. */
  #accepted(): readonly Configuration[] {
    const accepted: Configuration[] = [];
    const refused: string[] = [];
    for (const configuration of this.#plan.configurations) {
      try {
        const subject = new ExternalSubject(configuration, this.#session);
        this.#events.said(describeScope(configuration, subject.abilities));
        accepted.push(configuration);
      } catch (error) {
        if (error instanceof SubjectFailure) throw new AgainstError(error.message);
        if (!(error instanceof Refused)) throw error;
        refused.push(configurationName(configuration));
      }
    }
    if (accepted.length === 0)
      throw new AgainstError(`it refuses every configuration: ${refused.join(", ")}`);
    if (refused.length > 0) this.#events.said(`refused by it: ${refused.join(", ")}\n`);
    return accepted;
  }

  #runUnit(configuration: Configuration, unit: number, operations: number): Finding | undefined {
    const { seed } = this.#plan;
    try {
      const done = runUnit({ configuration, seed, unit, operations, subjectOf: this.#subjectOf });
      this.#totals.operations += done.operations;
      const name = configurationName(configuration);
      for (const state of done.features) this.#states.add(`${name} ${state}`);
      this.#totals.states = this.#states.size;
      return done.finding;
    } catch (error) {
      if (error instanceof Inconclusive) {
        this.#totals.inconclusive++;
        return undefined;
      }
      if (!(error instanceof SubjectFailure)) throw error;
      // Not even an empty table was made.
      const { invariant, message } = error;
      return { invariant, sentence: message, iova: undefined, configuration, operations: [], atFinish: true };
    }
  }

  /** Shrinking takes time: of each configuration and invariant it is done once. */
  async #failed(finding: Finding): Promise<void> {
    this.#totals.failures++;
    const kind = `${configurationName(finding.configuration)} ${finding.invariant}`;
    if (!this.#known.has(kind)) {
      this.#known.add(kind);
      const shrunk = shrinkAgainst(finding, this.#plan, this.#subjectOf);
      this.#totals.findings.push(shrunk);
      await this.#events.found(shrunk);
    }
    // What a broken program left in the process is not the next one's to suffer.
    this.#session.restart();
  }
}

/** A finding made small, and its report, which ends with the command that replays it. */
export function shrinkAgainst(
  finding: Finding,
  options: AgainstOptions,
  subjectOf: (configuration: Configuration) => Subject,
): ShrunkFinding {
  const executions = EXECUTIONS[finding.invariant] ?? EXECUTIONS_OF_OTHERS;
  const shrunk = attempt(() => shrink(finding, { executions, subjectOf })) ?? finding;
  const token = tokenOf(shrunk);
  const replay = token && replayCommand(options, token);
  const text = attempt(() => report(shrunk, { replay, subjectOf }));
  return { finding: shrunk, report: text ?? `${shrunk.invariant} violated: ${shrunk.sentence}\n` };
}

/** The command that replays a token or a file. */
export function replayCommand({ command, limit, linesOnly }: AgainstOptions, what: string): string {
  const quoted = `'${command.replaceAll("'", "'\\''")}'`;
  const limited = limit === undefined ? "" : ` --limit ${limit / 1000}`;
  return `npx genpt repro --against ${quoted}${limited}${linesOnly === true ? " --lines" : ""} ${what}`;
}

/** Undefined where the implementation fails so thoroughly that not even an empty table can be made. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SubjectFailure) return undefined;
    throw error;
  }
}
