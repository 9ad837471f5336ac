import type { CommonOptions, FormatEntry } from "../../impl/common.js";
import { shared } from "../../impl/shared.js";
import type { Configuration } from "../../models/index.js";
import { stampName } from "../lockstep/stamp-name.js";

const entries: Readonly<Record<string, FormatEntry<CommonOptions>>> = shared;

/** The entry of `genpt/shared` that a configuration is made with. */
export function sharedEntryOf(configuration: Configuration): FormatEntry<CommonOptions> {
  const entry = entries[stampName(configuration)];
  if (entry === undefined) throw new RangeError(`there is no shared stamp ${stampName(configuration)}`);
  return entry;
}

/** Nobody listens to invalidations and cleanings. */
export const UNHEARD = { invalidated: () => {}, cleaned: () => {} };
