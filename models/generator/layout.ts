/** Where entries are cut, and which are to become larger or smaller. */
import type { Draws } from "../draws.js";
import type { Operation } from "../operations.js";
import { leafIndex, probedAddress } from "./places.js";
import { type AddressRange, drawInspection } from "./ranges.js";
import {
  canonical,
  firstOfUpperHalf,
  type GeneratorState,
  itemLg2Of,
  lastOf,
  type MappedRun,
  runIndexAt,
  type Space,
} from "./space.js";
import { powersOfTwo, times } from "./words.js";

/** What one operation may make of entries, usually, now and then, and seldom: so many items, of all levels together. */
const itemsUsually = 600;
const itemsAtMost = 2048;
const itemsSeldom = 9000;

/** Usually one table's worth, if that is a page. */
function itemsWanted(draws: Draws, { tableBitsLg2 }: Space): number {
  const kind = draws.below(256);
  if (kind === 0) return itemsSeldom;
  if (kind < 80) return itemsAtMost;
  return tableBitsLg2 === 10 ? 2 ** tableBitsLg2 : itemsUsually;
}

/** An address inside of a leaf, where a smaller page can begin; now and then anywhere. */
export function drawCut(draws: Draws, state: GeneratorState, space: Space, isBad: boolean): bigint {
  const large = state.runs.filter(({ sizeLg2 }) => sizeLg2 > space.sizesLg2[0]);
  if (large.length === 0 || draws.below(16) === 0)
    return affordable(state, space, probedAddress(draws, state, space));
  const run = large[draws.below(large.length)];
  const start = run.iova + times(leafIndex(draws, run), run.sizeLg2);
  const limit = itemsWanted(draws, space);
  const partsLg2 = space.sizesLg2.filter(
    (lg2) => lg2 < run.sizeLg2 && itemsOfCut(space, run.sizeLg2, lg2) <= limit,
  );
  if (partsLg2.length === 0) return start;
  // Down to the smallest half of the time.
  const index = draws.below(2) === 0 ? 0 : draws.below(partsLg2.length);
  const parts = run.sizeLg2 - partsLg2[index];
  const part = drawPart(draws, Math.min(parts, 30));
  const offset = times(part, partsLg2[index] + parts - Math.min(parts, 30));
  return start + offset + (isBad ? powersOfTwo[space.sizesLg2[0] - 1] : 0n);
}

/** The address, or the begin of the run that holds it where a cut would make too many pages. */
function affordable({ runs }: GeneratorState, space: Space, iova: bigint): bigint {
  const run = runs[runIndexAt(runs, iova)];
  if (run === undefined || run.iova > iova) return iova;
  return itemsOfCut(space, run.sizeLg2, space.sizesLg2[0]) > itemsSeldom ? run.iova : iova;
}

/** The second part, the last, the one in the middle, or any. */
function drawPart(draws: Draws, partsLg2: number): number {
  const count = 2 ** partsLg2;
  switch (draws.below(4)) {
    case 0:
      return 1;
    case 1:
      return count - 1;
    case 2:
      return count / 2;
    default:
      return draws.below(count);
  }
}

/** How many items tables get when a leaf is cut down to parts of a size. */
function itemsOfCut(space: Space, sizeLg2: number, partLg2: number): number {
  let items = 0;
  let above = sizeLg2;
  for (let index = space.sizesLg2.length - 1; index >= 0 && above > partLg2; index--) {
    const lg2 = space.sizesLg2[index];
    if (lg2 >= above) continue;
    items += 2 ** Math.min(above - itemLg2Of(space, lg2), 30);
    above = lg2;
  }
  return items;
}

/** A range and a size: mostly of what is there, or everything as large as can be. */
export function drawResize(
  draws: Draws,
  state: GeneratorState,
  space: Space,
): Extract<Operation, { op: "resize" }> {
  const range = drawInspection(draws, state, space);
  const kind = draws.below(4);
  const { sizesLg2 } = space;
  let index = kind === 0 ? sizesLg2.length - 1 : draws.below(sizesLg2.length);
  if (kind === 1) index = 0;
  // What cannot be had at a reasonable price is not asked for.
  const touched = state.runs.filter(
    (run) => run.iova < range.iova + range.length && endsAbove(run, range.iova),
  );
  const limit = itemsWanted(draws, space);
  while (index < sizesLg2.length - 1 && itemsOfAll(space, touched, range, sizesLg2[index]) > limit) index++;
  // Between two sizes as well, below the smallest now and then.
  const spoiled = draws.below(64);
  const largestLg2 = spoiled === 0 ? sizesLg2[0] - 1 : sizesLg2[index] + (spoiled < 8 ? spoiled & 1 : 0);
  return { op: "resize", ...range, largestLg2: kind === 0 ? 63 : largestLg2 };
}

const endsAbove = (run: MappedRun, iova: bigint) =>
  run.iova + (BigInt(run.count) << BigInt(run.sizeLg2)) > iova;

function itemsOfAll(
  space: Space,
  runs: readonly MappedRun[],
  range: AddressRange,
  largestLg2: number,
): number {
  let items = 0;
  for (const { sizeLg2, count } of runs) {
    if (sizeLg2 <= largestLg2) continue;
    const leaves = Math.min(Number(count), Number(range.length >> BigInt(sizeLg2)) + 2);
    // Contiguous entries of many items, and levels that are skipped, count as if each item were one.
    const smaller = space.sizesLg2.filter((lg2) => lg2 <= largestLg2);
    const partLg2 = smaller[smaller.length - 1] ?? space.sizesLg2[0];
    items += leaves * 2 ** (sizeLg2 - partLg2) * (1 + 2 ** (partLg2 - itemLg2Of(space, partLg2)));
  }
  return items;
}

/** All input addresses, or one half of them. */
export function wholeSpace(draws: Draws, space: Space): AddressRange {
  const isUpper = space.upperHalf || (space.signExtended && draws.below(2) === 0);
  const widthLg2 = space.widthLg2 - (space.signExtended ? 1 : 0);
  const iova = space.upperHalf
    ? firstOfUpperHalf(space)
    : isUpper
      ? canonical(space, powersOfTwo[space.widthLg2 - 1])
      : 0n;
  // The whole of a 64-bit space is one byte more than a length can say.
  const length =
    widthLg2 === 64 ? powersOfTwo[64] - powersOfTwo[space.granuleLg2] : lastOf(space, iova) - iova + 1n;
  return { iova, length };
}
