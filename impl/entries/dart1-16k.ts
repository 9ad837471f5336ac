import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { DartOptions } from "../options.js";
import * as stamp from "../stamps/dart1-16k.plain.stamp.js";

/** Apple's DART, first form, with pages of 16 KiB. */
export const dart1_16k: FormatEntry<DartOptions> = /* @__PURE__ */ formatEntry("dart1-16k", stamp);
