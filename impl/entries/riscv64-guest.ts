import { type FormatEntry, formatEntry } from "../format-entry.js";
import type { Riscv64GuestOptions } from "../options.js";
import * as stamp from "../stamps/riscv64-guest.plain.stamp.js";

/** RISC-V Sv39x4, Sv48x4 and Sv57x4: the G-stage. */
export const riscv64Guest: FormatEntry<Riscv64GuestOptions> = /* @__PURE__ */ formatEntry(
  "riscv64-guest",
  stamp,
);
