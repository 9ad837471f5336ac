import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Armv8Stage2Options } from "../options.js";
import * as stamp from "../stamps/armv8-stage2-4k-lpa2.plain.stamp.js";

/** ARM VMSAv8-64, stage 2, 4 KiB granule, LPA2: addresses of up to 52 bits. */
export const armv8Stage2_4kLpa2: FormatEntry<Armv8Stage2Options> = /* @__PURE__ */ formatEntry(
  "armv8-stage2-4k-lpa2",
  stamp,
);
