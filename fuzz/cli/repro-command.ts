/** `genpt repro`: a failure once more, from its token or from a program's file. */
import { existsSync, readFileSync } from "node:fs";
import pc from "picocolors";
import {
  type Configuration,
  describeOperation,
  findConfiguration,
  type Operation,
  ProgramError,
  parseProgram,
} from "../../models/index.js";
import {
  describeConfiguration,
  describeOutcome,
  type Finding,
  Lockstep,
  parseCorpusFile,
  replay,
  report,
  runProgram,
  TokenError,
} from "../lockstep/index.js";
import { Exit, UsageError } from "./usage.js";

export interface ReproOptions {
  readonly trace?: true | undefined;
}

interface Program {
  readonly configuration: Configuration;
  readonly operations: readonly Operation[];
}

export function reproCommand(what: string, options: ReproOptions): Exit {
  try {
    return existsSync(what) ? replayFile(what, options) : replayToken(what, options);
  } catch (error) {
    if (error instanceof ProgramError) throw new UsageError(error.message);
    if (error instanceof TokenError) throw new UsageError(`no such file; ${error.message}`);
    throw error;
  }
}

function replayFile(file: string, { trace }: ReproOptions): Exit {
  const program = readProgram(file);
  if (trace) printTrace(program);
  const { finding } = runProgram(program.configuration, program.operations);
  return verdict(finding, `npx genpt repro ${file}`, program.operations.length);
}

function replayToken(token: string, { trace }: ReproOptions): Exit {
  const { finding, operations, warnings } = replay(token);
  for (const warning of warnings) process.stderr.write(`${pc.yellow("note:")} ${warning}\n`);
  if (trace && finding !== undefined) printTrace(finding);
  return verdict(finding, `npx genpt repro ${token}`, operations);
}

function verdict(finding: Finding | undefined, replayed: string, operations: number): Exit {
  if (finding === undefined) {
    process.stdout.write(
      `${pc.green("passes")}: everyone agrees over ${operations} operation${operations === 1 ? "" : "s"}\n`,
    );
    return Exit.clean;
  }
  process.stdout.write(report(finding, { replay: replayed }));
  return Exit.finding;
}

/** A finding as it was saved, or any program of the operation language. */
function readProgram(file: string): Program {
  const text = readFileSync(file, "utf8");
  if (/^\s*\{\s*"invariant"/.test(text)) return parseCorpusFile(text, file);
  const { format, configuration: name, operations } = parseProgram(text, file);
  const configuration = findConfiguration(`${format}/${name}`);
  if (configuration === undefined) throw new UsageError(`${file}: no configuration ${format}/${name}`);
  return { configuration, operations };
}

/** Every operation, what it gave, what the tables have become, and the walk of its address. */
function printTrace({ configuration, operations }: Program): void {
  const lockstep = new Lockstep(configuration);
  const lines = [pc.bold(describeConfiguration(configuration))];
  for (const [index, operation] of operations.entries()) {
    const difference = lockstep.step(operation);
    const { outcome } = lockstep;
    const { leafItems, tables, stores } = lockstep.counts;
    const answer = outcome === undefined ? "threw" : describeOutcome(outcome);
    lines.push("", `${pc.bold(`${index + 1}`)}  ${describeOperation(operation)}`, `   gave ${answer}`);
    lines.push(`   ${stores} stores; now ${tables} tables, ${leafItems} leaf items`);
    if ("iova" in operation) lines.push(...lockstep.explain(operation.iova).map((line) => `   ${line}`));
    if (difference === undefined) continue;
    lines.push(`   ${pc.red(difference.invariant)} ${difference.sentence}`);
    break;
  }
  process.stdout.write(`${lines.join("\n")}\n\n`);
}
