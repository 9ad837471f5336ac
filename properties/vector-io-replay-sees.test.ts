/** The replay of `io-pgtable` recordings is not blind: whatever is compared, a change of it is found. */
import { fileURLToPath } from "node:url";
import test from "ava";
import {
  type IoCase,
  type IoCreation,
  type IoOp,
  IoReplay,
  openVectorFile,
  type VectorTable,
} from "../fuzz/conform/index.js";

import { ioFactsOf } from "../fuzz/conform/io-facts.js";
import { readIoTree } from "../fuzz/conform/io-tree.js";
import { TableMemory } from "../impl/common.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));
/** How often each field is changed in each file. */
const PER_FIELD = 3;

async function load(name: string): Promise<{ header: IoCreation; cases: IoCase[] }> {
  const file = await openVectorFile(`${DIRECTORY}${name}.jsonl.gz`);
  if (file.kind !== "io-cases") throw new Error(`${name} holds no cases`);
  const cases: IoCase[] = [];
  for await (const vector of file.cases) if (!vector.isInput) cases.push(vector);
  return { header: file.header, cases };
}

/** The same operation with one recorded value changed, for each value that is compared. */
function changes(op: IoOp): ReadonlyMap<string, IoOp> {
  const changed = new Map<string, IoOp>();
  const put = (field: string, other: IoOp): void => void changed.set(`${op.op} ${field}`, other);
  if ("ret" in op) put("ret", { ...op, ret: op.ret === -17 ? -75 : -17 });
  if ("unmapped" in op) put("unmapped", { ...op, unmapped: op.unmapped + 4096n });
  switch (op.op) {
    case "map_pages":
      put("mapped", { ...op, mapped: op.mapped + op.pageSize });
      break;
    case "map_split": {
      const [first, ...rest] = op.pieces;
      put("page size", { ...op, pieces: [{ ...first, pageSize: first.pageSize * 2n }, ...rest] });
      put("piece less", { ...op, pieces: rest });
      break;
    }
    case "iova_to_phys":
      put(op.pa === 0n ? "pa of a miss" : "pa", { ...op, pa: (op.pa ?? 0n) + 4096n });
      break;
    case "hardware_dirty":
      put("done", { ...op, done: !op.done });
      break;
    case "dirty_pages":
      put("dirty", { ...op, dirty: [...op.dirty, [0x7000n, 0x1000n]] });
      break;
    default:
      break;
  }
  return changed;
}

/** The leftmost table at the greatest depth of those that map something, put through a change. */
function changeLeaves(table: VectorTable, change: (items: VectorTable["items"]) => VectorTable["items"]) {
  let done = false;
  const visit = (at: VectorTable): VectorTable => {
    const items = at.items.map((item) =>
      item.table === undefined ? item : { ...item, table: visit(item.table) },
    );
    if (done || !items.some((item) => item.table === undefined)) return { ...at, items };
    done = true;
    return { ...at, items: change(items) };
  };
  return visit(table);
}

function changedTrees(tables: VectorTable): ReadonlyMap<string, VectorTable> {
  const isLeaf = (item: VectorTable["items"][number]): boolean => item.table === undefined;
  const flipped = (bit: bigint): VectorTable =>
    changeLeaves(tables, (items) => {
      const place = items.findIndex(isLeaf);
      return items.map((item, at) => (at === place ? { ...item, raw: item.raw ^ (1n << bit) } : item));
    });
  return new Map([
    ["bit 1 of a leaf", flipped(1n)],
    ["bit 5 of a leaf", flipped(5n)],
    ["bit 31 of a leaf", flipped(31n)],
    [
      "a leaf at another place",
      changeLeaves(tables, (items) => items.map((item) => ({ ...item, index: item.index + 1 }))),
    ],
    ["a leaf less", changeLeaves(tables, (items) => items.filter((item) => !isLeaf(item)))],
  ]);
}

function tablePointerChanged({ level, items }: VectorTable): VectorTable | undefined {
  const place = items.findIndex(({ table }) => table !== undefined && hasLeaves(table));
  if (place < 0) return undefined;
  const bit = 1n << 3n;
  return { level, items: items.map((item, at) => (at === place ? { ...item, raw: item.raw ^ bit } : item)) };
}

function hasLeaves({ items }: VectorTable): boolean {
  return items.some(({ table }) => table === undefined || hasLeaves(table));
}

const KINDS_IN_ALL = new Set<string>();

for (const name of [
  "arm_64_lpae_s1-4k_ias48_oas48_hd",
  "arm_64_lpae_s2-16k_ias40_oas40",
  "arm_mali_lpae-ias33_oas40_noncoh",
  "arm_v7s-mtk_ias34_oas35_ttbrext",
  "apple_dart-4k_ias32_oas36",
  "apple_dart2-16k_ias42_oas42",
]) {
  test.serial(`${name}: a changed value of any kind is found`, async (t) => {
    const { header, cases } = await load(name);
    const replay = new IoReplay(header);
    const tried = new Map<string, number>();
    const isDue = (what: string): boolean => {
      const count = tried.get(what) ?? 0;
      tried.set(what, count + 1);
      return count < PER_FIELD;
    };
    for (const vector of cases) {
      const plain = replay.run(vector);
      t.is(plain.failure, undefined);
      for (const [index, op] of vector.ops
        .slice(0, (plain.endedAt ?? Number.POSITIVE_INFINITY) + 1)
        .entries()) {
        for (const [what, other] of changes(op)) {
          if (!isDue(what)) continue;
          const ops = vector.ops.map((each, at) => (at === index ? other : each));
          const { failure } = replay.run({ ...vector, ops });
          t.is(failure?.opIndex, index, `${what} of operation ${index}, seed ${vector.seed}`);
        }
      }
      const { tables } = vector;
      if (tables === undefined || plain.endedAt !== undefined || !hasLeaves(tables)) continue;
      const pointer = tablePointerChanged(tables);
      const trees = new Map(changedTrees(tables));
      if (pointer !== undefined) trees.set("a bit of a table item", pointer);
      for (const [what, other] of trees) {
        if (!isDue(what)) continue;
        const { failure } = replay.run({ ...vector, tables: other });
        t.is(failure?.field, "tables", `${what}, seed ${vector.seed}`);
        t.true((failure?.tableDiff.length ?? 0) > 0);
      }
    }
    for (const what of tried.keys()) KINDS_IN_ALL.add(what);
  });
}

test.serial("every kind of recorded value was changed at least once", (t) => {
  for (const what of [
    "map_pages ret",
    "map_pages mapped",
    "map_split ret",
    "map_split page size",
    "map_split piece less",
    "unmap_pages unmapped",
    "unmap_split unmapped",
    "iova_to_phys pa",
    "iova_to_phys pa of a miss",
    "hardware_dirty done",
    "dirty_pages ret",
    "dirty_pages dirty",
    "bit 1 of a leaf",
    "bit 5 of a leaf",
    "bit 31 of a leaf",
    "a leaf at another place",
    "a leaf less",
    "a bit of a table item",
  ]) {
    t.true(KINDS_IN_ALL.has(what), what);
  }
});

test.serial(
  "a program of errors is not judged by what was recorded, but one that throws is found",
  async (t) => {
    const { header, cases } = await load("apple_dart2-16k_ias42_oas42");
    const replay = new IoReplay(header);
    const [{ ops }] = cases;
    const input: IoCase = { line: 2, seed: 1, isInput: true, tables: undefined, ops };
    const [first, ...rest] = ops;
    t.is(replay.run(input).failure, undefined);
    const otherwise = [...changes(first).values()].map((op) => ({ ...input, ops: [op, ...rest] }));
    t.true(otherwise.length > 0);
    for (const vector of otherwise) t.is(replay.run(vector).failure, undefined);
    const { failure } = replay.run({ ...input, ops: [{ ...first, iova: -1n }, ...rest] });
    t.is(failure?.opIndex, 0);
    t.is(failure?.field, "outcome");
  },
);

const POINTERS: readonly (readonly [what: string, second: bigint, reason: RegExp])[] = [
  ["two items that lead to one table", 0x8_4001_0000n, /two items lead to the table at 0x840010000/],
  ["an item that leads out of memory", 0x8_8000_0000n, /leads to 0x880000000, outside/],
];

for (const [what, second, reason] of POINTERS) {
  test(`${what} is found`, async (t) => {
    const { header } = await load("apple_dart-16k_ias36_oas36");
    const { made } = header;
    if (made === undefined) return t.fail();
    const memory = new TableMemory({ base: 0x8_4000_0000n, capacityBytes: 1 << 20 });
    const items = new BigUint64Array(memory.words.buffer);
    const facts = ioFactsOf(header, made);
    items[0] = 0x8_4001_0001n;
    t.is(readIoTree(facts, memory, 0x8_4000_0000n).tables, 2);
    items[1] = second | 1n;
    t.throws(() => readIoTree(facts, memory, 0x8_4000_0000n), { message: reason });
  });
}
