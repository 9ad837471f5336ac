/** How many stores an operation may make, by what it was asked to change (I17). */
import { shapeOf } from "../../models/index.js";
import type { Operation, Outcome } from "../../models/operations.js";
import type { Subject } from "./subject.js";

/** Stores that an operation may always make: a root, its levels, their marks. */
const STORES_OF_A_PATH = 32;

/** The bound for an operation by which so many leaf items changed, before and after together, and tables went. */
export function storesAtMost(
  { configuration, journal }: Subject,
  operation: Operation,
  given: Outcome,
  changedItems: number,
  removedTables: number,
): number {
  const { op } = operation;
  const allocations = journal.allocations.length;
  const cuts = configuration.partialUnmap === "cut" && op.startsWith("unmap");
  if (!cuts && (op.startsWith("map") || op.startsWith("unmap"))) {
    const paths = operation.op === "mapRuns" ? operation.runs.length : 1;
    return paths * STORES_OF_A_PATH + 2 * changedItems + 4 * (allocations + removedTables);
  }
  if (cuts || op === "cut" || op === "resize" || op === "trim") {
    // A mark and a break for each item, beside its two words; tables are filled first, and an unmap empties them.
    const filled = allocations << (1 + shapeOf(configuration).tableBitsLg2);
    return STORES_OF_A_PATH + 4 * (changedItems + removedTables) + (cuts ? 2 : 1) * filled;
  }
  if (op === "setDirty") return 1;
  if (given.op === "readAndClearDirty" && op === "readAndClearDirty" && operation.clear) {
    return given.dirty.length << 8;
  }
  if (given.op === "readAndClearAccessed" && op === "readAndClearAccessed" && operation.clear) {
    return given.accessed.length << 8;
  }
  return 0;
}
