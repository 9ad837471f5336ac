/**
 * The tables in memory against those of a vector: raw words, table addresses zeroed. What an item is, is decided
 * here from the architectures' bits, not by the code under test.
 */
import type { TableMemory } from "../../impl/common.js";
import { diffLines, type TableDifference } from "../images/index.js";
import type { VectorItem, VectorTable } from "./vector.js";

/** The bits that decide what an item is, of one format. */
interface ItemShape {
  /** Whether a present item of this level points to a table. */
  isTable(low: number, level: number): boolean;
  /** The address field, as a mask and the shift from item to address. */
  readonly addressMask: bigint;
  readonly addressShift: bigint;
  readonly granuleLg2: number;
}

const PAGE_ADDRESS = 0xf_ffff_ffff_f000n;

function amdv1Shape(granuleLg2: number): ItemShape {
  return {
    // PR, and a NextLevel that is neither 0 nor 7. Nothing stands below level 0.
    isTable: (low, level) => {
      const nextLevel = (low >>> 9) & 7;
      return level > 0 && (low & 1) !== 0 && nextLevel !== 0 && nextLevel !== 7;
    },
    addressMask: PAGE_ADDRESS,
    // The field counts granules: of 2 KiB, it stands one bit above the address.
    addressShift: BigInt(granuleLg2 - 12),
    granuleLg2,
  };
}

const SHAPES: Readonly<Record<string, ItemShape>> = {
  amdv1: amdv1Shape(12),
  amdv1_mock: amdv1Shape(11),
  x86_64: {
    isTable: (low, level) => (low & 1) !== 0 && (level > 2 || (level > 0 && (low & 0x80) === 0)),
    addressMask: PAGE_ADDRESS,
    addressShift: 0n,
    granuleLg2: 12,
  },
  vtdss: {
    isTable: (low, level) => (low & 3) !== 0 && (level > 2 || (level > 0 && (low & 0x80) === 0)),
    addressMask: PAGE_ADDRESS,
    addressShift: 0n,
    granuleLg2: 12,
  },
  riscv_64: {
    isTable: (low, level) => level > 0 && (low & 0xf) === 1,
    addressMask: 0x3f_ffff_ffff_fc00n,
    addressShift: 2n,
    granuleLg2: 12,
  },
};

const ITEMS = 512;

/** How a tree's places become input addresses. */
export interface TreeGeometry {
  readonly granuleLg2: number;
  readonly tableBitsLg2: number;
}

export function geometryOf(format: string): TreeGeometry {
  return { granuleLg2: SHAPES[format].granuleLg2, tableBitsLg2: 9 };
}

/** The tables that can be reached from a root. An encryption bit in a table item is kept, as vectors keep it. */
export function readTree(
  format: string,
  memory: TableMemory,
  root: bigint,
  topLevel: number,
  encryptionMask: bigint,
): VectorTable {
  const shape = SHAPES[format];
  const words = new BigUint64Array(memory.words.buffer, memory.words.byteOffset, memory.words.length >> 1);
  const read = (address: bigint, level: number): VectorTable => {
    const items: VectorItem[] = [];
    const first = Number((address - memory.base) >> 3n);
    // A table item that leads outside is shown as an empty table, which the comparison then reports.
    if (address < memory.base || first + ITEMS > words.length) return { level, items };
    const firstWord = first * 2;
    for (let index = 0; index < ITEMS; index++) {
      const word = firstWord + index * 2;
      if (memory.words[word] === 0 && memory.words[word + 1] === 0) continue;
      const raw = words[first + index];
      if (!shape.isTable(memory.words[word], level)) {
        items.push({ index, raw });
        continue;
      }
      const below = (raw & shape.addressMask & ~encryptionMask) << shape.addressShift;
      const kept = raw & (~shape.addressMask | encryptionMask);
      items.push({ index, raw: kept, table: read(below, level - 1) });
    }
    return { level, items };
  };
  return read(root, topLevel);
}

export function sameTree(expected: VectorTable, got: VectorTable): boolean {
  if (expected.level !== got.level || expected.items.length !== got.items.length) return false;
  for (let place = 0; place < got.items.length; place++) {
    const a = expected.items[place];
    const b = got.items[place];
    if (a.index !== b.index || a.raw !== b.raw) return false;
    if (a.table === undefined || b.table === undefined) {
      if (a.table !== b.table) return false;
    } else if (!sameTree(a.table, b.table)) return false;
  }
  return true;
}

/**
 * Says item by item where two trees differ, as `genpt compare` does; empty if they do not. `-` stands before what is
 * expected. At most `limit` items are shown.
 */
export function diffTrees(
  geometry: TreeGeometry,
  expected: VectorTable,
  got: VectorTable,
  limit: number,
): readonly string[] {
  if (expected.level !== got.level) {
    return [
      `- the root is a table of level ${expected.level}`,
      `+ the root is a table of level ${got.level}`,
    ];
  }
  const differences: TableDifference[] = [];
  diffTable(geometry, expected, got, 0n, differences);
  const lines = differences.slice(0, limit).flatMap(diffLines);
  return differences.length <= limit ? lines : [...lines, `… and ${differences.length - limit} more items`];
}

function diffTable(
  geometry: TreeGeometry,
  expected: VectorTable,
  got: VectorTable,
  iova: bigint,
  differences: TableDifference[],
): void {
  const { level } = expected;
  const lengthBytes = 1n << BigInt(geometry.granuleLg2 + level * geometry.tableBitsLg2);
  const wanted = new Map(expected.items.map((item) => [item.index, item]));
  const present = new Map(got.items.map((item) => [item.index, item]));
  const indices = [...new Set([...wanted.keys(), ...present.keys()])].sort((a, b) => a - b);
  for (const index of indices) {
    const a = wanted.get(index);
    const b = present.get(index);
    const at = iova + BigInt(index) * lengthBytes;
    const sameKind = (a?.table === undefined) === (b?.table === undefined);
    if (a?.raw !== b?.raw || !sameKind) {
      differences.push({ iova: at, lengthBytes, first: itemText(level, a), second: itemText(level, b) });
    }
    if (a?.table !== undefined && b?.table !== undefined) {
      diffTable(geometry, a.table, b.table, at, differences);
    }
  }
}

function itemText(level: number, item: VectorItem | undefined): string | undefined {
  if (item === undefined) return undefined;
  const raw = `0x${item.raw.toString(16).padStart(16, "0")}`;
  if (item.table === undefined) return `level ${level}  leaf ${raw}`;
  return `level ${level}  table ${raw} (${item.table.items.length} items)`;
}
