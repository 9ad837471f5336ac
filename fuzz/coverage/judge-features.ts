/** What a run has seen of the judges' own state, as numbers: what waits for an invalidation, and what was told to hardware. */
import type { Operation } from "../../models/operations.js";
import type { Lockstep } from "../lockstep/index.js";

const operationNames: readonly Operation["op"][] = [
  "map",
  "unmap",
  "unmapGathered",
  "sync",
  "lookup",
  "readAndClearDirty",
  "setDirty",
  "deviceWrite",
  "entries",
  "failNextAllocation",
  "cut",
  "resize",
  "trim",
  "mapRuns",
  "unmapRuns",
  "handover",
  "readAndClearAccessed",
  "deviceRead",
];

export class JudgeFeatures {
  readonly seen = new Set<number>();

  /** Notes what the last step of the lockstep left behind. */
  add({ op }: Operation, { reference, subject }: Lockstep): void {
    const { journal, pendingInvalidation } = subject;
    const [first] = journal.invalidations;
    let span = 0;
    let levels = 0;
    if (first !== undefined) {
      span = (first.last - first.first).toString(2).length;
      levels = (first.leafLevels | (first.tableLevels << 3)) & 63;
    }
    const operation = operationNames.indexOf(op);
    const waiting = bucket(reference.quarantinedTableCount) * 2 + (pendingInvalidation === undefined ? 0 : 1);
    this.seen.add(
      ((waiting * 8 + bucket(reference.runs.length)) * 4 + Math.min(journal.publications.length, 3)) * 32 +
        operation,
    );
    this.seen.add(
      0x10_0000 + ((span * 64 + levels) * 4 + Math.min(journal.invalidations.length, 3)) * 32 + operation,
    );
  }
}

/** 0, 1, 2–3, 4–7, … as 0, 1, 2, 3, …, at most 7. */
function bucket(count: number): number {
  return Math.min(7, 32 - Math.clz32(count));
}
