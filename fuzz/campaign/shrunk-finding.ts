/** A finding as people are told of it: shrunk, with its report, its picture and the key that tells it from others. */
import { configurationName, describeOperation } from "../../models/index.js";
import { type Finding, invariants, report, shrink, tokenOf } from "../lockstep/index.js";
import { canaryNamed } from "./canary.js";
import type { CanaryName } from "./canary-names.js";
import { type Picture, pictureBefore, pictureOf } from "./picture.js";
import { shapeKeyOf } from "./shape-key.js";

export interface ShrunkFinding {
  readonly finding: Finding;
  readonly report: string;
  readonly picture: Picture;
  /** The command that replays it. */
  readonly replay: string;
  /** Equal for findings that are one (see `shapeKeyOf`). */
  readonly key: string;
}

/** Shrinks a finding and tells of it. The same finding gives the same, on every machine. */
export function shrunkFinding(finding: Finding, canary?: CanaryName): ShrunkFinding {
  const subjectOf = canaryNamed(canary);
  const shrunk = shrink(finding, { subjectOf });
  const replay = replayOf(shrunk, canary);
  return {
    finding: shrunk,
    report: report(shrunk, { subjectOf, replay }),
    replay,
    picture: pictureOf(shrunk, subjectOf),
    key: shapeKeyOf(shrunk),
  };
}

/** Of a program whose last operation does not end: nothing of it is run. */
export function hangingFinding(finding: Finding, canary?: CanaryName): ShrunkFinding {
  const { invariant, configuration, operations, sentence, shrunkFrom } = finding;
  const replay = replayOf(finding, canary);
  const lines = operations.map((operation, index) => `  ${index + 1}  ${describeOperation(operation)}`);
  const report = [
    `${invariant} violated: ${invariants[invariant]}`,
    `  ${configurationName(configuration)}   op ${operations.length} (shrunk from ${shrunkFrom ?? operations.length})`,
    "",
    ...lines,
    "",
    `  ${sentence}`,
    "",
    `  replay, which does not end either:  ${replay}`,
    "",
  ].join("\n");
  return {
    finding,
    report,
    replay,
    picture: pictureBefore(finding, canaryNamed(canary)),
    key: shapeKeyOf(finding),
  };
}

function replayOf(finding: Finding, canary: CanaryName | undefined): string {
  const option = canary === undefined ? "" : ` --canary ${canary}`;
  return `npx genpt repro ${tokenOf(finding) ?? ""}${option}`;
}
