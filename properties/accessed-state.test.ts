// I15 — what devices used, as users of the library see it.
import test from "ava";
import {
  amdv1,
  armLpaeStage1,
  armv8Stage1_4k,
  armv8Stage2_4k,
  DirtyBitmap,
  dart1_4k,
  mali,
  type PageTable,
  Prot,
  riscv32,
  riscv64,
  riscv64Guest,
  TableMemory,
  vtdSecondStage,
  x86_64,
} from "../impl/index.js";

const PAGE = 0x1000n;
const LARGE = 0x20_0000n;
const RW = Prot.read | Prot.write;

/** The bit of each format's leaf items, from the manuals. */
const FORMATS = [
  { name: "amdv1", bit: 5, isFresh: false, create: () => amdv1.create({ memory: new TableMemory() }) },
  {
    name: "vtd-second-stage",
    bit: 8,
    isFresh: false,
    create: () => vtdSecondStage.create({ memory: new TableMemory() }),
  },
  { name: "x86-64", bit: 5, isFresh: true, create: () => x86_64.create({ memory: new TableMemory() }) },
  {
    name: "riscv64",
    bit: 6,
    isFresh: true,
    create: () => riscv64.create({ memory: new TableMemory(), accessedTracking: true }),
  },
  {
    name: "armv8-stage1",
    bit: 10,
    isFresh: true,
    create: () => armv8Stage1_4k.create({ memory: new TableMemory(), accessedTracking: true }),
  },
  {
    name: "armv8-stage2",
    bit: 10,
    isFresh: true,
    create: () => armv8Stage2_4k.create({ memory: new TableMemory(), dirtyTracking: true }),
  },
];

type Ranges = (readonly [bigint, bigint])[];

function accessed(table: PageTable, iova: bigint, length: bigint, clear: boolean): Ranges {
  const found: Ranges = [];
  table.readAndClearAccessed(iova, length, (first, bytes) => found.push([first, bytes]), { clear });
  return found;
}

/** The words of the leaf items of the one table that holds pages. */
function itemsOf(table: PageTable): Int32Array {
  const { memory } = table;
  return memory.words.subarray((memory.liveFrames - 1) << 10, memory.liveFrames << 10);
}

for (const { name, bit, isFresh, create } of FORMATS) {
  test(`${name}: a range tells what was used, clears whole entries, and no other bit`, (t) => {
    const table = create();
    table.map(0n, 0n, 4n * PAGE, RW, PAGE);
    const items = itemsOf(table);
    const fresh = items.slice(0, 8);
    t.deepEqual(accessed(table, 0n, LARGE, true).length, isFresh ? 4 : 0);
    const clear = items.slice(0, 8);
    t.deepEqual(
      clear.map((word, index) => (index % 2 === 0 ? word | (1 << bit) : word)),
      isFresh ? fresh : fresh.map((word, index) => (index % 2 === 0 ? word | (1 << bit) : word)),
    );
    items[2] |= 1 << bit;
    t.deepEqual(accessed(table, PAGE + 0x10n, 3n * PAGE, false), [[PAGE + 0x10n, PAGE - 0x10n]]);
    t.deepEqual(accessed(table, PAGE + 0x10n, 3n * PAGE, true), [[PAGE, PAGE]]);
    t.deepEqual(accessed(table, 0n, LARGE, false), []);
    t.deepEqual(items.slice(0, 8), clear);
  });

  test(`${name}: what hardware sets while the bit is cleared stays`, (t) => {
    const table = create();
    table.map(0n, 0n, PAGE, RW);
    const items = itemsOf(table);
    items[0] |= 1 << bit;
    const { xor } = Atomics;
    const other = 1 << 11;
    const before = items[0] & other;
    // A device comes after the item was looked at and before the bit is cleared.
    Reflect.set(Atomics, "xor", (words: Int32Array, index: number, bits: number) => {
      words[index] ^= other;
      return xor(words, index, bits);
    });
    try {
      accessed(table, 0n, PAGE, true);
    } finally {
      Reflect.set(Atomics, "xor", xor);
    }
    t.is(items[0] & other, before ^ other);
    t.is(items[0] & (1 << bit), 0);
  });

  test(`${name}: what was cleared is forgotten by hardware, at once or with a gather of the caller's`, (t) => {
    const table = create();
    table.map(0n, 0n, 2n * PAGE, RW, PAGE);
    itemsOf(table)[0] |= 1 << bit;
    const gather = table.createGather();
    table.readAndClearAccessed(0n, PAGE, () => {}, { gather });
    t.true(gather.pending);
    t.deepEqual([gather.firstLow, gather.lastLow, gather.leafLevels], [0, 0xfff, 1]);
    gather.sync();
    table.readAndClearAccessed(0n, PAGE, () => {}, { gather });
    t.false(gather.pending);
  });

  test(`${name}: parts of a used entry are used, and an entry is of which a part was`, (t) => {
    const table = create();
    table.map(0n, 0n, 2n * LARGE, RW, PAGE);
    accessed(table, 0n, 2n * LARGE, true);
    const first = table.memory.words.findIndex(
      (_, word) => word % 1024 === 0 && word >> 10 === table.memory.liveFrames - 2,
    );
    table.memory.words[first + 10] |= 1 << bit;
    table.resize(0n, 2n * LARGE, { largestLg2: 21 });
    t.deepEqual(accessed(table, 0n, 2n * LARGE, false).length, 1);
    const [[iova, length]] = accessed(table, 0n, 2n * LARGE, false);
    t.is(length, LARGE);
    table.cut(iova + PAGE);
    const parts = accessed(table, 0n, 2n * LARGE, false);
    t.is(
      parts.reduce((sum, [, bytes]) => sum + bytes, 0n),
      LARGE,
    );
    t.true(parts.length > 1);
  });
}

test("a bitmap takes what was used, at a grain of its own", (t) => {
  const table = x86_64.create({ memory: new TableMemory() });
  table.map(LARGE, 0n, LARGE, RW);
  const bitmap = new DirtyBitmap(0n, 4n * LARGE, 20);
  table.readAndClearAccessed(0n, 4n * LARGE, bitmap.record);
  t.deepEqual([...bitmap.words], [0b1100]);
});

test("where no hardware keeps the bit, or it may fault without it, nothing is told", (t) => {
  const tables = [riscv32, riscv64, riscv64Guest, armv8Stage1_4k, armLpaeStage1, mali, dart1_4k].map(
    (entry) => entry.create({ memory: new TableMemory({ base: 0x1000n }) }),
  );
  for (const table of tables) {
    t.throws(() => accessed(table, 0n, PAGE, true), { code: "NOT_SUPPORTED" }, table.format);
  }
});

test("TCR says that hardware manages the access flag, and the dirty state where it does", (t) => {
  const options = [{}, { accessedTracking: true }, { dirtyTracking: true }];
  const registers = options.map((each) => {
    const { registers } = armv8Stage1_4k.create({ memory: new TableMemory(), ...each }).hwInfo();
    return [registers["ha"], registers["hd"]];
  });
  t.deepEqual(registers, [
    [undefined, undefined],
    [1, undefined],
    [1, 1],
  ]);
});
