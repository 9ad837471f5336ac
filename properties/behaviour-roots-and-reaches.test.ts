/** What is particular to the formats whose root is not one table, or whose addresses do not reach everywhere. */
import test from "ava";
import { type Invalidation, type PageTable, Prot, Status, TableMemory } from "../impl/common.js";
import { observed } from "../impl/observed.js";

const { read: R, write: W, cacheable: C, mmio: M } = Prot;
const KIB4 = 1n << 12n;
const MIB = 1n << 20n;
const MIB2 = 2n * MIB;
const MIB16 = 16n * MIB;
const GIB = 1n << 30n;
const GIB4 = 1n << 32n;

interface Options {
  readonly [option: string]: unknown;
}

/** A table in memory below 4 GiB, and what it asked to forget. */
function create(entry: keyof typeof observed, options: Options = {}) {
  const memory = new TableMemory({ base: 0x1000_0000n, capacityBytes: 1 << 22, smallestFrameLg2: 5 });
  const invalidations: Invalidation[] = [];
  const invalidate = (range: Invalidation) => invalidations.push(range);
  return { table: observed[entry].create({ memory, invalidate, ...options }), memory, invalidations };
}

/** `[input address, output address, log2 of the size]` of every entry. */
function entriesOf(table: PageTable): readonly (readonly [bigint, bigint, number])[] {
  return [...table.entries()].map(({ iova, pa, sizeLg2 }) => [iova, pa, sizeLg2]);
}

/** The words of one 64-bit item. */
function itemAt(memory: TableMemory, address: bigint): bigint {
  const word = Number(address - memory.base) / 4;
  return BigInt(memory.words[word] >>> 0) | (BigInt(memory.words[word + 1] >>> 0) << 32n);
}

/** `[entry, options, width of the input]`: roots that are wider than a table, or made of several. */
const wide: readonly (readonly [keyof typeof observed, Options, number])[] = [
  ["riscv64-guest", { vaWidthLg2: 41 }, 41],
  ["riscv64-guest", {}, 50],
  ["riscv64-guest", { vaWidthLg2: 59, svnapot: true }, 59],
  ["riscv32-guest", {}, 34],
  ["dart1-4k", {}, 32],
  ["dart1-4k", { vaWidthLg2: 31 }, 31],
  ["x86-pae32", {}, 32],
  ["arm-short", {}, 32],
  ["arm-short", { mediatek: true, noPermissions: true, oaWidthLg2: 35, vaWidthLg2: 34 }, 34],
];

for (const [entry, options, width] of wide) {
  test(`${entry}, ${width} bits: the upper two address bits choose different pages`, (t) => {
    const { table, memory } = create(entry, options);
    const frames = memory.liveFrames;
    const quarter = 1n << BigInt(width - 2);
    // The last page of every quarter, and the first of the next one in the same call.
    for (let n = 1n; n < 4n; n++) t.is(table.tryMap(n * quarter - KIB4, n << 20n, 2n * KIB4, R), Status.OK);
    t.is(table.tryMap(4n * quarter - KIB4, 7n << 20n, KIB4, R | W), Status.OK);
    t.is(table.tryMap(4n * quarter - KIB4, 7n << 20n, 2n * KIB4, R), Status.IOVA_OUT_OF_RANGE);
    const expected = [1n, 2n, 3n].flatMap((n) => [
      [n * quarter - KIB4, n << 20n, 12],
      [n * quarter, (n << 20n) + KIB4, 12],
    ]);
    t.deepEqual<unknown, unknown>(entriesOf(table), [...expected, [4n * quarter - KIB4, 7n << 20n, 12]]);
    t.is(table.lookup(4n * quarter - 1n), (7n << 20n) + 0xfffn);
    t.is(table.lookup(0n), undefined);
    t.is(table.lookup(4n * quarter), undefined);
    for (let n = 1n; n < 4n; n++) t.is(table.unmap(n * quarter - KIB4, 2n * KIB4), 2n * KIB4);
    t.is(table.unmap(4n * quarter - KIB4, KIB4), KIB4);
    t.deepEqual(entriesOf(table), []);
    table.destroy();
    t.deepEqual([memory.liveFrames, frames], [0, 1]);
  });
}

test("x86-pae: three levels, 39 bits sign-extended, leaves up to 1 GiB", (t) => {
  const { table, memory } = create("x86-pae");
  const upper = (1n << 64n) - GIB;
  table.map(upper, GIB4, GIB, R | W);
  table.map(0n, 0x5000n, KIB4, R);
  t.deepEqual(entriesOf(table), [
    [0n, 0x5000n, 12],
    [upper, GIB4, 30],
  ]);
  t.is(itemAt(memory, table.hwInfo().root + 511n * 8n), GIB4 | 0xe7n);
  t.is(itemAt(memory, table.hwInfo().root) & 0xfffn, 0x27n);
  t.deepEqual(table.hwInfo().registers, { levels: 3, root: 0x1000_0000n });
  t.is(table.tryMap(1n << 38n, 0n, KIB4, R), Status.IOVA_OUT_OF_RANGE);
  t.is(table.unmap(upper, GIB), GIB);
});

test("x86-pae32: a PDPTE is P and the address, below it stand items as of x86-64", (t) => {
  const { table, memory } = create("x86-pae32");
  const { root, mode } = table.hwInfo();
  t.deepEqual([mode, table.topLevel, table.pageSizes], [3, 2, 0x20_1000n]);
  table.map(3n * GIB, 0xf_ffff_ffe0_0000n, MIB2, R | W);
  table.map(3n * GIB + MIB2, 0xf_ffff_fff0_1000n, KIB4, R);
  const pointer = itemAt(memory, root + 3n * 8n);
  t.is(pointer & 0xfffn, 1n);
  const directory = pointer & ~0xfffn;
  t.is(itemAt(memory, directory), 0xf_ffff_ffe0_00e7n);
  const item = itemAt(memory, directory + 8n);
  t.is(item & 0xfffn, 0x27n);
  t.is(itemAt(memory, item & ~0xfffn), 0xf_ffff_fff0_1025n);
  // The root takes 32 bytes, and the next frame may begin there.
  t.is(memory.allocate(5), 32 / 4);
});

test("x86-pae32: a linked PDPTE is told, that CR3 is loaded again, and so is one that is gone", (t) => {
  const { table, invalidations } = create("x86-pae32");
  const told = () =>
    invalidations
      .splice(0)
      .map(({ first, last, leafLevels, tableLevels }) => [first, last, leafLevels, tableLevels]);
  table.map(GIB, 0n, KIB4, R);
  t.deepEqual(told(), [[GIB, 2n * GIB - 1n, 0, 2]], "one page");
  table.map(GIB + KIB4, 0n, KIB4, R);
  t.deepEqual(told(), [], "the PDPTE is there");
  table.map(GIB + MIB2, 0n, 3n * GIB - MIB2, R);
  t.deepEqual(told(), [[2n * GIB, GIB4 - 1n, 0, 2]], "two at once");
  t.is(table.unmap(3n * GIB, GIB), GIB);
  t.deepEqual(told(), [[3n * GIB, GIB4 - 1n, 2, 2]], "an unmap");
  table.map(0n, 0n, MIB2, R);
  table.map(3n * GIB, 0n, MIB2, R);
  t.deepEqual(
    told().map(([first]) => first),
    [0n, 3n * GIB],
  );
});

test("x86-pae32: a PDPTE is told also where the map went no further", (t) => {
  const { table, memory, invalidations } = create("x86-pae32");
  memory.failNextAllocation(2);
  t.is(table.tryMap(GIB, 0n, KIB4, R), Status.OUT_OF_MEMORY);
  t.deepEqual(
    invalidations.splice(0).map(({ first }) => first),
    [GIB],
  );
  memory.failNextAllocation(2);
  t.is(table.tryMap(2n * GIB, 0n, 2n * KIB4, R), Status.OUT_OF_MEMORY);
  t.deepEqual(
    invalidations.splice(0).map(({ first }) => first),
    [2n * GIB],
  );
  t.is(table.tryMap(GIB, 0n, KIB4, R), Status.OK);
  t.deepEqual(invalidations, []);
});

test("RISC-V: with Svpbmt a leaf says what memory it is; U is set and G is clear for guests", (t) => {
  for (const entry of ["riscv64", "riscv64-guest"] as const) {
    for (const [svpbmt, prot, pbmt] of [
      [false, R | M, 0n],
      [true, R, 1n],
      [true, R | C, 0n],
      [true, R | M, 2n],
      [true, R | M | C, 2n],
    ] as const) {
      const { table, memory } = create(entry, { vaWidthLg2: entry === "riscv64" ? 39 : 41, svpbmt });
      table.map(0n, 0x8000_0000n, GIB, prot);
      t.is(itemAt(memory, table.hwInfo().root), (pbmt << 61n) | (0x8000_0000n >> 2n) | 0x5bn);
      t.is(table.lookup(0x123n), 0x8000_0123n);
    }
  }
});

test("RISC-V: Svpbmt's bits and Svnapot's stand beside each other", (t) => {
  const { table, memory } = create("riscv64-guest", { vaWidthLg2: 41, svpbmt: true, svnapot: true });
  table.map(0n, 0x10_0000n, 16n * KIB4, R | M);
  t.deepEqual(entriesOf(table), [[0n, 0x10_0000n, 16]]);
  const level1 = (itemAt(memory, table.hwInfo().root) >> 10n) << 12n;
  const level0 = (itemAt(memory, level1) >> 10n) << 12n;
  t.is(itemAt(memory, level0) >> 61n, 6n);
});

test("short descriptor: a range goes on beyond 4 GiB in supersections", (t) => {
  const { table } = create("arm-short");
  const pa = GIB4 - MIB - 2n * KIB4;
  const length = MIB + 2n * KIB4 + 2n * MIB16;
  t.is(table.tryMap(3n * MIB16 - MIB - 2n * KIB4, pa, length, R), Status.OK);
  t.deepEqual(entriesOf(table), [
    [3n * MIB16 - MIB - 2n * KIB4, pa, 12],
    [3n * MIB16 - MIB - KIB4, pa + KIB4, 12],
    [3n * MIB16 - MIB, GIB4 - MIB, 20],
    [3n * MIB16, GIB4, 24],
    [4n * MIB16, GIB4 + MIB16, 24],
  ]);
  t.is(table.unmap(3n * MIB16 - MIB, 2n * MIB16), MIB + 2n * MIB16);
  t.is(table.lookup(3n * MIB16 - MIB - 1n), GIB4 - MIB - 1n);
});

test("short descriptor: a run of supersections carries into the bits of the extended base", (t) => {
  const { table } = create("arm-short");
  const pa = (1n << 36n) - MIB16;
  table.map(0n, pa, 3n * MIB16, R);
  const pages = [0n, 1n, 2n].map((n) => [n * MIB16, pa + n * MIB16, 24] as const);
  t.deepEqual(entriesOf(table), pages);
});

test("short descriptor: beyond 4 GiB nothing but whole supersections is mapped, and nothing of a range with less", (t) => {
  const refused: readonly (readonly [bigint, bigint, bigint, bigint?])[] = [
    // One page; one section; an input that is not aligned; an end that is not; a crossing by pages; no 16 MiB allowed.
    [0n, GIB4, KIB4],
    [0n, GIB4, MIB],
    [MIB, GIB4, MIB16],
    [0n, GIB4, MIB16 + MIB],
    [0n, GIB4 - KIB4, 2n * KIB4],
    [0n, GIB4 - MIB16, 2n * MIB16, 0x11_1000n],
    [0n, GIB4 - MIB, MIB16 + MIB],
  ];
  for (const [iova, pa, length, pageSizes] of refused) {
    const { table } = create("arm-short");
    t.is(table.tryMap(iova, pa, length, R, pageSizes), Status.MISALIGNED, `${iova} ${pa} ${length}`);
    t.deepEqual(entriesOf(table), []);
  }
  const { table } = create("arm-short");
  t.is(table.tryMap(0n, GIB4 - KIB4, KIB4, R), Status.OK);
  t.is(table.tryMap(MIB16, (1n << 40n) - MIB16, MIB16, R), Status.OK);
  t.is(table.tryMap(2n * MIB16, (1n << 40n) - MIB16, 2n * MIB16, R), Status.PA_OUT_OF_RANGE);
});

test("MediaTek: runs of every size cross 4 GiB, and from 16 to 20 GiB", (t) => {
  const options = { mediatek: true, noPermissions: true, oaWidthLg2: 35, vaWidthLg2: 34 };
  for (const boundary of [GIB4, 2n * GIB4, 4n * GIB4, 5n * GIB4]) {
    for (const sizeLg2 of [12, 16, 20, 24]) {
      const { table } = create("arm-short", options);
      const size = 1n << BigInt(sizeLg2);
      t.is(table.tryMap(5n * size, boundary - 5n * size, 10n * size, R, size), Status.OK);
      const pages = Array.from({ length: 10 }, (_, n) => BigInt(n)).map(
        (n) => [(n + 5n) * size, boundary + (n - 5n) * size, sizeLg2] as const,
      );
      t.deepEqual(entriesOf(table), pages, `2^${sizeLg2} at ${boundary}`);
      t.is(table.unmap(5n * size, 10n * size), 10n * size);
    }
  }
});

test("short descriptor: what a supersection replaces is forgotten before the first of its items is stored", (t) => {
  const { table, memory, invalidations } = create("arm-short");
  // Empty tables below items 3 and 9 of the sixteen.
  for (const item of [3n, 9n]) {
    table.map(item * MIB, 0n, KIB4, R);
    table.unmap(item * MIB, KIB4);
  }
  invalidations.length = 0;
  const { root } = table.hwInfo();
  const items = () => [
    ...memory.words.subarray(Number(root - memory.base) / 4, Number(root - memory.base) / 4 + 16),
  ];
  const seen: number[][] = [];
  memory.observer = {
    stored: (word, _old, value) => {
      if (value !== 0) seen.push([word, invalidations.length, memory.quarantinedFrames]);
    },
    storedPair: () => t.fail("these items have one word"),
    allocated: () => {},
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
  table.map(0n, MIB16, MIB16, R);
  t.deepEqual(items(), new Array(16).fill(0x0107_9c02));
  t.deepEqual(
    invalidations.map(({ first, last }) => [first, last]),
    [[3n * MIB, 10n * MIB - 1n]],
  );
  t.is(seen.length, 16);
  t.deepEqual([...new Set(seen.map(([, told]) => told))], [1]);
});

test("short descriptor, not snooped: every table and item is cleaned, a table's item when it is linked", (t) => {
  const cleaned: (readonly [bigint, number])[] = [];
  const incoherent = (address: bigint, lengthBytes: number) => cleaned.push([address, lengthBytes]);
  const { table } = create("arm-short", { incoherent });
  cleaned.length = 0;
  table.map(MIB, 0n, KIB4, R);
  t.deepEqual(cleaned.splice(0), [
    [0x1000_4000n, 1024],
    [0x1000_0004n, 4],
    [0x1000_4000n, 4],
  ]);
  table.map(MIB + KIB4, 0n, KIB4, R);
  t.deepEqual(cleaned, [[0x1000_4004n, 4]], "the table's item carries no mark and is not cleaned again");
});

test("DART: neither a large page nor an item above level 0 is a leaf", (t) => {
  for (const [entry, pageLg2] of [
    ["dart1-4k", 12],
    ["dart1-16k", 14],
    ["dart2", 14],
  ] as const) {
    const { table } = create(entry);
    const page = 1n << BigInt(pageLg2);
    t.is(table.pageSizes, page);
    const length = (1n << 25n) + 2n * page;
    table.map((1n << 25n) - page, 0n, length, R);
    t.is(entriesOf(table).length, Number(length / page));
    t.is(table.lookup((1n << 26n) + 5n), (1n << 25n) + page + 5n);
    t.is(table.unmap((1n << 25n) - page, length), length);
    t.is(table.lookup(1n << 25n), undefined);
  }
});

test("tables and roots smaller than 4 KiB are opened in a window, freed one by one and used again", (t) => {
  for (const entry of ["arm-short", "x86-pae32"] as const) {
    const { table: original, memory } = create(entry);
    // Tables that stand side by side, and a root that is aligned to its own size only.
    for (const n of [0n, 1n, 2n, 3n]) original.map(n * MIB2, n * MIB, KIB4, R);
    const { root } = original.hwInfo();
    const { buffer } = memory.words;
    const smallestFrameLg2 = entry === "arm-short" ? 10 : 5;
    const window = new TableMemory({ buffer, base: memory.base, smallestFrameLg2 });
    const table = observed[entry].open({ memory: window }, { root });
    t.deepEqual(entriesOf(table), entriesOf(original));
    t.is(table.unmap(MIB2, KIB4), KIB4);
    t.is(table.tryMap(MIB2, 0n, MIB2, R), Status.OK, "the empty table makes way for larger pages");
    t.deepEqual([window.quarantinedFrames, window.liveFrames], [0, 0]);
    t.is(table.lookup(2n * MIB2), 2n * MIB);
    t.is(table.lookup(3n * MIB2), 3n * MIB);
    if (entry === "arm-short") {
      t.is(table.tryMap(8n * MIB2, 0x7000n, KIB4, R), Status.OK, "in the frame that it gave back");
      t.is(table.lookup(2n * MIB2), 2n * MIB);
      t.is(table.lookup(8n * MIB2), 0x7000n);
    }
  }
});
