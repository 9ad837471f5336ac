import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Armv8Stage1Options } from "../options.js";
import * as stamp from "../stamps/armv8-stage1-64k.plain.stamp.js";

/** ARM VMSAv8-64, stage 1, 64 KiB granule, addresses of up to 52 bits. */
export const armv8Stage1_64k: FormatEntry<Armv8Stage1Options> = /* @__PURE__ */ formatEntry(
  "armv8-stage1-64k",
  stamp,
);
