import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { X86Pae32Options } from "../options.js";
import * as stamp from "../stamps/x86-pae32.plain.stamp.js";

/** Legacy 32-bit x86 PAE tables. CR3 must be loaded again where an invalidation's `tableLevels` has level 1. */
export const x86Pae32: FormatEntry<X86Pae32Options> = /* @__PURE__ */ formatEntry("x86-pae32", stamp);
