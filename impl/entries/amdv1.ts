import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Amdv1Options } from "../options.js";
import * as stamp from "../stamps/amdv1.plain.stamp.js";

/** AMD IOMMU host tables (v1). */
export const amdv1: FormatEntry<Amdv1Options> = /* @__PURE__ */ formatEntry("amdv1", stamp);
