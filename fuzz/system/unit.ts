/** One unit of a system's campaign: a machine, and a program of its own; a failure is shrunk to a few operations. */
import { Random } from "../../models/random.js";
import type { MachineParts } from "./build.js";
import { SystemDifference } from "./difference.js";
import { Machine } from "./machine.js";
import type { SystemName } from "./names.js";
import type { SystemOperation } from "./operations.js";
import { SystemProgram } from "./program.js";
import { drawShape, type MachineShape } from "./shape.js";
import { type Failing, shrinkFailure } from "./shrink.js";

/** Operations of a unit, where nobody says how many. */
export const systemUnitOperations = 400;

/** What names a unit: with it the same operations are drawn again. */
export interface SystemUnit {
  readonly system: SystemName;
  readonly seed: string;
  readonly unit: number;
  readonly operations: number;
}

export interface SystemFinding {
  readonly unit: SystemUnit;
  readonly shape: MachineShape;
  readonly invariant: string;
  readonly sentence: string;
  readonly program: readonly SystemOperation[];
  /** How many operations the program had before it was shrunk. */
  readonly shrunkFrom: number;
}

export interface SystemUnitResult {
  readonly operations: number;
  readonly finding: SystemFinding | undefined;
}

/** How many programs a failure may be tried in while it is shrunk. */
const EXECUTIONS = 2000;

export interface RunOptions {
  /** Is told of every operation before it begins. */
  readonly began?: (() => void) | undefined;
  /** Changes a machine before its program begins: so that tests see mistakes being found. */
  readonly spoil?: ((parts: MachineParts) => void) | undefined;
}

/** What a unit's machine and its probes are drawn from. */
export function seedOf({ system, seed, unit }: SystemUnit): string {
  return `${system}/${seed}/${unit}`;
}

/** Runs a unit. Without a finding every operation of it was done. */
export function runSystemUnit(unit: SystemUnit, options: RunOptions = {}): SystemUnitResult {
  const seed = seedOf(unit);
  const random = Random.fromSeed(seed);
  const shape = drawShape(unit.system, random);
  const program: SystemOperation[] = [
    { op: "createDomain", domain: 1 },
    { op: "createDomain", domain: 2 },
  ];
  const drawn = new SystemProgram(random, shape);
  while (program.length < unit.operations) program.push(drawn.next());
  const failure = failureOf(shape, seed, program, options);
  if (failure === undefined) return { operations: program.length, finding: undefined };
  const failed = program.slice(0, failure.done);
  const fails = (one: Failing) => failureOf(one.shape, seed, one.program, options) !== undefined;
  const shrunk = shrinkFailure({ shape, program: failed }, fails, EXECUTIONS);
  const last = failureOf(shrunk.shape, seed, shrunk.program, options) ?? failure;
  const { invariant, sentence } = last;
  const { system, seed: name, unit: number, operations } = unit;
  const named = { system, seed: name, unit: number, operations };
  const finding = { unit: named, ...shrunk, invariant, sentence, shrunkFrom: failed.length };
  return { operations: failure.done, finding };
}

export interface SystemFailure {
  readonly invariant: string;
  readonly sentence: string;
  /** The operations that were done, the failing one included. */
  readonly done: number;
}

/** How a program fails on a fresh machine; undefined: it does not. */
export function failureOf(
  shape: MachineShape,
  seed: string,
  program: readonly SystemOperation[],
  { began, spoil }: RunOptions = {},
): SystemFailure | undefined {
  let done = 0;
  try {
    const machine = new Machine(shape, seed, spoil);
    for (const operation of program) {
      done++;
      began?.();
      machine.apply(operation);
    }
    machine.end();
    return undefined;
  } catch (error) {
    if (error instanceof SystemDifference)
      return { invariant: error.invariant, sentence: error.message, done };
    // Whatever else a driver throws is a finding too.
    const sentence = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { invariant: "throws", sentence, done };
  }
}
