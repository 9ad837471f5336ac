import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { X86PaeOptions } from "../options.js";
import * as stamp from "../stamps/x86-pae.plain.stamp.js";

/** x86-64's tables with three levels, of 39 bits. */
export const x86Pae: FormatEntry<X86PaeOptions> = /* @__PURE__ */ formatEntry("x86-pae", stamp);
