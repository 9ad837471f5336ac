import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Amdv1MockOptions } from "../options.js";
import * as stamp from "../stamps/amdv1-mock.plain.stamp.js";

/** AMDv1 with a 2 KiB granule, for testing hosts whose page is not the table granule. */
export const amdv1Mock: FormatEntry<Amdv1MockOptions> = /* @__PURE__ */ formatEntry("amdv1-mock", stamp);
