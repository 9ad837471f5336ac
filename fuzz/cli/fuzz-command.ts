/** `genpt fuzz`: a campaign, its progress, and what it found. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import pc from "picocolors";
import { configurationName, type FormatName, operationToJson } from "../../models/index.js";
import {
  canCreate,
  defaultUnitOperations,
  isSeed,
  type OracleName,
  oracleNames,
  saveCorpusFile,
  tokenOf,
} from "../lockstep/index.js";
import { Campaign, type CampaignTotals } from "./campaign.js";
import { Progress } from "./progress.js";
import { Exit, selectConfigurations, UsageError } from "./usage.js";
import type { ShrunkFinding } from "./worker.js";

export interface FuzzOptions {
  readonly format?: readonly FormatName[] | undefined;
  readonly config?: string | undefined;
  readonly seed?: string | undefined;
  readonly seconds?: number | undefined;
  readonly ops?: number | undefined;
  readonly workers?: number | undefined;
  readonly oracles?: readonly OracleName[] | undefined;
  readonly out: string;
  readonly json?: true | undefined;
}

const SECONDS = 60;

export async function fuzzCommand(options: FuzzOptions): Promise<Exit> {
  const seed = options.seed ?? randomBytes(4).toString("hex");
  if (!isSeed(seed)) throw new UsageError(`"${seed}" is no seed: up to 64 letters, digits, ".", "_" and "-"`);
  const configurations = selectConfigurations(options.format, options.config).filter(canCreate);
  if (configurations.length === 0) throw new UsageError("the implementation can be made with none of these");
  const workers = options.workers ?? availableParallelism();
  const show = options.json === true ? undefined : new Progress();
  show?.write(`seed ${seed}, ${configurations.length} configurations, ${workers} threads\n`);
  const abort = new AbortController();
  const stop = stopOnInterrupt(abort, show);
  const plan = {
    seed,
    configurations: configurations.map(configurationName),
    operations: options.ops,
    milliseconds: (options.seconds ?? SECONDS) * 1000,
    operationsPerUnit: defaultUnitOperations,
    workers,
    oracles: options.oracles ?? oracleNames,
  };
  const found = async ({ finding, report }: ShrunkFinding): Promise<void> => {
    const file = await saveCorpusFile(options.out, finding);
    show?.write(`\n${report}  ${pc.dim("saved:")}   ${file}\n\n`);
  };
  const events = { found, progressed: (totals: CampaignTotals) => show?.show(totals) };
  const totals = await new Campaign(plan, events, abort.signal).run();
  stop();
  show?.finish(totals);
  for (const token of totals.others) show?.write(`also failing:  npx genpt repro ${token}\n`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(summary(seed, totals), null, 2)}\n`);
  return totals.failures === 0 ? Exit.clean : Exit.finding;
}

/** The first interrupt ends the campaign in order, the second at once. */
function stopOnInterrupt(abort: AbortController, show: Progress | undefined): () => void {
  const interrupted = (): void => {
    if (abort.signal.aborted) process.exit(130);
    show?.write("ending; interrupt again to end at once\n");
    abort.abort();
  };
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  return () => {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
  };
}

/** What a run found, without anything that depends on how fast it went. */
function summary(seed: string, totals: CampaignTotals): object {
  return {
    seed,
    ...totals,
    findings: totals.findings.map(({ finding }) => ({
      configuration: configurationName(finding.configuration),
      invariant: finding.invariant,
      sentence: finding.sentence,
      token: tokenOf(finding),
      shrunkFrom: finding.shrunkFrom,
      operations: finding.operations.map(operationToJson),
    })),
  };
}
