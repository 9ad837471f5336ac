import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { X86Options } from "../options.js";
import * as stamp from "../stamps/x86-64.plain.stamp.js";

/** x86-64 long-mode tables: the CPU, AMD's IOMMU v2, VT-d's first stage. */
export const x86_64: FormatEntry<X86Options> = /* @__PURE__ */ formatEntry("x86-64", stamp);
