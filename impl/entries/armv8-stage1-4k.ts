import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Armv8Stage1Options } from "../options.js";
import * as stamp from "../stamps/armv8-stage1-4k.plain.stamp.js";

/** ARM VMSAv8-64, stage 1, 4 KiB granule. */
export const armv8Stage1_4k: FormatEntry<Armv8Stage1Options> = /* @__PURE__ */ formatEntry(
  "armv8-stage1-4k",
  stamp,
);
