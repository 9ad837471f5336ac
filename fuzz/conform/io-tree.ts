/**
 * Tables of ARM, Mali and DART in memory, in the form of a recording's. What an item is, is decided here from the
 * architectures' bits, not by the code under test.
 */
import type { TableMemory } from "../../impl/common.js";
import type { IoFacts } from "./io-facts.js";
import type { IoFormat } from "./io-vector.js";
import type { VectorItem, VectorTable } from "./vector.js";

export interface PointerShape {
  /** The bits that say "table" in an item above level 0, and what they say. */
  readonly typeMask: number;
  readonly tableType: number;
  /** The address field, as a mask and the shift from item to address. */
  readonly addressMask: bigint;
  readonly addressShift: bigint;
}

/** Bits 1:0 = 3, address in 47:12; bits 15:12 would be 51:48 of a table that no memory here reaches. */
const LONG: PointerShape = { typeMask: 3, tableType: 3, addressMask: 0xffff_ffff_f000n, addressShift: 0n };
const SHORT: PointerShape = { typeMask: 3, tableType: 1, addressMask: 0xffff_fc00n, addressShift: 0n };
const DART1: PointerShape = { typeMask: 1, tableType: 1, addressMask: 0xf_ffff_f000n, addressShift: 0n };
const DART2: PointerShape = { typeMask: 1, tableType: 1, addressMask: 0x3f_ffff_fc00n, addressShift: 4n };

export function pointerShapeOf(format: IoFormat): PointerShape {
  switch (format) {
    case "arm_v7s":
      return SHORT;
    case "apple_dart":
      return DART1;
    case "apple_dart2":
      return DART2;
    default:
      return LONG;
  }
}

/** The tables that can be reached from a root, and how many they are. */
export interface ReachedTables {
  readonly tree: VectorTable;
  readonly tables: number;
}

/**
 * Reads the tables that a root leads to.
 * @throws Error where an item leads out of the table memory, or two items lead to one table.
 */
export function readIoTree(facts: IoFacts, memory: TableMemory, root: bigint): ReachedTables {
  const { addressMask, addressShift, typeMask, tableType } = pointerShapeOf(facts.format);
  const seen = new Set<bigint>();
  const wordsPerItem = facts.itemBytes >> 2;
  const read = (address: bigint, level: number, items: number): VectorTable => {
    const offset = Number(address - memory.base);
    if (offset < 0 || offset + items * facts.itemBytes > memory.capacityBytes) {
      throw new Error(`a table item leads to 0x${address.toString(16)}, outside the table memory`);
    }
    if (seen.has(address)) throw new Error(`two items lead to the table at 0x${address.toString(16)}`);
    seen.add(address);
    const present: VectorItem[] = [];
    for (let index = 0; index < items; index++) {
      const word = (offset >> 2) + index * wordsPerItem;
      const low = memory.words[word];
      const high = wordsPerItem === 1 ? 0 : memory.words[word + 1];
      if (low === 0 && high === 0) continue;
      const raw = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      if (level === 0 || (low & typeMask) !== tableType) {
        present.push({ index, raw });
        continue;
      }
      const table = read((raw & addressMask) << addressShift, level - 1, 2 ** facts.tableBitsLg2);
      present.push({ index, raw: raw & ~addressMask, table });
    }
    return { level, items: present };
  };
  const tree = read(root, facts.topLevel, facts.rootItems);
  return { tree, tables: seen.size };
}

/** The tree without the tables below which nothing is mapped; the root stays. */
export function pruned({ level, items }: VectorTable): VectorTable {
  const kept: VectorItem[] = [];
  for (const item of items) {
    if (item.table === undefined) {
      kept.push(item);
      continue;
    }
    const table = pruned(item.table);
    if (table.items.length > 0) kept.push({ ...item, table });
  }
  return { level, items: kept };
}

/** Another tree, every leaf item put through a change. */
export function withLeaves({ level, items }: VectorTable, change: (raw: bigint) => bigint): VectorTable {
  return {
    level,
    items: items.map(({ index, raw, table }) =>
      table === undefined ? { index, raw: change(raw) } : { index, raw, table: withLeaves(table, change) },
    ),
  };
}
