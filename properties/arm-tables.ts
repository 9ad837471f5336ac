/** The items on the way to an address, read from the words of ARM's long descriptor by hand. */

import type { PageTable, TableMemory } from "../impl/common.js";
import type { observed } from "../impl/observed.js";

export interface ArmFormat {
  readonly name: Extract<keyof typeof observed, `armv8-${string}` | `arm-lpae-${string}` | "mali">;
  readonly granuleLg2: 12 | 14 | 16;
  readonly lpa2: boolean;
  readonly stage: 1 | 2 | "mali";
}

const granules = [
  { suffix: "4k", granuleLg2: 12, lpa2: false },
  { suffix: "16k", granuleLg2: 14, lpa2: false },
  { suffix: "64k", granuleLg2: 16, lpa2: false },
  { suffix: "4k-lpa2", granuleLg2: 12, lpa2: true },
  { suffix: "16k-lpa2", granuleLg2: 14, lpa2: true },
] as const;

export const armFormats: readonly ArmFormat[] = [
  ...granules.map(({ suffix, ...rest }) => ({ name: `armv8-stage1-${suffix}`, ...rest, stage: 1 }) as const),
  ...granules.map(({ suffix, ...rest }) => ({ name: `armv8-stage2-${suffix}`, ...rest, stage: 2 }) as const),
  { name: "arm-lpae-stage1", granuleLg2: 12, lpa2: false, stage: 1 },
  { name: "arm-lpae-stage2", granuleLg2: 12, lpa2: false, stage: 2 },
  { name: "mali", granuleLg2: 12, lpa2: false, stage: "mali" },
];

/** By name, for tests of one of them. */
export function armFormat(name: ArmFormat["name"]): ArmFormat {
  const format = armFormats.find((candidate) => candidate.name === name);
  if (format === undefined) throw new Error(name);
  return format;
}

/** The address field of an item, as DDI 0487 D8.3 draws it for the granule. */
export function addressIn(item: bigint, { granuleLg2, lpa2 }: ArmFormat): bigint {
  const bits = (last: number, first: number) =>
    BigInt.asUintN(last - first + 1, item >> BigInt(first)) << BigInt(first);
  if (granuleLg2 === 16) return bits(47, 16) | ((bits(15, 12) >> 12n) << 48n);
  if (lpa2) return bits(49, granuleLg2) | ((bits(9, 8) >> 8n) << 50n);
  return bits(47, granuleLg2);
}

/** From the root's item to the last one that is a table or a leaf, or the first that is invalid. */
export function itemsTo(
  table: PageTable,
  format: ArmFormat,
  iova: bigint,
  vaWidthLg2: number,
): readonly bigint[] {
  const items: bigint[] = [];
  let { root: base, topLevel: level } = table.hwInfo();
  for (let offset = BigInt.asUintN(vaWidthLg2, iova); ; level--) {
    const lg2 = BigInt(format.granuleLg2 + level * (format.granuleLg2 - 3));
    const item = itemAt(table.memory, base + (offset >> lg2) * 8n);
    items.push(item);
    if (level === 0 || (item & 3n) !== 3n) return items;
    offset = BigInt.asUintN(Number(lg2), offset);
    base = addressIn(item, format);
  }
}

function itemAt(memory: TableMemory, address: bigint): bigint {
  const word = Number(address - memory.base) / 4;
  return (
    BigInt.asUintN(32, BigInt(memory.words[word])) |
    (BigInt.asUintN(32, BigInt(memory.words[word + 1])) << 32n)
  );
}
