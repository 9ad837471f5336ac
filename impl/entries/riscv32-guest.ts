import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Riscv32GuestOptions } from "../options.js";
import * as stamp from "../stamps/riscv32-guest.plain.stamp.js";

/** RISC-V Sv32x4: the G-stage. */
export const riscv32Guest: FormatEntry<Riscv32GuestOptions> = /* @__PURE__ */ formatEntry(
  "riscv32-guest",
  stamp,
);
