import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { MaliOptions } from "../options.js";
import * as stamp from "../stamps/mali.plain.stamp.js";

/** Mali GPUs (Midgard, Bifrost) with ARM's long descriptor. */
export const mali: FormatEntry<MaliOptions> = /* @__PURE__ */ formatEntry("mali", stamp);
