/**
 * What the fuzzer calls with each input. The fuzzer counts covered code by itself; new states are registered beside
 * it, as branches of a file named `state`, so that inputs which only see a new state are kept as well.
 */
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import { type Finding, formatCorpusFile, type SubjectFactory } from "../lockstep/index.js";
import { type MutantStamp, subjectFactory } from "../mutants/index.js";
import { execute } from "./execute.js";
import type { Figures } from "./figures.js";
import { namedConfigurations } from "./targets.js";

/** What the supervisor tells the target. */
export interface TargetSettings {
  /** Full names, in the order in which inputs name them. */
  readonly configurations: readonly string[];
  /** A folder for programs that failed. */
  readonly found: string;
  /** A file that gets a line of figures about every half second. */
  readonly figures: string;
  /** After so many inputs the process ends. */
  readonly executions?: number | undefined;
  /** When the process ends at the latest, in milliseconds since 1970: it must not outlive its supervisor for long. */
  readonly until: number;
}

/** How often one invariant of one configuration is written down. */
const FINDINGS_OF_A_KIND = 4;
const FIGURES_EVERY_MILLISECONDS = 500;

interface FileCoverage {
  readonly s: Record<string, number>;
  readonly f: Record<string, number>;
  readonly b: Record<string, number[]>;
}

declare global {
  /** The fuzzer's table of counters, by file. */
  var __coverage__: Record<string, FileCoverage> | undefined;
}

/** Makes the function that the fuzzer calls. */
export function createTarget(
  settings: TargetSettings,
  mutant?: ReadonlyMap<string, MutantStamp>,
): (bytes: Uint8Array) => void {
  const target = new Target(settings, mutant === undefined ? undefined : subjectFactory(mutant));
  return (bytes) => target.run(bytes);
}

class Target {
  readonly #settings: TargetSettings;
  readonly #configurations: readonly Configuration[];
  readonly #subjectOf: SubjectFactory | undefined;
  readonly #states: number[] = [];
  readonly #known: readonly Set<number>[] = [new Set(), new Set()];
  readonly #found = new Map<string, number>();
  #executions = 0;
  #operations = 0;
  #toldAt = Date.now();

  constructor(settings: TargetSettings, subjectOf: SubjectFactory | undefined) {
    this.#settings = settings;
    this.#configurations = namedConfigurations(settings.configurations);
    this.#subjectOf = subjectOf;
  }

  run(bytes: Uint8Array): void {
    const { operations, features, finding } = execute(bytes, this.#configurations, {
      subjectOf: this.#subjectOf,
    });
    this.#executions++;
    this.#operations += operations.length;
    for (const [group, seen] of features.entries()) this.#register(seen, this.#known[group]);
    if (finding !== undefined) this.#save(finding);
    const { executions, until } = this.#settings;
    const isLast = this.#executions === executions || Date.now() > until;
    if (isLast || Date.now() - this.#toldAt >= FIGURES_EVERY_MILLISECONDS) this.#tell();
    if (isLast) process.exit(0);
  }

  #register(seen: ReadonlySet<number>, known: Set<number>): void {
    const before = known.size;
    for (const feature of seen) known.add(feature);
    for (let count = known.size - before; count > 0; count--) this.#states.push(1);
    // The fuzzer makes its table when it has loaded the code that it counts.
    counted()["state"] = { s: {}, f: {}, b: { states: this.#states } };
  }

  #save(finding: Finding): void {
    const kind = `${configurationName(finding.configuration)} ${finding.invariant}`;
    const count = (this.#found.get(kind) ?? 0) + 1;
    this.#found.set(kind, count);
    if (count > FINDINGS_OF_A_KIND) return;
    const file = join(
      this.#settings.found,
      `${kind.replace(/[^A-Za-z0-9]+/g, "-")}-${process.pid}-${count}.json`,
    );
    // The supervisor looks for whole files only.
    writeFileSync(`${file}.part`, formatCorpusFile(finding));
    renameSync(`${file}.part`, file);
  }

  #tell(): void {
    this.#toldAt = Date.now();
    const figures: Figures = {
      executions: this.#executions,
      operations: this.#operations,
      branches: coveredBranches(),
      states: this.#states.length,
    };
    appendFileSync(this.#settings.figures, `${JSON.stringify(figures)}\n`);
  }
}

function counted(): Record<string, FileCoverage> {
  globalThis.__coverage__ ??= {};
  return globalThis.__coverage__;
}

function coveredBranches(): number {
  return Object.entries(counted())
    .filter(([file]) => file !== "state")
    .flatMap(([, { b }]) => Object.values(b).flat())
    .filter((count) => count > 0).length;
}
