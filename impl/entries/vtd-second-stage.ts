import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { VtdSecondStageOptions } from "../options.js";
import * as stamp from "../stamps/vtd-second-stage.plain.stamp.js";

/** VT-d second-stage tables. */
export const vtdSecondStage: FormatEntry<VtdSecondStageOptions> = /* @__PURE__ */ formatEntry(
  "vtd-second-stage",
  stamp,
);
