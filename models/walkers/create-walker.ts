import type { Configuration } from "../configuration.js";
import { Amdv1Walker } from "./amdv1.js";
import { ArmShortWalker } from "./arm-short.js";
import { type ArmOptions, ArmStage1Walker, ArmStage2Walker, MaliWalker } from "./arm-stages.js";
import { DartWalker } from "./dart.js";
import { type RiscvOptions, RiscvWalker } from "./riscv.js";
import { VtdSecondStageWalker } from "./vtd-second-stage.js";
import type { PhysicalMemory, Walker } from "./walker.js";
import { X8664Walker } from "./x86-64.js";
import { X86Pae32Walker } from "./x86-pae32.js";

/** What hardware may do or not, beyond what the domain's configuration says. */
export interface WalkerOptions extends RiscvOptions, ArmOptions {}

/** The walker of the configuration's architecture. It faults with `IllegalRoot` until `setRoot` was called. */
export function createWalker(
  configuration: Configuration,
  memory: PhysicalMemory,
  options: WalkerOptions = {},
): Walker {
  switch (configuration.format) {
    case "amdv1":
    case "amdv1-mock":
      return new Amdv1Walker(configuration, memory);
    case "x86-64":
    case "x86-pae":
      return new X8664Walker(configuration, memory);
    case "x86-pae32":
      return new X86Pae32Walker(configuration, memory);
    case "vtd-second-stage":
      return new VtdSecondStageWalker(configuration, memory);
    case "riscv64":
    case "riscv32":
    case "riscv64-guest":
    case "riscv32-guest":
      return new RiscvWalker(configuration, memory, options);
    case "armv8-stage1":
    case "arm-lpae-stage1":
      return new ArmStage1Walker(configuration, memory);
    case "armv8-stage2":
    case "arm-lpae-stage2":
      return new ArmStage2Walker(configuration, memory, options);
    case "mali":
      return new MaliWalker(configuration, memory);
    case "arm-short":
      return new ArmShortWalker(configuration, memory);
    case "dart1":
    case "dart2":
      return new DartWalker(configuration, memory);
    default:
      throw new RangeError(`${configuration.format} has no walker yet`);
  }
}
