/** The observed stamps of the tiny geometries, whose whole input space can be enumerated. They are not shipped. */
import { type FormatEntry, formatEntry } from "../../impl/format-entry.js";
import type { CommonOptions } from "../../impl/index.js";
import * as amdv1Mock from "../../impl/stamps/amdv1-mock-tiny.observed.stamp.js";
import * as amdv1 from "../../impl/stamps/amdv1-tiny.observed.stamp.js";
import * as riscv32 from "../../impl/stamps/riscv32-tiny.observed.stamp.js";
import * as riscv64 from "../../impl/stamps/riscv64-tiny.observed.stamp.js";
import * as vtdSecondStage from "../../impl/stamps/vtd-second-stage-tiny.observed.stamp.js";
import * as x86_64 from "../../impl/stamps/x86-64-tiny.observed.stamp.js";

/** The stamps by name, each with tables of four items. */
export const tinyObserved: Readonly<Record<string, FormatEntry<CommonOptions>>> = {
  amdv1: formatEntry("amdv1-tiny", amdv1),
  "amdv1-mock": formatEntry("amdv1-mock-tiny", amdv1Mock),
  "x86-64": formatEntry("x86-64-tiny", x86_64),
  "vtd-second-stage": formatEntry("vtd-second-stage-tiny", vtdSecondStage),
  riscv64: formatEntry("riscv64-tiny", riscv64),
  riscv32: formatEntry("riscv32-tiny", riscv32),
};
