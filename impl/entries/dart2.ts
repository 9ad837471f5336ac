import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { DartOptions } from "../options.js";
import * as stamp from "../stamps/dart2.plain.stamp.js";

/** Apple's DART, second form. */
export const dart2: FormatEntry<DartOptions> = /* @__PURE__ */ formatEntry("dart2", stamp);
