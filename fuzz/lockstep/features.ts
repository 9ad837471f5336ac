/**
 * What a run has seen, as a set of small numbers: combinations of operation, answer, page sizes, levels and what
 * happened to tables. A run that adds a number went somewhere new.
 */
import type { Operation, Outcome } from "../../models/operations.js";
import type { Lockstep } from "./lockstep.js";

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

const codeNames = [
  "OK",
  "NO_PERMISSION",
  "PA_OUT_OF_RANGE",
  "READ_ONLY_REFUSED",
  "ZERO_LENGTH",
  "WRAPS",
  "MISALIGNED",
  "IOVA_OUT_OF_RANGE",
  "ADDRESS_IN_USE",
  "OUT_OF_MEMORY",
  "NOT_SUPPORTED",
  "NOT_MAPPED",
  "PARTIAL_ENTRY",
];

export class Features {
  readonly seen = new Set<number>();
  #before = 0;
  #tablesBefore = 1;

  /** Notes what the last step of the lockstep was. */
  add(operation: Operation, lockstep: Lockstep): void {
    const { outcome, reference } = lockstep;
    if (outcome === undefined) return;
    const { seen } = this;
    const answer = operationNames.indexOf(operation.op) * 16 + answerOf(outcome);
    seen.add(this.#before * 512 + answer);
    this.#before = answer;
    const { tables, stores } = lockstep.counts;
    const [made, gone] = [tables - this.#tablesBefore, this.#tablesBefore - tables];
    this.#tablesBefore = tables;
    const moved = made > 0 ? bucket(made) : gone > 0 ? 8 + bucket(gone) : 0;
    seen.add(0x10_0000 + answer * 4096 + moved * 256 + bucket(stores) * 16 + reference.topLevel);
    if (lockstep.removedLevels !== 0) seen.add(0x40_0000 + answer * 65536 + lockstep.removedLevels);
    if ("iova" in operation) {
      const sizeLg2 = lockstep.sizeLg2At(operation.iova);
      seen.add(0x400_0000 + (answer * 64 + sizeLg2) * 8 + reference.topLevel);
    }
  }
}

/** 0, 1, 2–3, 4–7, … as 0, 1, 2, 3, …, at most 7. */
function bucket(count: number): number {
  return Math.min(7, 32 - Math.clz32(count));
}

function answerOf(outcome: Outcome): number {
  if (outcome.op === "trim" && outcome.code === "OK") return bucket(outcome.freedTables);
  if ("removedBytes" in outcome && outcome.refusal !== undefined) return codeNames.indexOf(outcome.refusal);
  if ("removedBytes" in outcome)
    return outcome.removedBytes === 0n ? 0 : 1 + Math.min(outcome.invalidated.length, 2);
  if ("code" in outcome) return codeNames.indexOf(outcome.code);
  if (outcome.op === "lookup") return outcome.pa === undefined ? 0 : 1;
  if (outcome.op === "sync" || outcome.op === "handover") return Math.min(outcome.invalidated.length, 1);
  if (outcome.op === "entries") return bucket(outcome.entries.length);
  return "permitted" in outcome && outcome.permitted ? 1 : 0;
}
