/**
 * The observed stamps: the same engine, but every store to table memory is told to `TableMemory.observer`. For
 * whoever watches stores: caches, coherency models, debuggers, and the project's own lockstep. The plain entries
 * of `index.ts` pay nothing for it.
 */
import { formatEntry } from "./format-entry.js";
import type {
  Amdv1MockOptions,
  Amdv1Options,
  Riscv32Options,
  Riscv64Options,
  VtdSecondStageOptions,
  X86Options,
} from "./options.js";
import * as amdv1 from "./stamps/amdv1.observed.stamp.js";
import * as amdv1Mock from "./stamps/amdv1-mock.observed.stamp.js";
import * as riscv32 from "./stamps/riscv32.observed.stamp.js";
import * as riscv64 from "./stamps/riscv64.observed.stamp.js";
import * as vtdSecondStage from "./stamps/vtd-second-stage.observed.stamp.js";
import * as x86_64 from "./stamps/x86-64.observed.stamp.js";

/** The formats by name, each observed. */
export const observed = {
  amdv1: formatEntry<Amdv1Options>("amdv1", amdv1),
  "amdv1-mock": formatEntry<Amdv1MockOptions>("amdv1-mock", amdv1Mock),
  "x86-64": formatEntry<X86Options>("x86-64", x86_64),
  "vtd-second-stage": formatEntry<VtdSecondStageOptions>("vtd-second-stage", vtdSecondStage),
  riscv64: formatEntry<Riscv64Options>("riscv64", riscv64),
  riscv32: formatEntry<Riscv32Options>("riscv32", riscv32),
} as const;
