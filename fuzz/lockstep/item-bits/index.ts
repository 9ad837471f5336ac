/** The bits of every format's items, one file for each family. */
import type { Configuration, FormatName } from "../../../models/configuration.js";
import { Amdv1Bits } from "./amdv1.js";
import { ArmLongBits } from "./arm-long.js";
import { ArmShortBits } from "./arm-short.js";
import { Dart1Bits, Dart2Bits } from "./dart.js";
import type { ItemBits } from "./item-bits.js";
import { RiscvBits } from "./riscv.js";
import { VtdSecondStageBits } from "./vtd-second-stage.js";
import { X86Bits } from "./x86.js";

export type { ItemBits } from "./item-bits.js";

const FAMILIES: Readonly<Record<FormatName, new (configuration: Configuration) => ItemBits>> = {
  amdv1: Amdv1Bits,
  "amdv1-mock": Amdv1Bits,
  "x86-64": X86Bits,
  "x86-pae": X86Bits,
  "x86-pae32": X86Bits,
  "vtd-second-stage": VtdSecondStageBits,
  riscv64: RiscvBits,
  riscv32: RiscvBits,
  "riscv64-guest": RiscvBits,
  "riscv32-guest": RiscvBits,
  "armv8-stage1": ArmLongBits,
  "armv8-stage2": ArmLongBits,
  "arm-lpae-stage1": ArmLongBits,
  "arm-lpae-stage2": ArmLongBits,
  mali: ArmLongBits,
  "arm-short": ArmShortBits,
  dart1: Dart1Bits,
  dart2: Dart2Bits,
};

export function createItemBits(configuration: Configuration): ItemBits {
  return new FAMILIES[configuration.format](configuration);
}
