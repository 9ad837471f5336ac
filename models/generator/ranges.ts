/** Ranges of operations on what is mapped: removal, listing, dirty state. */
import type { Draws } from "../draws.js";
import { freshAddress, leafIndex } from "./places.js";
import { endOf, type GeneratorState, lastOf, type MappedRun, type Space, spanLg2 } from "./space.js";
import { alignDown, alignUp, powersOfTwo, smallest, times } from "./words.js";

export interface AddressRange {
  readonly iova: bigint;
  readonly length: bigint;
}

/** How far back a removal looks for the begin of what lies side by side. */
const neighboursAtMost = 8;

/**
 * A range to remove. Whole runs make up most of it, for a state that only gets more fragmented soon shows
 * nothing new; the rest begins or ends inside entries, crosses holes, or covers what a table spans.
 */
export function drawRemoval(
  draws: Draws,
  state: GeneratorState,
  space: Space,
  crowded: boolean,
): AddressRange {
  const { runs } = state;
  if (runs.length === 0)
    return { iova: freshAddress(draws, state, space), length: powersOfTwo[space.granuleLg2] };
  const index = draws.below(runs.length);
  const run = runs[index];
  const kind = draws.below(16);
  if (crowded && kind < 14) return kind < 7 ? wholeRun(run) : everythingFrom(runs, index, space);
  if (kind < 6) return wholeRun(run);
  if (kind < 9) return someLeaves(draws, run);
  switch (kind) {
    case 9:
      return endingInside(draws, run, space);
    case 10:
      return beginningInside(draws, run, space);
    case 11: {
      // Over holes, if there are any: removal ends at the first.
      const last = runs[Math.min(index + 1 + draws.below(4), runs.length - 1)];
      return upTo(run.iova, endOf(last), space);
    }
    case 12:
      return tableSpan(draws, state, run, space);
    case 13:
    case 14:
      return everythingFrom(runs, index, space);
    default:
      return besideRun(draws, run, space);
  }
}

/** A range to look at: like a removal, but never so long that looking at it costs more than a few dozen leaves. */
export function drawInspection(draws: Draws, state: GeneratorState, space: Space): AddressRange {
  const { iova, length } = drawRemoval(draws, state, space, false);
  const { runs } = state;
  if (runs.length === 0 || draws.below(16) === 0) return { iova, length };
  // Most runs are made of small leaves, so a bound in units of the smallest granule would see nothing of others.
  const unitLg2 = runs[draws.below(runs.length)].sizeLg2;
  return { iova, length: smallest(length, times(32, unitLg2)) };
}

function wholeRun(run: MappedRun): AddressRange {
  return { iova: run.iova, length: times(Number(run.count), run.sizeLg2) };
}

function someLeaves(draws: Draws, run: MappedRun): AddressRange {
  const first = leafIndex(draws, run);
  const count = Math.min(1 + draws.below(8), Number(run.count) - first);
  return { iova: run.iova + times(first, run.sizeLg2), length: times(count, run.sizeLg2) };
}

/** The last entry goes whole, although only a part of it was named. */
function endingInside(draws: Draws, run: MappedRun, space: Space): AddressRange {
  const { iova, length } = someLeaves(draws, run);
  const part = times(1 + draws.below(3), Math.max(space.granuleLg2, run.sizeLg2 - 2));
  return part < length ? { iova, length: length - part } : { iova, length: powersOfTwo[space.granuleLg2] };
}

/** Nothing may be removed; where the leaf is of the smallest size, the range begins at its neighbour. */
function beginningInside(draws: Draws, run: MappedRun, space: Space): AddressRange {
  const { iova, length } = someLeaves(draws, run);
  const offset = powersOfTwo[Math.max(space.granuleLg2, run.sizeLg2 - 1 - draws.below(4))];
  // Half of the time it ends inside the same entry.
  const part = times(1 + draws.below(3), Math.max(space.granuleLg2, run.sizeLg2 - 3));
  return upTo(iova + offset, iova + offset + (draws.below(2) === 0 ? part : length), space);
}

function tableSpan(draws: Draws, state: GeneratorState, run: MappedRun, space: Space): AddressRange {
  const kind = draws.below(256);
  const lg2 = spanLg2(space, kind % (state.topLevel + 1));
  const first = alignDown(run.iova, lg2);
  return upTo(kind < 128 ? first : run.iova, alignUp(run.iova + 1n, lg2), space);
}

/** From the begin of what lies side by side to the end of the space: removes up to the next hole. */
function everythingFrom(runs: readonly MappedRun[], index: number, space: Space): AddressRange {
  let first = index;
  const lowest = Math.max(0, index - neighboursAtMost);
  while (first > lowest && endOf(runs[first - 1]) === runs[first].iova) first--;
  return upTo(runs[first].iova, powersOfTwo[64], space);
}

function besideRun(draws: Draws, run: MappedRun, space: Space): AddressRange {
  const step = powersOfTwo[space.granuleLg2];
  const before = draws.below(2) === 0 && run.iova >= step;
  const iova = before ? run.iova - step : smallest(endOf(run), powersOfTwo[64] - step);
  return { iova, length: times(1 + draws.below(4), space.granuleLg2) };
}

/** `[iova, end)`, cut at the end of the half that holds the start. */
function upTo(iova: bigint, end: bigint, space: Space): AddressRange {
  const start = smallest(iova, powersOfTwo[64] - powersOfTwo[space.granuleLg2]);
  const limit = smallest(end, lastOf(space, start) + 1n);
  const length = limit > start ? limit - start : powersOfTwo[space.granuleLg2];
  // The whole of a 64-bit space is one byte more than a length can say.
  return {
    iova: start,
    length: length === powersOfTwo[64] ? length - powersOfTwo[space.granuleLg2] : length,
  };
}
