/** `npm run nightly`: everything that a night is for (see docs/nightly.md). */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { isCampaign, pruneCampaigns, reportFile } from "../fuzz/cli/campaign-directory.js";
import { seedFrom } from "../fuzz/cli/seeds.js";
import { hours, seconds, workers } from "../fuzz/cli/usage.js";
import { targets } from "../fuzz/coverage/targets.js";
import { systemNames } from "../fuzz/system/names.js";
import { type Night, runNight, type Stage } from "./night.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dist);
const genpt = join(dist, "esm", "fuzz", "cli", "genpt.js");
const HOURS = 8;
/** Of the nights the newest are kept. */
const NIGHTS = 30;
/** What an operator mutant takes of a core, most of them less and survivors, which come before tests, more. */
const SECONDS_OF_A_MUTANT = 7;
/** There are some thousands; a sample says enough. */
const MUTANTS_AT_MOST = 600;

/**
 * What a night does, in order. Another stage is another element: a name, its share of the time, and the command. What
 * it leaves in the night's directory is there for the report, which is the last.
 */
const STAGES: readonly Stage[] = [
  // It replays what is known before anything else.
  { name: "campaign", share: 3, command: campaign },
  { name: "systems", share: 2, command: systems },
  { name: "coverage", share: 1, command: coverage },
  { name: "coverage-systems", share: 1, command: coverageOfSystem },
  { name: "mutants", share: 1, command: mutants },
  { name: "long-tests", share: 0, command: longTests },
  { name: "report", share: 0, command: report },
];

/** A night that was interrupted goes on. */
function campaign({ seed, directory, findings, workers }: Night, share: number): readonly string[] {
  const place = isCampaign(directory) ? ["--resume", directory] : ["--seed", seed, "--campaign", directory];
  return [genpt, "fuzz", ...place, "--seconds", share.toFixed(3), "--workers", workers, "--out", findings];
}

/** Whole machines of both vendors, in turn. */
function systems({ seed, findings, workers }: Night, share: number): readonly string[] {
  const request = ["--seconds", share.toFixed(3), "--seed", seed, "--workers", workers, "--out", findings];
  return [genpt, "fuzz", "--system", ...systemNames, ...request];
}

/** A sample of small changes to the source, other ones every night, as many as the share has time for. */
function mutants({ seed, workers }: Night, share: number): readonly string[] {
  const threads = workers === "all" ? availableParallelism() : Number(workers);
  const fitting = Math.floor((share * threads) / SECONDS_OF_A_MUTANT);
  const count = Math.min(Math.max(fitting, 1), MUTANTS_AT_MOST);
  const request = ["--operators", String(count), "--seed", seed, "--workers", String(threads)];
  return [join(dist, "build", "mutants.js"), ...request];
}

/** Tests that take too long for every change. */
function longTests(): readonly string[] {
  return [join(root, "node_modules/ava/entrypoints/cli.mjs"), "--config", join(root, "ava.long.config.mjs")];
}

/** One format a night, as the seed has it. */
function targetOf({ seed }: Night): string {
  return targets[byteOf(seed) % targets.length].name;
}

function byteOf(seed: string): number {
  return createHash("sha256").update(seed).digest()[0];
}

function coverage(night: Night, share: number): readonly string[] {
  return guided(night, share, "--format", targetOf(night));
}

/** One machine a night. */
function coverageOfSystem(night: Night, share: number): readonly string[] {
  return guided(night, share, "--system", systemNames[byteOf(night.seed) % systemNames.length]);
}

function guided({ seed, findings }: Night, share: number, ...what: readonly string[]): readonly string[] {
  const request = [...what, "--seconds", share.toFixed(3), "--seed", seed, "--out", findings];
  return [join(dist, "build", "fuzz-coverage.js"), ...request];
}

function report(night: Night): readonly string[] {
  const curve = join(night.findings, "coverage", targetOf(night), "coverage.jsonl");
  return [genpt, "report", night.directory, "--coverage", curve];
}

interface Options {
  readonly hours?: number | undefined;
  readonly seconds?: number | undefined;
  readonly seed: string;
  readonly workers: number | "all";
  readonly out: string;
  readonly stages: readonly string[];
}

function stageNamed(text: string, others: readonly string[] = []): readonly string[] {
  const names = STAGES.map(({ name }) => name);
  if (names.includes(text)) return [...(others.length === names.length ? [] : others), text];
  throw new InvalidArgumentError(`There are ${names.join(", ")}.`);
}

const program = new Command("npm run nightly --")
  .description(
    "Replay what is known, run a campaign, run whole machines with IOMMUs, fuzz one format and one machine guided by " +
      "coverage, judge the judges by mistakes put in on purpose, and write the report.",
  )
  .addOption(
    new Option("--hours <hours>", `how long; default: ${HOURS}`).argParser(hours).conflicts("seconds"),
  )
  .addOption(new Option("--seconds <seconds>", "the same in seconds").argParser(seconds))
  .option("--seed <seed>", "as of genpt fuzz", "date")
  .addOption(new Option("--workers <threads>", "as of genpt fuzz").argParser(workers).default("all"))
  .option("--out <directory>", "where findings and nights are kept", "findings")
  .addOption(
    new Option("--stages <names...>", "only these").argParser(stageNamed).default(
      STAGES.map(({ name }) => name),
      "all",
    ),
  )
  .addHelpText(
    "after",
    "\nExit status: 0 when nothing was found, 1 when something was, 2 when the request cannot be met, 3 when a stage failed.",
  )
  .configureHelp({ helpWidth: 100 })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

process.exitCode = await main(program.parse().opts());

async function main(options: Options): Promise<number> {
  const seed = seedFrom(options.seed);
  const nights = join(options.out, "nights");
  if (existsSync(nights)) pruneCampaigns(nights, NIGHTS);
  const directory = join(nights, seed);
  const night: Night = {
    ...{ seed, directory, findings: options.out, workers: String(options.workers) },
    seconds: options.seconds ?? (options.hours ?? HOURS) * 3600,
  };
  const stages = STAGES.filter(({ name }) => options.stages.includes(name));
  process.stdout.write(`night ${seed}: ${stages.map(({ name }) => name).join(", ")}\n`);
  const exit = await runNight(night, stages, (end) => {
    process.stdout.write(`stage ${end.stage}: exit ${end.exit} after ${end.seconds.toFixed(1)} s\n`);
  });
  process.stdout.write(`night ${seed}: exit ${exit}, report ${reportFile(directory)}\n`);
  return exit;
}
