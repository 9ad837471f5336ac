/** Map operations: which length, where, to which output addresses. Superpages hang on how these three agree. */
import type { Draws } from "../draws.js";
import { type Operation, Prot } from "../operations.js";
import { freshAddress, leafIndex } from "./places.js";
import {
  canonical,
  endOf,
  type GeneratorState,
  itemLg2Of,
  lastOf,
  levelOf,
  lowOutputs,
  runIndexAt,
  type Space,
  spanLg2,
} from "./space.js";
import { alignDown, alignUp, larger, powersOfTwo, smallest, times, trailingZeros } from "./words.js";

export type MapOperation = Extract<Operation, { op: "map" }>;

/** A map under construction. */
interface Draft {
  /** The sizes that this call may use, smallest first. */
  readonly sizesLg2: readonly number[];
  /** The size that the request is built around; whether it gets used depends on the output address. */
  sizeLg2: number;
  /** What the start is aligned to. */
  alignLg2: number;
  /** Fills tables: many leaves are wanted. */
  filling: boolean;
  iova: bigint;
  length: bigint;
}

/** Leaves of one size in one operation, when it fills tables, now and then, and usually. */
const leavesWhenFilling = 640;
const leavesAtMost = 2048;
const leavesUsually = 32;
/** The items that lead a misaligned request up to a page of the next size, usually and now and then at most. */
const rampUsuallyLg2 = 10;
const rampAtMostLg2 = 13;
/** Tables that one operation may create at its leaves' level. */
const tablesAtMost = 64;
/** Items that one operation may write, now and then, when it fills tables, and usually: a contiguous leaf writes up to half a table. */
const itemsAtMost = 4096;
const itemsWhenFilling = 1024;
const itemsUsually = 160;

/** A map that deserves to succeed, though what is mapped may be in its way. */
export function drawMap(draws: Draws, state: GeneratorState, space: Space): MapOperation {
  const narrowing = draws.below(32) === 0;
  const sizesLg2 = narrowing ? narrowedSizes(draws, space.sizesLg2) : space.sizesLg2;
  const draft = drawDraft(draws, state, space, sizesLg2);
  place(draws, state, space, draft);
  const outputs = space.farSizeLg2 < 64 ? reachable(draws, space, draft) : space;
  draft.length = smallest(draft.length, powersOfTwo[Math.min(outputs.outputLg2, space.encryptionBit)]);
  const pa = drawOutput(draws, state, outputs, draft);
  const length = bounded(draws, space, draft, pa);
  const prot = drawProt(draws, space);
  const map = { op: "map", iova: draft.iova, pa, length, prot } as const;
  return narrowing ? { ...map, pageSizes: maskOf(sizesLg2) } : map;
}

function maskOf(sizesLg2: readonly number[]): bigint {
  return sizesLg2.reduce((mask, lg2) => mask | powersOfTwo[lg2], 0n);
}

/** The smallest size alone, any one alone, those up to one, or every second one. */
function narrowedSizes(draws: Draws, sizesLg2: readonly number[]): readonly number[] {
  const kind = draws.below(4);
  const index = draws.below(sizesLg2.length);
  if (kind === 0) return [sizesLg2[0]];
  if (kind === 1) return [sizesLg2[index]];
  if (kind === 2) return sizesLg2.slice(0, index + 1);
  return sizesLg2.filter((_, other) => (other - index) % 2 === 0);
}

function drawDraft(draws: Draws, state: GeneratorState, space: Space, sizesLg2: readonly number[]): Draft {
  const sizeLg2 = drawSize(draws, state, space, sizesLg2);
  const kind = draws.below(16);
  const draft = { sizesLg2, sizeLg2, alignLg2: sizeLg2, filling: false, iova: 0n, length: 0n };
  if (kind === 15 && draws.below(fillingOneIn(space)) === 0) {
    // Exactly what a table spans, so that removing it frees the table. Seldom: it is as much as 50 other maps.
    const span = Math.min(spanLg2(space, levelOf(space, sizeLg2)), space.widthLg2);
    draft.filling = true;
    draft.alignLg2 = span;
    draft.length = powersOfTwo[span];
    return draft;
  }
  let count = 1;
  if (kind >= 14) count += draws.below(leavesUsually);
  else if (kind >= 10) count += draws.below(16);
  else if (kind >= 4) count += draws.below(4);
  draft.length = times(count, sizeLg2);
  return draft;
}

/** How seldom a table is filled: the larger it is, the more all of its items cost. */
function fillingOneIn(space: Space): number {
  return Math.max(4, 16 * 2 ** Math.floor(1.25 * (space.tableBitsLg2 - 9)));
}

function drawSize(draws: Draws, state: GeneratorState, space: Space, sizesLg2: readonly number[]): number {
  const kind = draws.below(16);
  const count = sizesLg2.length;
  if (kind < 4 || count === 1) return sizesLg2[0];
  if (kind < 8 && sizesLg2.includes(space.farSizeLg2)) return space.farSizeLg2;
  if (kind < 10) {
    // The smaller ones more often: an entry of 256 items costs as much as 256 pages.
    const among = Math.min(count - 1, 9);
    return sizesLg2[1 + Math.min(draws.below(among), draws.below(among))];
  }
  // A leaf above the reach of the present top makes a growing one grow, and can never fit a fixed one.
  const anyLevel = kind === 15 && draws.below(8) === 0;
  const reach = anyLevel ? space.widthLg2 : Math.min(spanLg2(space, state.topLevel), space.widthLg2);
  let usable = count;
  while (usable > 1 && sizesLg2[usable - 1] >= reach) usable--;
  return sizesLg2[draws.below(usable)];
}

/** Chooses where: beside what is mapped, across tables' boundaries, at a fresh place, or on top of something. */
function place(draws: Draws, state: GeneratorState, space: Space, draft: Draft): void {
  const { runs } = state;
  const kind = runs.length === 0 ? 15 : draws.below(16);
  if (kind >= 13) {
    draft.iova = alignDown(freshAddress(draws, state, space), draft.alignLg2);
    settle(draws, state, space, draft);
    return;
  }
  const run = runs[draws.below(runs.length)];
  const end = endOf(run);
  if (kind <= 2) {
    // Right behind, with the largest size that such a start allows.
    const alignment = trailingZeros(end);
    draft.filling = false;
    draft.sizeLg2 = largestUpTo(draft.sizesLg2, Math.min(alignment, draft.sizeLg2));
    draft.iova = alignUp(end, draft.sizesLg2[0]);
    if (kind === 0 && draws.below(fillingOneIn(space) >> 1) === 0) draft.length = restOfTable(space, draft);
  } else if (kind <= 4) {
    draft.iova = alignUp(end, draft.alignLg2);
  } else if (kind <= 6) {
    draft.iova = alignDown(run.iova - draft.length, draft.alignLg2);
  } else if (kind === 7) {
    draft.iova = alignUp(end + powersOfTwo[draft.sizeLg2], draft.alignLg2);
  } else if (kind <= 9) {
    // Across the next boundary of a table.
    const boundary = alignUp(end, spanLg2(space, draws.below(state.topLevel + 1)));
    draft.iova = alignDown(boundary - (draft.length >> 1n), draft.sizesLg2[0]);
  } else {
    const leaf = kind === 10 ? leafIndex(draws, run) : 0;
    collide(draws, space, draft, kind, run.iova + times(leaf, run.sizeLg2));
    return;
  }
  settle(draws, state, space, draft);
}

/** What is left of the table that holds the start, at the level of the draft's size. */
function restOfTable(space: Space, draft: Draft): bigint {
  draft.filling = true;
  return alignUp(draft.iova + 1n, spanLg2(space, levelOf(space, draft.sizeLg2))) - draft.iova;
}

/** Lies on a leaf from its start, or has a run somewhere behind its start, or ends inside one. */
function collide(draws: Draws, space: Space, draft: Draft, kind: number, leaf: bigint): void {
  const smallestLg2 = draft.sizesLg2[0];
  const before = kind === 10 ? 0n : times(1 + draws.below(8), smallestLg2);
  draft.iova = canonical(space, alignDown(leaf - before, smallestLg2));
  if (kind === 11) draft.length = before + powersOfTwo[smallestLg2];
  const room = lastOf(space, draft.iova) - draft.iova + 1n;
  draft.length = smallest(draft.length, alignDown(room, smallestLg2));
}

/** Frays the edges now and then, then moves and cuts the request so that it fits a hole. */
function settle(draws: Draws, state: GeneratorState, space: Space, draft: Draft): void {
  const smallestLg2 = draft.sizesLg2[0];
  const fray = draws.below(64);
  if ((fray & 7) === 0) {
    const front = times(1 + (fray >> 4), smallestLg2);
    draft.iova -= front;
    draft.length += front;
  }
  if ((fray & 7) <= 1) draft.length += times(1 + ((fray >> 3) & 3), smallestLg2);
  draft.iova = canonical(space, draft.iova);
  const { runs } = state;
  let index = runIndexAt(runs, draft.iova);
  for (let tries = 0; tries < 3 && index < runs.length && runs[index].iova <= draft.iova; tries++) {
    draft.iova = canonical(space, alignUp(endOf(runs[index]), Math.min(draft.alignLg2, draft.sizeLg2)));
    index = runIndexAt(runs, draft.iova);
  }
  const next = index < runs.length ? runs[index].iova : powersOfTwo[64];
  const room =
    smallest(next > draft.iova ? next : powersOfTwo[64], lastOf(space, draft.iova) + 1n) - draft.iova;
  if (draft.length > room) draft.length = alignDown(room, smallestLg2);
  if (draft.length === 0n) draft.length = powersOfTwo[smallestLg2];
}

/** Where the request may lead: all output addresses when it is made of pages that reach them, and seldom else. */
function reachable(draws: Draws, space: Space, { iova, length, sizesLg2 }: Draft): Space {
  const endsWhole = BigInt.asUintN(space.farSizeLg2, iova + length) === 0n;
  const reaches = endsWhole && sizesLg2.includes(space.farSizeLg2);
  return draws.below(64) < (reaches ? 48 : 1) ? space : lowOutputs(space);
}

/** The output address: how far it agrees with the input address decides which pages can be used. */
function drawOutput(draws: Draws, state: GeneratorState, space: Space, draft: Draft): bigint {
  const kind = draws.below(16);
  const { iova, sizeLg2, sizesLg2, length } = draft;
  if (kind <= 2) {
    const index = runIndexAt(state.runs, iova) - 1;
    // Goes on where the neighbour's output ends, as a buffer that is mapped piece by piece does.
    if (index >= 0) {
      const run = state.runs[index];
      return fitted(space, run.pa + (iova - run.iova), length, sizeLg2);
    }
  }
  const isSeam = kind === 12 || (kind === 11 && space.farSizeLg2 < 64);
  if (isSeam && space.seamsLg2.length > 0) return acrossSeam(draws, space, draft);
  if (kind === 14) return fitted(space, powersOfTwo[space.outputLg2] - length, length, sizesLg2[0]);
  if (kind === 15) return fitted(space, iova, length, sizeLg2);
  let agreeLg2 = sizeLg2;
  let differ = draft.filling || (kind >= 3 && kind <= 7);
  if (kind === 13) agreeLg2 = sizesLg2[0];
  else if (kind >= 11 && !draft.filling) {
    agreeLg2 = largestUpTo(sizesLg2, sizeLg2 - draws.below(10));
    differ = true;
  } else if (kind >= 8) agreeLg2 += draws.below(12);
  return fitted(space, agreeing(draws, space, iova, agreeLg2, differ), length, agreeLg2);
}

/** Some of the leaves before a seam, the rest behind it. */
function acrossSeam(draws: Draws, space: Space, { iova, sizeLg2, length }: Draft): bigint {
  const seamLg2 = space.seamsLg2[draws.below(space.seamsLg2.length)];
  // What needs larger pages behind the seam needs them behind every later one.
  const seams = space.farSizeLg2 < 64 ? 1 : Math.min(2 ** (space.outputLg2 - seamLg2), 0x1_0000) - 1;
  const leaves = Number(BigInt.asUintN(16, length >> BigInt(sizeLg2)));
  const before = times(leaves > 1 ? 1 + draws.below(leaves - 1) : draws.below(2), sizeLg2);
  const offset = iova & (powersOfTwo[sizeLg2] - 1n);
  const pa = times(1 + draws.below(seams), seamLg2) - before + offset;
  return fitted(space, pa, length, sizeLg2);
}

/** Equal to `iova` in the bits below `agreeLg2`, and different in that bit where `differ` says so. */
function agreeing(draws: Draws, space: Space, iova: bigint, agreeLg2: number, differ: boolean): bigint {
  const bits = draws.below(0x1_0000);
  const lowest = Math.min(agreeLg2 + (differ ? 1 : 0), space.outputLg2);
  // A quarter of the output addresses lies in the highest part of the space.
  const shift = (bits & 3) === 0 ? Math.max(lowest, space.outputLg2 - 16) : lowest;
  const low = (differ ? iova ^ powersOfTwo[agreeLg2] : iova) & (powersOfTwo[lowest] - 1n);
  return times(bits, shift) | low;
}

/** The address moved so that `length` bytes fit the output space, clear of the encryption bit. */
function fitted(space: Space, pa: bigint, length: bigint, agreeLg2: number): bigint {
  const { outputLg2, encryptionBit } = space;
  let fit = BigInt.asUintN(outputLg2, pa);
  let end = powersOfTwo[outputLg2];
  if (encryptionBit < outputLg2) {
    fit &= ~powersOfTwo[encryptionBit];
    end = alignDown(fit, encryptionBit) + powersOfTwo[encryptionBit];
  }
  if (fit + length <= end) return fit;
  const back = alignUp(fit + length - end, Math.min(agreeLg2, outputLg2));
  const start = end - powersOfTwo[Math.min(outputLg2, encryptionBit)];
  return fit - back >= start ? fit - back : end - length;
}

/** The length, cut to what one operation may cost: so many leaves of the size that will be used, so many tables. */
function bounded(draws: Draws, space: Space, { sizesLg2, filling, iova, length }: Draft, pa: bigint): bigint {
  let index = usableIndex(sizesLg2, iova, pa, length);
  if (length <= powersOfTwo[sizesLg2[index]]) return length;
  // A large table can be filled as well, for what an unmap of all of it frees is the table.
  const tableItems = 2 ** space.tableBitsLg2;
  let leaves = filling ? Math.max(leavesWhenFilling, tableItems) : leavesUsually;
  const isLong = length > times(leaves, sizesLg2[index]) && draws.below(64) === 0;
  if (isLong) leaves = leavesAtMost;
  let whole = length;
  // Between sizes far apart, what leads up to a large page would be thousands of small ones.
  const rampLg2 = draws.below(64) === 0 ? rampAtMostLg2 : rampUsuallyLg2;
  while (index > 0 && sizesLg2[index] - itemLg2Of(space, sizesLg2[index - 1]) > rampLg2) {
    if (trailingZeros(iova) >= sizesLg2[index]) {
      whole = alignDown(length, sizesLg2[index]);
      break;
    }
    index--;
  }
  const level = levelOf(space, sizesLg2[index]);
  const tables = times(tablesAtMost, spanLg2(space, level));
  const itemLg2 = itemLg2Of(space, sizesLg2[index]);
  const filled = Math.max(itemsWhenFilling, tableItems);
  const items = isLong ? itemsAtMost : filling ? filled : itemsUsually;
  const cost = smallest(times(items, itemLg2), tables);
  // Whole leaves: what is left of one would be thousands of the next smaller size.
  const affordable = alignDown(smallest(times(leaves, sizesLg2[index]), cost), sizesLg2[index]);
  return smallest(whole, larger(affordable, powersOfTwo[sizesLg2[index]]));
}

/** The index of the largest size of which a page fits: input and output agree so far, and a whole one is inside. */
function usableIndex(sizesLg2: readonly number[], iova: bigint, pa: bigint, length: bigint): number {
  const agreeLg2 = trailingZeros(iova ^ pa);
  const end = iova + length;
  let index = sizesLg2.length - 1;
  while (index > 0) {
    const sizeLg2 = sizesLg2[index];
    if (sizeLg2 <= agreeLg2 && alignUp(iova, sizeLg2) + powersOfTwo[sizeLg2] <= end) break;
    index--;
  }
  return index;
}

/** The largest size of at most 2^lg2 bytes; the smallest when there is none. */
function largestUpTo(sizesLg2: readonly number[], lg2: number): number {
  let index = sizesLg2.length - 1;
  while (index > 0 && sizesLg2[index] > lg2) index--;
  return sizesLg2[index];
}

/** Half of the requests say how memory is cached, or who may use it and what for. */
function drawProt(draws: Draws, space: Space): number {
  const bits = draws.below(256);
  const kind = bits & 7;
  let prot: number = Prot.read | Prot.write;
  if (kind === 7) prot = Prot.write;
  else if (kind >= 5) prot = Prot.read;
  if ((bits & 8) !== 0) prot |= (bits >> 4) << 2;
  return space.forceWriteable && bits >= 16 ? prot | Prot.write : prot;
}
