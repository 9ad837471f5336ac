/** Bytes as programs, for the fuzzer: whatever they are they mean one, and what is known can be said in bytes. */
import test from "ava";
import { bytesAtMost, operationsAtMost } from "../fuzz/coverage/bytes.js";
import { ByteProgram, encodeProgram } from "../fuzz/coverage/decode.js";
import { execute } from "../fuzz/coverage/execute.js";
import { configurationsOfTarget, namedConfigurations, targets } from "../fuzz/coverage/targets.js";
import { runProgram } from "../fuzz/lockstep/index.js";
import {
  type Configuration,
  configurationName,
  configurations,
  generateProgram,
  type Operation,
  Random,
  SeededDraws,
} from "../models/index.js";
import { Reference } from "../reference/index.js";
import { partOf } from "./part.js";

function drawnBytes(seed: string, length: number): Uint8Array {
  const random = Random.fromSeed(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

/** The operations of bytes, with nobody but the reference to follow them. */
function decoded(bytes: Uint8Array, offered: readonly Configuration[]): readonly Operation[] {
  let reference: Reference | undefined;
  const program = new ByteProgram(bytes, offered, (configuration) => {
    reference = new Reference(configuration);
    return reference;
  });
  const operations: Operation[] = [];
  for (let operation = program.next(); operation !== undefined; operation = program.next()) {
    reference?.apply(operation);
    operations.push(operation);
  }
  return operations;
}

for (const { name } of targets) {
  test(`every string of bytes is a program of ${name} that everybody agrees on`, (t) => {
    const offered = namedConfigurations(configurationsOfTarget(name));
    for (const [index, length] of [0, 1, 2, 3, 17, 100].entries()) {
      const bytes = drawnBytes(`${name}:${index}`, length);
      const { operations, finding } = execute(bytes, offered);
      t.is(finding, undefined, finding?.sentence);
      t.deepEqual(operations, decoded(bytes, offered));
    }
  });
}

test("as many bytes as the fuzzer makes are about a thousand operations", (t) => {
  const offered = configurations.filter(({ format }) => format === "riscv32");
  const drawn = decoded(
    drawnBytes("long", bytesAtMost).map((byte) => byte % 0xf0),
    offered,
  );
  t.is(drawn.length, Math.floor((bytesAtMost - 2 + 3) / 4));
  t.true(new Set(drawn.map(({ op }) => op)).size >= 9);
  // The shortest literal record is one byte.
  t.is(decoded(new Uint8Array(bytesAtMost).fill(0xf4), offered).length, operationsAtMost);
});

test("one byte changed leaves the operations before it as they were", (t) => {
  const offered = configurations.filter(({ format }) => format === "riscv64");
  const bytes = drawnBytes("local", 402).map((byte) => byte % 0xf0);
  const changed = Uint8Array.from(bytes, (byte, index) => (index === 202 ? byte ^ 1 : byte));
  const [one, other] = [bytes, changed].map((these) => decoded(these, offered));
  t.deepEqual(one.slice(0, 50), other.slice(0, 50));
  t.notDeepEqual(one, other);
});

const DRAWN_ONLY: readonly Operation["op"][] = ["mapRuns", "handover", "readAndClearAccessed", "deviceRead"];

for (const configuration of partOf(configurations, "into bytes")) {
  test(`programs of ${configurationName(configuration)} survive the way into bytes and back`, (t) => {
    const draws = new SeededDraws(configurationName(configuration));
    const program = generateProgram(draws, new Reference(configuration), 60);
    // Some operations have no literal form: bytes mean them by drawing alone.
    const sayable = program.filter(
      (operation) => !DRAWN_ONLY.includes(operation.op) && !("gathered" in operation),
    );
    const short = sayable.map((operation) =>
      operation.op === "failNextAllocation" ? { ...operation, nth: Math.min(operation.nth, 256) } : operation,
    );
    const once = decoded(encodeProgram(0, short), [configuration]);
    // Where operations were left out a map may meet less than it did, and be cut to what one may cost; but only once.
    const withoutCut = once.map((operation, index) => {
      const wanted = short[index];
      const isCut = operation.op === "map" && wanted.op === "map" && operation.length < wanted.length;
      return isCut ? { ...operation, length: wanted.length } : operation;
    });
    t.deepEqual(withoutCut, short);
    t.deepEqual(decoded(encodeProgram(0, once), [configuration]), once);
  });
}

test("a literal map of millions of pages is cut to what an operation may cost, a refused one is not", (t) => {
  const offered = configurations.filter(({ format }) => format === "x86-64").slice(0, 1);
  const map = { op: "map", iova: 0x1000n, pa: 0x2000n, length: 1n << 38n, prot: 3 } as const;
  const [cut] = decoded(encodeProgram(0, [map]), offered);
  t.deepEqual(cut, { ...map, length: 0x8000n << 12n });
  t.is(runProgram(offered[0], [cut]).finding, undefined);
  const refused = { ...map, pa: 0x2001n };
  t.deepEqual(decoded(encodeProgram(0, [refused]), offered), [refused]);
});
