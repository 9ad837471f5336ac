/** The observed stamps of the tiny geometries, whose whole input space can be enumerated. They are not shipped. */

import type { CommonOptions } from "../../impl/common.js";
import { type FormatEntry, formatEntry } from "../../impl/format-entry.js";
import * as amdv1Mock from "../../impl/stamps/amdv1-mock-tiny.observed.stamp.js";
import * as amdv1 from "../../impl/stamps/amdv1-tiny.observed.stamp.js";
import * as armLpaeStage1 from "../../impl/stamps/arm-lpae-stage1-tiny.observed.stamp.js";
import * as armLpaeStage2 from "../../impl/stamps/arm-lpae-stage2-tiny.observed.stamp.js";
import * as armv8Stage1_4kLpa2 from "../../impl/stamps/armv8-stage1-4k-lpa2-tiny.observed.stamp.js";
import * as armv8Stage1_4k from "../../impl/stamps/armv8-stage1-4k-tiny.observed.stamp.js";
import * as armv8Stage1_16kLpa2 from "../../impl/stamps/armv8-stage1-16k-lpa2-tiny.observed.stamp.js";
import * as armv8Stage1_16k from "../../impl/stamps/armv8-stage1-16k-tiny.observed.stamp.js";
import * as armv8Stage1_64k from "../../impl/stamps/armv8-stage1-64k-tiny.observed.stamp.js";
import * as armv8Stage2_4kLpa2 from "../../impl/stamps/armv8-stage2-4k-lpa2-tiny.observed.stamp.js";
import * as armv8Stage2_4k from "../../impl/stamps/armv8-stage2-4k-tiny.observed.stamp.js";
import * as armv8Stage2_16kLpa2 from "../../impl/stamps/armv8-stage2-16k-lpa2-tiny.observed.stamp.js";
import * as armv8Stage2_16k from "../../impl/stamps/armv8-stage2-16k-tiny.observed.stamp.js";
import * as armv8Stage2_64k from "../../impl/stamps/armv8-stage2-64k-tiny.observed.stamp.js";
import * as dart1_4k from "../../impl/stamps/dart1-4k-tiny.observed.stamp.js";
import * as dart1_16k from "../../impl/stamps/dart1-16k-tiny.observed.stamp.js";
import * as dart2 from "../../impl/stamps/dart2-tiny.observed.stamp.js";
import * as mali from "../../impl/stamps/mali-tiny.observed.stamp.js";
import * as riscv32Guest from "../../impl/stamps/riscv32-guest-tiny.observed.stamp.js";
import * as riscv32 from "../../impl/stamps/riscv32-tiny.observed.stamp.js";
import * as riscv64Guest from "../../impl/stamps/riscv64-guest-tiny.observed.stamp.js";
import * as riscv64 from "../../impl/stamps/riscv64-tiny.observed.stamp.js";
import * as vtdSecondStage from "../../impl/stamps/vtd-second-stage-tiny.observed.stamp.js";
import * as x86_64 from "../../impl/stamps/x86-64-tiny.observed.stamp.js";
import * as x86Pae from "../../impl/stamps/x86-pae-tiny.observed.stamp.js";
import * as x86Pae32 from "../../impl/stamps/x86-pae32-tiny.observed.stamp.js";

/** The stamps by name, each with tables of four items. */
export const tinyObserved: Readonly<Record<string, FormatEntry<CommonOptions>>> = {
  amdv1: formatEntry("amdv1", amdv1),
  "amdv1-mock": formatEntry("amdv1-mock", amdv1Mock),
  "arm-lpae-stage1": formatEntry("arm-lpae-stage1", armLpaeStage1),
  "arm-lpae-stage2": formatEntry("arm-lpae-stage2", armLpaeStage2),
  "armv8-stage1-16k": formatEntry("armv8-stage1-16k", armv8Stage1_16k),
  "armv8-stage1-16k-lpa2": formatEntry("armv8-stage1-16k-lpa2", armv8Stage1_16kLpa2),
  "armv8-stage1-4k": formatEntry("armv8-stage1-4k", armv8Stage1_4k),
  "armv8-stage1-4k-lpa2": formatEntry("armv8-stage1-4k-lpa2", armv8Stage1_4kLpa2),
  "armv8-stage1-64k": formatEntry("armv8-stage1-64k", armv8Stage1_64k),
  "armv8-stage2-16k": formatEntry("armv8-stage2-16k", armv8Stage2_16k),
  "armv8-stage2-16k-lpa2": formatEntry("armv8-stage2-16k-lpa2", armv8Stage2_16kLpa2),
  "armv8-stage2-4k": formatEntry("armv8-stage2-4k", armv8Stage2_4k),
  "armv8-stage2-4k-lpa2": formatEntry("armv8-stage2-4k-lpa2", armv8Stage2_4kLpa2),
  "armv8-stage2-64k": formatEntry("armv8-stage2-64k", armv8Stage2_64k),
  "dart1-16k": formatEntry("dart1-16k", dart1_16k),
  "dart1-4k": formatEntry("dart1-4k", dart1_4k),
  dart2: formatEntry("dart2", dart2),
  mali: formatEntry("mali", mali),
  riscv32: formatEntry("riscv32", riscv32),
  "riscv32-guest": formatEntry("riscv32-guest", riscv32Guest),
  riscv64: formatEntry("riscv64", riscv64),
  "riscv64-guest": formatEntry("riscv64-guest", riscv64Guest),
  "vtd-second-stage": formatEntry("vtd-second-stage", vtdSecondStage),
  "x86-64": formatEntry("x86-64", x86_64),
  "x86-pae": formatEntry("x86-pae", x86Pae),
  "x86-pae32": formatEntry("x86-pae32", x86Pae32),
};
