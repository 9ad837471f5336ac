/**
 * `npm run coverage`: which branches of `impl` the properties and the lockstep take, as the union over all stamps
 * (see docs/coverage.md). Runs AVA's files in batches under V8's own coverage, folds what each batch leaves into a few
 * letters that are kept, and deletes it: the raw counts of all processes would be gigabytes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { exceptions } from "../fuzz/coverage/exceptions.js";
import { Counts } from "./branch-coverage/counts.js";
import {
  hasRun,
  marksOf,
  type SavedRun,
  type Source,
  savedRuns,
  saveRun,
  sourcesOf,
} from "./branch-coverage/marks.js";
import { coverageOf, isComplete, summaryOf, textOf } from "./branch-coverage/report.js";
import { writeStamp } from "./stamp.js";
import { STAMPS } from "./stamps.js";

const built = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(built);
/** A build of its own, whose stamps keep the source's statements: shortened ones would hide some branches. */
const dist = join(root, ".out-coverage");
const FOLDERS = ["impl", "reference", "models", "properties", "fuzz", "bench", "build", "vendor"];
const FILES_PER_BATCH = 8;
/** One process: with many more, what V8 counts beside every closure fills its heap. */
const OPERATIONS_PER_RUN = 50_000;

/** Tests of the documents, the package, the commands and of stamps with mistakes: what they run of `impl` they do not judge. */
const NOT_PROPERTIES =
  /^(against|cli|docs|examples|images|house-rules|packaging|mutants|branch-coverage|fuzz-coverage|findings|campaign|nightly|report|lockstep-sees-broken-formats)\b/;

interface Options {
  readonly only?: readonly string[] | undefined;
  readonly ops: number;
  readonly saved: string;
  readonly resume?: true | undefined;
  readonly json?: true | undefined;
}

function wholeNumber(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A whole number is needed.");
}

const options: Options = new Command("npm run coverage --")
  .description(
    "Which branches of impl the properties take. Exit status: 0 all, 1 some are missed, 2 a test failed.",
  )
  .option("--only <texts...>", "only test files whose names contain one of these")
  .option("--ops <operations>", "operations of the lockstep over all configurations", wholeNumber, 400_000)
  .option("--saved <directory>", "where what each batch took is kept", "findings/branches")
  .option("--resume", "join what is kept of sources that are still the same, and leave out tests that are")
  .option("--json", "print the figures as JSON")
  .configureHelp({ helpWidth: 100 })
  .parse()
  .opts();

/** What runs at the moment; an interrupt ends it, and everything. */
let running: ChildProcess | undefined;
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    isInterrupted = true;
    running?.kill();
  });
}

const work = await mkdtemp(join(tmpdir(), "genpt-coverage-"));
try {
  await writeBuild();
  process.exitCode = await measure();
} finally {
  await rm(work, { recursive: true, force: true });
  await rm(dist, { recursive: true, force: true });
}

async function writeBuild(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  for (const folder of FOLDERS) await cp(join(built, folder), join(dist, folder), { recursive: true });
  for (const stamp of STAMPS) await writeStamp(dist, stamp, true);
}

async function measure(): Promise<number> {
  const sources = await sourcesOf(dist);
  if (options.resume === undefined) await rm(options.saved, { recursive: true, force: true });
  const before = await savedRuns(options.saved);
  let failed = 0;
  for (const { name, ran, script, args } of await batches(before, sources)) {
    if (isInterrupted) return 130;
    say(name);
    const counts = new Counts(dist);
    const status = await run(counts, script, args);
    // What failed took some branches, and is to be run again.
    if (status === 0 && !isInterrupted)
      await saveRun(options.saved, { ran, marks: marksOf(sources, counts) });
    failed += status;
  }
  if (isInterrupted) return 130;
  const runs = await savedRuns(options.saved);
  const coverage = coverageOf(
    sources,
    runs.map(({ marks }) => marks),
    exceptions,
  );
  if (options.json) process.stdout.write(`${JSON.stringify(coverage, null, 2)}\n`);
  else process.stdout.write(textOf(coverage));
  if (options.json) say(summaryOf(coverage));
  if (failed > 0) return 2;
  return isComplete(coverage) ? 0 : 1;
}

interface Batch {
  readonly name: string;
  /** As it is kept. */
  readonly ran: SavedRun["ran"];
  readonly script: string;
  readonly args: readonly string[];
}

/** What is left to run: test files, some at a time, then the lockstep in parts. */
async function batches(before: readonly SavedRun[], sources: readonly Source[]): Promise<readonly Batch[]> {
  const config = join(dist, "ava.coverage.config.mjs");
  await writeFile(
    config,
    `export default { files: ["${relative(root, dist)}/properties/*.test.js"], workerThreads: false, concurrency: 2, timeout: "10m" };\n`,
  );
  const hashes = new Map<string, string>();
  for (const name of await readdir(join(dist, "properties"))) {
    const isChosen = options.only?.some((text) => name.includes(text)) ?? true;
    if (!name.endsWith(".test.js") || NOT_PROPERTIES.test(name) || !isChosen) continue;
    const hash = hashOf(await readFile(join(dist, "properties", name)));
    if (!hasRun(before, sources, name, hash)) hashes.set(name, hash);
  }
  const names = [...hashes.keys()];
  const found: Batch[] = [];
  for (let at = 0; at < names.length; at += FILES_PER_BATCH) {
    const batch = names.slice(at, at + FILES_PER_BATCH);
    const files = batch.map((name) => `${relative(root, dist)}/properties/${name}`);
    found.push({
      name: `${at + batch.length}/${names.length} files: ${batch.map((name) => name.replace(".test.js", "")).join(" ")}`,
      ran: Object.fromEntries(batch.map((name) => [name, hashes.get(name) ?? ""])),
      script: "node_modules/ava/entrypoints/cli.mjs",
      args: ["--config", relative(root, config), ...files],
    });
  }
  const genpt = relative(root, join(dist, "fuzz/cli/genpt.js"));
  for (let done = 0; done < options.ops; done += OPERATIONS_PER_RUN) {
    const operations = Math.min(OPERATIONS_PER_RUN, options.ops - done);
    const name = `lockstep: ${done + operations}/${options.ops} operations`;
    if (hasRun(before, sources, name, "")) continue;
    const args = ["fuzz", "--seed", `coverage-${done}`, "--ops", String(operations), "--json"];
    found.push({
      name,
      ran: { [name]: "" },
      script: genpt,
      args: [...args, "--out", join(work, "findings")],
    });
  }
  return found;
}

function hashOf(text: Buffer): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Runs a script of Node under coverage and folds what it and its children leave; 1 when it fails. */
async function run(counts: Counts, script: string, args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(work, "v8-"));
  const log: Buffer[] = [];
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { ...process.env, NODE_V8_COVERAGE: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  child.stdout.on("data", (data: Buffer) => log.push(data));
  child.stderr.on("data", (data: Buffer) => log.push(data));
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (!isInterrupted) await counts.addFolder(folder);
  await rm(folder, { recursive: true });
  if (status === 0) return 0;
  say(Buffer.concat(log).toString());
  return 1;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
