/** The replay is not blind: whatever a vector records and is compared, a change of it is found. */
import { fileURLToPath } from "node:url";
import test from "ava";
import {
  type Creation,
  openVectorFile,
  Replay,
  type VectorCase,
  type VectorOp,
  type VectorTable,
} from "../fuzz/conform/index.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));
/** How often each field is changed in each file. */
const PER_FIELD = 4;

async function load(name: string): Promise<{ header: Creation; cases: VectorCase[] }> {
  const file = await openVectorFile(`${DIRECTORY}${name}.jsonl.gz`);
  if (file.kind !== "cases") throw new Error(`${name} holds no cases`);
  const cases: VectorCase[] = [];
  for await (const vector of file.cases) cases.push(vector);
  return { header: file.header, cases };
}

const more = [0x7000n, 0x7fffn] as const;

/** The same operation with one recorded value changed, for each value that is compared. */
function changes(op: VectorOp): ReadonlyMap<string, VectorOp> {
  const changed = new Map<string, VectorOp>();
  const put = (field: string, other: VectorOp): void => void changed.set(`${op.op} ${field}`, other);
  if ("ret" in op) put("ret", { ...op, ret: op.ret === -17 ? -75 : -17 });
  if ("gather" in op) put("gather", { ...op, gather: [...op.gather, more] });
  if ("gather" in op && op.gather.length > 0) {
    const [[first, last], ...rest] = op.gather;
    put("gather's last address", { ...op, gather: [[first, last + 4096n], ...rest] });
  }
  if ("unmapped" in op) put("unmapped", { ...op, unmapped: op.unmapped + 4096n });
  switch (op.op) {
    case "map":
    case "map_range":
      put("mapped", { ...op, mapped: op.mapped + 4096n });
      put("newTop", { ...op, newTop: [...op.newTop, 5] });
      if (op.ret === 0) put("freed", { ...op, freed: op.freed + 1 });
      if (op.rollback !== undefined) {
        const { rollback } = op;
        put("rollback unmapped", { ...op, rollback: { ...rollback, unmapped: rollback.unmapped + 4096n } });
        put("rollback gather", { ...op, rollback: { ...rollback, gather: [...rollback.gather, more] } });
        put("rollback freed", { ...op, rollback: { ...rollback, freed: rollback.freed + 1 } });
      }
      break;
    case "unmap":
    case "sync":
      put("freed", { ...op, freed: op.freed + 1 });
      break;
    case "unmap_fast": {
      const [start, end, pages] = op.pending;
      put("freed", { ...op, freed: op.freed + 1 });
      put("pending start", { ...op, pending: [start - 1n, end, pages] });
      put("pending end", { ...op, pending: [start, end + 1n, pages] });
      put("pending pages", { ...op, pending: [start, end, pages + 1] });
      break;
    }
    case "iova_to_phys":
      put(op.pa === undefined ? "pa of a miss" : "pa", { ...op, pa: (op.pa ?? 0n) + 4096n });
      break;
    case "rcd":
      put("dirty", { ...op, dirty: [...op.dirty, [0x7000n, 0x1000n]] });
      break;
    case "set_dirty":
      break;
  }
  return changed;
}

function replaced(ops: readonly VectorOp[], index: number, other: VectorOp): readonly VectorOp[] {
  return ops.map((op, at) => (at === index ? other : op));
}

/** The first item of a tree, at its greatest depth, put through a change. */
function changeDeepest(table: VectorTable, change: (table: VectorTable) => VectorTable): VectorTable {
  const place = table.items.findIndex((item) => item.table !== undefined);
  const below = table.items[place]?.table;
  if (below === undefined) return change(table);
  const items = [...table.items];
  items[place] = { ...items[place], table: changeDeepest(below, change) };
  return { ...table, items };
}

function changedEnds(vector: VectorCase): ReadonlyMap<string, VectorCase> {
  const changed = new Map<string, VectorCase>([["live", { ...vector, live: vector.live + 1 }]]);
  const put = (what: string, change: (table: VectorTable) => VectorTable): void =>
    void changed.set(what, { ...vector, tables: changeDeepest(vector.tables, change) });
  put("a bit of an item, or an item more", ({ level, items }) => {
    const [first, ...rest] = items;
    if (first === undefined) return { level, items: [{ index: 511, raw: 1n }] };
    return { level, items: [{ ...first, raw: first.raw ^ (1n << 52n) }, ...rest] };
  });
  if (vector.tables.items.length > 0) {
    const { level, items } = vector.tables;
    changed.set("an item less", { ...vector, tables: { level, items: items.slice(1) } });
  }
  const { level, items } = vector.tables;
  changed.set("the top level", { ...vector, tables: { level: level + 1, items } });
  return changed;
}

const KINDS_IN_ALL = new Set<string>();

for (const name of ["amdv1-top2-va64", "amdv1-top2-va64-nogaps", "vtdss-4l-incoherent", "x86_64-amdv2-4l"]) {
  test.serial(`${name}: a changed value of any kind is found`, async (t) => {
    const { header, cases } = await load(name);
    const replay = new Replay(header);
    const tried = new Map<string, number>();
    const isDue = (what: string): boolean => {
      const count = tried.get(what) ?? 0;
      tried.set(what, count + 1);
      return count < PER_FIELD;
    };
    for (const vector of cases) {
      const plain = replay.run(vector);
      t.is(plain.failure, undefined);
      if (plain.deviations.size > 0) continue;
      for (const [index, op] of vector.ops.entries()) {
        for (const [what, other] of changes(op)) {
          if (!isDue(what)) continue;
          const { failure } = replay.run({ ...vector, ops: replaced(vector.ops, index, other) });
          t.is(failure?.opIndex, index, `${what} of operation ${index}, seed ${vector.seed}`);
        }
      }
      for (const [what, other] of changedEnds(vector)) {
        if (!isDue(what)) continue;
        const { failure } = replay.run(other);
        t.truthy(failure, `${what}, seed ${vector.seed}`);
        t.is(failure?.opIndex, undefined);
      }
    }
    for (const what of tried.keys()) KINDS_IN_ALL.add(what);
  });
}

test.serial("every kind of recorded value was changed at least once", (t) => {
  for (const op of ["map", "map_range"]) {
    for (const field of ["ret", "mapped", "gather", "newTop", "freed"])
      t.true(KINDS_IN_ALL.has(`${op} ${field}`));
  }
  for (const field of ["unmapped", "gather", "freed"]) {
    t.true(KINDS_IN_ALL.has(`map rollback ${field}`));
    t.true(KINDS_IN_ALL.has(`unmap ${field}`));
    t.true(KINDS_IN_ALL.has(`unmap_fast ${field}`));
  }
  for (const field of ["start", "end", "pages"]) t.true(KINDS_IN_ALL.has(`unmap_fast pending ${field}`));
  for (const what of ["sync gather", "sync freed", "iova_to_phys pa", "iova_to_phys pa of a miss"]) {
    t.true(KINDS_IN_ALL.has(what), what);
  }
  for (const what of ["set_dirty ret", "rcd ret", "rcd dirty", "rcd gather", "live", "an item less"]) {
    t.true(KINDS_IN_ALL.has(what), what);
  }
});
