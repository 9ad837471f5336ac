import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { DartOptions } from "../options.js";
import * as stamp from "../stamps/dart1-4k.plain.stamp.js";

/** Apple's DART, first form, with pages of 4 KiB. */
export const dart1_4k: FormatEntry<DartOptions> = /* @__PURE__ */ formatEntry("dart1-4k", stamp);
