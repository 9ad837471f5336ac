/** A program on which implementation, reference and hardware disagree, and the smallest one that still does. */
import type { Configuration } from "../../models/configuration.js";
import { minimise } from "../../models/index.js";
import type { Operation, Outcome } from "../../models/operations.js";
import { Inconclusive } from "./failure.js";
import type { Difference } from "./invariants.js";
import { Lockstep } from "./lockstep.js";
import type { MixName } from "./mixes.js";
import type { Subject } from "./subject.js";

/** From which unit a finding came. */
export interface UnitName {
  readonly seed: string;
  readonly unit: number;
  /** The mix, where the unit was asked for one by name. */
  readonly mix?: MixName | undefined;
  /** How many operations the unit was to run. */
  readonly operations: number;
  /** Over what was done and answered up to the finding. */
  readonly checksum: number;
}

export interface Finding extends Difference {
  readonly configuration: Configuration;
  /** Everything from the empty table on; the last operation is the one that showed the difference. */
  readonly operations: readonly Operation[];
  /** Shown by the sweep and the freeing at the end, not by an operation. */
  readonly atFinish: boolean;
  /** How long the program was before it was shrunk; absent for one that was not. */
  readonly shrunkFrom?: number | undefined;
  readonly unit?: UnitName | undefined;
}

/** Where subjects come from: the implementation, or a canary that misbehaves on purpose. */
export type SubjectFactory = (configuration: Configuration) => Subject;

export interface ProgramResult {
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly finding: Finding | undefined;
}

/** Runs a list of operations in lockstep, from an empty table to its destruction. */
export function runProgram(
  configuration: Configuration,
  operations: readonly Operation[],
  subjectOf?: SubjectFactory,
): ProgramResult {
  const lockstep = new Lockstep(configuration, { subject: subjectOf?.(configuration) });
  const outcomes: (Outcome | undefined)[] = [];
  for (const operation of operations) {
    const difference = lockstep.step(operation);
    outcomes.push(lockstep.outcome);
    if (difference === undefined) continue;
    const done = operations.slice(0, outcomes.length);
    return { outcomes, finding: { ...difference, configuration, operations: done, atFinish: false } };
  }
  const difference = lockstep.finish();
  const finding = difference && { ...difference, configuration, operations, atFinish: true };
  return { outcomes, finding };
}

const EXECUTIONS_AT_MOST = 3000;

export interface ShrinkOptions {
  /** How many programs may be tried; default 3000. */
  readonly executions?: number | undefined;
  readonly subjectOf?: SubjectFactory | undefined;
}

/**
 * The finding with the smallest program found that breaks the same invariant. A finding that does not show again
 * (only a random probe met it) is given back as it is.
 */
export function shrink(finding: Finding, options: ShrinkOptions = {}): Finding {
  const { configuration, invariant, operations } = finding;
  const { subjectOf, executions = EXECUTIONS_AT_MOST } = options;
  const run = (program: readonly Operation[]) => findingOf(configuration, program, subjectOf);
  if (run(operations)?.invariant !== invariant) return finding;
  const fails = (program: readonly Operation[]) => run(program)?.invariant === invariant;
  const pageBytes = configuration.format === "amdv1-mock" ? 0x800n : 0x1000n;
  const { operations: smallest } = minimise(operations, fails, { executions, pageBytes });
  const shrunk = run(smallest);
  if (shrunk === undefined) return finding;
  return { ...shrunk, shrunkFrom: finding.shrunkFrom ?? operations.length, unit: finding.unit };
}

/** A program that outgrows the memory, or that the subject does not know, shows nothing. */
function findingOf(
  configuration: Configuration,
  program: readonly Operation[],
  subjectOf: SubjectFactory | undefined,
): Finding | undefined {
  try {
    return runProgram(configuration, program, subjectOf).finding;
  } catch (error) {
    if (error instanceof Inconclusive) return undefined;
    throw error;
  }
}
