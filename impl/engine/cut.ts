/** Cutting the entry that lies across a boundary, so that what is on either side can be changed on its own. */
import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import { threads } from "../stamp/variant.js";
import type { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { EntryFacts, Fragment, offsetOf } from "./fragment.js";

/**
 * Makes an address the first of an entry, if it is inside of one; every part of that is as dirty as it was. Nothing
 * is changed if the memory for the tables is missing.
 */
export function cut(
  domain: Domain,
  cursor: Cursor,
  low: number,
  high: number,
  gather: Gather,
  breaking: Gather,
): Status {
  domain.missed.length = 0;
  if (threads) return Status.NEEDS_EXCLUSION;
  const inside = domain.inputRangeStatus(low, high, low, high);
  if (inside !== Status.OK) return inside;
  const fragment = fragmentAt(domain, cursor, low, high);
  if (fragment === undefined) return Status.OK;
  if (!fragment.isPossible) return Status.MISALIGNED;
  const status = fragment.build(breaking);
  if (status === Status.OK) fragment.make(gather, breaking);
  return status;
}

/** What is to be cut at an address; nothing, where an entry or a hole begins, or a hole goes on. */
function fragmentAt(domain: Domain, cursor: Cursor, low: number, high: number): Fragment | undefined {
  if (!cursor.seek(low, high, low, high)) return undefined;
  const offset = offsetOf(low, high, cursor);
  return offset === 0 ? undefined : new Fragment(domain, new EntryFacts(cursor), [offset]);
}
