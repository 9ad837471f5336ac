/** Ranges, runs and levels, as the lockstep asks of them. */
import { shapeOf } from "../../models/index.js";
import type { Range } from "../../models/operations.js";
import type { Run } from "../../reference/index.js";
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

/** The runs that overlap `[first, end)`. */
export function runsTouching(runs: readonly Run[], first: bigint, end: bigint): readonly Run[] {
  let from = 0;
  for (let to = runs.length; from < to; ) {
    const middle = (from + to) >> 1;
    const run = runs[middle];
    if (run.iova + (run.count << BigInt(run.sizeLg2)) <= first) from = middle + 1;
    else to = middle;
  }
  let to = from;
  while (to < runs.length && runs[to].iova < end) to++;
  return runs.slice(from, to);
}
