/** Named mixes of operations: a unit runs one of them, and a token names it. */

import type { Configuration } from "../../models/configuration.js";
import { type Mix, mixFor, Random, shapeOf } from "../../models/index.js";

/** Those that take turns where a unit names none. */
const turns = ["default", "failing", "refused", "dirty", "gathered", "sparse", "crowded"] as const;

/** `swarm` stands for weights of the unit's own, drawn from its seed. */
export const mixNames = [...turns, "swarm"] as const;

export type MixName = (typeof mixNames)[number];

/**
 * What a mix changes in the one that suits the format; what the shares lack or exceed goes to map and unmap. A
 * handover looks at every item of every table and costs as much as twenty other operations: it comes where tables
 * are few, and seldom where they are many.
 */
const changes: Readonly<Record<(typeof turns)[number], Partial<Mix>>> = {
  default: { handover: 0 },
  /** Table allocations fail, often those of operations that make several tables. */
  failing: { failNextAllocation: 48, cut: 32, resize: 8 },
  /** Half of the requests are bad. */
  refused: { badOneIn: 2, handover: 0 },
  /** Devices read and write, and what they left is read back. */
  dirty: { deviceRead: 12, deviceWrite: 56, readAndClearDirty: 28, readAndClearAccessed: 20, setDirty: 12 },
  /** Nearly every unmap goes to the open gather, and nearly all that cut, resize and trim leave to be forgotten. */
  gathered: { gathered: 224, sync: 20 },
  /** Few runs, so that what there is gets emptied again and again. */
  sparse: { runsWanted: 6, handover: 4 },
  crowded: { runsWanted: 300 },
};

/** The keys of a mix that are no shares of the 256. */
const NO_SHARES: readonly string[] = ["change", "gathered", "badOneIn", "runsWanted"];
/** Of 256 operations at least so many map or unmap, whatever a swarm draws. */
const CHANGE_AT_LEAST = 64;

/** The mix of this name, for a configuration; `key` is what a swarm's weights are drawn from. */
export function mixOf(configuration: Configuration, name: MixName, key = ""): Mix {
  const suited = mixFor(shapeOf(configuration));
  const wanted = name === "swarm" ? drawn(suited, Random.fromSeed(`mix:${key}`)) : changes[name];
  const mix = { ...suited, ...wanted };
  const others = Object.entries(mix).filter(([share]) => !NO_SHARES.includes(share));
  return { ...mix, change: 256 - others.reduce((sum, [, share]) => sum + share, 0) };
}

/**
 * Weights as a swarm has them: each unit leaves some operations out and does others often, so that what hides behind
 * a usual mixture shows (Groce et al., "Swarm testing", ISSTA 2012). How often allocations fail, how often a
 * request is bad and how full the table gets are drawn like the rest.
 */
function drawn(suited: Mix, random: Random): Partial<Mix> {
  const one = (values: readonly number[]): number => values[random.below(values.length)];
  const weights = Object.entries(suited)
    .filter(([share]) => !NO_SHARES.includes(share))
    .map(
      ([share, usual]) => [share, Math.min(96, Math.round(usual * one([0, 0.5, 1, 1, 2, 4, 8])))] as const,
    );
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  const scale = Math.min(1, (256 - CHANGE_AT_LEAST) / Math.max(sum, 1));
  return {
    ...Object.fromEntries(weights.map(([share, weight]) => [share, Math.floor(weight * scale)])),
    gathered: one([0, 32, 96, 160, 224, 256]),
    badOneIn: one([2, 8, 32, 128, 1024]),
    runsWanted: one([2, 6, 30, 100, 300]),
  };
}

/** The mix of a unit that names none: every second unit runs the default one, the others take turns. */
export function mixOfUnit(unit: number): MixName {
  return unit % 2 === 0 ? "default" : (turns[1 + (((unit - 1) / 2) % (turns.length - 1))] ?? "default");
}
