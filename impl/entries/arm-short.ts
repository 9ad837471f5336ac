import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { ArmShortOptions } from "../options.js";
import * as stamp from "../stamps/arm-short.plain.stamp.js";

/** ARM's short descriptor, with MediaTek's variants. Its memory needs a `smallestFrameLg2` of at most 10. */
export const armShort: FormatEntry<ArmShortOptions> = /* @__PURE__ */ formatEntry("arm-short", stamp);
