/** What the counts say of the whole source: figures for each file, and every branch that nothing took. */
import type { CoverageException } from "../../fuzz/coverage/exceptions.js";
import type { Branch } from "./branches.js";
import { type Marks, type Source, verdictsOf } from "./marks.js";

export interface Missed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly kind: Branch["kind"];
  /** The line of the source. */
  readonly text: string;
  /** Why it may be missed; undefined: it may not. */
  readonly reason: string | undefined;
}

export interface FileCoverage {
  readonly file: string;
  /** Branches that some stamp has. */
  readonly branches: number;
  readonly taken: number;
  /** Folded away in every stamp. */
  readonly absent: number;
  readonly missed: readonly Missed[];
}

export interface Coverage {
  readonly files: readonly FileCoverage[];
  /** Exceptions of branches that are taken, or are not there. */
  readonly stale: readonly CoverageException[];
}

/** Judges every source by what runs say of it; one that no script is made of was never run at all. */
export function coverageOf(
  sources: readonly Source[],
  runs: readonly Marks[],
  exceptions: readonly CoverageException[],
): Coverage {
  const used = new Set<CoverageException>();
  const files = sources.map((source) => fileCoverage(source, runs, exceptions, used));
  const stale = exceptions.filter((exception) => !used.has(exception));
  return { files: files.filter(({ branches, absent }) => branches + absent > 0), stale };
}

function fileCoverage(
  source: Source,
  runs: readonly Marks[],
  exceptions: readonly CoverageException[],
  used: Set<CoverageException>,
): FileCoverage {
  const { file, lines, branches } = source;
  const missed: Missed[] = [];
  const verdicts = verdictsOf(source, runs);
  for (const [index, branch] of branches.entries()) {
    if (verdicts[index] !== "missed") continue;
    const line = lines[branch.line - 1]?.trim() ?? "";
    const exception = exceptions.find(
      (one) => one.file === file && line.startsWith(one.line) && one.kind === branch.kind,
    );
    if (exception !== undefined) used.add(exception);
    const { kind, column } = branch;
    missed.push({ file, line: branch.line, column, kind, text: line, reason: exception?.reason });
  }
  const taken = verdicts.filter((verdict) => verdict === "taken").length;
  const absent = verdicts.filter((verdict) => verdict === "absent").length;
  return { file, branches: taken + missed.length, taken, absent, missed };
}

/** For people: a line for each file, then every branch that is missed. */
export function textOf({ files, stale }: Coverage): string {
  const lines = files.map(({ file, branches, taken, absent, missed }) => {
    const excused = missed.filter(({ reason }) => reason !== undefined).length;
    const notes = [
      ...(excused === 0 ? [] : [`${excused} excused`]),
      ...(absent === 0 ? [] : [`${absent} folded away`]),
    ];
    const share = branches === 0 ? 100 : (100 * taken) / branches;
    return `${share.toFixed(1).padStart(5)} %  ${`${taken}/${branches}`.padStart(9)}  ${file}${notes.length === 0 ? "" : `  (${notes.join(", ")})`}`;
  });
  for (const { file, line, column, kind, text, reason } of files.flatMap(({ missed }) => missed)) {
    lines.push("", `impl/${file}:${line}:${column + 1}  ${kind} is never taken`, `    ${text}`);
    if (reason !== undefined) lines.push(`    excused: ${reason}`);
  }
  for (const { file, line, kind } of stale) {
    lines.push("", `impl/${file}: an exception that is none: ${kind} of ${JSON.stringify(line)}`);
  }
  return `${lines.join("\n")}\n\n${summaryOf({ files, stale })}\n`;
}

export function summaryOf({ files, stale }: Coverage): string {
  const sum = (of: (file: FileCoverage) => number) => files.reduce((total, file) => total + of(file), 0);
  const [branches, taken] = [sum((file) => file.branches), sum((file) => file.taken)];
  const missed = files.flatMap((file) => file.missed);
  const unexcused = missed.filter(({ reason }) => reason === undefined).length;
  const share = branches === 0 ? 100 : (100 * taken) / branches;
  return `${share.toFixed(2)} % of ${branches} branches; ${missed.length - unexcused} excused, ${unexcused} missed, ${stale.length} stale exceptions`;
}

/** Whether nothing is missed without a reason, and every reason is needed. */
export function isComplete({ files, stale }: Coverage): boolean {
  return (
    stale.length === 0 && files.every(({ missed }) => missed.every(({ reason }) => reason !== undefined))
  );
}
