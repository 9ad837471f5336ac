/**
 * Where deployed `io-pgtable` code is known to differ from what is right, each as a predicate on operation,
 * configuration and what is mapped; never on the difference itself.
 */
import type { Entry } from "../../impl/common.js";
import { type IoFacts, isStage2 } from "./io-facts.js";
import { withLeaves } from "./io-tree.js";
import type { DirtyPagesOp, IoFormat, IoOp } from "./io-vector.js";
import { dirtyText, type Outcome } from "./outcome.js";
import type { VectorTable } from "./vector.js";

/** The known deviations of replayed `io-pgtable` cases, numbered as in `corpus/vectors/README.md`. */
export const IO_DEVIATIONS = {
  /** 1. Stage 2, NOEXEC: bit 53 is written beside bit 54, which with FEAT_XNX lets privileged code execute. */
  "stage-2-executes-privileged": 1,
  /** 2. The dirty log ends with an error at the first address that is not mapped, the prefix reported and cleaned. */
  "dirty-stops-at-hole": 2,
  /** 3. Without cleaning, the dirty log reports a page whole of which a part was asked for. */
  "dirty-report-sticks-out": 3,
} as const;

export type IoDeviationName = keyof typeof IO_DEVIATIONS;

/** One operation that meets a deviation. */
export interface IoDeviation {
  readonly name: IoDeviationName;
  /** What the implementation must do, in place of what was recorded. */
  readonly instead?: Outcome;
  /** What deployed code is known to do; a recording that says anything else is in error. */
  readonly recorded?: Outcome;
  /** The tables are not the same from here on: the case ends. */
  readonly ends?: boolean;
}

export type EntriesOf = (iova: bigint, lengthBytes: bigint) => Iterable<Entry>;

const NOEXEC = 4;

export function ioDeviationOf(facts: IoFacts, entriesOf: EntriesOf, op: IoOp): IoDeviation | undefined {
  if (op.op === "dirty_pages") return dirtyDeviation(entriesOf, op);
  if ((op.op === "map_pages" || op.op === "map_split") && isStage2(facts.format)) {
    if ((op.prot & NOEXEC) !== 0) return { name: "stage-2-executes-privileged" };
  }
  return undefined;
}

/** Where the recorded tree is to be read as another: bit 53 of stage-2 leaves that may not be executed. */
export function rightTree(format: IoFormat, recorded: VectorTable): VectorTable {
  if (!isStage2(format)) return recorded;
  const both = 3n << 53n;
  return withLeaves(recorded, (raw) => ((raw & both) === both ? raw & ~(1n << 53n) : raw));
}

function dirtyDeviation(entriesOf: EntriesOf, op: DirtyPagesOp): IoDeviation | undefined {
  const entries = [...entriesOf(op.iova, op.len)];
  const end = op.iova + op.len;
  const hole = firstHole(entries, op.iova, end);
  const reported = (within: readonly Entry[], clip: boolean): string =>
    dirtyText(within.filter(({ dirty }) => dirty).map((entry) => partOf(entry, clip ? op : undefined)));
  const instead = { ret: "0", dirty: reported(entries, op.noClear) };
  if (hole < end) {
    const prefix = entries.filter(({ iova }) => iova < hole);
    const beyond = entries.some(({ iova, dirty }) => dirty && iova > hole);
    const recorded = { ret: "-EINVAL", dirty: reported(prefix, false) };
    return { name: "dirty-stops-at-hole", instead, recorded, ends: beyond && !op.noClear };
  }
  const recorded = { ret: "0", dirty: reported(entries, false) };
  if (instead.dirty === recorded.dirty) return undefined;
  return { name: "dirty-report-sticks-out", instead, recorded };
}

/** The first address of a range that is not mapped, or its end. */
function firstHole(entries: readonly Entry[], iova: bigint, end: bigint): bigint {
  let next = iova;
  for (const entry of entries) {
    if (entry.iova > next) break;
    next = entry.iova + (1n << BigInt(entry.sizeLg2));
  }
  return next < end ? next : end;
}

/** An entry's address and length, or those of its part inside a range. */
function partOf(entry: Entry, range?: { readonly iova: bigint; readonly len: bigint }): [bigint, bigint] {
  let first = entry.iova;
  let end = first + (1n << BigInt(entry.sizeLg2));
  if (range !== undefined && first < range.iova) first = range.iova;
  if (range !== undefined && end > range.iova + range.len) end = range.iova + range.len;
  return [first, end - first];
}
