/**
 * What the fuzzer calls with each input, whatever it is a program of. The fuzzer counts covered code by itself; new
 * states are registered beside it, as branches of a file named `state`, so that inputs which only see a new state are
 * kept as well.
 */
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SystemName } from "../system/names.js";
import type { Figures } from "./figures.js";

/** What the supervisor tells the target. */
export interface TargetSettings {
  /** Full names, in the order in which inputs name them; none for a machine. */
  readonly configurations: readonly string[];
  /** The machine that inputs are programs of. */
  readonly system?: SystemName | undefined;
  /** A folder for programs that failed. */
  readonly found: string;
  /** A file that gets a line of figures about every half second. */
  readonly figures: string;
  /** After so many inputs the process ends. */
  readonly executions?: number | undefined;
  /** When the process ends at the latest, in milliseconds since 1970: it must not outlive its supervisor for long. */
  readonly until: number;
}

/** What an input did. */
export interface Ran {
  readonly operations: number;
  /** What was seen, as numbers, in groups that have nothing to do with each other. */
  readonly features: readonly ReadonlySet<number>[];
  /** How it failed: what makes two of them alike, and the program as findings are kept. */
  readonly failure: { readonly kind: string; readonly program: string } | undefined;
}

/** How often one kind of failure is written down. */
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

/** The function that the fuzzer calls, made of one that runs an input. */
export function targetOf(
  settings: TargetSettings,
  run: (bytes: Uint8Array) => Ran,
): (bytes: Uint8Array) => void {
  const target = new Target(settings);
  return (bytes) => target.ran(run(bytes));
}

class Target {
  readonly #settings: TargetSettings;
  readonly #states: number[] = [];
  readonly #known: Set<number>[] = [];
  readonly #found = new Map<string, number>();
  #executions = 0;
  #operations = 0;
  #toldAt = Date.now();

  constructor(settings: TargetSettings) {
    this.#settings = settings;
  }

  ran({ operations, features, failure }: Ran): void {
    this.#executions++;
    this.#operations += operations;
    for (const [group, seen] of features.entries()) {
      this.#known[group] ??= new Set();
      this.#register(seen, this.#known[group]);
    }
    if (failure !== undefined) this.#save(failure);
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

  #save({ kind, program }: NonNullable<Ran["failure"]>): void {
    const count = (this.#found.get(kind) ?? 0) + 1;
    this.#found.set(kind, count);
    if (count > FINDINGS_OF_A_KIND) return;
    const file = join(
      this.#settings.found,
      `${kind.replace(/[^A-Za-z0-9]+/g, "-")}-${process.pid}-${count}.json`,
    );
    // The supervisor looks for whole files only.
    writeFileSync(`${file}.part`, program);
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
