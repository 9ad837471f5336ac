/**
 * `npm run mutants`: the suite against bugs that were put in on purpose. Every mutant is stamped, run on units of
 * several seeds until something is found, and the first finding is made small.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { Tinypool } from "tinypool";
import {
  type Control,
  controls,
  equivalenceOf,
  isCaught,
  type MatrixRow,
  type Mutant,
  markdownMatrix,
  markdownRow,
  matrixRow,
  mutants,
  type OperatorMutant,
  operationsAtMost,
  operatorConfigurations,
  operatorMutants,
  operatorTests,
  pending,
  quick,
  sampled,
  textMatrix,
} from "../fuzz/mutants/index.js";
import { applyPatches, PatchError } from "./mutant-stamp.js";
import { failureIn } from "./mutant-tests.js";
import type { MutantJob, MutantLife } from "./mutant-worker.js";
import { STAMPS } from "./stamps.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCUMENT = "docs/mutants.md";
const SEEDS = 20;
const OPERATOR_OPERATIONS = 40_000;
const OPERATOR_OPERATIONS_PER_UNIT = 250;

interface Options {
  readonly only?: readonly string[];
  readonly quick?: true;
  readonly seeds: number;
  readonly operators?: number;
  readonly seed: string;
  readonly workers: number;
  readonly json?: true;
  readonly write?: true;
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A whole number of at least 1 is needed.");
}

const program = new Command("mutants")
  .description("Put known bugs into the source, one at a time, and see the suite find them.")
  .option("--only <ids...>", "these mutants and controls alone")
  .option("--quick", "the cheapest of each kind, one seed each")
  .option("--seeds <number>", "how many seeds for each mutant", wholeNumber, SEEDS)
  .option("--operators <number>", "operator mutants instead: so many, drawn by --seed", wholeNumber)
  .option("--seed <seed>", "what seeds are named after", "mutants")
  .option("--workers <threads>", "threads", wholeNumber, availableParallelism())
  .option("--json", "one JSON object on stdout, and no lines")
  .option("--write", `write the matrix into ${DOCUMENT}`);

const options: Options = program.parse().opts();
const pool = new Tinypool({
  filename: new URL("./mutant-worker.js", import.meta.url).href,
  minThreads: options.workers,
  maxThreads: options.workers,
});
try {
  const passed = options.operators === undefined ? await runMatrix() : await runOperators(options.operators);
  process.exitCode = passed ? 0 : 1;
} finally {
  await pool.destroy();
}

function live(job: MutantJob): Promise<MutantLife> {
  return pool.run(job, { name: "liveOut" });
}

async function runMatrix(): Promise<boolean> {
  const chosen = [...mutants, ...controls].filter(isChosen);
  const unfit = await Promise.all(chosen.map(misfitOf));
  const rows = await Promise.all(chosen.filter((_, index) => unfit[index] === undefined).map(rowOf));
  const misfits = unfit.filter((misfit) => misfit !== undefined);
  for (const misfit of misfits) say(misfit);
  if (options.json) process.stdout.write(`${JSON.stringify({ rows, pending }, null, 2)}\n`);
  if (options.write) await writeDocument(rows);
  const wrong = rows.filter((row) => !isCaught(row));
  say(`${rows.length - wrong.length} of ${chosen.length} as they should be, ${pending.length} pending`);
  return wrong.length === 0 && misfits.length === 0;
}

/** Why a mutant cannot be made of the present source; undefined: it can. */
async function misfitOf({ id, patches }: Mutant | Control): Promise<string | undefined> {
  for (const patch of patches) {
    try {
      applyPatches(await readFile(join(dist, "impl", `${patch.file}.js`), "utf8"), [patch]);
    } catch (error) {
      if (error instanceof PatchError) return `${id} ✗  its patch no longer fits: ${error.message}`;
      throw error;
    }
  }
  return undefined;
}

function isChosen({ id }: Mutant | Control): boolean {
  if (options.only !== undefined) return options.only.includes(id);
  return options.quick === undefined || quick.includes(id);
}

async function rowOf(mutant: Mutant | Control): Promise<MatrixRow> {
  const { id, patches, configurations } = mutant;
  const count = options.quick ? 1 : options.seeds;
  const seeds = Array.from({ length: count }, (_, index) => `${options.seed}-${index}`);
  const isControl = !("invariants" in mutant);
  const life = await live({
    name: id,
    patches,
    configurations,
    // What must survive is run as long as what must die may live, once; more seeds only begin.
    seeds: isControl ? seeds.slice(0, 2) : seeds,
    operationsAtMost: isControl && options.quick ? OPERATOR_OPERATIONS : operationsAtMost,
    shrinks: options.quick === undefined,
  });
  const row = matrixRow(mutant, life);
  say(textMatrix(row));
  if (!isCaught(row)) say(`        ${life.sentence ?? whyNothingIsSaid(life)}`);
  return row;
}

/** A mutant that no table can be made of dies of itself, and judges nobody. */
function whyNothingIsSaid({ operations }: MutantLife): string {
  return operations.includes(undefined) ? "nothing was found" : "no table can be made of it";
}

async function runOperators(count: number): Promise<boolean> {
  const all = (await Promise.all((await operatorFiles()).map(operatorsOf))).flat();
  const chosen = sampled(all, count, options.seed);
  const lives = await Promise.all(chosen.map(operatorLife));
  const left = chosen.filter((_, index) => lives[index].operations[0] === undefined);
  const aside = left.filter((mutant) => equivalenceOf(mutant) !== undefined);
  const judged = left.filter((mutant) => equivalenceOf(mutant) === undefined);
  const survivors = await survivorsOfTests(judged);
  for (const mutant of aside) say(`set aside ${mutant.key}\n          ${equivalenceOf(mutant)?.why}`);
  for (const { key } of survivors) say(`survived  ${key}`);
  const inPrograms = chosen.length - left.length;
  const inTests = judged.length - survivors.length;
  // What nothing can show is no mutant.
  const real = chosen.length - aside.length;
  const rate = (100 * (inPrograms + inTests)) / real;
  if (options.json) {
    const report = { of: all.length, sampled: chosen.length, inPrograms, inTests, aside, survivors };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  }
  say(
    `${inPrograms + inTests} of ${real} died (${rate.toFixed(1)} %), ${inPrograms} in programs and ${inTests} in tests; ` +
      `${aside.length} more are equivalent; ${survivors.length} survivors are not explained; there are ${all.length} in all`,
  );
  return rate >= 95 && survivors.length === 0;
}

/** Which of those that no program found the tests do not find either. One after the other: each is a copy of all. */
async function survivorsOfTests(mutants: readonly OperatorMutant[]): Promise<readonly OperatorMutant[]> {
  if (mutants.length === 0) return [];
  const copy = `before-tests-${process.pid}`;
  const tests = [...new Set(mutants.flatMap(({ file }) => operatorTests(file)))];
  const failure = await failureIn(copy, [], tests);
  if (failure !== undefined) throw new Error(`without any mutant a test fails: ${failure}`);
  const survivors: OperatorMutant[] = [];
  for (const mutant of mutants) {
    const killer = await failureIn(copy, [mutant.patch], operatorTests(mutant.file));
    if (killer === undefined) survivors.push(mutant);
    else say(`in tests  ${mutant.key}\n          ${killer}`);
  }
  return survivors;
}

async function operatorFiles(): Promise<readonly string[]> {
  const folders = ["engine", "formats"];
  const names = await Promise.all(folders.map((folder) => readdir(join(dist, "impl", folder))));
  return folders.flatMap((folder, index) =>
    names[index]
      .filter((name) => name.endsWith(".js") && name !== "index.js" && name !== "format.js")
      .sort()
      .map((name) => `${folder}/${name.slice(0, -3)}`),
  );
}

async function operatorsOf(file: string): Promise<readonly OperatorMutant[]> {
  return operatorMutants(file, await readFile(join(dist, "impl", `${file}.js`), "utf8"));
}

function stampsOf(file: string): readonly string[] {
  return STAMPS.filter(({ format, policy }) => policy === "refusing" && file === `formats/${format}`).map(
    ({ name }) => name,
  );
}

async function operatorLife({ key, file, patch }: OperatorMutant): Promise<MutantLife> {
  const place = `${file.replace("/", "-")}-${patch.at}-${patch.find.trim()}-${patch.replace.trim()}`;
  const life = await live({
    name: Buffer.from(place).toString("hex").slice(-48),
    patches: [patch],
    configurations: operatorConfigurations(file, stampsOf(file)),
    seeds: [options.seed],
    operationsAtMost: OPERATOR_OPERATIONS,
    operationsPerUnit: OPERATOR_OPERATIONS_PER_UNIT,
    shrinks: false,
  });
  const [operations] = life.operations;
  say(
    `${operations === undefined ? "–".padStart(7) : String(operations).padStart(7)}  ${life.invariants[0].join(" ").padEnd(20)} ${key}`,
  );
  return life;
}

async function writeDocument(rows: readonly MatrixRow[]): Promise<void> {
  const file = join(dirname(dist), DOCUMENT);
  const text = await readFile(file, "utf8");
  await writeFile(file, options.only === undefined ? withMatrix(text, rows) : withRows(text, rows));
}

function withMatrix(text: string, rows: readonly MatrixRow[]): string {
  return text.replace(
    /(<!-- npm run mutants -- --write -->\n)[\s\S]*?(<!-- end -->)/,
    (_, begin: string, end: string) => `${begin}\n${markdownMatrix({ rows, pending })}\n${end}`,
  );
}

/** Replaces the rows of some mutants and leaves those of the others. */
function withRows(text: string, rows: readonly MatrixRow[]): string {
  return rows.reduce(
    (written, row) => written.replace(new RegExp(`^\\| ${row.id}( ✗)? \\|.*$`, "m"), () => markdownRow(row)),
    text,
  );
}

function say(line: string): void {
  (options.json ? process.stderr : process.stdout).write(`${line}\n`);
}
