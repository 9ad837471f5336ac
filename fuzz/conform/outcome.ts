/** What an operation gave back, field by field, as text: the same for what a vector says and what a table did. */
import { errnoText } from "./errno.js";
import type { GatheredRange, VectorOp } from "./vector.js";

/** Field name → value. What is not in an expected outcome is not compared. */
export type Outcome = Readonly<Record<string, string>>;

export const NO_RANGES = "none";
export const MISS = "miss, or address 0";

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

export function rangesText(ranges: readonly GatheredRange[]): string {
  if (ranges.length === 0) return NO_RANGES;
  return ranges.map(([first, last]) => `${hex(first)}..${hex(last)}`).join(" ");
}

export function pendingText(start: bigint, end: bigint, pages: number): string {
  return `${hex(start)}..${hex(end)}, ${pages} pages waiting`;
}

export function dirtyText(dirty: readonly (readonly [bigint, bigint])[]): string {
  if (dirty.length === 0) return NO_RANGES;
  return dirty.map(([iova, length]) => `${hex(iova)}+${hex(length)}`).join(" ");
}

export function lookupText(pa: bigint | undefined): string {
  return pa === undefined || pa === 0n ? MISS : hex(pa);
}

export function levelsText(levels: readonly number[]): string {
  return levels.length === 0 ? NO_RANGES : levels.join(" ");
}

/** An outcome of `map` that changed nothing. */
export function refusedMap(ret: string, rollsBack: boolean): Outcome {
  const refused = { ret, mapped: "0x0", gather: NO_RANGES, newTop: NO_RANGES };
  return rollsBack ? { ...refused, ...removalOutcome("rollback ", 0n, [], 0) } : refused;
}

/** The fields of an unmap, or of the one with which the caller of a failed `map` rolls back. */
export function removalOutcome(
  prefix: string,
  unmapped: bigint,
  gather: readonly GatheredRange[],
  freed: number,
): Outcome {
  return {
    [`${prefix}unmapped`]: hex(unmapped),
    [`${prefix}gather`]: rangesText(gather),
    [`${prefix}freed`]: String(freed),
  };
}

/** What a vector says of an operation. `alloc` and `flush` are information and not compared. */
export function recordedOutcome(op: VectorOp): Outcome {
  switch (op.op) {
    case "map":
    case "map_range":
      return {
        ret: errnoText(op.ret),
        mapped: hex(op.mapped),
        gather: rangesText(op.gather),
        newTop: levelsText(op.newTop),
        // A failing map may have given back tables that others do not take in the first place.
        ...(op.ret === 0 ? { freed: String(op.freed) } : {}),
        ...(op.rollback === undefined
          ? {}
          : removalOutcome("rollback ", op.rollback.unmapped, op.rollback.gather, op.rollback.freed)),
      };
    case "unmap":
      return removalOutcome("", op.unmapped, op.gather, op.freed);
    case "unmap_fast":
      return { ...removalOutcome("", op.unmapped, op.gather, op.freed), pending: pendingText(...op.pending) };
    case "sync":
      return { gather: rangesText(op.gather), freed: String(op.freed) };
    case "iova_to_phys":
      return { pa: lookupText(op.pa) };
    case "set_dirty":
      return { ret: errnoText(op.ret) };
    case "rcd":
      return { ret: errnoText(op.ret), dirty: dirtyText(op.dirty), gather: rangesText(op.gather) };
  }
}

/** The first field of an expected outcome that is other than in another. */
export function differingField(expected: Outcome, got: Outcome): string | undefined {
  return Object.keys(expected).find((field) => expected[field] !== got[field]);
}
