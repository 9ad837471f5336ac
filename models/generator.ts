/**
 * The generator of operations. Arguments are relative to what is mapped at that moment, so that sequences
 * collide, straddle and align often; what is mapped comes from the reference, never from the implementation.
 */
import type { Draws } from "./draws.js";
import { spoiledMap, spoiledRange } from "./generator/bad-input.js";
import { drawMapRuns, drawUnmapRuns, spoiledMapRuns } from "./generator/batches.js";
import { drawCut, drawResize, wholeSpace } from "./generator/layout.js";
import { drawMap } from "./generator/mapping.js";
import { addressInLeaf, probedAddress } from "./generator/places.js";
import { drawInspection, drawRemoval } from "./generator/ranges.js";
import { type GeneratorState, type Space, spaceOf } from "./generator/space.js";
import type { Operation } from "./operations.js";
import { type Shape, shapeOf } from "./shape.js";

export type { GeneratorState, MappedRun } from "./generator/space.js";

/** Raised whenever the same draws would give other operations: a recorded seed then no longer replays. */
export const generatorVersion = 7;

/** How often each operation comes, in 256ths; `change` is map or unmap, by how much is mapped. */
export interface Mix {
  readonly change: number;
  readonly sync: number;
  readonly lookup: number;
  readonly readAndClearDirty: number;
  readonly readAndClearAccessed: number;
  readonly deviceRead: number;
  readonly deviceWrite: number;
  readonly setDirty: number;
  readonly entries: number;
  readonly cut: number;
  readonly resize: number;
  readonly trim: number;
  readonly mapRuns: number;
  readonly unmapRuns: number;
  readonly handover: number;
  readonly failNextAllocation: number;
  /** Out of 256 unmaps, cuts, resizes and trims, how many go to the gather that stays open. */
  readonly gathered: number;
  /** One in so many requests is made bad. */
  readonly badOneIn: number;
  /** The number of runs around which maps and unmaps balance. */
  readonly runsWanted: number;
}

/** For domains that track dirty state, and accessed state with it. */
export const dirtyMix: Mix = {
  change: 171,
  sync: 8,
  lookup: 10,
  readAndClearDirty: 12,
  readAndClearAccessed: 6,
  deviceRead: 4,
  deviceWrite: 16,
  setDirty: 4,
  entries: 4,
  cut: 3,
  resize: 3,
  trim: 1,
  mapRuns: 6,
  unmapRuns: 3,
  handover: 1,
  failNextAllocation: 4,
  gathered: 96,
  badOneIn: 32,
  runsWanted: 100,
};

/** For those that track accessed state alone. */
export const accessedMix: Mix = {
  ...dirtyMix,
  change: 183,
  lookup: 14,
  readAndClearDirty: 2,
  readAndClearAccessed: 10,
  deviceRead: 7,
  deviceWrite: 6,
  setDirty: 1,
};

/** For the others, where asking about either only meets a refusal. */
export const plainMix: Mix = {
  ...dirtyMix,
  change: 195,
  lookup: 16,
  readAndClearDirty: 2,
  readAndClearAccessed: 2,
  deviceRead: 2,
  deviceWrite: 5,
  setDirty: 1,
};

/** The mix that suits a domain. */
export function mixFor({ tracksDirty, tracksAccessed }: Pick<Shape, "tracksAccessed" | "tracksDirty">): Mix {
  if (tracksDirty) return dirtyMix;
  return tracksAccessed ? accessedMix : plainMix;
}

type OperationGroup = Exclude<keyof Mix, "gathered" | "badOneIn" | "runsWanted">;

const groups: readonly OperationGroup[] = [
  "change",
  "sync",
  "lookup",
  "readAndClearDirty",
  "readAndClearAccessed",
  "deviceRead",
  "deviceWrite",
  "setDirty",
  "entries",
  "cut",
  "resize",
  "trim",
  "mapRuns",
  "unmapRuns",
  "handover",
  "failNextAllocation",
];

/** What a generator keeps between operations: the shape of the spaces and the mix, never anything that changes. */
export interface Profile {
  readonly space: Space;
  readonly mix: Mix;
  readonly groupOfDraw: readonly OperationGroup[];
}

/** The profile for a domain, with the mix that suits its format or a mix of the caller's own. */
export function profileFor(state: GeneratorState, mix?: Mix): Profile {
  const space = spaceOf(state);
  const chosen = mix ?? mixFor(shapeOf(state.configuration));
  const groupOfDraw = groups.flatMap((group) => Array.from({ length: chosen[group] }, () => group));
  if (groupOfDraw.length !== 256) {
    throw new RangeError(`the shares of a mix must sum to 256, not ${groupOfDraw.length}`);
  }
  return { space, mix: chosen, groupOfDraw };
}

/** Draws one operation for the present state. */
export function nextOperation(draws: Draws, state: GeneratorState, profile: Profile): Operation {
  draws.nextRecord();
  // A top is raised by several levels once in a domain's life: that must fail now and then as well.
  const mayRaise = profile.space.growingTop && state.topLevel + 1 < profile.space.highestTopLevel;
  const fails = mayRaise && state.runs.length === 0 && draws.below(2) === 0;
  const group = fails ? "failNextAllocation" : profile.groupOfDraw[draws.below(256)];
  const { space, mix } = profile;
  switch (group) {
    case "change":
      return drawChange(draws, state, profile);
    case "sync":
      return { op: "sync" };
    case "lookup":
      return { op: "lookup", iova: probedAddress(draws, state, space) };
    case "readAndClearDirty":
    case "readAndClearAccessed": {
      const clear = draws.below(4) !== 0;
      return { op: group, ...drawInspected(draws, state, space, mix), clear };
    }
    case "deviceRead":
    case "deviceWrite":
    case "setDirty":
      return { op: group, iova: drawWritten(draws, state, space) };
    case "entries":
      return { op: "entries", ...drawInspected(draws, state, space, mix) };
    case "cut": {
      const iova = drawCut(draws, state, space, draws.below(mix.badOneIn) === 0);
      return { op: "cut", iova, ...drawGathered(draws, mix) };
    }
    case "resize": {
      const resize = { ...drawResize(draws, state, space), ...drawGathered(draws, mix) };
      return draws.below(mix.badOneIn) === 0 ? { ...resize, ...spoiledRange(draws, space, resize) } : resize;
    }
    case "trim":
      return { op: "trim", ...drawTrim(draws, state, space, mix), ...drawGathered(draws, mix) };
    case "mapRuns": {
      const batch = drawMapRuns(draws, state, space);
      return draws.below(mix.badOneIn) === 0 ? spoiledMapRuns(draws, space, batch) : batch;
    }
    case "unmapRuns":
      return drawUnmapRuns(draws, state, space, draws.below(mix.badOneIn) === 0);
    case "handover":
      return { op: "handover" };
    case "failNextAllocation":
      return { op: "failNextAllocation", nth: 1 + draws.below(draws.below(4) === 0 ? 32 : 4) };
  }
}

/** A program of at most `count` operations, each drawn for the state that those before it leave. */
export function generateProgram(
  draws: Draws,
  state: GeneratorState & { apply(operation: Operation): unknown },
  count: number,
  mix?: Mix,
): Operation[] {
  const profile = profileFor(state, mix);
  const operations: Operation[] = [];
  while (operations.length < count && !draws.exhausted) {
    const operation = nextOperation(draws, state, profile);
    state.apply(operation);
    operations.push(operation);
  }
  return operations;
}

function drawChange(draws: Draws, state: GeneratorState, profile: Profile): Operation {
  const { space, mix } = profile;
  const load = state.runs.length / mix.runsWanted;
  const bad = draws.below(mix.badOneIn) === 0;
  // An empty domain gets three maps for each unmap; from twice the wanted number of runs on it is the reverse.
  const maps = Math.max(64, Math.round(192 - 64 * load));
  if (draws.below(256) < maps) {
    const map = drawMap(draws, state, space);
    return bad ? spoiledMap(draws, space, map) : map;
  }
  const op = draws.below(256) < mix.gathered ? "unmapGathered" : "unmap";
  const range = drawRemoval(draws, state, space, load > 1.5);
  return { op, ...(bad ? spoiledRange(draws, space, range) : range) };
}

/** Whether what the hardware must forget is left to the gather that stays open. */
function drawGathered(draws: Draws, mix: Mix): { gathered?: true } {
  return draws.below(256) < mix.gathered ? { gathered: true } : {};
}

/** Everything, a quarter of the time; else what was or is mapped somewhere, and what is beside it. */
function drawTrim(draws: Draws, state: GeneratorState, space: Space, mix: Mix) {
  if (draws.below(4) === 0) return wholeSpace(draws, space);
  const range = drawRemoval(draws, state, space, false);
  return draws.below(mix.badOneIn) === 0 ? spoiledRange(draws, space, range) : range;
}

function drawInspected(draws: Draws, state: GeneratorState, space: Space, mix: Mix) {
  const range = drawInspection(draws, state, space);
  return draws.below(mix.badOneIn) === 0 ? spoiledRange(draws, space, range) : range;
}

/** Mostly inside a leaf: a write beside every leaf shows nothing. */
function drawWritten(draws: Draws, state: GeneratorState, space: Space): bigint {
  const { runs } = state;
  if (runs.length === 0 || draws.below(16) === 0) return probedAddress(draws, state, space);
  return addressInLeaf(draws, runs[draws.below(runs.length)], space);
}
