/** Ranges, runs and levels, as the lockstep asks of them. */
import { shapeOf } from "../../models/index.js";
import type { Operation, Range } from "../../models/operations.js";
import type { Reference, Run } from "../../reference/index.js";
import type { Subject } from "./subject.js";

/** Whether the ranges, side by side or overlapping, hold everything from the first address to the last. */
export function isCovered(first: bigint, last: bigint, ranges: readonly Range[]): boolean {
  let at = first;
  for (;;) {
    const range = ranges.find((candidate) => candidate[0] <= at && at <= candidate[1]);
    if (range === undefined) return false;
    if (range[1] >= last) return true;
    at = range[1] + 1n;
  }
}

export function mask(levels: number): string {
  return levels === 0 ? "none" : `0b${levels.toString(2)}`;
}

/** log2 of the addresses below a root of this level. */
export function spanLg2Of({ configuration }: Subject, topLevel: number): number {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  return granuleLg2 + tableBitsLg2 * (topLevel + 1);
}

/** One past the last byte of a run. */
export function endOf({ iova, count, sizeLg2 }: Run): bigint {
  return iova + (count << BigInt(sizeLg2));
}

/** The runs of which an operation may take away or change a part. */
export function runsToChange(operation: Operation, runs: readonly Run[]): readonly Run[] {
  switch (operation.op) {
    case "cut":
      return runsTouching(runs, operation.iova, operation.iova + 1n);
    case "resize":
    case "unmap":
    case "unmapGathered":
    case "unmapRuns":
      return runsTouching(runs, operation.iova, operation.iova + operation.length);
    default:
      return [];
  }
}

/** The runs that overlap `[first, end)`. */
export function runsTouching(runs: readonly Run[], first: bigint, end: bigint): readonly Run[] {
  let from = 0;
  for (let to = runs.length; from < to; ) {
    const middle = (from + to) >> 1;
    if (endOf(runs[middle]) <= first) from = middle + 1;
    else to = middle;
  }
  let to = from;
  while (to < runs.length && runs[to].iova < end) to++;
  return runs.slice(from, to);
}

/** How many items the leaves of `[first, end)` take; by log2 of a leaf's size, log2 of what one item of it covers. */
export function itemsWithin(
  runs: readonly Run[],
  first: bigint,
  end: bigint,
  itemSizesLg2: readonly bigint[],
): number {
  let items = 0n;
  for (const run of runs) {
    const runEnd = endOf(run);
    const from = run.iova > first ? run.iova : first;
    const to = runEnd < end ? runEnd : end;
    if (to > from) items += (to - from) >> itemSizesLg2[run.sizeLg2];
  }
  return Number(items);
}

/** Entries that a resize may make before nothing is said of it: hardly one that is drawn makes a quarter of them. */
export const PARTS_AT_MOST = 1 << 16;

/** Into how many entries a resize fragments those that are too large; a shrunk program may ask for billions. */
export function partsOfResize(operation: Operation, { runs, pageSizes }: Reference): number {
  if (operation.op !== "resize") return 0;
  const { iova, length, largestLg2 } = operation;
  const smaller = pageSizes & ((2n << BigInt(largestLg2)) - 1n);
  if (smaller === 0n) return 0;
  const partLg2 = smaller.toString(2).length - 1;
  return runsTouching(runs, iova, iova + length)
    .filter(({ sizeLg2 }) => sizeLg2 > partLg2)
    .reduce((sum, run) => sum + touchedBy(run, iova, iova + length) * 2 ** (run.sizeLg2 - partLg2), 0);
}

/** How many leaves of a run overlap `[first, end)`. */
function touchedBy(run: Run, first: bigint, end: bigint): number {
  const { iova } = run;
  const size = BigInt(run.sizeLg2);
  const runEnd = endOf(run);
  const [from, to] = [first > iova ? first : iova, end < runEnd ? end : runEnd];
  return Number(((to - 1n) >> size) - (from >> size) + 1n);
}
