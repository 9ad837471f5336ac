/**
 * The named configurations that everyone tests with: those of the deployed tables (the recordings carry the same
 * names), variants with a flush queue, odd ones whose limits fall in awkward places, and tiny ones whose whole input
 * space can be enumerated. `configurations/` has them, family by family.
 */
import type { Configuration, FormatName } from "./configuration.js";
import { amdv1Configurations, amdv1MockConfigurations } from "./configurations/amdv1.js";
import { shortConfigurations } from "./configurations/arm-short.js";
import { armv8Stage1Configurations, lpaeStage1Configurations } from "./configurations/arm-stage1.js";
import {
  armv8Stage2Configurations,
  lpaeStage2Configurations,
  maliConfigurations,
} from "./configurations/arm-stage2.js";
import { dart1Configurations, dart2Configurations } from "./configurations/dart.js";
import {
  guest32Configurations,
  guest64Configurations,
  riscv32Configurations,
  riscv64Configurations,
} from "./configurations/riscv.js";
import { vtdConfigurations } from "./configurations/vtd.js";
import { pae32Configurations, paeConfigurations, x86Configurations } from "./configurations/x86.js";

/** Every format, in the order in which lists show them. */
export const formatNames: readonly FormatName[] = [
  "amdv1",
  "amdv1-mock",
  "x86-64",
  "x86-pae",
  "x86-pae32",
  "vtd-second-stage",
  "riscv64",
  "riscv32",
  "riscv64-guest",
  "riscv32-guest",
  "armv8-stage1",
  "armv8-stage2",
  "arm-lpae-stage1",
  "arm-lpae-stage2",
  "mali",
  "arm-short",
  "dart1",
  "dart2",
];

/** Every named configuration, grouped by format, each group in its own order. */
export const configurations: readonly Configuration[] = [
  ...amdv1Configurations,
  ...amdv1MockConfigurations,
  ...x86Configurations,
  ...paeConfigurations,
  ...pae32Configurations,
  ...vtdConfigurations,
  ...riscv64Configurations,
  ...riscv32Configurations,
  ...guest64Configurations,
  ...guest32Configurations,
  ...armv8Stage1Configurations,
  ...armv8Stage2Configurations,
  ...lpaeStage1Configurations,
  ...lpaeStage2Configurations,
  ...maliConfigurations,
  ...shortConfigurations,
  ...dart1Configurations,
  ...dart2Configurations,
];

/** The configurations of one format, in their published order. */
export function configurationsOf(format: FormatName): readonly Configuration[] {
  return configurations.filter((configuration) => configuration.format === format);
}

/** `format/name`, the name by which a configuration is known everywhere. */
export function configurationName(configuration: Configuration): string {
  return `${configuration.format}/${configuration.name}`;
}

/** The configuration of this full name, such as `amdv1/top2-va64`, or `undefined`. */
export function findConfiguration(fullName: string): Configuration | undefined {
  return configurations.find((configuration) => configurationName(configuration) === fullName);
}
