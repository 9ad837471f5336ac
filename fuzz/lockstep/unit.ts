/** One unit of fuzzing: a program that follows from (configuration, seed, unit number) and nothing else. */
import type { Configuration } from "../../models/configuration.js";
import {
  configurationName,
  generateProgram,
  nextOperation,
  profileFor,
  SeededDraws,
} from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { Reference } from "../../reference/index.js";
import { Checksum } from "./checksum.js";
import { Inconclusive } from "./failure.js";
import { Features } from "./features.js";
import type { Finding, SubjectFactory } from "./finding.js";
import type { Difference } from "./invariants.js";
import { Lockstep } from "./lockstep.js";
import { type MixName, mixOf, mixOfUnit } from "./mixes.js";
import type { Subject } from "./subject.js";
import { type Judged, Tally } from "./tally.js";
import type { OracleName } from "./watch.js";

/** How many operations a unit has that is not asked for another number. */
export const defaultUnitOperations = 2000;

export interface UnitRequest {
  readonly configuration: Configuration;
  /** Letters, digits, `-`, `_` and `.`. */
  readonly seed: string;
  /** Units of one seed are numbered from 0. */
  readonly unit: number;
  /** Default 2000. */
  readonly operations?: number | undefined;
  /** Default: the mix that falls to the unit's number. */
  readonly mix?: MixName | undefined;
  /** Default: all. A replay judges with all of them. */
  readonly oracles?: readonly OracleName[] | undefined;
  /** What is judged; by default this project's implementation. */
  readonly subjectOf?: SubjectFactory | undefined;
  /** Its one element counts the operations that were begun, for whoever watches from another thread. */
  readonly progress?: Int32Array | undefined;
}

export interface UnitResult {
  /** Operations done; fewer than were asked for when there is a finding. */
  readonly operations: number;
  /** Over all operations and outcomes: equal wherever the unit runs. */
  readonly checksum: number;
  /** What the unit has seen, as numbers (see `Features`). */
  readonly features: ReadonlySet<number>;
  /** How often each operation was judged by each invariant (see `Tally`). */
  readonly judged: Judged;
  /** Not shrunk. */
  readonly finding: Finding | undefined;
}

/** Runs one unit; the same request gives the same result on every machine. */
export function runUnit(request: UnitRequest): UnitResult {
  const { configuration, seed, unit, mix, oracles, operations: count = defaultUnitOperations } = request;
  const key = `${configurationName(configuration)}:${seed}:${unit}`;
  const draws = new SeededDraws(key);
  const subject = request.subjectOf?.(configuration);
  const lockstep = new Lockstep(configuration, { subject, seed: `${seed}:${unit}`, oracles });
  const { reference } = lockstep;
  const profile = profileFor(reference, mixOf(configuration, mix ?? mixOfUnit(unit), key));
  const checksum = new Checksum();
  const features = new Features();
  const tally = new Tally(configuration, oracles);
  const operations: Operation[] = [];
  let difference: Difference | undefined;
  while (operations.length < count && difference === undefined) {
    const operation = drawn(lockstep.subject, () => nextOperation(draws, reference, profile));
    operations.push(operation);
    if (request.progress !== undefined) Atomics.add(request.progress, 0, 1);
    difference = lockstep.step(operation);
    checksum.add(operation, lockstep.outcome);
    features.add(operation, lockstep);
    tally.add(operation, lockstep, difference);
  }
  const atFinish = difference === undefined;
  difference ??= lockstep.finish();
  const name = { seed, unit, mix, operations: count, checksum: checksum.value };
  const finding = difference && { ...difference, configuration, operations, atFinish, unit: name };
  const { seen } = features;
  return {
    operations: operations.length,
    checksum: checksum.value,
    features: seen,
    judged: tally.judged,
    finding,
  };
}

/** The first operations of a unit, drawn without doing them anywhere but in the reference. */
export function programOfUnit({ configuration, seed, unit, mix }: UnitRequest, count: number): Operation[] {
  const key = `${configurationName(configuration)}:${seed}:${unit}`;
  const reference = new Reference(configuration);
  const chosen = mixOf(configuration, mix ?? mixOfUnit(unit), key);
  return generateProgram(new SeededDraws(key), reference, count, chosen);
}

const DRAWS_AT_MOST = 1000;

/** The next operation that the subject takes. */
function drawn(subject: Subject, draw: () => Operation): Operation {
  for (let count = 0; count < DRAWS_AT_MOST; count++) {
    const operation = draw();
    const adapted = subject.adapt === undefined ? operation : subject.adapt(operation);
    if (adapted !== undefined) return adapted;
  }
  throw new Inconclusive("the subject takes hardly any operation of the language");
}
