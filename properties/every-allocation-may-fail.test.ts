// I3, I4, I5 — every operation, with its first, second, third … allocation failing, until none fails any more.
import test from "ava";
import { Lockstep, MemoryTooSmall } from "../fuzz/lockstep/lockstep.js";
import { mixOf } from "../fuzz/lockstep/mixes.js";
import { canCreate } from "../fuzz/lockstep/subject.js";
import {
  type Configuration,
  configurationName,
  configurationsOf,
  formatNames,
  nextOperation,
  type Operation,
  profileFor,
  SeededDraws,
} from "../models/index.js";
import { Reference } from "../reference/index.js";
import { partOf } from "./part.js";

const OPERATIONS = 24;
/** More tables than any operation of these programs makes. */
const FAILURES_AT_MOST = 64;

/** Every fourth of each format: what differs between them seldom changes how tables are made. */
const chosen = formatNames.flatMap((format) =>
  configurationsOf(format)
    .filter(canCreate)
    .filter((_, index) => index % 4 === 0),
);

for (const configuration of partOf(chosen, "every allocation")) {
  test(`${configurationName(configuration)}: a failed allocation leaves its prefix, and the map succeeds when repeated`, (t) => {
    let failures = 0;
    for (let seed = 0; failures < 4 && seed < 200; seed++)
      failures += failEverywhere(configuration, seed, t.fail);
    t.true(failures >= 2, `${failures} failures`);
  });
}

/** A program of which every map is run with each of its allocations failing; returns how many did. */
function failEverywhere(configuration: Configuration, seed: number, fail: (message: string) => void): number {
  const operations = programOf(configuration, seed);
  const last = operations.reduce((found, { op }, index) => (op === "map" ? index : found), -1);
  const map = operations[last];
  if (map?.op !== "map") return 0;
  for (let nth = 1; nth < FAILURES_AT_MOST; nth++) {
    const lockstep = new Lockstep(configuration);
    const program = [...operations.slice(0, last), { op: "failNextAllocation", nth } as const, map];
    try {
      for (const operation of program) {
        const difference = lockstep.step(operation);
        if (difference !== undefined) fail(`${difference.invariant}: ${difference.sentence}`);
      }
    } catch (error) {
      if (error instanceof MemoryTooSmall) return 0;
      throw error;
    }
    const outcome = lockstep.outcome;
    if (outcome?.op !== "map" || outcome.code !== "OUT_OF_MEMORY") return nth - 1;
    repeat(lockstep, map, outcome.mappedBytes, fail);
  }
  fail("the allocations of one map do not end");
  return 0;
}

/** The caller takes the prefix back and asks again: nothing fails now. */
function repeat(
  lockstep: Lockstep,
  map: Extract<Operation, { op: "map" }>,
  mappedBytes: bigint,
  fail: (message: string) => void,
): void {
  const undo: Operation[] = mappedBytes === 0n ? [] : [{ op: "unmap", iova: map.iova, length: mappedBytes }];
  for (const operation of [...undo, map]) {
    const difference = lockstep.step(operation);
    if (difference !== undefined) fail(`${difference.invariant}: ${difference.sentence}`);
  }
  const { outcome } = lockstep;
  if (outcome?.op !== "map" || outcome.code === "OUT_OF_MEMORY")
    fail("the map did not succeed when repeated");
  const difference = lockstep.finish();
  if (difference !== undefined) fail(`${difference.invariant}: ${difference.sentence}`);
}

function programOf(configuration: Configuration, seed: number): readonly Operation[] {
  const reference = new Reference(configuration);
  const draws = new SeededDraws(`${configurationName(configuration)} allocations ${seed}`);
  const profile = profileFor(reference, mixOf(configuration, "default"));
  const operations: Operation[] = [];
  while (operations.length < OPERATIONS) {
    const operation = nextOperation(draws, reference, profile);
    if (operation.op === "failNextAllocation") continue;
    reference.apply(operation);
    operations.push(operation);
  }
  return operations;
}
