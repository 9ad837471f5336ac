/**
 * The observed stamps: the same engine, but every store to table memory is told to `TableMemory.observer`. For
 * whoever watches stores: caches, coherency models, debuggers, and the project's own lockstep. The plain entries
 * of `index.ts` pay nothing for it.
 */
import { formatEntry } from "./format-entry.js";
import type {
  Amdv1MockOptions,
  Amdv1Options,
  ArmShortOptions,
  ArmStage1Options,
  ArmStage2Options,
  Armv8Stage1Options,
  Armv8Stage2Options,
  DartOptions,
  MaliOptions,
  Riscv32GuestOptions,
  Riscv32Options,
  Riscv64GuestOptions,
  Riscv64Options,
  VtdSecondStageOptions,
  X86Options,
  X86Pae32Options,
  X86PaeOptions,
} from "./options.js";
import * as amdv1 from "./stamps/amdv1.observed.stamp.js";
import * as amdv1Mock from "./stamps/amdv1-mock.observed.stamp.js";
import * as armLpaeStage1 from "./stamps/arm-lpae-stage1.observed.stamp.js";
import * as armLpaeStage2 from "./stamps/arm-lpae-stage2.observed.stamp.js";
import * as armShort from "./stamps/arm-short.observed.stamp.js";
import * as armv8Stage1_4k from "./stamps/armv8-stage1-4k.observed.stamp.js";
import * as armv8Stage1_4kLpa2 from "./stamps/armv8-stage1-4k-lpa2.observed.stamp.js";
import * as armv8Stage1_16k from "./stamps/armv8-stage1-16k.observed.stamp.js";
import * as armv8Stage1_16kLpa2 from "./stamps/armv8-stage1-16k-lpa2.observed.stamp.js";
import * as armv8Stage1_64k from "./stamps/armv8-stage1-64k.observed.stamp.js";
import * as armv8Stage2_4k from "./stamps/armv8-stage2-4k.observed.stamp.js";
import * as armv8Stage2_4kLpa2 from "./stamps/armv8-stage2-4k-lpa2.observed.stamp.js";
import * as armv8Stage2_16k from "./stamps/armv8-stage2-16k.observed.stamp.js";
import * as armv8Stage2_16kLpa2 from "./stamps/armv8-stage2-16k-lpa2.observed.stamp.js";
import * as armv8Stage2_64k from "./stamps/armv8-stage2-64k.observed.stamp.js";
import * as dart1_4k from "./stamps/dart1-4k.observed.stamp.js";
import * as dart1_16k from "./stamps/dart1-16k.observed.stamp.js";
import * as dart2 from "./stamps/dart2.observed.stamp.js";
import * as mali from "./stamps/mali.observed.stamp.js";
import * as riscv32 from "./stamps/riscv32.observed.stamp.js";
import * as riscv32Guest from "./stamps/riscv32-guest.observed.stamp.js";
import * as riscv64 from "./stamps/riscv64.observed.stamp.js";
import * as riscv64Guest from "./stamps/riscv64-guest.observed.stamp.js";
import * as vtdSecondStage from "./stamps/vtd-second-stage.observed.stamp.js";
import * as x86_64 from "./stamps/x86-64.observed.stamp.js";
import * as x86Pae from "./stamps/x86-pae.observed.stamp.js";
import * as x86Pae32 from "./stamps/x86-pae32.observed.stamp.js";

/** The formats by name, each observed. */
export const observed = {
  amdv1: formatEntry<Amdv1Options>("amdv1", amdv1),
  "amdv1-mock": formatEntry<Amdv1MockOptions>("amdv1-mock", amdv1Mock),
  "x86-64": formatEntry<X86Options>("x86-64", x86_64),
  "x86-pae": formatEntry<X86PaeOptions>("x86-pae", x86Pae),
  "x86-pae32": formatEntry<X86Pae32Options>("x86-pae32", x86Pae32),
  "vtd-second-stage": formatEntry<VtdSecondStageOptions>("vtd-second-stage", vtdSecondStage),
  riscv64: formatEntry<Riscv64Options>("riscv64", riscv64),
  riscv32: formatEntry<Riscv32Options>("riscv32", riscv32),
  "riscv64-guest": formatEntry<Riscv64GuestOptions>("riscv64-guest", riscv64Guest),
  "riscv32-guest": formatEntry<Riscv32GuestOptions>("riscv32-guest", riscv32Guest),
  "arm-short": formatEntry<ArmShortOptions>("arm-short", armShort),
  "dart1-4k": formatEntry<DartOptions>("dart1-4k", dart1_4k),
  "dart1-16k": formatEntry<DartOptions>("dart1-16k", dart1_16k),
  dart2: formatEntry<DartOptions>("dart2", dart2),
  "armv8-stage1-4k": formatEntry<Armv8Stage1Options>("armv8-stage1-4k", armv8Stage1_4k),
  "armv8-stage1-16k": formatEntry<Armv8Stage1Options>("armv8-stage1-16k", armv8Stage1_16k),
  "armv8-stage1-64k": formatEntry<Armv8Stage1Options>("armv8-stage1-64k", armv8Stage1_64k),
  "armv8-stage1-4k-lpa2": formatEntry<Armv8Stage1Options>("armv8-stage1-4k-lpa2", armv8Stage1_4kLpa2),
  "armv8-stage1-16k-lpa2": formatEntry<Armv8Stage1Options>("armv8-stage1-16k-lpa2", armv8Stage1_16kLpa2),
  "armv8-stage2-4k": formatEntry<Armv8Stage2Options>("armv8-stage2-4k", armv8Stage2_4k),
  "armv8-stage2-16k": formatEntry<Armv8Stage2Options>("armv8-stage2-16k", armv8Stage2_16k),
  "armv8-stage2-64k": formatEntry<Armv8Stage2Options>("armv8-stage2-64k", armv8Stage2_64k),
  "armv8-stage2-4k-lpa2": formatEntry<Armv8Stage2Options>("armv8-stage2-4k-lpa2", armv8Stage2_4kLpa2),
  "armv8-stage2-16k-lpa2": formatEntry<Armv8Stage2Options>("armv8-stage2-16k-lpa2", armv8Stage2_16kLpa2),
  "arm-lpae-stage1": formatEntry<ArmStage1Options>("arm-lpae-stage1", armLpaeStage1),
  "arm-lpae-stage2": formatEntry<ArmStage2Options>("arm-lpae-stage2", armLpaeStage2),
  mali: formatEntry<MaliOptions>("mali", mali),
} as const;
