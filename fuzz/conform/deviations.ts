/**
 * Where deployed code is known to differ from what is right, each as a predicate on operation, configuration and
 * what is mapped; never on the difference itself. A deviation says what is right instead, which is then demanded.
 */
import type { Entry } from "../../impl/common.js";
import { type Facts, foldRanges, reachOf } from "./facts.js";
import {
  dirtyText,
  hex,
  MISS,
  NO_RANGES,
  type Outcome,
  pendingText,
  rangesText,
  recordedOutcome,
  refusedMap,
} from "./outcome.js";
import type {
  DirtyOp,
  GatheredRange,
  LookupOp,
  MapOp,
  SetDirtyOp,
  UnmapFastOp,
  UnmapOp,
  VectorOp,
} from "./vector.js";

/** The known deviations of replayed cases, numbered as in `corpus/vectors/README.md`. */
export const DEVIATIONS = {
  /** 1. Reports an item too few of a contiguous entry, and past the end of a page that it begins or ends in. */
  "dirty-report-inexact": 1,
  /** 2. A lookup outside the input range gives an error number as an address. */
  "lookup-outside-range": 2,
  /** 3. Unmapping nothing at address 0 syncs everything, and elsewhere drags the bounds of a shared gather. */
  "empty-unmap-gathered": 3,
  /** 4. A range that begins in the lower half of a sign-extended space may end in the hole. */
  "range-ends-in-hole": 4,
  /** 5. A one-page map ignores the allowed page sizes. */
  "one-page-ignores-sizes": 5,
  /** 6. Only the first output address is checked against the output width. */
  "output-end-unchecked": 6,
  /** 8. An output address that holds the encryption bit loses it. */
  "encryption-bit-in-address": 8,
  /** 9. The end of the non-canonical hole is accepted as a start and means the lower half. */
  "hole-aliases-lower-half": 9,
  /** 10. A range that reaches beyond the present top is refused as a whole. */
  "beyond-present-top": 10,
  /** 11. A map may be refused for its range only after building levels. */
  "refused-after-building": 11,
  /** 12. A table stays, though all it maps was removed, if the range ended inside the last entry of the table. */
  "overhang-keeps-table": 12,
  /** 13. The dirty log's own gather goes over gaps where the policy allows none. */
  "dirty-gather-ignores-no-gaps": 13,
} as const;

export type DeviationName = keyof typeof DEVIATIONS;

/** One operation that meets a deviation. */
export interface Deviation {
  readonly name: DeviationName;
  /** What the implementation must do, in place of what was recorded; absent: nothing of its outcome differs. */
  readonly instead?: Outcome;
  /** What deployed code is known to do; a vector that says anything else, and not `instead`, is in error. */
  readonly recorded?: Outcome;
  /** The tables are not the same from here on: the case ends. */
  readonly ends?: boolean;
  /** The shared gather is not the same until its next sync. */
  readonly gatherDiffers?: boolean;
}

/** What is known of the table before an operation. */
export interface Before {
  readonly topLevel: number;
  entries(iova: bigint, lengthBytes: bigint): Iterable<Entry>;
}

const ALL = 1n << 64n;

export function deviationOf(facts: Facts, before: Before, op: VectorOp): Deviation | undefined {
  switch (op.op) {
    case "map":
    case "map_range":
      return mapDeviation(facts, op);
    case "unmap":
    case "unmap_fast":
      return unmapDeviation(facts, before, op);
    case "iova_to_phys":
      return lookupDeviation(facts, before, op);
    case "set_dirty":
      return setDirtyDeviation(facts, before, op);
    case "rcd":
      return dirtyDeviation(facts, before, op);
    case "sync":
      return undefined;
  }
}

/** In the order of the checks: whichever refuses first decides, and the deviations are between them. */
function mapDeviation(facts: Facts, op: MapOp): Deviation | undefined {
  const { iova, pa, len } = op;
  const ends = changedTables(op);
  const refused = (name: DeviationName, ret: string): Deviation => ({
    name,
    instead: refusedMap(ret, op.op === "map"),
    ends,
  });
  if ((op.prot & 3) === 0 || pa >> facts.oaWidthLg2 !== 0n) return undefined;
  if ((pa & facts.encryptionMask) !== 0n) return refused("encryption-bit-in-address", "-ERANGE");
  if (facts.forceWriteable && (op.prot & 2) === 0) return undefined;
  const last = iova + len - 1n;
  if (len === 0n || last >= ALL) return undefined;
  const smallest = facts.pageSizes & -facts.pageSizes;
  if (facts.onePageShortcut && smallest > 4096n && len === 4096n && ((iova | pa) & 4095n) === 0n) {
    return refused("one-page-ignores-sizes", "-ENXIO");
  }
  if (((iova | pa | len) & (smallest - 1n)) !== 0n) return undefined;
  if (facts.growing && last > facts.vaLast) return refused("refused-after-building", "-ERANGE");
  if (facts.aliases(iova)) return refused("hole-aliases-lower-half", "-ERANGE");
  if (facts.endsInHole(iova, last)) return refused("range-ends-in-hole", "-ERANGE");
  if (!facts.inRange(iova, last)) return undefined;
  const paLast = pa + len - 1n;
  if (paLast >> facts.oaWidthLg2 !== 0n) return refused("output-end-unchecked", "-ERANGE");
  const bit = facts.encryptionMask;
  if (bit !== 0n && pa / bit !== paLast / bit) return refused("encryption-bit-in-address", "-ERANGE");
  return undefined;
}

/** Whether a recorded map left the tables, or which of them are in use, other than before. */
function changedTables(op: MapOp): boolean {
  if (op.alloc > op.freed || op.newTop.length > 0 || op.gather.length > 0) return true;
  return op.mapped !== (op.rollback?.unmapped ?? 0n) || (op.rollback?.freed ?? 0) > 0;
}

function unmapDeviation(facts: Facts, before: Before, op: UnmapOp | UnmapFastOp): Deviation | undefined {
  const { iova, len } = op;
  const last = iova + len - 1n;
  if (len === 0n || last >= ALL) return undefined;
  const shared = op.op === "unmap_fast";
  const nothing = { unmapped: "0x0", gather: NO_RANGES, freed: "0" };
  if (facts.aliases(iova) || facts.endsInHole(iova, last)) {
    const name = facts.aliases(iova) ? "hole-aliases-lower-half" : "range-ends-in-hole";
    return { name, instead: nothing, ends: op.unmapped !== 0n, gatherDiffers: shared };
  }
  if (!facts.inRange(iova, last)) return undefined;
  const removed = removable(before, iova, len);
  if (facts.growing && last > reachOf(before.topLevel)) {
    if (removed === 0n) return undefined;
    const gather = rangesText([[iova, iova + removed - 1n]]);
    const instead = { unmapped: hex(removed), ...(shared ? {} : { gather }) };
    return { name: "beyond-present-top", instead, recorded: nothing, ends: true };
  }
  if (removed > 0n) return overhangDeviation(facts, before, op, iova + removed - 1n);
  if (!shared) return iova === 0n ? { name: "empty-unmap-gathered", instead: nothing } : undefined;
  return op.queued ? undefined : { name: "empty-unmap-gathered", gatherDiffers: true };
}

/** The bytes of the unbroken run of entries that begins at an address and touches the range. */
function removable(before: Before, iova: bigint, length: bigint): bigint {
  let next = iova;
  for (const entry of before.entries(iova, length)) {
    if (entry.iova !== next) break;
    next += 1n << BigInt(entry.sizeLg2);
  }
  return next - iova;
}

/**
 * The range ends inside the last entry of a table: what is removed covers the table's span, the range does not. No
 * table may survive an unmap that removed all it maps; deployed code goes by the range.
 */
function overhangDeviation(
  facts: Facts,
  before: Before,
  op: UnmapOp | UnmapFastOp,
  removedLast: bigint,
): Deviation | undefined {
  if (op.iova + op.len - 1n >= removedLast) return undefined;
  const kept = tablesEndingAt(facts, before, op.iova, removedLast);
  if (kept === 0) return undefined;
  const recorded = recordedOutcome(op);
  const freed = String(op.freed + kept);
  if (op.op === "unmap") return { name: "overhang-keeps-table", instead: { ...recorded, freed }, ends: true };
  const [start, end, pages] = op.pending;
  const instead = { ...recorded, pending: pendingText(start, end, pages + kept) };
  return { name: "overhang-keeps-table", instead, ends: true };
}

/** How many tables below the top end at an address and begin at another or after it. */
function tablesEndingAt(facts: Facts, before: Before, first: bigint, last: bigint): number {
  let tables = 0;
  for (const { level } of before.entries(last, 1n)) {
    for (let at = level; at < before.topLevel; at++) {
      const start = last + 1n - facts.tableSpan(at);
      if ((last + 1n) % facts.tableSpan(at) !== 0n || start < first) break;
      tables++;
    }
  }
  return tables;
}

function lookupDeviation(facts: Facts, before: Before, op: LookupOp): Deviation | undefined {
  const instead = { pa: MISS };
  if (facts.aliases(op.iova)) return { name: "hole-aliases-lower-half", instead };
  if (!facts.inRange(op.iova, op.iova)) return { name: "lookup-outside-range", instead };
  if (facts.growing && op.iova > reachOf(before.topLevel)) return { name: "beyond-present-top", instead };
  return undefined;
}

function setDirtyDeviation(facts: Facts, before: Before, op: SetDirtyOp): Deviation | undefined {
  if (!facts.growing || op.iova <= reachOf(before.topLevel) || op.iova > facts.vaLast) return undefined;
  return { name: "beyond-present-top", instead: { ret: "-ENOENT" }, recorded: { ret: "-ERANGE" } };
}

function dirtyDeviation(facts: Facts, before: Before, op: DirtyOp): Deviation | undefined {
  const { iova, len } = op;
  const last = iova + len - 1n;
  if (!facts.tracksDirty || len === 0n || last >= ALL || last > facts.vaLast) return undefined;
  const dirty = [...before.entries(iova, len)].filter((entry) => entry.dirty);
  const right = dirty.map((entry) => rightReport(entry, iova, last, !op.noClear));
  const instead = dirtyOutcome(facts.noGaps, right, op);
  if (facts.growing && last > reachOf(before.topLevel)) {
    const recorded = { ret: "-ERANGE", dirty: NO_RANGES, gather: NO_RANGES };
    return { name: "beyond-present-top", instead, recorded, ends: !op.noClear && dirty.length > 0 };
  }
  const inexact = dirty.some((entry) => {
    const sticksOut = entry.iova < iova || (op.noClear && lastOf(entry) > last);
    return facts.itemsOf(entry) > 1n || sticksOut;
  });
  const pieces = op.noClear ? 0 : foldRanges(facts.noGaps, right).length;
  if (!inexact && pieces < 2) return undefined;
  const deployed = dirty.map((entry) => deployedReport(facts, entry, iova, last));
  const name = inexact ? "dirty-report-inexact" : "dirty-gather-ignores-no-gaps";
  return { name, instead, recorded: dirtyOutcome(false, deployed, op) };
}

function dirtyOutcome(noGaps: boolean, reports: readonly GatheredRange[], op: DirtyOp): Outcome {
  return {
    ret: "0",
    dirty: dirtyText(reports.map(([first, end]) => [first, end - first + 1n])),
    gather: rangesText(op.noClear ? [] : foldRanges(noGaps, reports)),
  };
}

/** A cleared entry is reported whole, for what was cleaned and not reported is lost; else the part asked for. */
function rightReport(entry: Entry, first: bigint, last: bigint, clear: boolean): GatheredRange {
  const end = lastOf(entry);
  if (clear) return [entry.iova, end];
  return [entry.iova > first ? entry.iova : first, end < last ? end : last];
}

/**
 * What deployed code reports: from the address asked for, whole items up to the one with the last address, but of
 * a contiguous entry not its last item.
 */
function deployedReport(facts: Facts, entry: Entry, first: bigint, last: bigint): GatheredRange {
  const itemBytes = (1n << BigInt(entry.sizeLg2)) / facts.itemsOf(entry);
  const start = entry.iova > first ? entry.iova : first;
  const from = (start - entry.iova) / itemBytes;
  const asked = last < lastOf(entry) ? (last - entry.iova) / itemBytes + 1n : facts.itemsOf(entry);
  const most = facts.itemsOf(entry) > 1n ? facts.itemsOf(entry) - 1n : 1n;
  const items = (asked < most ? asked : most) - from;
  return [start, start + items * itemBytes - 1n];
}

function lastOf(entry: Entry): bigint {
  return entry.iova + (1n << BigInt(entry.sizeLg2)) - 1n;
}
