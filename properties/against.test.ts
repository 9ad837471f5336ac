/**
 * Implementations in processes of their own: the sample in C passes when it is right and each of its mistakes is found
 * by the invariant it breaks; whoever crashes, hangs or talks nonsense is found too, and the run goes on.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { readAnswer } from "../fuzz/against/answer.js";
import { type AgainstOptions, type AgainstTotals, runAgainst } from "../fuzz/against/index.js";
import { ProtocolError } from "../fuzz/against/protocol.js";
import type { Invariant } from "../fuzz/lockstep/index.js";
import { type Configuration, configurationsOf, findConfiguration, formatNames } from "../models/index.js";

const samples = fileURLToPath(new URL("../../fuzz/against/sample", import.meta.url));
const ownAdapter = fileURLToPath(new URL("./against-own-adapter.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-against-test-"));
const adapter = join(temporary, "adapter");

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

/** Why the sample cannot be compiled here, or nothing. */
const noCompiler = compile();

function compile(): string | undefined {
  const sources = ["adapter.c", "sample-table.c"].map((name) => join(samples, name));
  const flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-o", adapter];
  const { error, status, stderr } = spawnSync("cc", [...flags, ...sources], { encoding: "utf8" });
  if (error !== undefined) return `there is no C compiler here: ${error.message}`;
  return status === 0 ? undefined : stderr;
}

function configuration(name: string): Configuration {
  const found = findConfiguration(name);
  if (found === undefined) throw new RangeError(name);
  return found;
}

interface Request extends AgainstOptions {
  readonly names?: readonly string[] | undefined;
  readonly operations: number;
  readonly operationsPerUnit?: number | undefined;
}

interface Run extends AgainstTotals {
  readonly said: string;
}

async function run(request: Request): Promise<Run> {
  let said = "";
  const plan = {
    ...request,
    configurations: (request.names ?? ["x86-64/vtdfs-4l"]).map(configuration),
    seed: "test",
    milliseconds: 1,
    operationsPerUnit: request.operationsPerUnit ?? 500,
  };
  const events = {
    said: (text: string) => {
      said += text;
    },
    found: async () => {},
    progressed: () => {},
  };
  const totals = await runAgainst(plan, events, new AbortController().signal);
  return { ...totals, said };
}

/** A test that needs the compiled sample; without a compiler it says why it did nothing. */
function testOfSample(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  test.serial(title, async (t) => {
    if (noCompiler === undefined) return body(t);
    t.regex(noCompiler, /there is no C compiler/);
    t.log(`not run: ${noCompiler}`);
  });
}

testOfSample("the sample in C is right, whatever memory goes through", async (t) => {
  const names = ["x86-64/vtdfs-4l", "x86-64/nosign-48", "x86-64/vtdfs-5l", "x86-64/nosign-va40-oa40"];
  const shared = await run({ command: adapter, names, operations: 800, operationsPerUnit: 200 });
  t.deepEqual(
    shared.findings.map(({ report }) => report),
    [],
  );
  t.is(shared.operations, 800);
  t.is(shared.starts, 1);
  t.regex(shared.said, /through a shared file/);
  const lines = await run({ command: adapter, linesOnly: true, operations: 150 });
  t.is(lines.failures, 0);
  t.regex(lines.said, /through lines/);
});

testOfSample("what an implementation refuses is told, and left out", async (t) => {
  const names = ["x86-64/vtdfs-4l", "x86-64/amdv2-4l-enc40", "riscv64/sv39"];
  const { said, operations } = await run({ command: adapter, names, operations: 20 });
  t.is(operations, 20);
  t.regex(said, /refused by it: x86-64\/amdv2-4l-enc40, riscv64\/sv39/);
  await t.throwsAsync(run({ command: adapter, names: ["riscv64/sv39"], operations: 20 }), {
    message: /it refuses every configuration/,
  });
});

testOfSample("whoever promises least is judged by walks and results alone", async (t) => {
  const least = "sed -u 's/^can .*/can reset shared/;s/^judge .*/#/'";
  const lost = await run({ command: `${adapter} leak | ${least}`, operations: 150 });
  t.is(lost.failures, 0, "frames that are not reported are not judged");
  t.regex(lost.said, /judged besides: nothing/);
  const wrong = await run({ command: `${adapter} off-by-one | ${least}`, operations: 150 });
  t.is(wrong.findings[0]?.finding.invariant, "I3");
});

testOfSample("only what is promised is asked", async (t) => {
  const requests = join(temporary, "requests");
  const askedOf = async (promises: string) => {
    const command = `tee ${requests} | ${adapter} | sed -u '${promises}'`;
    // Few operations trim: of so many, one does.
    t.is((await run({ command, operations: 400 })).failures, 0);
    const lines = readFileSync(requests, "utf8").split("\n");
    return new Set(lines.map((line) => line.split(" ")[0]).filter((word) => !["", "#"].includes(word)));
  };
  const always = ["close", "genpt", "map", "open", "set", "unmap"];
  t.deepEqual([...(await askedOf("s/^can .*/can reset shared/"))].sort(), always);
  const more = ["cut", "mapruns", "trim"];
  const asked = await askedOf("s/^can reset .*/can reset shared refusals overlaps partial/");
  t.deepEqual([...asked].sort(), [...always, ...more].sort());
});

/** By what each mistake is found first, within some units of 200 operations, and how small its program gets. */
const mistakes: readonly (readonly [name: string, invariants: readonly Invariant[], operations: number])[] = [
  ["partial-unmap", ["I3"], 2],
  ["stale-table", ["I1", "I5", "I6", "I14"], 5],
  ["level-size", ["I7", "I1", "I3"], 1],
  ["off-by-one", ["I3"], 3],
  ["forgetful", ["I11", "I9"], 2],
  ["leak", ["I5", "I6"], 3],
  ["crash", ["CRASH"], 2],
  ["hang", ["HANG"], 4],
  ["chatter", ["PROTOCOL"], 2],
  ["exit", ["CRASH"], 2],
  ["wide-cut", ["I1"], 2],
];

const UNIT = 200;
/** An unmap that ends inside a large page, with a probe of what is left, and one from address 0 are drawn seldom. */
const unitsFor = (name: string) => (["partial-unmap", "forgetful"].includes(name) ? 6 : 2);

for (const [name, invariants, operationsAtMost] of mistakes) {
  testOfSample(`the mistake "${name}" is found, made small, and the run goes on`, async (t) => {
    const limit = name === "hang" ? 150 : undefined;
    const operations = unitsFor(name) * UNIT;
    const request = { command: `${adapter} ${name}`, limit, operations, operationsPerUnit: UNIT };
    const { findings, units, starts } = await run(request);
    t.is(units, unitsFor(name));
    t.true(findings.length > 0);
    if (findings[0].finding.invariant === "CRASH") t.true(starts > 1, "the process is begun anew");
    const [{ finding, report }] = findings;
    t.true(invariants.includes(finding.invariant), report);
    t.true(finding.operations.length <= operationsAtMost, report);
    t.regex(report, new RegExp(`replay: {2}npx genpt repro --against '${adapter} ${name}'`));
  });
}

test.serial("this project's own implementation, elsewhere, agrees bit for bit in every format", async (t) => {
  const names = formatNames.map((format) => `${format}/${configurationsOf(format)[0].name}`);
  const command = `${process.execPath} ${ownAdapter}`;
  const operationsPerUnit = 25;
  const all = await run({ command, names, operations: names.length * operationsPerUnit, operationsPerUnit });
  t.deepEqual(
    all.findings.map(({ report }) => report),
    [],
  );
  t.is(all.operations, names.length * operationsPerUnit);
  t.is(all.starts, 1);
  t.regex(all.said, /not judged: nothing\n {2}left out of programs: nothing/);
});

const nonsense: readonly (readonly [line: string, message: RegExp])[] = [
  ["hello", /no line of an answer begins with "hello"/],
  ["+ 0x1000", /a word is missing/],
  ["! 0x2000 0x1000", /ends before it begins/],
  ["root somewhere 3", /"somewhere" is no number/],
  ["- 0x10000000000000000", /no number of 64 bits/],
  ["entry 0 12 0 rwq 0", /no rights/],
  ["dirty 0 0x1000 1", /a word too many/],
  ["run 0x1000", /a word is missing/],
];

for (const [line, message] of nonsense) {
  test(`an answer with the line "${line}" is a breach of the protocol`, (t) => {
    t.throws(() => readAnswer([line, "ok"]), { instanceOf: ProtocolError, message });
  });
}

const hopeless: readonly (readonly [why: string, command: string, message: RegExp])[] = [
  ["does not exist", "genpt-nobody-has-this", /exited with status 127/],
  ["ends at once", "true", /exited with status 0/],
  ["speaks another version", "echo ok 7; cat", /version 7 of the protocol/],
  ["says nothing of its root", "echo ok 1; cat", /no line says where the root is/],
  ["knows words that nobody knows", "echo can fly; echo ok 1; cat", /"fly" is none of/],
  ["prints without end", "yes", /no line of an answer begins|no answer within|a line without end/],
];

for (const [why, command, message] of hopeless) {
  test.serial(`a command that ${why} is refused with a sentence`, async (t) => {
    await t.throwsAsync(run({ command, limit: 1000, operations: 10 }), { name: "AgainstError", message });
  });
}
