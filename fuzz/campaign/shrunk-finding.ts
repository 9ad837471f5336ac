/** A finding as people are told of it: shrunk, with its report, its picture and the key that tells it from others. */
import { type Finding, report, type SubjectFactory, shrink, tokenOf } from "../lockstep/index.js";
import { type Picture, pictureOf } from "./picture.js";
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

/** What a subject that is not this project's implementation needs on the replaying command line. */
export interface Judged {
  readonly subjectOf?: SubjectFactory | undefined;
  /** Such as `--canary`. */
  readonly option?: string | undefined;
}

/** Shrinks a finding and tells of it. The same finding gives the same, on every machine. */
export function shrunkFinding(finding: Finding, { subjectOf, option }: Judged = {}): ShrunkFinding {
  const shrunk = shrink(finding, { subjectOf });
  const replay = ["npx genpt repro", tokenOf(shrunk) ?? "", option ?? ""].join(" ").trimEnd();
  return {
    finding: shrunk,
    report: report(shrunk, { subjectOf, replay }),
    replay,
    picture: pictureOf(shrunk, subjectOf),
    key: shapeKeyOf(shrunk),
  };
}
