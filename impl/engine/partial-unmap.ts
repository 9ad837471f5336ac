/** What becomes of an entry of which an unmap names a part only. */
import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import type { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { EntryFacts, Fragment, offsetOf } from "./fragment.js";

/** `WHOLE`: an end takes the entry along, a start leaves it alone. */
export const PartialUnmap = { WHOLE: 0, CUT: 1, REFUSE: 2 } as const;

export type PartialUnmap = (typeof PartialUnmap)[keyof typeof PartialUnmap];

/**
 * Before an unmap of the inclusive range: cuts the entries inside of which it begins or ends, or refuses, as the domain
 * says. Without memory for both cuts nothing is changed.
 */
export function settleEdges(
  domain: Domain,
  cursor: Cursor,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  gather: Gather,
  breaking: Gather,
): Status {
  domain.missed.length = 0;
  // A range that is not inside the input addresses removes nothing.
  if (domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh) !== Status.OK) return Status.OK;
  const fragments = fragmentsOf(domain, cursor, firstLow, firstHigh, lastLow, lastHigh);
  if (fragments.length === 0) return Status.OK;
  if (domain.partialUnmap === PartialUnmap.REFUSE) return Status.PARTIAL_ENTRY;
  if (!fragments.every((fragment) => fragment.isPossible)) return Status.MISALIGNED;
  for (const [index, fragment] of fragments.entries()) {
    const status = fragment.build(breaking);
    if (status === Status.OK) continue;
    for (const built of fragments.slice(0, index)) built.discard();
    return status;
  }
  let made = 0;
  try {
    for (; made < fragments.length; made++) fragments[made].make(gather, breaking);
  } finally {
    for (const unmade of fragments.slice(made + 1)) unmade.discard();
  }
  return Status.OK;
}

function fragmentsOf(
  domain: Domain,
  cursor: Cursor,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
): Fragment[] {
  const fragments: Fragment[] = [];
  const startsInside = cursor.seek(firstLow, firstHigh, firstLow, firstHigh);
  const start = startsInside ? offsetOf(firstLow, firstHigh, cursor) : 0;
  const first = start === 0 ? undefined : new EntryFacts(cursor);
  const endsInside = cursor.seek(lastLow, lastHigh, lastLow, lastHigh);
  const end = endsInside ? offsetOf(lastLow, lastHigh, cursor) + 1 : 0;
  const isPart = endsInside && end !== 2 ** cursor.sizeLg2;
  const isSame = isPart && first !== undefined && first.item === cursor.item;
  if (first !== undefined) fragments.push(new Fragment(domain, first, isSame ? [start, end] : [start]));
  if (isPart && !isSame) fragments.push(new Fragment(domain, new EntryFacts(cursor), [end]));
  return fragments;
}
