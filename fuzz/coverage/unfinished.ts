/** Findings of what does not end: the thread that looked into it was ended, and can say no more. */
import { type Finding, parseCorpusFile } from "../lockstep/index.js";
import { isSystemFinding, type SystemFinding, systemFindingFromText } from "../system/index.js";
import type { Doing } from "./investigate.js";
import { type Investigated, systemInvestigated, tableInvestigated } from "./investigated.js";
import { guidedUnit } from "./system-execute.js";
import { namedConfigurations } from "./targets.js";

/** What a saved program breaks. */
export function invariantOf(program: string): string {
  return isSystemFinding(program)
    ? systemFindingFromText(program).invariant
    : parseCorpusFile(program, "a finding").invariant;
}

/** A program that fails, and that nothing smaller could be made of. */
export function unfinishedProgram(program: string, sentence: string, out: string): Investigated {
  if (isSystemFinding(program))
    return systemInvestigated({ ...systemFindingFromText(program), sentence }, out);
  return ofTables({ ...parseCorpusFile(program, "a finding"), sentence }, out);
}

/** An input whose last operation did this; undefined where it did not come to its first. */
export function unfinishedInput(done: readonly Doing[], what: string, out: string): Investigated | undefined {
  const last = done.at(-1);
  if (last === undefined) return undefined;
  const sentence = `${last.operation.op} ${what}`;
  if ("shape" in last) {
    const program = done.flatMap((one) => ("shape" in one ? [one.operation] : []));
    const { shape } = last;
    const unit = guidedUnit(shape.system, program.length);
    const finding: SystemFinding = {
      ...{ unit, shape, invariant: ENDLESS, sentence, program },
      shrunkFrom: program.length,
    };
    return systemInvestigated(finding, out);
  }
  const operations = done.flatMap((one) => ("shape" in one ? [] : [one.operation]));
  const [configuration] = namedConfigurations([last.configuration]);
  return ofTables({ configuration, operations, invariant: ENDLESS, sentence }, out);
}

const ENDLESS = "I17";

function ofTables(finding: Omit<Finding, "iova" | "atFinish">, out: string): Investigated {
  const whole = { ...finding, iova: undefined, atFinish: false };
  const { file, ...rest } = tableInvestigated(whole, out, "");
  const report = `${finding.invariant} violated: ${finding.sentence}\n  replay:  npx genpt repro ${file}\n`;
  return { file, ...rest, shrunkFrom: undefined, report };
}
