/** How long a mutant lives: units run until one of them finds something, counted in operations. */

import type { Configuration } from "../../models/configuration.js";
import { findConfiguration } from "../../models/index.js";
import {
  defaultUnitOperations,
  type Finding,
  type Invariant,
  MemoryTooSmall,
  runUnit,
  type SubjectFactory,
  shrink,
  type UnitResult,
} from "../lockstep/index.js";

/** Operations after which a mutant has survived a seed. */
export const operationsAtMost = 100_000;

const SHRINKS_AT_MOST = 600;

export interface Kill {
  /** Operations from the first unit's first to the one that showed it. */
  readonly operations: number;
  /** What that operation broke; the first is what was reported. None: the table could not even be made. */
  readonly invariants: readonly Invariant[];
  readonly finding: Finding | undefined;
}

/** Runs the units of one seed, which fall to the configurations in turn; undefined: nothing was found. */
export function killOf(
  configurations: readonly Configuration[],
  seed: string,
  subjectOf: SubjectFactory,
  atMost = operationsAtMost,
  perUnit = defaultUnitOperations,
): Kill | undefined {
  let done = 0;
  for (let number = 0; done < atMost; number++) {
    const configuration = configurations[number % configurations.length];
    const unit = Math.floor(number / configurations.length);
    const operations = Math.min(perUnit, atMost - done);
    const result = unitOf({ configuration, seed, unit, operations, subjectOf });
    if (result === undefined) return { operations: done, invariants: [], finding: undefined };
    done += result.operations;
    const { finding } = result;
    if (finding === undefined) continue;
    return { operations: done, invariants: [finding.invariant, ...(finding.also ?? [])], finding };
  }
  return undefined;
}

/** Undefined where the mutant cannot be made, or breaks the lockstep itself. */
function unitOf(
  request: Parameters<typeof runUnit>[0] & { operations: number },
): Pick<UnitResult, "operations" | "finding"> | undefined {
  try {
    return runUnit(request);
  } catch (error) {
    // A unit that outgrows the memory says nothing, and counts as if it had been done.
    if (error instanceof MemoryTooSmall) return { operations: request.operations, finding: undefined };
    return undefined;
  }
}

/** The number of operations of the smallest program found that shows the same. */
export function shrunkLength(finding: Finding, subjectOf: SubjectFactory): number {
  return shrink(finding, { subjectOf, executions: SHRINKS_AT_MOST }).operations.length;
}

/** @throws RangeError for a name that no configuration has */
export function configurationsOfMutant(names: readonly string[]): readonly Configuration[] {
  return names.map((name) => {
    const configuration = findConfiguration(name);
    if (configuration === undefined) throw new RangeError(`there is no configuration ${name}`);
    return configuration;
  });
}

/** The value below which, or at which, the given share of the sorted values lie (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
