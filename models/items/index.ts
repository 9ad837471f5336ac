/** Items taken apart bit by bit, each family in a file of its own written from its manual. */
import type { Configuration, FormatName } from "../configuration.js";
import { amdv1Fields } from "./amdv1.js";
import { armLongFields } from "./arm-long.js";
import { armShortFields } from "./arm-short.js";
import { dartFields } from "./dart.js";
import { type Field, type FieldTable, type ItemKind, takeApart } from "./field.js";
import { riscvFields } from "./riscv.js";
import { vtdSecondStageFields } from "./vtd-second-stage.js";
import { x86Fields } from "./x86.js";

export type { Field, ItemKind } from "./field.js";

const FAMILIES: Readonly<Record<FormatName, (configuration: Configuration) => FieldTable>> = {
  amdv1: amdv1Fields,
  "amdv1-mock": amdv1Fields,
  "x86-64": x86Fields,
  "x86-pae": x86Fields,
  "x86-pae32": x86Fields,
  "vtd-second-stage": vtdSecondStageFields,
  riscv64: riscvFields,
  riscv32: riscvFields,
  "riscv64-guest": riscvFields,
  "riscv32-guest": riscvFields,
  "armv8-stage1": armLongFields,
  "armv8-stage2": armLongFields,
  "arm-lpae-stage1": armLongFields,
  "arm-lpae-stage2": armLongFields,
  mali: armLongFields,
  "arm-short": armShortFields,
  dart1: dartFields,
  dart2: dartFields,
};

/** The fields of an item of this kind and level (0 at the leaves), from the highest bit down. */
export function itemFields(
  configuration: Configuration,
  kind: ItemKind,
  level: number,
  raw: bigint,
): readonly Field[] {
  return takeApart(FAMILIES[configuration.format](configuration)(kind, level, raw), raw);
}

/**
 * What a present item says it is, whether it is legal or not: a walker judges that. Where nothing is present, what
 * the level would hold most likely.
 */
export function itemKind({ format }: Configuration, level: number, raw: bigint): ItemKind {
  const field = (high: number, low: number) => (raw >> BigInt(low)) & ((2n << BigInt(high - low)) - 1n);
  switch (format) {
    case "amdv1":
    case "amdv1-mock": {
      const nextLevel = field(11, 9);
      return nextLevel === 0n || nextLevel === 7n ? "leaf" : "table";
    }
    case "riscv64":
    case "riscv64-guest":
    case "riscv32":
    case "riscv32-guest":
      return field(3, 1) === 0n ? "table" : "leaf";
    case "x86-64":
    case "x86-pae":
    case "vtd-second-stage":
      return level === 0 || field(7, 7) === 1n ? "leaf" : "table";
    case "x86-pae32":
      return level === 0 || (level === 1 && field(7, 7) === 1n) ? "leaf" : "table";
    case "arm-short":
      return level === 0 || field(1, 0) !== 1n ? "leaf" : "table";
    case "dart1":
    case "dart2":
      return level === 0 ? "leaf" : "table";
    default:
      return level === 0 || field(1, 1) === 0n ? "leaf" : "table";
  }
}
