/** Ways through tables that drawn programs come to seldom or never: each does what its neighbours do. */
import test from "ava";
import {
  amdv1,
  armShort,
  armv8Stage1_4k,
  armv8Stage2_64k,
  DirtyBitmap,
  mali,
  PageTableError,
  PhysicalRuns,
  Prot,
  riscv64,
  Status,
  TableMemory,
  x86_64,
} from "../impl/index.js";

const PAGE = 0x1000n;
const RW = Prot.read | Prot.write;

function newMemory(base = 0x4000_0000n) {
  return new TableMemory({ base, capacityBytes: 1 << 20, smallestFrameLg2: 10 });
}

/** Runs of single pages, each to another place, so that none grows together with the next. */
function singlePages(count: number, pageBytes: bigint): PhysicalRuns {
  const runs = new PhysicalRuns(count);
  for (let page = 0; page < count; page++) runs.add(BigInt(2 * page) * pageBytes, pageBytes);
  return runs;
}

const narrow = [
  { name: "the only table", made: armv8Stage1_4k },
  { name: "a table below others", made: mali },
  { name: "a table of items of one word", made: armShort },
] as const;

for (const { name, made } of narrow) {
  test(`runs of pages stop where the input addresses do, in the midst of ${name}`, (t) => {
    const table = made.create({ memory: newMemory(), vaWidthLg2: 15 });
    const error = t.throws(() => table.mapRuns(0x5000n, singlePages(5, PAGE), RW), {
      instanceOf: PageTableError,
      code: "IOVA_OUT_OF_RANGE",
    });
    t.is(error.mappedBytes, 3n * PAGE);
    t.deepEqual(
      [...table.entries()].map(({ iova, pa }) => [iova, pa]),
      [
        [0x5000n, 0n],
        [0x6000n, 2n * PAGE],
        [0x7000n, 4n * PAGE],
      ],
    );
  });
}

test("runs of pages fill a root that is the only table", (t) => {
  const page = 0x1_0000n;
  const table = armv8Stage2_64k.create({ memory: newMemory(), vaWidthLg2: 25 });
  t.is(table.topLevel, 0);
  table.mapRuns(0n, singlePages(512, page), RW);
  t.is([...table.entries()].length, 512);
  for (const index of [0n, 1n, 255n, 511n]) t.is(table.lookup(index * page), 2n * index * page);
});

test("a run in the midst of pages that begins between two of them is refused, and what was before it stays", (t) => {
  const table = mali.create({ memory: newMemory() });
  const runs = new PhysicalRuns(4);
  for (const pa of [0x8000n, 0xa000n, 0xc800n, 0xe000n]) runs.add(pa, PAGE);
  const error = t.throws(() => table.mapRuns(5n * PAGE, runs, RW), { instanceOf: PageTableError });
  t.like(error, { code: "MISALIGNED", mappedBytes: 2n * PAGE });
  t.deepEqual(
    [...table.entries()].map(({ pa }) => pa),
    [0x8000n, 0xa000n],
  );
});

test("a top that finds no memory to grow is as high as before, wherever memory ends", (t) => {
  let refusals = 0;
  for (let placeLg2 = 30n; placeLg2 < 57n; placeLg2++) {
    for (let nth = 1; nth <= 4; nth++) {
      const memory = newMemory(0n);
      const table = amdv1.create({ memory, topLevel: 1 });
      memory.failNextAllocation(nth);
      const status = table.tryMap(1n << placeLg2, 0n, PAGE << 8n, RW);
      if (status === Status.OK) continue;
      refusals++;
      t.is(status, Status.OUT_OF_MEMORY);
      t.deepEqual([table.mappedBytes, [...table.entries()]], [0n, []]);
      // What grew for good is empty, and goes with a trim.
      table.trim();
      t.is(memory.liveFrames, 1, `2^${placeLg2}, ${nth}`);
    }
  }
  t.true(refusals > 50, `${refusals}`);
});

test("a page that ends where a top does raises it by all that the page needs, or not at all", (t) => {
  const page = 1n << 48n;
  const memory = newMemory(0n);
  const table = amdv1.create({ memory, topLevel: 1, pageSizes: PAGE | page });
  memory.failNextAllocation(3);
  t.is(table.tryMap(0n, 0n, page, RW), Status.OUT_OF_MEMORY);
  t.deepEqual([table.topLevel, memory.liveFrames], [1, 1]);
  table.map(0n, 0n, page, RW);
  t.is(table.topLevel, 4);
});

test("where the smallest page is above 4 GiB, each address and the length must be a multiple of it", (t) => {
  const page = 1n << 34n;
  const table = amdv1.create({ memory: newMemory(), pageSizes: page });
  const half = page / 2n;
  for (const [iova, pa, length] of [
    [half, 0n, page],
    [0n, half, page],
    [half, half, page],
    [0n, 0n, page + half],
  ]) {
    t.is(table.tryMap(iova, pa, length, RW), Status.MISALIGNED);
  }
  t.is(table.tryMap(page, page, page, RW), Status.OK);
  t.is(table.lookup(2n * page - 1n), 2n * page - 1n);
});

test("a merge names the levels of what it merged, and none of a table that lies behind", (t) => {
  const told: (readonly number[])[] = [];
  const memory = newMemory();
  const table = armv8Stage1_4k.create({
    ...{ memory, vaWidthLg2: 48 },
    invalidate: ({ leafLevels, tableLevels }) => told.push([leafLevels, tableLevels]),
  });
  const [block, whole, next] = [1n << 21n, 1n << 30n, 1n << 39n];
  table.map(0n, 0n, block, RW);
  // The frame that follows begins with an item that leads to a table.
  table.map(next, 0n, PAGE, RW);
  table.map(block, block, whole - block, RW);
  table.resize(0n, whole);
  t.is([...table.entries()].length, 2);
  t.deepEqual(told, [[0b110, 0b010]]);
});

const laidOut = [
  { name: "amdv1", made: amdv1 },
  { name: "armv8-stage1 (4 KiB)", made: armv8Stage1_4k },
  { name: "x86-64", made: x86_64 },
  { name: "riscv64", made: riscv64 },
] as const;

for (const { name, made } of laidOut) {
  test(`${name}: pages far above 4 GiB are cut and merged where they are, size by size`, (t) => {
    for (const smallestLg2 of [12, 21, 30]) {
      const table = made.create({ memory: newMemory() });
      const bytes = 1n << BigInt(smallestLg2 + 5);
      const [iova, pa] = [5n << 35n, 0x2bn << 35n];
      table.map(iova, pa, bytes, RW);
      const whole = [...table.entries()];
      for (let largestLg2 = smallestLg2; largestLg2 <= smallestLg2 + 5; largestLg2++) {
        table.resize(iova, bytes, { largestLg2 });
        const entries = [...table.entries()];
        for (const entry of entries) t.is(entry.pa - pa, entry.iova - iova);
        if (largestLg2 === smallestLg2) t.is(entries.length, 32);
        t.is(table.mappedBytes, bytes);
        t.is(table.lookup(iova + bytes - 1n), pa + bytes - 1n);
      }
      t.deepEqual([...table.entries()], whole);
    }
  });
}

test("a page beyond the reach of smaller ones keeps its size", (t) => {
  const supersection = 0x100_0000n;
  const far = 0x1_0000_0000n;
  const memory = newMemory();
  const table = armShort.create({ memory, oaWidthLg2: 40, partialUnmap: "cut" });
  table.map(0n, far, supersection, RW);
  table.map(supersection, supersection, supersection, RW);
  const sizes = () => [...table.entries()].map(({ sizeLg2 }) => sizeLg2);
  t.deepEqual(sizes(), [24, 24]);
  table.resize(0n, 2n * supersection, { largestLg2: 20 });
  t.deepEqual(sizes(), [24, ...new Array<number>(16).fill(20)]);
  t.is(table.tryUnmap(0n, 0x10_0000n), Status.MISALIGNED);
  t.is(table.lookup(0n), far);
});

test("options that say what there is not are refused", (t) => {
  const refused = (options: object, message: RegExp) =>
    t.throws(() => Reflect.apply(armShort.create, armShort, [{ memory: newMemory(), ...options }]), {
      instanceOf: PageTableError,
      code: "INVALID_OPTION",
      message,
    });
  refused({ partialUnmap: "half" }, /whole, cut, refuse/);
  refused({ freeing: "never" }, /covered or empty/);
  refused({ memory: newMemory(1n << 40n) }, /below 2\^32/);
  refused(
    { memory: new TableMemory({ base: 0n, capacityBytes: 1 << 20 }) },
    /smallestFrameLg2 of at most 10/,
  );
});

test("what is beside a memory is not in use there", (t) => {
  const memory = newMemory();
  amdv1.create({ memory });
  t.is(memory.frameState(0x4000_0000n), "live");
  t.is(memory.frameState(0x3fff_f000n), "free");
  t.is(memory.frameState(0x4010_0000n), "free");
});

test("arguments of no use to a call are refused before anything is done", (t) => {
  const table = amdv1.create({ memory: newMemory() });
  table.map(0n, 0n, PAGE, RW);
  const nonsense = JSON.parse("[1.5, null]");
  const code = { instanceOf: PageTableError, message: /INVALID_ARGUMENT/ };
  for (const prot of nonsense) t.throws(() => table.mapRuns(PAGE, singlePages(1, PAGE), prot), code);
  for (const report of nonsense) {
    t.throws(() => table.readAndClearDirty(0n, PAGE, report), { ...code, message: /onDirty/ });
    t.throws(() => table.readAndClearAccessed(0n, PAGE, report), { ...code, message: /onUse/ });
  }
  t.is(table.lookup(PAGE), undefined);
});

test("a batch from inside a large page is refused where such unmaps are, and tells of no runs", (t) => {
  const table = x86_64.create({ memory: newMemory(), partialUnmap: "refuse" });
  table.map(0n, 0n, 0x20_0000n, RW);
  const runs = new PhysicalRuns(4);
  t.throws(() => table.unmapRuns(PAGE, PAGE, runs), { instanceOf: PageTableError, code: "PARTIAL_ENTRY" });
  t.is(table.lookup(PAGE), PAGE);
  t.deepEqual([...runs], []);
});

test("a bitmap is not dirty where it is not", (t) => {
  const bitmap = new DirtyBitmap(0x10_0000n, 0x1_0000n, 12);
  bitmap.record(0x10_0000n, 0x1_0000n);
  t.deepEqual(
    [0xf_ffffn, 0x10_0000n, 0x10_ffffn, 0x11_0000n, 0x10_0000n + (1n << 47n)].map((iova) =>
      bitmap.isDirty(iova),
    ),
    [false, true, true, false, false],
  );
});
