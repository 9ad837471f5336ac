/** Batches: physical runs to map one behind the other, and removals that tell where entries led. */
import type { Draws } from "../draws.js";
import { type Operation, type PhysicalRun, Prot } from "../operations.js";
import { spoiledRange } from "./bad-input.js";
import { drawMap } from "./mapping.js";
import { invalidAddress } from "./places.js";
import { drawRemoval } from "./ranges.js";
import { type GeneratorState, lastOf, lowOutputs, type Space } from "./space.js";
import { alignDown, powersOfTwo, times, trailingZeros } from "./words.js";

type MapRuns = Extract<Operation, { op: "mapRuns" }>;
type UnmapRuns = Extract<Operation, { op: "unmapRuns" }>;

/** Runs in one list, usually and now and then. */
const runsUsually = 6;
const runsAtMost = 32;
/** Of the sizes larger than the smallest, as many as cost little. */
const sizesAtMost = 3;

/** Where a map would be; single pages most of all, from wherever memory was free or where the last run ended. */
export function drawMapRuns(draws: Draws, state: GeneratorState, space: Space): MapRuns {
  const { iova, pa, prot } = drawMap(draws, state, space);
  const outputs = space.farSizeLg2 < 64 ? lowOutputs(space) : space;
  const count = 1 + draws.below(draws.below(4) === 0 ? runsAtMost : runsUsually);
  const runs: PhysicalRun[] = [];
  let at = iova;
  let next = pa;
  for (let n = 0; n < count; n++) {
    const run = drawRun(draws, outputs, at, next);
    runs.push(run);
    at += run[1];
    next = run[0] + run[1];
  }
  return { op: "mapRuns", iova, runs, prot };
}

/** A page or some, which go on from the last run or not; or one larger page where one can be. */
function drawRun(draws: Draws, space: Space, at: bigint, next: bigint): PhysicalRun {
  const { sizesLg2 } = space;
  const smallestLg2 = sizesLg2[0];
  const kind = draws.below(8);
  if (kind < 2) return [alignDown(next, smallestLg2), powersOfTwo[smallestLg2]];
  const fitting = sizesLg2.slice(0, sizesAtMost).filter((lg2) => lg2 <= trailingZeros(at));
  const sizeLg2 = kind === 2 && fitting.length > 0 ? fitting[fitting.length - 1] : smallestLg2;
  const pages = kind === 3 ? 2 + draws.below(15) : 1;
  return [placeOf(draws, space, sizeLg2), times(pages, sizeLg2)];
}

/** Anywhere among the outputs, clear of the encryption bit. */
function placeOf(draws: Draws, { outputLg2, encryptionBit }: Space, sizeLg2: number): bigint {
  const place = times(draws.below(0x1_0000), sizeLg2 + draws.below(Math.max(1, outputLg2 - 16 - sizeLg2)));
  const inside = BigInt.asUintN(outputLg2, place);
  return encryptionBit < 64 ? inside & ~powersOfTwo[encryptionBit] : inside;
}

/** The batch with one thing wrong with it. */
export function spoiledMapRuns(draws: Draws, space: Space, batch: MapRuns): MapRuns {
  const { iova, runs, prot } = batch;
  const smallestLg2 = space.sizesLg2[0];
  const part = powersOfTwo[smallestLg2 - 1];
  const index = draws.below(runs.length);
  const withRun = (run: PhysicalRun) => ({
    ...batch,
    runs: runs.map((other, at) => (at === index ? run : other)),
  });
  const [pa, length] = runs[index];
  switch (draws.below(9)) {
    case 0:
      return { ...batch, prot: prot & ~(Prot.read | Prot.write) };
    case 1:
      return { ...batch, prot: prot & ~Prot.write };
    case 2:
      return withRun([powersOfTwo[space.outputLg2], length]);
    case 3:
      return withRun([pa + part, length]);
    case 4:
      return withRun([pa, length + part]);
    case 5:
      return { ...batch, iova: BigInt.asUintN(64, iova + part) };
    case 6:
      return { ...batch, iova: invalidAddress(draws, space) };
    case 7:
      return { ...batch, runs: [] };
    default:
      // The first run fits before the end of the addresses, or of their half, and the second does not.
      return { ...batch, iova: alignDown(lastOf(space, iova) - runs[0][1] + 1n, smallestLg2) };
  }
}

/** Room for a few runs most often, so that removals end for want of it. */
export function drawUnmapRuns(draws: Draws, state: GeneratorState, space: Space, isBad: boolean): UnmapRuns {
  const range = drawRemoval(draws, state, space, false);
  const capacity = 1 + draws.below(draws.below(4) === 0 ? 64 : 4);
  return { op: "unmapRuns", ...(isBad ? spoiledRange(draws, space, range) : range), capacity };
}
