/** What the threads of `npm run mutants` do: stamp one mutant and see how long it lives. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Invariant } from "../fuzz/lockstep/index.js";
import {
  configurationsOfMutant,
  killOf,
  type MutantStamp,
  type Patch,
  shrunkLength,
  stampOf,
  subjectFactory,
} from "../fuzz/mutants/index.js";
import { stampMutant } from "./mutant-stamp.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

export interface MutantJob {
  /** Names the folder of its stamps. */
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Full names. */
  readonly configurations: readonly string[];
  readonly seeds: readonly string[];
  readonly operationsAtMost: number;
  /** Short units come to many configurations soon. Default: as long as those of a campaign. */
  readonly operationsPerUnit?: number | undefined;
  /** Whether the first finding is made small. */
  readonly shrinks: boolean;
}

export interface MutantLife {
  /** By seed: the operations it lived, or undefined if it survived. */
  readonly operations: readonly (number | undefined)[];
  /** By seed: what the last operation broke, as it was reported first and what else. */
  readonly invariants: readonly (readonly Invariant[])[];
  /** What the first finding says. */
  readonly sentence: string | undefined;
  /** Operations of the first finding, made small. */
  readonly shrunk: number | undefined;
}

export async function liveOut(job: MutantJob): Promise<MutantLife> {
  const configurations = configurationsOfMutant(job.configurations);
  const stamps = new Map<string, MutantStamp>();
  for (const stamp of new Set(configurations.map(stampOf))) {
    stamps.set(stamp, await stampMutant(dist, job.name, stamp, job.patches));
  }
  const subjectOf = subjectFactory(stamps);
  const kills = job.seeds.map((seed) =>
    killOf(configurations, seed, subjectOf, job.operationsAtMost, job.operationsPerUnit),
  );
  const first = kills.find((kill) => kill?.finding !== undefined)?.finding;
  return {
    operations: kills.map((kill) => kill?.operations),
    invariants: kills.map((kill) => kill?.invariants ?? []),
    sentence: first?.sentence,
    shrunk: first !== undefined && job.shrinks ? shrunkLength(first, subjectOf) : undefined,
  };
}
