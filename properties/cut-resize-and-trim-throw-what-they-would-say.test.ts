/** `cut`, `resize` and `trim` are their statuses, thrown; with a caller's gather they leave the flush to it. */
import test from "ava";
import { amdv1, PageTableError, TableMemory } from "../impl/index.js";

const MIB2 = 0x20_0000n;

function mapped() {
  const table = amdv1.create({ memory: new TableMemory({ capacityBytes: 1 << 20 }), topLevel: 2 });
  table.map(MIB2, 4n * MIB2, MIB2, 3);
  return table;
}

test("what is done is done alike with a gather and without", (t) => {
  for (const isGathered of [false, true]) {
    const table = mapped();
    const gather = isGathered ? table.createGather() : undefined;
    table.cut(MIB2 + 0x1000n, gather);
    t.is(table.lookup(MIB2 + 0x1000n), 4n * MIB2 + 0x1000n);
    table.resize(MIB2, MIB2, { largestLg2: 21, ...(gather === undefined ? {} : { gather }) });
    t.is(table.lookup(MIB2 + 0x1000n), 4n * MIB2 + 0x1000n);
    table.unmap(MIB2, MIB2, gather);
    table.trim(MIB2, MIB2, gather);
    table.trim(0n);
    table.trim();
    t.is(table.trim(), 0);
    gather?.sync();
    t.is(table.memory.liveFrames, 1);
  }
});

test("what cannot be meant is thrown", (t) => {
  const table = mapped();
  const other = mapped().createGather();
  const calls = [
    () => table.cut(MIB2 + 1n),
    () => table.resize(MIB2, 0n),
    () => table.resize(MIB2, MIB2, { largestLg2: 64 }),
    () => table.resize(MIB2, MIB2, { largestLg2: 0.5 }),
    () => table.resize(MIB2, MIB2, { gather: other }),
    () => table.trim(1n << 60n, 0n),
    () => table.trim(MIB2, MIB2, other),
    () => table.cut(MIB2, other),
    () => table.map(0n, 0n, 0x1000n, 1.5),
  ];
  for (const call of calls) t.throws(call, { instanceOf: PageTableError }, call.toString());
  t.is(table.lookup(MIB2), 4n * MIB2);
});
