/** Bytes as programs of machines, for the fuzzer: whatever they are they mean one, and mistakes are found by them. */
import test from "ava";
import { systemSeedInputs } from "../fuzz/coverage/seeds.js";
import { executeSystem } from "../fuzz/coverage/system-execute.js";
import { encodeSystemProgram, SystemByteProgram } from "../fuzz/coverage/system-program.js";
import { Accounts } from "../fuzz/system/account.js";
import type { MachineParts } from "../fuzz/system/build.js";
import { drawOperation } from "../fuzz/system/generate.js";
import {
  failureOfFinding,
  type SystemFinding,
  systemFindingFromText,
  systemFindingToText,
  systemNames,
} from "../fuzz/system/index.js";
import { drawShape, type MachineShape } from "../fuzz/system/shape.js";
import { Status } from "../impl/index.js";
import { Random } from "../models/index.js";

const HEADER_BYTES = 16;

function drawnBytes(seed: string, length: number): Uint8Array {
  const random = Random.fromSeed(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

/** The operations of bytes, with no machine to follow them. */
function decoded(bytes: Uint8Array, shape: MachineShape) {
  const program = new SystemByteProgram(bytes, shape.system);
  const operations = [];
  const accounts = new Accounts(shape);
  for (let one = program.next(accounts); one !== undefined; one = program.next(accounts))
    operations.push(one);
  return { shape: program.shape, operations };
}

/** Flushes that reach no hardware. */
function forgetFlushes({ system }: MachineParts): void {
  const createDomain = system.createDomain.bind(system);
  system.createDomain = (options) => {
    const domain = createDomain(options);
    domain.flush = () => Status.OK;
    domain.flushAll = () => Status.OK;
    return domain;
  };
}

for (const system of systemNames) {
  test(`every string of bytes is a program of a machine of ${system} that is judged to its end`, (t) => {
    for (const length of [0, 1, HEADER_BYTES, 60, 200]) {
      const bytes = drawnBytes(`${system}:${length}`, length);
      const { operations, features, finding } = executeSystem(bytes, system);
      t.is(finding?.sentence, undefined);
      t.true(operations.length >= 2 + Math.floor((length - HEADER_BYTES) / 8), `${operations.length}`);
      if (length === 60) t.deepEqual(executeSystem(bytes, system).features, features);
    }
  });

  test(`${system}: machines and programs survive the way into bytes and back`, (t) => {
    for (let unit = 0; unit < 8; unit++) {
      const random = Random.fromSeed(`${system} ${unit}`);
      const shape = drawShape(system, random);
      const operations = Array.from({ length: 40 }, () => drawOperation(random, shape));
      t.deepEqual(decoded(encodeSystemProgram(shape, operations), shape), { shape, operations });
    }
  });

  test(`${system}: what bytes find is a finding that is kept, and fails again`, (t) => {
    const spoil = forgetFlushes;
    let finding: SystemFinding | undefined;
    for (let input = 0; finding === undefined && input < 8; input++)
      finding = executeSystem(drawnBytes(`${system} ${input}`, 600), system, { spoil }).finding;
    if (finding === undefined) return t.fail("flushes that are forgotten are not found");
    t.true(["18", "39"].includes(finding.invariant), finding.sentence);
    const saved = systemFindingFromText(systemFindingToText(finding));
    const { invariant, sentence } = finding;
    t.like(failureOfFinding(saved, { spoil }), { invariant, sentence });
    // What is saved is the mistake, not ours.
    t.is(failureOfFinding(saved), undefined);
  });
}

test("drawn operations go where the domain's mappings begin and end, and never where firmware's are", (t) => {
  const system = "amd";
  for (let input = 0; input < 4; input++) {
    const bytes = drawnBytes(`places ${input}`, 400).map((byte) => byte % 0xf0);
    const { operations } = executeSystem(bytes, system);
    const places = operations.flatMap((one) => ("pages" in one ? [one] : []));
    const ends = new Set(places.flatMap(({ dfn, pages }) => [dfn, dfn + pages]));
    t.true(ends.size < places.length * 1.5, `${ends.size} places of ${places.length} operations`);
    const inside = places.filter(({ dfn, pages }) => dfn <= 0xc_0203 && dfn + pages > 0xc_0000);
    t.true(new SystemByteProgram(bytes, system).shape.unity ? inside.length === 0 : true);
  }
});

test("a new state is a new number: other operations, other answers, other modes", (t) => {
  const shape = drawShape("intel", { below: () => 1 });
  const map = { op: "map", domain: 1, dfn: 5, mfn: 512, pages: 1, access: 3 } as const;
  const seen = (...program: Parameters<typeof encodeSystemProgram>[1]) =>
    executeSystem(encodeSystemProgram(shape, program), "intel").features[0];
  const once = seen(map);
  t.deepEqual(seen({ ...map, dfn: 6 }), once);
  const refused = seen({ op: "failNextAllocation", nth: 1 }, map);
  const flushed = seen(map, { op: "flush", domain: 1, everything: true });
  for (const other of [refused, flushed]) t.true([...other].some((feature) => !once.has(feature)));
});

test("a run begins with machines of several shapes, and with what failed once", (t) => {
  const shape = drawShape("amd", Random.fromSeed("failed once"));
  const unit = { system: "amd", seed: "x", unit: 0, operations: 1 } as const;
  const known = { unit, shape, invariant: "39", sentence: "", shrunkFrom: 1 };
  const finding = { ...known, program: [{ op: "createDomain", domain: 3 }] } as const;
  const inputs = systemSeedInputs("amd", "s", [finding]);
  t.deepEqual(decoded(inputs[inputs.length - 1], shape), { shape, operations: [...finding.program] });
  const shapes = inputs.map((bytes) => JSON.stringify(new SystemByteProgram(bytes, "amd").shape));
  t.true(new Set(shapes).size > 15, `${new Set(shapes).size} shapes`);
  t.is(systemSeedInputs("intel", "s", [finding]).length, inputs.length - 1);
});
