import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Armv8Stage2Options } from "../options.js";
import * as stamp from "../stamps/armv8-stage2-4k.plain.stamp.js";

/** ARM VMSAv8-64, stage 2, 4 KiB granule. */
export const armv8Stage2_4k: FormatEntry<Armv8Stage2Options> = /* @__PURE__ */ formatEntry(
  "armv8-stage2-4k",
  stamp,
);
