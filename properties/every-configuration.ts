/**
 * Properties over every format and configuration: programs drawn by fast-check from bytes run in lockstep, and what
 * differs is the test's failure, shrunk and told as a report. The seed is in every title; `GENPT_SEED` sets it.
 */
import test from "ava";
import fc from "fast-check";
import {
  canCreate,
  type Difference,
  type Finding,
  type Invariant,
  Lockstep,
  type MixName,
  mixOf,
  report,
  shrink,
} from "../fuzz/lockstep/index.js";
import { programBytes } from "../models/arbitraries.js";
import type { Configuration } from "../models/configuration.js";
import { ByteDraws, configurationsOf, formatNames, nextOperation, profileFor } from "../models/index.js";
import type { Operation } from "../models/operations.js";
import { partOf } from "./part.js";

export interface Focus {
  /** The mix that meets the invariant most often. Default "default". */
  readonly mix?: MixName;
  /** The configurations that can break it at all. Default: all. */
  readonly only?: (configuration: Configuration) => boolean;
  /** Operations of one program at most, and programs for each configuration. */
  readonly operations?: number;
  readonly programs?: number;
  /** What must hold when the program has run, beyond what the lockstep compared: operations to do then. */
  readonly afterwards?: (lockstep: Lockstep) => Iterable<Operation>;
  /** Said of the lockstep after those; a sentence when it does not hold. */
  readonly claim?: (lockstep: Lockstep) => string | undefined;
}

const seed = Number(process.env["GENPT_SEED"] ?? 20_250_101) | 0;

/** One test for each format: the sentence holds for programs in its configurations that are this run's part. */
export function everyConfiguration(invariant: Invariant, sentence: string, focus: Focus = {}): void {
  for (const format of formatNames) {
    const possible = configurationsOf(format).filter((one) => (focus.only?.(one) ?? true) && canCreate(one));
    const concerned = partOf(possible, sentence);
    if (concerned.length === 0) continue;
    test(`${invariant}: ${sentence}: ${format} (seed ${seed})`, (t) => {
      for (const configuration of concerned) {
        const finding = firstFinding(configuration, invariant, focus);
        if (finding === undefined) continue;
        const again = `GENPT_SEED=${seed} npx ava --match='${invariant}: *'`;
        t.fail(report(finding.unit === undefined ? shrink(finding) : finding, { replay: again }));
        return;
      }
      t.pass();
    });
  }
}

function firstFinding(configuration: Configuration, invariant: Invariant, focus: Focus): Finding | undefined {
  let found: Finding | undefined;
  const { operations = 80, programs = 2 } = focus;
  const property = fc.property(programBytes(operations), (bytes) => {
    found = runBytes(configuration, bytes, invariant, focus);
    return found === undefined;
  });
  const run = fc.check(property, { seed, numRuns: programs, endOnFailure: true });
  if (run.errorInstance instanceof Error) throw run.errorInstance;
  return found;
}

function runBytes(
  configuration: Configuration,
  bytes: Uint8Array,
  invariant: Invariant,
  focus: Focus,
): Finding | undefined {
  const lockstep = new Lockstep(configuration);
  const { reference } = lockstep;
  const draws = new ByteDraws(bytes);
  const profile = profileFor(reference, mixOf(configuration, focus.mix ?? "default"));
  const operations: Operation[] = [];
  const findingOf = (difference: Difference, atFinish: boolean): Finding => {
    return { ...difference, configuration, operations, atFinish };
  };
  while (!draws.exhausted) {
    const operation = nextOperation(draws, reference, profile);
    operations.push(operation);
    const difference = lockstep.step(operation);
    if (difference !== undefined) return findingOf(difference, false);
  }
  for (const operation of focus.afterwards?.(lockstep) ?? []) {
    operations.push(operation);
    const difference = lockstep.step(operation);
    if (difference !== undefined) return findingOf(difference, false);
  }
  const claimed = focus.claim?.(lockstep);
  if (claimed !== undefined) return findingOf({ invariant, sentence: claimed, iova: undefined }, false);
  const difference = lockstep.finish();
  return difference && findingOf(difference, true);
}
