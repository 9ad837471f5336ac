/** `genpt fuzz --against`: a campaign against an implementation in a process of its own. */
import pc from "picocolors";
import { configurationName, type FormatName, operationToJson } from "../../models/index.js";
import {
  AgainstError,
  type AgainstOptions,
  type AgainstTotals,
  replayCommand,
  runAgainst,
  type ShrunkFinding,
} from "../against/index.js";
import { defaultUnitOperations, saveCorpusFile, tokenOf } from "../lockstep/index.js";
import { stopOnInterrupt } from "./interrupts.js";
import { LiveLine } from "./live-line.js";
import { seedFrom } from "./seeds.js";
import { Exit, selectConfigurations, UsageError } from "./usage.js";

/** What `--against` adds to the options of a command. */
export interface AgainstArguments {
  readonly against?: string | undefined;
  /** Seconds that an answer may take. */
  readonly limit?: number | undefined;
  readonly lines?: true | undefined;
}

export interface AgainstFuzzOptions extends AgainstArguments {
  readonly format?: readonly FormatName[] | undefined;
  readonly config?: string | undefined;
  readonly seed?: string | undefined;
  readonly seconds?: number | undefined;
  readonly hours?: number | undefined;
  readonly ops?: number | undefined;
  readonly out: string;
  readonly json?: true | undefined;
}

const SECONDS = 60;

export function againstOptions(command: string, { limit, lines }: AgainstArguments): AgainstOptions {
  return { command, limit: limit === undefined ? undefined : limit * 1000, linesOnly: lines };
}

export async function againstCommand(command: string, options: AgainstFuzzOptions): Promise<Exit> {
  const seed = seedFrom(options.seed);
  const selected = selectConfigurations(options.format, options.config);
  // A geometry that no hardware has is run where it is asked for by name.
  const configurations = selected.filter(({ tiny }) => tiny === undefined || options.config !== undefined);
  const against = againstOptions(command, options);
  const line = new LiveLine(process.stderr);
  const isQuiet = options.json === true;
  const write = (text: string): void => {
    if (!isQuiet) line.write(text);
  };
  write(`seed ${seed}, against ${command}\n`);
  const abort = new AbortController();
  const uninstall = stopOnInterrupt(abort, write);
  const begin = Date.now();
  const told = (totals: AgainstTotals): string => progressLine(totals, Date.now() - begin);
  const seconds = options.seconds ?? (options.hours ?? 0) * 3600;
  const plan = {
    ...against,
    configurations,
    seed,
    operations: options.ops,
    milliseconds: (seconds === 0 ? SECONDS : seconds) * 1000,
    operationsPerUnit: defaultUnitOperations,
  };
  const found = async ({ finding, report }: ShrunkFinding): Promise<void> => {
    const file = await saveCorpusFile(options.out, finding);
    const again = replayCommand(against, file);
    write(`\n${report}  ${pc.dim("saved:")}   ${file}\n  ${pc.dim("or:")}      ${again}\n\n`);
  };
  const progressed = (totals: AgainstTotals): void => {
    if (!isQuiet) line.show(told(totals));
  };
  try {
    const totals = await runAgainst(plan, { said: write, found, progressed }, abort.signal);
    write(`${told(totals)}\n`);
    if (isQuiet) process.stdout.write(`${JSON.stringify(summary(seed, command, totals), null, 2)}\n`);
    return totals.failures === 0 ? Exit.clean : Exit.finding;
  } catch (error) {
    if (error instanceof AgainstError) throw new UsageError(`${command}: ${error.message}`);
    throw error;
  } finally {
    uninstall();
  }
}

function progressLine(totals: AgainstTotals, milliseconds: number): string {
  const { operations, units, states, failures, findings, inconclusive, starts } = totals;
  const perSecond = Math.round((operations * 1000) / Math.max(milliseconds, 1));
  const parts = [
    `${(milliseconds / 1000).toFixed(1)} s`,
    `${operations} operations`,
    `${perSecond}/s`,
    `${units} units`,
    `${states} states`,
    `process begun ${starts} time${starts === 1 ? "" : "s"}`,
    `${findings.length} finding${findings.length === 1 ? "" : "s"}`,
  ];
  if (failures > 0) parts.push(`in ${failures} failing units`);
  if (inconclusive > 0) parts.push(`${inconclusive} units without room`);
  return parts.join("  ");
}

/** What a run found, without anything that depends on how fast it went. */
function summary(seed: string, command: string, totals: AgainstTotals): object {
  const { starts: _starts, ...counts } = totals;
  return {
    seed,
    against: command,
    ...counts,
    findings: totals.findings.map(({ finding }) => ({
      configuration: configurationName(finding.configuration),
      invariant: finding.invariant,
      also: finding.also,
      sentence: finding.sentence,
      token: tokenOf(finding),
      shrunkFrom: finding.shrunkFrom,
      operations: finding.operations.map(operationToJson),
    })),
  };
}
