/**
 * `genpt/shared`, the shared stamps: several threads work on the same tables, each in ranges of its own. The memory
 * is made with `shared: true`; `share()` of memory and table give what another thread attaches to and opens. What
 * callers must keep apart is told in docs/threads.md. The plain entries of `index.ts` pay nothing for it.
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
import * as amdv1 from "./stamps/amdv1.shared.stamp.js";
import * as amdv1Mock from "./stamps/amdv1-mock.shared.stamp.js";
import * as armLpaeStage1 from "./stamps/arm-lpae-stage1.shared.stamp.js";
import * as armLpaeStage2 from "./stamps/arm-lpae-stage2.shared.stamp.js";
import * as armShort from "./stamps/arm-short.shared.stamp.js";
import * as armv8Stage1_4k from "./stamps/armv8-stage1-4k.shared.stamp.js";
import * as armv8Stage1_4kLpa2 from "./stamps/armv8-stage1-4k-lpa2.shared.stamp.js";
import * as armv8Stage1_16k from "./stamps/armv8-stage1-16k.shared.stamp.js";
import * as armv8Stage1_16kLpa2 from "./stamps/armv8-stage1-16k-lpa2.shared.stamp.js";
import * as armv8Stage1_64k from "./stamps/armv8-stage1-64k.shared.stamp.js";
import * as armv8Stage2_4k from "./stamps/armv8-stage2-4k.shared.stamp.js";
import * as armv8Stage2_4kLpa2 from "./stamps/armv8-stage2-4k-lpa2.shared.stamp.js";
import * as armv8Stage2_16k from "./stamps/armv8-stage2-16k.shared.stamp.js";
import * as armv8Stage2_16kLpa2 from "./stamps/armv8-stage2-16k-lpa2.shared.stamp.js";
import * as armv8Stage2_64k from "./stamps/armv8-stage2-64k.shared.stamp.js";
import * as dart1_4k from "./stamps/dart1-4k.shared.stamp.js";
import * as dart1_16k from "./stamps/dart1-16k.shared.stamp.js";
import * as dart2 from "./stamps/dart2.shared.stamp.js";
import * as mali from "./stamps/mali.shared.stamp.js";
import * as riscv32 from "./stamps/riscv32.shared.stamp.js";
import * as riscv32Guest from "./stamps/riscv32-guest.shared.stamp.js";
import * as riscv64 from "./stamps/riscv64.shared.stamp.js";
import * as riscv64Guest from "./stamps/riscv64-guest.shared.stamp.js";
import * as vtdSecondStage from "./stamps/vtd-second-stage.shared.stamp.js";
import * as x86_64 from "./stamps/x86-64.shared.stamp.js";
import * as x86Pae from "./stamps/x86-pae.shared.stamp.js";
import * as x86Pae32 from "./stamps/x86-pae32.shared.stamp.js";

/** The formats by name, each for threads. */
export const shared = {
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
