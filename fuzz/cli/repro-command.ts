/** `genpt repro`: a failure once more, from its token or from a program's file. */
import { existsSync, readFileSync } from "node:fs";
import pc from "picocolors";
import { describeOperation, ProgramError } from "../../models/index.js";
import { isRefusal, replayCommand, Session, subjectsOf } from "../against/index.js";
import { canaryNamed } from "../campaign/canary.js";
import type { CanaryName } from "../campaign/canary-names.js";
import {
  describeConfiguration,
  describeOutcome,
  type Finding,
  Lockstep,
  replay,
  report,
  runProgram,
  type SubjectFactory,
  TokenError,
} from "../lockstep/index.js";
import { isSystemFinding } from "../system/index.js";
import { type AgainstArguments, againstOptions } from "./against-command.js";
import { type Program, readProgram } from "./program-file.js";
import { systemReproFile } from "./system-repro.js";
import { Exit, UsageError } from "./usage.js";

export interface ReproOptions extends AgainstArguments {
  readonly trace?: true | undefined;
  /** What is judged makes this mistake on purpose. */
  readonly canary?: CanaryName | undefined;
}

/** Who is judged, and the command that does the same again. */
interface Judged {
  readonly subjectOf?: SubjectFactory | undefined;
  readonly replayed: string;
}

export function reproCommand(what: string, options: ReproOptions): Exit {
  const { against, canary } = options;
  const elsewhere = against === undefined ? undefined : againstOptions(against, options);
  const session = elsewhere && new Session(elsewhere);
  const judged: Judged = {
    subjectOf: session === undefined ? canaryNamed(canary) : subjectsOf(session),
    replayed: elsewhere
      ? replayCommand(elsewhere, what)
      : `npx genpt repro ${what}${canary === undefined ? "" : ` --canary ${canary}`}`,
  };
  try {
    return existsSync(what) ? replayFile(what, judged, options) : replayToken(what, judged, options);
  } catch (error) {
    if (error instanceof ProgramError) throw new UsageError(error.message);
    if (error instanceof TokenError) throw new UsageError(`no such file; ${error.message}`);
    if (session !== undefined && isRefusal(error)) throw new UsageError(`${against}: ${error.message}`);
    throw error;
  } finally {
    session?.close();
  }
}

function replayFile(file: string, judged: Judged, { trace }: ReproOptions): Exit {
  if (isSystemFinding(readFileSync(file, "utf8"))) return systemReproFile(file);
  const program = readProgram(file);
  if (trace) printTrace(program, judged.subjectOf);
  const { finding } = runProgram(program.configuration, program.operations, judged.subjectOf);
  return verdict(finding, program.operations.length, judged);
}

function replayToken(token: string, judged: Judged, { trace }: ReproOptions): Exit {
  const { subjectOf } = judged;
  const { finding, operations, warnings } = replay(token, { subjectOf });
  for (const warning of warnings) process.stderr.write(`${pc.yellow("note:")} ${warning}\n`);
  if (trace && finding !== undefined) printTrace(finding, subjectOf);
  return verdict(finding, operations, judged);
}

function verdict(finding: Finding | undefined, operations: number, { subjectOf, replayed }: Judged): Exit {
  if (finding === undefined) {
    process.stdout.write(
      `${pc.green("passes")}: everyone agrees over ${operations} operation${operations === 1 ? "" : "s"}\n`,
    );
    return Exit.clean;
  }
  process.stdout.write(report(finding, { replay: replayed, subjectOf }));
  return Exit.finding;
}

/** Every operation, what it gave, what the tables have become, and the walk of its address. */
function printTrace({ configuration, operations }: Program, subjectOf: SubjectFactory | undefined): void {
  const lockstep = new Lockstep(configuration, { subject: subjectOf?.(configuration) });
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
