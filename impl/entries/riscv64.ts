import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Riscv64Options } from "../options.js";
import * as stamp from "../stamps/riscv64.plain.stamp.js";

/** RISC-V Sv39, Sv48 and Sv57. */
export const riscv64: FormatEntry<Riscv64Options> = /* @__PURE__ */ formatEntry("riscv64", stamp);
