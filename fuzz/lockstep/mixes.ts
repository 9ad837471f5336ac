/** Named mixes of operations: a unit runs one of them, and a token names it. */

import type { Configuration } from "../../models/configuration.js";
import { dirtyMix, type Mix, plainMix, shapeOf } from "../../models/index.js";

export const mixNames = ["default", "failing", "refused", "dirty", "gathered", "sparse", "crowded"] as const;

export type MixName = (typeof mixNames)[number];

/** What a mix changes in the one that suits the format; what the shares lack or exceed goes to map and unmap. */
const changes: Readonly<Record<MixName, Partial<Mix>>> = {
  default: {},
  /** Table allocations fail. */
  failing: { failNextAllocation: 40 },
  /** Half of the requests are bad. */
  refused: { badOneIn: 2 },
  /** Devices write, and what they wrote is read back. */
  dirty: { deviceWrite: 64, readAndClearDirty: 32, setDirty: 16 },
  /** Nearly every unmap goes to the open gather. */
  gathered: { gathered: 224, sync: 20 },
  /** Few runs, so that what there is gets emptied again and again. */
  sparse: { runsWanted: 6 },
  crowded: { runsWanted: 300 },
};

/** The mix of this name, for a configuration. */
export function mixOf(configuration: Configuration, name: MixName): Mix {
  const suited = shapeOf(configuration).tracksDirty ? dirtyMix : plainMix;
  const mix = { ...suited, ...changes[name] };
  const { sync, lookup, readAndClearDirty, deviceWrite, setDirty, entries, failNextAllocation } = mix;
  const others = sync + lookup + readAndClearDirty + deviceWrite + setDirty + entries + failNextAllocation;
  return { ...mix, change: 256 - others };
}

/** The mix of a unit that names none: every second unit runs the default one, the others take turns. */
export function mixOfUnit(unit: number): MixName {
  return unit % 2 === 0 ? "default" : (mixNames[1 + (((unit - 1) / 2) % (mixNames.length - 1))] ?? "default");
}
