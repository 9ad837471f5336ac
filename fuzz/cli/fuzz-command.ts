/** `genpt fuzz`: a campaign, its progress, and what it found. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import { configurationName, type FormatName, operationToJson } from "../../models/index.js";
import type { CampaignFile, CampaignPlan, CanaryName, ShrunkFinding } from "../campaign/index.js";
import {
  canCreate,
  defaultUnitOperations,
  type OracleName,
  oracleNames,
  saveCorpusFile,
  tokenOf,
} from "../lockstep/index.js";
import { Campaign, type CampaignTotals } from "./campaign.js";
import { createCampaign, openCampaign, ownDirectory, reportFile } from "./campaign-directory.js";
import { stopOnInterrupt } from "./interrupts.js";
import { Progress } from "./progress.js";
import { type Replayed, replayKnown } from "./replay-known.js";
import { writeReport } from "./report-command.js";
import { commitHere, seedFrom } from "./seeds.js";
import { Sightings } from "./sightings.js";
import { Exit, selectConfigurations, UsageError } from "./usage.js";

export interface FuzzOptions {
  readonly format?: readonly FormatName[] | undefined;
  readonly config?: string | undefined;
  readonly seed?: string | undefined;
  readonly seconds?: number | undefined;
  readonly hours?: number | undefined;
  readonly ops?: number | undefined;
  readonly workers?: number | "all" | undefined;
  readonly oracles?: readonly OracleName[] | undefined;
  readonly campaign?: string | undefined;
  readonly resume?: string | undefined;
  readonly canary?: CanaryName | undefined;
  readonly patience?: number | undefined;
  readonly out: string;
  readonly json?: true | undefined;
}

const SECONDS = 60;
/** For one operation. */
const PATIENCE_SECONDS = 60;

export async function fuzzCommand(options: FuzzOptions): Promise<Exit> {
  const { directory, file, plan } = options.resume === undefined ? begun(options) : resumed(options);
  try {
    return await run(options, directory, file, plan);
  } finally {
    file.close();
  }
}

interface Begun {
  readonly directory: string;
  readonly file: CampaignFile;
  readonly plan: CampaignPlan;
}

function begun(options: FuzzOptions): Begun {
  const seed = seedFrom(options.seed);
  const configurations = selectConfigurations(options.format, options.config).filter(canCreate);
  if (configurations.length === 0) throw new UsageError("the implementation can be made with none of these");
  const plan: CampaignPlan = {
    seed,
    configurations: configurations.map(configurationName),
    operations: options.ops,
    milliseconds: millisecondsOf(options) ?? SECONDS * 1000,
    operationsPerUnit: defaultUnitOperations,
    oracles: options.oracles ?? oracleNames,
    canary: options.canary,
    commit: commitHere(),
  };
  const directory = options.campaign ?? ownDirectory(join(options.out, "campaigns"), seed);
  const file = createCampaign(directory);
  file.begin(plan);
  return { directory, file, plan };
}

/** The campaign goes on as it was planned; a time or a number of operations is how much more. */
function resumed(options: FuzzOptions): Begun {
  const { resume: directory = "" } = options;
  const file = openCampaign(directory);
  const { plan: old, milliseconds: elapsed, counts } = file;
  if (old === undefined) {
    file.close();
    throw new UsageError(`the campaign in ${directory} was never begun`);
  }
  const more = millisecondsOf(options);
  const plan: CampaignPlan = {
    ...old,
    milliseconds: more === undefined ? old.milliseconds : elapsed + more,
    operations: operationsOf(options, old, counts.units),
  };
  file.begin(plan);
  return { directory, file, plan };
}

/** So many more, where a number is given; as many as were planned, where no time is given either. */
function operationsOf(options: FuzzOptions, old: CampaignPlan, units: number): number | undefined {
  if (options.ops !== undefined) return units * old.operationsPerUnit + options.ops;
  return millisecondsOf(options) === undefined ? old.operations : undefined;
}

function millisecondsOf({ seconds, hours }: FuzzOptions): number | undefined {
  return hours === undefined ? seconds && seconds * 1000 : hours * 3_600_000;
}

async function run(
  options: FuzzOptions,
  directory: string,
  file: CampaignFile,
  plan: CampaignPlan,
): Promise<Exit> {
  const workers = typeof options.workers === "number" ? options.workers : availableParallelism();
  const show = options.json === true ? undefined : new Progress(file.milliseconds);
  show?.write(`seed ${plan.seed}, ${plan.configurations.length} configurations, ${workers} threads\n`);
  show?.write(`campaign ${directory}, its report ${reportFile(directory)}\n`);
  const abort = new AbortController();
  const stop = stopOnInterrupt(abort, (text) => show?.write(text));
  const sightings = new Sightings(options.out, plan);
  const patience = (options.patience ?? PATIENCE_SECONDS) * 1000;
  const replayed = await replayKnown(sightings, plan, patience);
  for (const line of linesOf(replayed)) show?.write(`${line}\n`);
  const found = async (shrunk: ShrunkFinding): Promise<void> => {
    await sightings.record(shrunk);
    const saved = await saveCorpusFile(options.out, shrunk.finding);
    show?.write(`\n${shrunk.report}  ${pc.dim("saved:")}   ${saved}\n\n`);
  };
  const events = { found, progressed: (totals: CampaignTotals) => show?.show(totals) };
  const totals = await new Campaign(file, plan, { workers, patience }, events, abort.signal).run();
  stop();
  writeReport(directory, file);
  show?.finish(totals);
  for (const token of totals.others) show?.write(`also failing:  npx genpt repro ${token}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(summary(plan.seed, totals), null, 2)}\n`);
  const isClean = replayed.failing.length === 0 && (await sightings.areKnown(totals));
  return isClean ? Exit.clean : Exit.finding;
}

function linesOf({ tried, failing, fixed }: Replayed): readonly string[] {
  if (tried === 0) return [];
  return [
    `replayed ${tried} findings: ${failing.length} fail, ${fixed.length} pass now`,
    ...failing.map((what) => `${pc.red("fails:")}  ${what}`),
    ...fixed.map((what) => `${pc.green("passes:")} ${what}`),
  ];
}

/** What a run found, without anything that depends on how fast it went. */
function summary(seed: string, totals: CampaignTotals): object {
  return {
    seed,
    ...totals,
    findings: totals.findings.map(({ finding, key }) => ({
      configuration: configurationName(finding.configuration),
      invariant: finding.invariant,
      key,
      sentence: finding.sentence,
      token: tokenOf(finding),
      shrunkFrom: finding.shrunkFrom,
      operations: finding.operations.map(operationToJson),
    })),
  };
}
