/** A finding as text: what is wrong, with what, after which operations, what memory says, and how to see it again. */

import type { Configuration } from "../../models/configuration.js";
import { configurationName, describeAddress, describeOperation } from "../../models/index.js";
import type { Finding, SubjectFactory } from "./finding.js";
import { invariants } from "./invariants.js";
import { Lockstep } from "./lockstep.js";
import { describeOutcome } from "./outcomes.js";
import { tokenOf } from "./token.js";

/** Of a long program the beginning is left out. */
const OPERATIONS_SHOWN = 40;

export interface ReportOptions {
  /** What to run to see the finding again; default: `npx genpt repro` with the unit's token. */
  readonly replay?: string | undefined;
  readonly subjectOf?: SubjectFactory | undefined;
}

/** The report; it runs the finding's program once more to show the walks before and after. */
export function report(finding: Finding, options: ReportOptions = {}): string {
  const token = tokenOf(finding);
  const replay = options.replay ?? (token === undefined ? undefined : `npx genpt repro ${token}`);
  const rerun = rerunOf(finding, options.subjectOf);
  return [
    `${finding.invariant} violated: ${invariants[finding.invariant]}`,
    `  ${summary(finding)}`,
    "",
    ...operationLines(finding, rerun.answers),
    "",
    `  ${finding.sentence}`,
    ...walkLines("before", rerun.before),
    ...walkLines("after", rerun.after),
    ...(replay === undefined ? [] : ["", `  replay:  ${replay}`]),
    "",
  ].join("\n");
}

/** `amdv1/top2-va64  top=2 va=64 oa=52   seed 5eed unit 77   op 3 of 3 (shrunk from 812)` */
function summary({ configuration, unit, operations, atFinish, shrunkFrom }: Finding): string {
  const count = operations.length;
  const place = atFinish ? `after ${count} operations` : `op ${count} of ${count}`;
  const shrunk = shrunkFrom === undefined ? "" : ` (shrunk from ${shrunkFrom})`;
  const parts = [describeConfiguration(configuration)];
  if (unit !== undefined) parts.push(`seed ${unit.seed} unit ${unit.unit}`);
  parts.push(`${place}${shrunk}`);
  return parts.join("   ");
}

/** The configuration's name and shape. */
export function describeConfiguration(configuration: Configuration): string {
  const { topLevel, vaWidthLg2, oaWidthLg2, gather } = configuration;
  const shape = `top=${topLevel} va=${vaWidthLg2} oa=${oaWidthLg2} gather=${gather}`;
  return `${configurationName(configuration)}  ${shape}`;
}

function operationLines({ operations, atFinish }: Finding, answers: readonly string[]): string[] {
  const texts = operations.map(describeOperation);
  const from = Math.max(0, texts.length - OPERATIONS_SHOWN);
  const width = Math.min(78, Math.max(...texts.slice(from).map((text) => text.length), 0));
  const digits = String(texts.length).length;
  const lines = texts.slice(from).map((text, index) => {
    const number = String(from + index + 1).padStart(digits + 2);
    const here = !atFinish && from + index === texts.length - 1 ? "   ← here" : "";
    return `${number}  ${text.padEnd(width)}   ${answers[from + index] ?? "threw"}${here}`;
  });
  if (from > 0) lines.unshift(`  … ${from} operations before`);
  if (atFinish) lines.push(`${"".padStart(digits + 2)}  everything swept and freed   ← here`);
  return lines;
}

function walkLines(when: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `  ${when}:`, ...lines.map((line) => `    ${line}`)];
}

/** Runs the program again: every answer, and the walk of the address before and after the last operation. */
function rerunOf(finding: Finding, subjectOf: SubjectFactory | undefined) {
  const { configuration, operations, atFinish, iova } = finding;
  const lockstep = new Lockstep(configuration, { subject: subjectOf?.(configuration) });
  const answers: string[] = [];
  const last = operations.length - 1;
  let before: string[] = [];
  for (const [index, operation] of operations.entries()) {
    if (index === last && !atFinish) before = walkOf(lockstep, iova);
    lockstep.step(operation);
    if (lockstep.outcome !== undefined) answers[index] = describeOutcome(lockstep.outcome);
  }
  return { answers, before, after: walkOf(lockstep, iova) };
}

function walkOf(lockstep: Lockstep, iova: bigint | undefined): string[] {
  if (iova === undefined) return [];
  try {
    return lockstep.explain(BigInt.asUintN(64, iova));
  } catch (error) {
    return [`the walk of ${describeAddress(iova)} threw ${String(error)}`];
  }
}
