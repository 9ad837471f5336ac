/** The fuzzer that is guided by coverage, and its supervisor: it finds, it keeps, it starts again, it leaves nothing behind. */
import { type ExecFileException, execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import test from "ava";
import { encodeProgram } from "../fuzz/coverage/decode.js";
import { Investigations } from "../fuzz/coverage/investigations.js";
import { Supervisor } from "../fuzz/coverage/supervisor.js";
import { parseCorpusFile, runProgram } from "../fuzz/lockstep/index.js";

const script = fileURLToPath(new URL("../build/fuzz-coverage.js", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "genpt-fuzz-coverage-"));

test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

interface Run {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a directory of its own, where nothing but the findings may appear. */
function run(directory: string, ...args: readonly string[]): Promise<Run> {
  const cwd = join(temporary, directory);
  mkdirSync(cwd, { recursive: true });
  return new Promise((resolve) => {
    const ended = (error: ExecFileException | null, stdout: string, stderr: string) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    execFile(process.execPath, [script, ...args], { cwd }, ended);
  });
}

const short = ["--seconds", "100", "--json", "--seed", "s"];

test("a mutant is found, made small and saved as a program of the corpus", async (t) => {
  const { exit, stdout } = await run(
    "mutant",
    "--format",
    "amdv1",
    "--mutant",
    "M01",
    "--executions",
    "3",
    ...short,
  );
  t.is(exit, 1);
  const { findings, executions } = JSON.parse(stdout);
  t.is(executions, 3);
  const [finding] = findings;
  t.is(finding.invariant, "I11");
  t.true(finding.operations <= 6);
  t.true(finding.shrunkFrom > finding.operations);
  const cwd = join(temporary, "mutant");
  const saved = parseCorpusFile(readFileSync(join(cwd, finding.file), "utf8"), finding.file);
  t.is(saved.operations.length, finding.operations);
  // What is saved is the mutant's mistake, not ours.
  t.is(runProgram(saved.configuration, saved.operations).finding, undefined);
  t.deepEqual(readdirSync(cwd), ["findings"]);
});

test("without a mistake nothing is found; the same seed takes the same way, and keeps the same inputs", async (t) => {
  const request = ["--format", "riscv32", "--executions", "4", ...short];
  const [one, other] = [await run("one", ...request), await run("other", ...request)];
  t.is(one.exit, 0);
  const [first, second] = [one, other].map(({ stdout }) => JSON.parse(stdout));
  for (const key of ["executions", "operations", "branches", "states", "corpus"])
    t.is(first[key], second[key], key);
  const kept = (name: string) => join(temporary, name, "findings/coverage/riscv32");
  t.deepEqual(readdirSync(join(kept("one"), "corpus")), readdirSync(join(kept("other"), "corpus")));
  t.true(first.branches > 100 && first.states > 50 && first.corpus > 2);
  const curve = readFileSync(join(kept("one"), "coverage.jsonl"), "utf8")
    .trim()
    .split("\n");
  for (const line of curve) t.like(Object.keys(JSON.parse(line)), ["seconds", "branches", "states"]);
});

test("a machine is fuzzed like a format: its code is counted, its states are seen, its inputs are kept", async (t) => {
  const { exit, stdout, stderr } = await run("machine", "--system", "intel", "--executions", "4", ...short);
  t.is(exit, 0, stderr);
  const { system, executions, branches, states, operations } = JSON.parse(stdout);
  t.deepEqual([system, executions], ["intel", 4]);
  t.true(branches > 300 && states > 100 && operations > 50, stdout);
  const kept = join(temporary, "machine", "findings/coverage/system-intel/corpus");
  t.true(readdirSync(kept).length > 1);
});

test("what cannot be met is refused", async (t) => {
  t.is((await run("refused", "--format", "amdv9")).exit, 2);
  t.is((await run("refused", "--format", "mali", "--mutant", "M01")).exit, 2);
  t.is((await run("refused")).exit, 2);
  t.is((await run("refused", "--system", "amd", "--format", "mali")).exit, 2);
  t.deepEqual(readdirSync(join(temporary, "refused")), []);
});

test("a fuzzer that an input ended is started again, without the input", async (t) => {
  const folder = (name: string) => {
    const path = join(temporary, "restarts", name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const [work, corpus, crashes, found] = ["work", "corpus", "crashes", "found"].map(folder);
  // Like the fuzzer: it leaves the input and ends with 1, as long as the input is in the corpus; then it goes on.
  const fuzzer = join(work, "fuzzer.cjs");
  writeFileSync(join(work, "seed.js"), "");
  writeFileSync(
    fuzzer,
    `const fs = require("fs"), path = require("path");
    fs.appendFileSync("figures.jsonl", JSON.stringify({ executions: 5, operations: 50, branches: 3, states: 2 }) + "\\n");
    if (!fs.existsSync(path.join(process.argv[3], "abc"))) return;
    fs.writeFileSync("crash-abc", Buffer.from([0, 0, 1, 2, 3, 4]));
    process.exitCode = 1;`,
  );
  writeFileSync(join(corpus, "abc"), "");
  const plan = {
    fuzzer,
    work,
    corpus,
    crashes,
    found,
    seeds: folder("seeds"),
    curve: join(work, "curve.jsonl"),
    figures: join(work, "figures.jsonl"),
    seconds: 60,
    timeoutSeconds: 10,
    memoryMegabytes: 100,
  };
  const investigations = new Investigations({ configurations: ["riscv32/sv32"], out: work }, 60_000);
  const events = { progressed: () => {}, found: async () => t.fail("the input shows nothing by itself") };
  const totals = await new Supervisor(plan, investigations, events, new AbortController().signal).run();
  t.like(totals, { restarts: 1, executions: 10, operations: 100, branches: 3, states: 2, corpus: 0 });
  t.deepEqual(totals.crashes, [join(crashes, "abc")]);
  t.deepEqual(readdirSync(crashes), ["abc"]);
});

test("an input that never ends is a finding that ends with the operation that does not", async (t) => {
  const impl = new URL("../impl/", import.meta.url);
  const stamp = join(temporary, "endless.mjs");
  writeFileSync(
    stamp,
    `import { PageTable as Sound } from "${new URL("stamps/riscv32.observed.stamp.js", impl)}";
    export { TableMemory } from "${new URL("memory/table-memory.js", impl)}";
    export { formatEntry } from "${new URL("format-entry.js", impl)}";
    export const turns = { left: 0, over() {} };
    const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    export class PageTable extends Sound { unmap() { wait(); } tryUnmap() { wait(); } }`,
  );
  const mutant = { riscv32: pathToFileURL(stamp).href };
  const common = { configurations: ["riscv32/sv32"], out: "findings", mutant };
  const investigations = new Investigations(common, 6000);
  const map = { op: "map", iova: 0n, pa: 0n, length: 0x1000n, prot: 3 } as const;
  const unmap = { op: "unmap", iova: 0n, length: 0x1000n } as const;
  const input = encodeProgram(0, [map, unmap, { op: "sync" }]);
  t.true(await investigations.addInput(input, async () => {}));
  const [{ program, sentence, invariant }] = investigations.findings;
  t.is(invariant, "I17");
  t.is(sentence, "unmap did not end within 6 s");
  t.deepEqual(parseCorpusFile(program, "").operations, [map, unmap]);
});
