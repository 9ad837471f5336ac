/** What a gather makes of ranges. */
import type { Configuration } from "../models/configuration.js";
import type { Range } from "../models/operations.js";
import { larger, smaller } from "./geometry.js";

/** A range of which something must be forgotten, and how many tables can be used again only then. */
export interface Taken {
  readonly range: Range;
  readonly tables: number;
}

/** What a flush queue invalidates, whatever was removed. */
export const EVERYTHING: Range = [0n, 2n ** 64n - 1n];

/** One that covers all, or, without gaps, the pieces that neither meet nor touch. */
export function collect({ gather }: Configuration, ranges: readonly Range[]): readonly Range[] {
  const pieces: Range[] = [];
  for (const range of ranges) {
    const last = pieces.pop() ?? range;
    const apart = range[0] > last[1] + 1n || range[1] + 1n < last[0];
    if (apart && gather === "no-gaps") pieces.push(last, range);
    else pieces.push([smaller(last[0], range[0]), larger(last[1], range[1])]);
  }
  return pieces;
}

/** What is invalidated by a gather that is synced before the call returns. */
export function collectAtOnce(configuration: Configuration, ranges: readonly Range[]): readonly Range[] {
  const isAll = configuration.gather === "queued" && ranges.length > 0;
  return isAll ? [EVERYTHING] : collect(configuration, ranges);
}
