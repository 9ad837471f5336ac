// The minimiser: what it leaves still fails, cannot lose an operation, and is found within its limit.
import test from "ava";
import {
  findConfiguration,
  generateProgram,
  minimise,
  type Operation,
  Prot,
  SeededDraws,
} from "../models/index.js";
import { Reference } from "../reference/index.js";

const configuration = findConfiguration("amdv1/top2-va64");

function newReference(): Reference {
  if (configuration === undefined) throw new Error("the configuration is gone");
  return new Reference(configuration);
}

function program(seed: string, count: number): Operation[] {
  return generateProgram(new SeededDraws(seed), newReference(), count);
}

/** Fails like a table whose unmap must not meet a leaf larger than what it asked for. */
function unmapTakesMore(operations: readonly Operation[]): boolean {
  const reference = newReference();
  return operations.some((operation) => {
    const outcome = reference.apply(operation);
    return "removedBytes" in outcome && "length" in operation && outcome.removedBytes > operation.length;
  });
}

/** The first seed whose program fails. */
function failingProgram(fails: (operations: readonly Operation[]) => boolean, count: number): Operation[] {
  for (let n = 0; n < 100; n++) {
    const operations = program(`seed ${n}`, count);
    if (fails(operations)) return operations;
  }
  throw new Error("no program fails");
}

test("a long program shrinks to the map and the unmap that matter, with plain arguments", (t) => {
  const long = failingProgram(unmapTakesMore, 800);
  const { operations, minimal } = minimise(long, unmapTakesMore, { executions: 5000 });
  t.true(minimal);
  t.deepEqual(operations, [
    { op: "map", iova: 0n, pa: 0n, length: 0x2000n, prot: Prot.read | Prot.write },
    { op: "unmap", iova: 0n, length: 0x1000n },
  ]);
});

test("no operation of the result can be left out", (t) => {
  const fails = (operations: readonly Operation[]) => {
    const reference = newReference();
    let removals = 0;
    for (const operation of operations) {
      const tables = reference.liveTableCount;
      reference.apply(operation);
      if (reference.liveTableCount < tables) removals++;
    }
    return removals >= 2;
  };
  const { operations, minimal } = minimise(failingProgram(fails, 600), fails, { executions: 20_000 });
  t.true(minimal);
  t.true(fails(operations));
  for (const index of operations.keys()) t.false(fails(operations.filter((_, other) => other !== index)));
});

test("a map and the unmap that undoes it leave together", (t) => {
  const map: Operation = { op: "map", iova: 0n, pa: 0n, length: 0x1000n, prot: 3 };
  const unmap: Operation = { op: "unmap", iova: 0n, length: 0x1000n };
  const sync: Operation = { op: "sync" };
  // Fails when every map was undone and a sync came: neither of the two can go alone.
  const fails = (operations: readonly Operation[]) => {
    const open = operations.reduce((sum, { op }) => sum + (op === "map" ? 1 : op === "unmap" ? -1 : 0), 0);
    return open === 0 && operations.includes(sync);
  };
  t.deepEqual(minimise([map, sync, map, unmap, unmap], fails, { executions: 1000 }).operations, [sync]);
});

test("a batch keeps the runs that matter, or is the map and the unmap that it stands for", (t) => {
  const mapRuns: Operation = {
    op: "mapRuns",
    iova: 0x4000n,
    runs: [0x9000n, 0x3000n, 0x7000n, 0x1_0000n].map((pa) => [pa, 0x1000n] as const),
    prot: 7,
  };
  const unmapRuns: Operation = { op: "unmapRuns", iova: 0x4000n, length: 0x4000n, capacity: 3 };
  // Fails like an implementation that tells one run only, however many there are.
  const tellsOne = (operations: readonly Operation[]) => {
    const reference = newReference();
    return operations.some((operation) => {
      const outcome = reference.apply(operation);
      return outcome.op === "unmapRuns" && outcome.runs.length > 1;
    });
  };
  t.deepEqual(minimise([mapRuns, { op: "handover" }, unmapRuns], tellsOne, { executions: 2000 }).operations, [
    {
      op: "mapRuns",
      iova: 0n,
      runs: [
        [0n, 0x1000n],
        [0n, 0x1000n],
      ],
      prot: 3,
    },
    { op: "unmapRuns", iova: 0n, length: 0x2000n, capacity: 2 },
  ]);
  // Fails like one whose unmap is wrong in whatever way it is asked for.
  const removes = (operations: readonly Operation[]) => {
    const reference = newReference();
    return operations.some((operation) => {
      const outcome = reference.apply(operation);
      return "removedBytes" in outcome && outcome.removedBytes > 0n;
    });
  };
  t.deepEqual(minimise([mapRuns, unmapRuns], removes, { executions: 2000 }).operations, [
    { op: "map", iova: 0n, pa: 0n, length: 0x1000n, prot: 3 },
    { op: "unmap", iova: 0n, length: 0x1000n },
  ]);
});

test("addresses move together, so that two requests that must touch still touch", (t) => {
  const base = 0xffff_8123_4520_0000n;
  const touch = (operations: readonly Operation[]) => {
    const [first, second] = operations;
    if (operations.length !== 2 || first.op !== "map" || second.op !== "map") return false;
    return first.iova + first.length === second.iova;
  };
  const maps: Operation[] = [
    { op: "map", iova: base, pa: 0x5000n, length: 0x3000n, prot: 1 },
    { op: "map", iova: base + 0x3000n, pa: 0x9000n, length: 0x1000n, prot: 35 },
  ];
  const { operations } = minimise(maps, touch, { executions: 2000 });
  const [first, second] = operations;
  if (first.op !== "map" || second.op !== "map") return t.fail();
  t.true(first.iova < 0x1_0000n);
  t.is(second.prot, Prot.read | Prot.write);
});

test("the limit of executions holds, and what was found until then still fails", (t) => {
  const long = failingProgram(unmapTakesMore, 800);
  let executions = 0;
  const counted = (operations: readonly Operation[]) => {
    executions++;
    return unmapTakesMore(operations);
  };
  const result = minimise(long, counted, { executions: 20 });
  t.deepEqual([executions, result.executions, result.minimal], [20, 20, false]);
  t.true(result.operations.length < long.length && unmapTakesMore(result.operations));
});

test("the same failure shrinks to the same program", (t) => {
  const long = failingProgram(unmapTakesMore, 300);
  const shrink = () => minimise(long, unmapTakesMore, { executions: 300 });
  t.deepEqual(shrink(), shrink());
});

test("a program that does not fail is refused", (t) => {
  t.throws(() => minimise(program("fine", 5), () => false, { executions: 10 }), { instanceOf: RangeError });
});
