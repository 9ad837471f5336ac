/** `npm run fuzz:coverage`: the fuzzer that is guided by coverage, under its supervisor (see docs/coverage.md). */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { LiveLine } from "../fuzz/cli/live-line.js";
import { runSession } from "../fuzz/coverage/session.js";
import type { CountedFinding, SupervisorTotals } from "../fuzz/coverage/supervisor.js";
import { configurationsOfTarget, namedConfigurations, targets } from "../fuzz/coverage/targets.js";
import { isSeed } from "../fuzz/lockstep/index.js";
import { type Mutant, mutants, stampOf } from "../fuzz/mutants/index.js";
import { type SystemName, systemNames } from "../fuzz/system/names.js";
import { writeTarget } from "./fuzz-bundle.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

/** As of `genpt`: nothing was found, something was, the request cannot be met. */
const Exit = { clean: 0, finding: 1, usage: 2 } as const;

interface Options {
  readonly format?: string | undefined;
  readonly system?: SystemName | undefined;
  readonly seconds: number;
  readonly seed?: string | undefined;
  readonly executions?: number | undefined;
  readonly out: string;
  readonly timeout: number;
  readonly memory: number;
  readonly mutant?: Mutant | undefined;
  readonly json?: true | undefined;
}

function above0(text: string): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError("A number above 0 is needed.");
}

function mutantNamed(id: string): Mutant {
  const mutant = mutants.find((one) => one.id === id);
  if (mutant !== undefined) return mutant;
  throw new InvalidArgumentError(`There are ${mutants.map((one) => one.id).join(", ")}.`);
}

const program = new Command("npm run fuzz:coverage --")
  .description(
    "Fuzz one format, or one machine with IOMMUs, with inputs that are kept and mutated when they take a new branch or see a new state. What it " +
      "finds is shrunk, printed with the command that replays it, and saved. Inputs are kept between runs.",
  )
  .addOption(
    new Option("--format <name>", "which format")
      .choices(targets.map(({ name }) => name))
      .conflicts("system"),
  )
  .addOption(
    new Option("--system <name>", "which machine, in place of a format")
      .choices(systemNames)
      .conflicts("mutant"),
  )
  .option("--seconds <seconds>", "how long, about", above0, 60)
  .option("--seed <seed>", "default: drawn, and printed")
  .option(
    "--executions <inputs>",
    "end after so many inputs: from an empty corpus the same seed gives the same run",
    above0,
  )
  .option("--out <directory>", "where findings and inputs are kept", "findings")
  .option("--timeout <seconds>", "how long one input may take", above0, 20)
  .option("--memory <megabytes>", "how much memory the fuzzer may use", above0, 1024)
  .option("--mutant <id>", "judge this mutant instead of the code as it is", mutantNamed)
  .option("--json", "print one JSON document")
  .addHelpText(
    "after",
    "\nExit status: 0 when nothing was found, 1 when something was, 2 when the request cannot be met.",
  )
  .configureHelp({ helpWidth: 100 })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? Exit.clean : Exit.usage));

const options: Options = program.parse().opts();
process.exitCode = await main();

async function main(): Promise<number> {
  const { mutant, format, system } = options;
  const name = format ?? system;
  if (name === undefined) return refuse("--format or --system is needed");
  const seed = options.seed ?? randomBytes(4).toString("hex");
  if (!isSeed(seed)) return refuse(`"${seed}" is no seed: up to 64 letters, digits, ".", "_" and "-"`);
  const configurations = (format === undefined ? [] : configurationsOfTarget(format)).filter(
    (one) => mutant?.configurations.includes(one) ?? true,
  );
  if (system === undefined && configurations.length === 0)
    return refuse(`no configuration of ${name} is ${mutant?.id}'s`);
  const line = options.json ? undefined : new LiveLine(process.stderr);
  const what = system === undefined ? `${configurations.length} configurations` : "a machine with IOMMUs";
  line?.write(`seed ${seed}, ${name}, ${what}\n`);
  const abort = new AbortController();
  const interrupted = () => (abort.signal.aborted ? process.exit(130) : abort.abort());
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  const events = {
    progressed: (totals: SupervisorTotals) => line?.show(textOf(totals)),
    found: async (finding: CountedFinding) => {
      await mkdir(options.out, { recursive: true });
      await writeFile(finding.file, finding.program);
      line?.write(`\n${finding.report}  saved:   ${finding.file}\n\n`);
    },
  };
  const programs = system === undefined ? "regressions" : "systems";
  const request = {
    target: targetName(name, options),
    configurations,
    system,
    seed,
    seconds: options.seconds,
    executions: options.executions,
    out: options.out,
    programs: mutant === undefined ? join(dirname(dist), "corpus", programs) : undefined,
    timeoutSeconds: options.timeout,
    memoryMegabytes: options.memory,
    mutant: mutant && stampFiles(mutant, configurations),
    writeTarget: (folder: string, settings: Parameters<typeof writeTarget>[1]) =>
      writeTarget(folder, settings, seed, mutant),
  };
  const totals = await runSession(request, events, abort.signal);
  line?.write(`${textOf(totals)}\n`);
  for (const file of totals.crashes)
    line?.write(`the fuzzer ended on ${file}, which shows nothing by itself\n`);
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ seed, [system === undefined ? "format" : "system"]: name, ...withoutReports(totals) }, null, 2)}\n`,
    );
  return totals.findings.length === 0 && totals.crashes.length === 0 ? Exit.clean : Exit.finding;
}

/** What is kept between runs stands in a folder of this name. */
function targetName(name: string, { system, mutant }: Options): string {
  if (system !== undefined) return `system-${name}`;
  return mutant === undefined ? name : `${name}-${mutant.id}`;
}

function refuse(sentence: string): number {
  process.stderr.write(`fuzz:coverage: ${sentence}\n`);
  return Exit.usage;
}

/** Where the target's mutant is stamped, for whoever makes its findings small. */
function stampFiles({ id }: Mutant, names: readonly string[]): Readonly<Record<string, string>> {
  const stamps = [...new Set(namedConfigurations(names).map(stampOf))];
  const fileOf = (stamp: string) =>
    pathToFileURL(join(dist, "mutants", `fuzz-${id}`, `${stamp}.stamp.js`)).href;
  return Object.fromEntries(stamps.map((stamp) => [stamp, fileOf(stamp)]));
}

function textOf(totals: SupervisorTotals): string {
  const { seconds, executions, operations, branches, states, corpus, findings, restarts } = totals;
  const perSecond = (count: number) => Math.round(count / Math.max(seconds, 0.001));
  return [
    `${seconds.toFixed(1)} s`,
    `${executions} inputs (${perSecond(executions)}/s)`,
    `${operations} operations (${perSecond(operations)}/s)`,
    `${branches} branches`,
    `${states} states`,
    `${corpus} kept`,
    ...(restarts === 0 ? [] : [`${restarts} restarts`]),
    `${findings.length} findings`,
  ].join("  ");
}

function withoutReports(totals: SupervisorTotals): object {
  const findings = totals.findings.map(({ report: _, program, ...finding }) => ({
    ...finding,
    program: JSON.parse(program),
  }));
  return { ...totals, findings };
}
