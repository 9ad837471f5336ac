/** Chains of tables of ARM's long descriptor, for the tests of its walkers. */
import type { Configuration, FormatName } from "../models/configuration.js";
import type { WalkerOptions } from "../models/walkers/index.js";
import { configurationOf, HandMadeTables } from "./hand-made-tables.js";

/** Tables of levels 0…4 stand here; no two of these together are the address of another. */
export const T = [0x1_0000n, 0x2_0000n, 0x4_0000n, 0x8_0000n, 0x10_0000n];

/** Types: a leaf at level 0, a leaf above, a table. */
export const PAGE = 3n;
export const BLOCK = 1n;
export const TABLE = 3n;
export const AF = 1n << 10n;

export interface ArmCase {
  readonly configuration: Configuration;
  readonly mode: number;
  readonly options?: WalkerOptions;
}

type Special = Partial<Configuration>;

function caseOf(
  format: FormatName,
  granuleLg2: number,
  vaWidthLg2: number,
  oaWidthLg2: number,
  special: Special,
): Configuration {
  const topLevel = Math.ceil((vaWidthLg2 - granuleLg2) / (granuleLg2 - 3)) - 1;
  return configurationOf(format, { granuleLg2, vaWidthLg2, oaWidthLg2, topLevel, ...special });
}

export function stage1(granuleLg2: number, va: number, oa: number, special: Special = {}): ArmCase {
  return { configuration: caseOf("armv8-stage1", granuleLg2, va, oa, special), mode: 64 - va };
}

/** A stage 2 that starts at its natural level, or at `topLevel` in `special`. */
export function stage2(
  granuleLg2: number,
  va: number,
  oa: number,
  special: Special = {},
  options: WalkerOptions = {},
): ArmCase {
  const configuration = caseOf("armv8-stage2", granuleLg2, va, oa, special);
  return { configuration, mode: stage2Mode(configuration), options };
}

/** VTCR_EL2: 4 KiB counts SL0 from level 1 up and has SL2 for level 4, the others count from level 0. */
export function stage2Mode({ vaWidthLg2, granuleLg2 = 12, topLevel }: Configuration): number {
  const tsz = 64 - vaWidthLg2;
  if (granuleLg2 !== 12) return tsz | (topLevel << 6);
  return topLevel === 4 ? tsz | (1 << 8) : tsz | (((topLevel + 3) & 3) << 6);
}

export function lpae(stage: 1 | 2, va: number, oa: number, special: Special = {}): ArmCase {
  const configuration = caseOf(`arm-lpae-stage${stage}`, 12, va, oa, special);
  return { configuration, mode: stage === 1 ? 64 - va : stage2Mode(configuration) };
}

export function mali(va: number, oa: number): ArmCase {
  return { configuration: caseOf("mali", 12, va, oa, { topLevel: 3, granuleLg2: undefined }), mode: 3 };
}

export function granuleOf({ configuration }: ArmCase): number {
  return configuration.granuleLg2 ?? 12;
}

/** The size of what one item at this level stands for. */
export function itemSizeLg2(one: ArmCase, level: number): number {
  const granuleLg2 = granuleOf(one);
  return granuleLg2 + (granuleLg2 - 3) * level;
}

/** The index of an address in a table; the root takes all bits that are left. */
export function indexOf(one: ArmCase, va: bigint, level: number): number {
  const { topLevel, vaWidthLg2 } = one.configuration;
  const sizeLg2 = itemSizeLg2(one, level);
  const bits = level === topLevel ? Math.max(0, vaWidthLg2 - sizeLg2) : granuleOf(one) - 3;
  return Number(BigInt.asUintN(bits, va >> BigInt(sizeLg2)));
}

/** Tables from the root down to `level` on the way of `va`, whose item there is the word. */
export function chain(one: ArmCase, level: number, word: bigint, va = 0n): HandMadeTables {
  const { configuration, mode, options } = one;
  const { topLevel } = configuration;
  const tables = new HandMadeTables(configuration, options).root(T[topLevel], mode);
  for (let n = topLevel; n > level; n--) tables.table(T[n], { [indexOf(one, va, n)]: T[n - 1] | TABLE });
  return tables.table(T[level], { [indexOf(one, va, level)]: word });
}
