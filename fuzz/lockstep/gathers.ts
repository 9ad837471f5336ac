/** Which operations invalidate, and which of them leave it to the gather that stays open. */
import type { Operation } from "../../models/operations.js";

const CHANGING: readonly Operation["op"][] = [
  "map",
  "mapRuns",
  "unmap",
  "unmapGathered",
  "unmapRuns",
  "sync",
  "handover",
  "cut",
  "resize",
  "trim",
];

/** Whether the operation may take leaves or tables away, or invalidate. */
export function mayInvalidate(op: Operation["op"]): boolean {
  return CHANGING.includes(op);
}

export function touchesGather(operation: Operation): boolean {
  const { op } = operation;
  return op === "unmapGathered" || op === "sync" || op === "handover" || isGatheredLayout(operation);
}

/** Whether entries change their sizes, or tables go, and what is to be forgotten waits. */
export function isGatheredLayout(operation: Operation): boolean {
  return "gathered" in operation && operation.gathered === true;
}
