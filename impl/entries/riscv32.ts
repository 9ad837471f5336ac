import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Riscv32Options } from "../options.js";
import * as stamp from "../stamps/riscv32.plain.stamp.js";

/** RISC-V Sv32. */
export const riscv32: FormatEntry<Riscv32Options> = /* @__PURE__ */ formatEntry("riscv32", stamp);
