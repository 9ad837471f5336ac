/**
 * Where operations strike. Bugs live at boundaries, so addresses are drawn from what is mapped, from the tables'
 * boundaries and from the ends of the spaces; an address that is merely random is the rare case.
 */
import type { Draws } from "../draws.js";
import {
  canonical,
  endOf,
  firstOfUpperHalf,
  type GeneratorState,
  type MappedRun,
  reachLg2,
  type Space,
  spanLg2,
} from "./space.js";
import { powersOfTwo, times } from "./words.js";

/** A granule-aligned place that has nothing to do with what is mapped. */
export function freshAddress(draws: Draws, state: GeneratorState, space: Space): bigint {
  const kind = draws.below(8);
  const bits = draws.below(256);
  const topLevel = reachedTop(bits, state, space);
  const reach = reachLg2(space, topLevel);
  const nearby = times(bits & 3, space.granuleLg2);
  let iova: bigint;
  if (kind <= 1) {
    // Around a multiple of what a table spans.
    const boundary = times((bits >> 2) & 3, spanLg2(space, draws.below(topLevel + 1)));
    iova = (bits & 0x10) === 0 ? boundary + nearby : boundary - nearby;
  } else if (kind === 2) {
    iova = powersOfTwo[reach] - nearby - powersOfTwo[space.granuleLg2];
  } else if (kind === 3) {
    iova = powersOfTwo[reach - 1] - nearby;
  } else if (kind === 4) {
    // Around the boundaries of 32-bit words, signed and unsigned.
    iova = powersOfTwo[(bits & 4) === 0 ? 32 : 31] - nearby;
  } else {
    iova = times(bits, space.granuleLg2 + draws.below(reach - space.granuleLg2));
  }
  iova &= powersOfTwo[reach] - 1n;
  return canonical(space, space.signExtended && (bits & 0xc0) === 0 ? ~iova & -nearbyUnit(space) : iova);
}

function nearbyUnit(space: Space): bigint {
  return powersOfTwo[space.granuleLg2];
}

/** A growing top is stepped over now and then, for it never shrinks again; by several levels while nothing is mapped. */
function reachedTop(bits: number, { topLevel, runs }: GeneratorState, space: Space): number {
  if (!space.growingTop || bits < (runs.length === 0 ? 160 : 248)) return topLevel;
  return bits === 255 || runs.length === 0
    ? space.highestTopLevel
    : Math.min(topLevel + 1, space.highestTopLevel);
}

/** A leaf of a run by its index: the first, the last, or any. */
export function leafIndex(draws: Draws, run: MappedRun): number {
  const count = Number(run.count);
  if (count === 1) return 0;
  const kind = draws.below(8);
  if (kind < 2) return kind * (count - 1);
  return draws.below(Math.min(count, 0x1_0000_0000));
}

/** An address to probe: mostly inside a leaf, else just beside one, at an end of the space or beyond it. */
export function probedAddress(draws: Draws, state: GeneratorState, space: Space): bigint {
  const { runs } = state;
  const kind = runs.length === 0 ? 12 + draws.below(4) : draws.below(16);
  if (kind === 12) return freshAddress(draws, state, space);
  if (kind === 13) return canonical(space, -1n);
  if (kind === 14) {
    // The last byte that the present top reaches, or the first beyond it; of an upper half the one before its first.
    const end = powersOfTwo[reachLg2(space, state.topLevel)];
    if (draws.below(2) === 0) return space.upperHalf ? powersOfTwo[64] - 1n : end - 1n;
    return space.upperHalf ? firstOfUpperHalf(space) - 1n : end & (powersOfTwo[64] - 1n);
  }
  if (kind === 15) return invalidAddress(draws, space);
  const run = runs[draws.below(runs.length)];
  if (kind === 10) return endOf(run) & (powersOfTwo[64] - 1n);
  if (kind === 11) return BigInt.asUintN(64, run.iova - 1n);
  return addressInLeaf(draws, run, space);
}

/** Some byte of some leaf: its first, its last, or one in any of the items that a contiguous entry has. */
export function addressInLeaf(draws: Draws, run: MappedRun, space: Space): bigint {
  const start = run.iova + times(leafIndex(draws, run), run.sizeLg2);
  const kind = draws.below(4);
  if (kind === 0) return start;
  if (kind === 1) return start + powersOfTwo[run.sizeLg2] - 1n;
  const offset = times(draws.below(256), Math.max(space.granuleLg2, run.sizeLg2 - 8)) + 0x123n;
  return start + (offset & (powersOfTwo[run.sizeLg2] - 1n));
}

/** An address that no domain of this shape accepts, or the very last one where every address is valid. */
export function invalidAddress(draws: Draws, space: Space): bigint {
  const kind = draws.below(4);
  if (space.widthLg2 === 64) return powersOfTwo[64] - 1n;
  const granule = powersOfTwo[space.granuleLg2];
  if (space.upperHalf) {
    if (kind === 0) return firstOfUpperHalf(space) - granule;
    return kind === 1 ? 0n : kind === 2 ? powersOfTwo[space.widthLg2] - granule : powersOfTwo[63] - granule;
  }
  // The non-canonical hole begins one bit lower than the width, and ends a half below 2^64.
  const first = powersOfTwo[space.widthLg2 - (space.signExtended ? 1 : 0)];
  if (kind === 0) return first;
  if (kind === 1) return first + granule;
  if (space.signExtended) return kind === 2 ? powersOfTwo[64] - first - granule : powersOfTwo[62];
  return kind === 2 ? powersOfTwo[64] - granule : powersOfTwo[63];
}
