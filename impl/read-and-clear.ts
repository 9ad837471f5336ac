/** What devices left in entries, told with addresses as bigints. */
import { rangeStatus } from "./arguments.js";
import type { Cursor } from "./engine/cursor.js";
import { readAndClear } from "./engine/dirty.js";
import type { Domain } from "./engine/domain.js";
import { PageTableError, type Status } from "./errors.js";
import type { Gather } from "./memory/gather.js";
import { fromWords, highOf, lowOf } from "./words.js";

/** Tells a range that is dirty, or was accessed. */
export type Report = (iova: bigint, lengthBytes: bigint) => void;

export function readAndClearRange(
  domain: Domain,
  cursor: Cursor,
  ofAccesses: boolean,
  iova: bigint,
  lengthBytes: bigint,
  clear: boolean,
  gather: Gather,
  report: Report,
): Status {
  if (typeof report !== "function") {
    throw new PageTableError("INVALID_ARGUMENT", `${ofAccesses ? "onUse" : "onDirty"}: a function`);
  }
  const last = iova + lengthBytes - 1n;
  return readAndClear(
    domain,
    cursor,
    ofAccesses,
    lowOf(iova),
    highOf(iova),
    lowOf(last),
    highOf(last),
    clear,
    rangeStatus(lengthBytes, last),
    gather,
    {
      found: (firstLow, firstHigh, lastLow, lastHigh) => {
        const first = fromWords(firstLow, firstHigh);
        report(first, fromWords(lastLow, lastHigh) - first + 1n);
      },
    },
  );
}
