/** The kill matrix: mutant × invariant × operations to kill × length after shrinking. */
import type { Invariant } from "../lockstep/index.js";
import { quantile } from "./measure.js";
import type { Control, Mutant, Pending } from "./mutant.js";

export interface MatrixRow {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  readonly note?: string | undefined;
  /** Under which of these it must be reported; none: it must survive. */
  readonly expected: readonly Invariant[];
  /** What the killing operations broke, and for how many seeds; those that were reported first come first. */
  readonly broken: readonly { readonly invariant: Invariant; readonly seeds: number }[];
  readonly seeds: number;
  readonly survived: number;
  /** Seeds that killed it without breaking one of what was expected. */
  readonly astray: number;
  /** Over the seeds, of operations to the kill; undefined where it survived so many. */
  readonly median: number | undefined;
  readonly p95: number | undefined;
  readonly shrunk: number | undefined;
}

export interface Matrix {
  readonly rows: readonly MatrixRow[];
  readonly pending: readonly Pending[];
}

/** What came out of a mutant's or a control's seeds. */
interface Lives {
  readonly operations: readonly (number | undefined)[];
  readonly invariants: readonly (readonly Invariant[])[];
  readonly shrunk: number | undefined;
}

export function matrixRow(mutant: Mutant | Control, lives: Lives): MatrixRow {
  const { id, title, source, note } = mutant;
  const expected = "invariants" in mutant ? mutant.invariants : [];
  const killed = lives.invariants.filter((_, index) => lives.operations[index] !== undefined);
  const astray = killed.filter((broken) => !broken.some((invariant) => expected.includes(invariant)));
  const values = lives.operations.map((operations) => operations ?? Number.POSITIVE_INFINITY);
  return {
    id,
    title,
    source,
    note,
    expected,
    broken: counted(killed),
    seeds: values.length,
    survived: values.length - killed.length,
    astray: expected.length === 0 ? 0 : astray.length,
    median: finite(quantile(values, 0.5)),
    p95: finite(quantile(values, 0.95)),
    shrunk: lives.shrunk,
  };
}

/** A mutant that 95 of 100 seeds kill in time, all by what should catch it; a control that every seed lets live. */
export function isCaught({ expected, seeds, survived, astray, p95 }: MatrixRow): boolean {
  return expected.length === 0 ? survived === seeds : p95 !== undefined && astray === 0;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function counted(killed: readonly (readonly Invariant[])[]): MatrixRow["broken"] {
  const seeds = new Map<Invariant, number>();
  const reported = new Map<Invariant, number>();
  for (const broken of killed) {
    for (const invariant of broken) seeds.set(invariant, (seeds.get(invariant) ?? 0) + 1);
    if (broken.length > 0) reported.set(broken[0], (reported.get(broken[0]) ?? 0) + 1);
  }
  return [...seeds]
    .map(([invariant, count]) => ({ invariant, seeds: count, first: reported.get(invariant) ?? 0 }))
    .sort((a, b) => b.first - a.first || b.seeds - a.seeds)
    .map(({ invariant, seeds: count }) => ({ invariant, seeds: count }));
}

const HEAD = ["mutant", "what goes wrong", "expected", "broken", "median", "p95", "shrunk"];

function cells(row: MatrixRow): readonly string[] {
  const { id, title, expected, seeds, survived, median, p95, shrunk } = row;
  const broken = row.broken.map(({ invariant, seeds: count }) =>
    count === seeds ? invariant : `${invariant} ${count}/${seeds}`,
  );
  const verdict = isCaught(row) ? "" : " ✗";
  const lives = survived === 0 ? [] : [`survived ${survived}/${seeds}`];
  return [
    `${id}${verdict}`,
    title,
    expected.length === 0 ? "survives" : expected.join(" "),
    [...lives, ...broken].join(", "),
    figure(median),
    figure(p95),
    figure(shrunk),
  ];
}

function figure(value: number | undefined): string {
  return value === undefined ? "–" : String(value).replace(/\B(?=([0-9]{3})+$)/g, "_");
}

export function markdownRow(row: MatrixRow): string {
  return markdownLine(cells(row));
}

function markdownLine(parts: readonly string[]): string {
  return `| ${parts.join(" | ")} |`;
}

export function markdownMatrix({ rows, pending }: Matrix): string {
  const waiting = pending.map(({ id, title, waitsFor }) => markdownLine([id, title, waitsFor]));
  return [
    markdownLine(HEAD),
    markdownLine(HEAD.map(() => "---")),
    ...rows.map(markdownRow),
    "",
    markdownLine(["pending", "known bug, or the half of it", "waits for"]),
    markdownLine(["---", "---", "---"]),
    ...waiting,
    "",
  ].join("\n");
}

/** One line for one row, for a terminal. */
export function textMatrix(row: MatrixRow): string {
  const [id, title, expected, broken, median, p95, shrunk] = cells(row);
  const figures = `${median.padStart(7)} ${p95.padStart(7)} ${shrunk.padStart(4)}`;
  return `${id.padEnd(7)} ${figures}  ${expected.padEnd(14)} ${broken}   ${title}`;
}
