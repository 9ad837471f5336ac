import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { ArmStage2Options } from "../options.js";
import * as stamp from "../stamps/arm-lpae-stage2.plain.stamp.js";

/** ARMv7 LPAE, stage 2: 40-bit addresses. */
export const armLpaeStage2: FormatEntry<ArmStage2Options> = /* @__PURE__ */ formatEntry(
  "arm-lpae-stage2",
  stamp,
);
