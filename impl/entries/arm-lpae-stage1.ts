import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { ArmStage1Options } from "../options.js";
import * as stamp from "../stamps/arm-lpae-stage1.plain.stamp.js";

/** ARMv7 LPAE, stage 1: 32-bit input, 40-bit output addresses. */
export const armLpaeStage1: FormatEntry<ArmStage1Options> = /* @__PURE__ */ formatEntry(
  "arm-lpae-stage1",
  stamp,
);
