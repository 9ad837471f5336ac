// I9, I10, I12, I13, I19 — programs written store by store: the right ones pass, each bad one is named.
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import type { Violation, WatchOptions } from "../models/iotlb/index.js";
import { configurationOf } from "./hand-made-tables.js";
import { WatchedTables } from "./watched-tables.js";

const tableBase = 0x10_0000n;
const vtd = configurationOf("vtd-second-stage", { vaWidthLg2: 39, oaWidthLg2: 48, topLevel: 2, tableBase });
const amd = configurationOf("amdv1", { vaWidthLg2: 39, oaWidthLg2: 48, topLevel: 2, tableBase });
const arm = configurationOf("armv8-stage1", {
  vaWidthLg2: 39,
  oaWidthLg2: 48,
  topLevel: 2,
  granuleLg2: 12,
  tableBase,
});
const incoherent: Configuration = { ...vtd, incoherent: true };

/** VT-d: R and W; PS. */
const RW = 3n;
const PS = 0x80n;
/** ARM: page, block and table descriptors, read-write and read-only. */
const PAGE = 0xe43n;
const BLOCK = 0xe41n;
const READ_ONLY = 0x80n;
const TABLE = 3n;
const KIB4 = 0x1000n;
const MIB2 = 0x20_0000n;

/** Root → frame 1 → frame 2, with the leaf for address 0. */
function vtdTree(options?: WatchOptions, configuration = vtd): WatchedTables {
  const tables = new WatchedTables(configuration, options);
  tables.store(0, 0, tables.frame(1) | RW).store(1, 0, tables.frame(2) | RW);
  return tables.store(2, 0, 0x5000n | RW);
}

function armTree(): WatchedTables {
  const tables = new WatchedTables(arm);
  tables.store(0, 0, tables.frame(1) | TABLE).store(1, 0, tables.frame(2) | TABLE);
  return tables.store(2, 0, 0x5000n | PAGE);
}

/** Each program begins on a tree that is right, in an operation of its own. */
const gallery: readonly {
  readonly title: string;
  readonly tables: () => WatchedTables;
  readonly program: (tables: WatchedTables) => void;
  readonly pending?: readonly [bigint, bigint];
  readonly expected: Violation["invariant"] | undefined;
}[] = [
  {
    title: "a leaf is cleared and its page invalidated",
    tables: vtdTree,
    program: (tables) => tables.store(2, 0, 0n).invalidate(0n, KIB4 - 1n),
    expected: undefined,
  },
  {
    title: "a leaf at address 0 is cleared and nothing invalidated",
    tables: vtdTree,
    program: (tables) => tables.store(2, 0, 0n),
    expected: "I9",
  },
  {
    title: "a leaf is cleared and its invalidation waits in the caller's gather",
    tables: vtdTree,
    program: (tables) => tables.store(2, 0, 0n),
    pending: [0n, KIB4 - 1n],
    expected: undefined,
  },
  {
    title: "a leaf of 2 MiB is cleared and only the first 4 KiB invalidated",
    tables: () => {
      const tables = new WatchedTables(vtd);
      return tables.store(0, 0, tables.frame(1) | RW).store(1, 1, 0x40_0000n | RW | PS);
    },
    program: (tables) => tables.store(1, 1, 0n).invalidate(MIB2, MIB2 + KIB4 - 1n),
    expected: "I9",
  },
  {
    title: "two halves of a leaf of 2 MiB are invalidated one after the other",
    tables: () => {
      const tables = new WatchedTables(vtd);
      return tables.store(0, 0, tables.frame(1) | RW).store(1, 1, 0x40_0000n | RW | PS);
    },
    program: (tables) =>
      tables
        .store(1, 1, 0n)
        .invalidate(MIB2, MIB2 + 0xf_ffffn)
        .invalidate(MIB2 + 0x10_0000n, 2n * MIB2 - 1n),
    expected: undefined,
  },
  {
    title: "the same two halves, where a command names one power of two: neither names the entry",
    tables: () => {
      const tables = new WatchedTables(vtd, { languages: ["power-of-two"] });
      return tables.store(0, 0, tables.frame(1) | RW).store(1, 1, 0x40_0000n | RW | PS);
    },
    program: (tables) =>
      tables
        .store(1, 1, 0n)
        .invalidate(MIB2, MIB2 + 0xf_ffffn)
        .invalidate(MIB2 + 0x10_0000n, 2n * MIB2 - 1n),
    expected: "I9",
  },
  {
    title: "a table is unlinked, and the invalidation names no table level",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(1, 0, 0n)
        .invalidate(0n, MIB2 - 1n, 0xff, 0),
    expected: "I9",
  },
  {
    title: "a table is unlinked, invalidated, and its frame given back",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(1, 0, 0n)
        .invalidate(0n, MIB2 - 1n)
        .release(2),
    expected: undefined,
  },
  {
    title: "a table's frame is given back before the invalidation",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(1, 0, 0n)
        .release(2)
        .invalidate(0n, MIB2 - 1n),
    expected: "I10",
  },
  {
    title: "the frame of a table below an unlinked table is given back before the invalidation",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(0, 0, 0n)
        .release(2)
        .invalidate(0n, (1n << 30n) - 1n),
    expected: "I10",
  },
  {
    title: "an empty subtree is replaced by a large leaf, then invalidated",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(1, 0, 0n)
        .store(1, 0, 0x40_0000n | RW | PS)
        .invalidate(0n, MIB2 - 1n),
    expected: undefined,
  },
  {
    title: "a large leaf over an empty subtree, and nobody tells the walk caches",
    tables: vtdTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .invalidate(0n, KIB4 - 1n)
        .store(1, 0, 0n)
        .store(1, 0, 0x40_0000n | RW | PS),
    expected: "I9",
  },
  {
    title: "a live leaf becomes another one word by word",
    tables: vtdTree,
    program: (tables) =>
      tables
        .word(2, 0, 1, 0x12)
        .word(2, 0, 0, 0x7000 | 3)
        .invalidate(0n, KIB4 - 1n),
    expected: "I12",
  },
  {
    title: "a leaf is split over a table that is filled before it is linked",
    tables: () => {
      const tables = new WatchedTables(vtd);
      return tables.store(0, 0, tables.frame(1) | RW).store(1, 0, 0x40_0000n | RW | PS);
    },
    program: (tables) => {
      for (let index = 0; index < 512; index++) {
        tables.store(3, index, 0x40_0000n + BigInt(index) * KIB4 + RW);
      }
      tables.word(1, 0, 0, Number(tables.frame(3) | RW)).invalidate(0n, MIB2 - 1n);
    },
    expected: undefined,
  },
  {
    title: "a leaf is split over a table that is linked before it is filled",
    tables: () => {
      const tables = new WatchedTables(vtd);
      return tables.store(0, 0, tables.frame(1) | RW).store(1, 0, 0x40_0000n | RW | PS);
    },
    program: (tables) => {
      tables.word(1, 0, 0, Number(tables.frame(3) | RW));
      for (let index = 0; index < 512; index++) {
        tables.store(3, index, 0x40_0000n + BigInt(index) * KIB4 + RW);
      }
      tables.invalidate(0n, MIB2 - 1n);
    },
    expected: "I12",
  },
  {
    title: "a read-only leaf is writable between two stores",
    tables: () => {
      const tables = vtdTree();
      return tables.store(2, 1, 0x6000n | 1n);
    },
    program: (tables) =>
      tables
        .word(2, 1, 0, 0x6000 | 3)
        .word(2, 1, 0, 0x6000 | 1)
        .invalidate(KIB4, 2n * KIB4 - 1n),
    expected: "I19",
  },
  {
    title: "one of the items of AMD's contiguous entry stays behind unseen: the whole entry is due",
    tables: () => {
      const tables = new WatchedTables(amd);
      const table = (level: bigint) => (3n << 61n) | (level << 9n) | 1n;
      tables.store(0, 0, tables.frame(1) | table(2n)).store(1, 0, tables.frame(2) | table(1n));
      // 8 KiB: two items with NextLevel 7; the size code is address bit 12 clear.
      const entry = (3n << 61n) | 0x4_0000n | (7n << 9n) | 1n;
      return tables.store(2, 0, entry).store(2, 1, entry);
    },
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(2, 1, 0n)
        .invalidate(0n, KIB4 - 1n),
    expected: "I9",
  },
  {
    title: "ARM: broken, invalidated, made",
    tables: armTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .invalidate(0n, KIB4 - 1n)
        .store(2, 0, 0x9000n | PAGE),
    expected: undefined,
  },
  {
    title: "ARM: broken and made without the invalidation between",
    tables: armTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(2, 0, 0x9000n | PAGE)
        .invalidate(0n, KIB4 - 1n),
    expected: "I12",
  },
  {
    title: "ARM: a live page gets another address",
    tables: armTree,
    program: (tables) => tables.word(2, 0, 0, 0x9000 | Number(PAGE)).invalidate(0n, KIB4 - 1n),
    expected: "I12",
  },
  {
    title: "ARM: a live page becomes read-only",
    tables: armTree,
    program: (tables) => tables.word(2, 0, 0, 0x5000 | Number(PAGE | READ_ONLY)).invalidate(0n, KIB4 - 1n),
    expected: undefined,
  },
  {
    title: "ARM: a table becomes a block, and only the old leaves were invalidated between",
    tables: armTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .invalidate(0n, KIB4 - 1n, 1, 0)
        .store(1, 0, 0n)
        .store(1, 0, 0x40_0000n | BLOCK)
        .invalidate(0n, MIB2 - 1n),
    expected: "I12",
  },
  {
    title: "ARM: a table becomes a block with the invalidation between",
    tables: armTree,
    program: (tables) =>
      tables
        .store(2, 0, 0n)
        .store(1, 0, 0n)
        .invalidate(0n, MIB2 - 1n)
        .store(1, 0, 0x40_0000n | BLOCK),
    expected: undefined,
  },
  {
    title: "a device that remembers misses is not told of a new leaf",
    tables: () => {
      const tables = vtdTree({ cachesNotPresent: true });
      return tables.invalidate(0n, (1n << 39n) - 1n);
    },
    program: (tables) => tables.store(2, 7, 0x7000n | RW),
    expected: "I9",
  },
  {
    title: "a device that remembers misses is told of a new leaf",
    tables: () => {
      const tables = vtdTree({ cachesNotPresent: true });
      return tables.invalidate(0n, (1n << 39n) - 1n);
    },
    program: (tables) => tables.store(2, 7, 0x7000n | RW).invalidate(7n * KIB4, 8n * KIB4 - 1n),
    expected: undefined,
  },
];

for (const { title, tables: begin, program, pending, expected } of gallery) {
  test(`${expected ?? "right"}: ${title}`, (t) => {
    const tables = begin();
    t.is(tables.end(), undefined);
    program(tables);
    t.is(tables.end(pending)?.invariant, expected);
  });
}

/** Root and one table, everything written back. */
function writtenBackTree(lineBytes: 4 | 32 | 64 | 128): WatchedTables {
  const tables = new WatchedTables(incoherent, { lineBytes });
  tables
    .allocate(1)
    .clean(1, 0, 4096)
    .store(0, 0, tables.frame(1) | RW)
    .clean(0, 0, 8);
  tables
    .allocate(2)
    .clean(2, 0, 4096)
    .store(1, 0, tables.frame(2) | RW)
    .clean(1, 0, 8);
  return tables;
}

for (const lineBytes of [4, 32, 64, 128] as const) {
  test(`I13, lines of ${lineBytes} bytes: items that begin and end inside a line are written back or missed`, (t) => {
    const items = 20;
    const store = (tables: WatchedTables) => {
      for (let index = 3; index < 3 + items; index++) tables.store(2, index, BigInt(index) * KIB4 + RW);
    };
    const right = writtenBackTree(lineBytes);
    store(right);
    right.clean(2, 24, items * 8);
    t.is(right.end(), undefined);

    const forgotten = writtenBackTree(lineBytes);
    store(forgotten);
    t.is(forgotten.end()?.invariant, "I13");

    // One line too few, at the end and at the beginning.
    const short = writtenBackTree(lineBytes);
    store(short);
    short.clean(2, 24, items * 8 - Math.max(lineBytes, 8));
    t.is(short.end()?.invariant, "I13");
    const late = writtenBackTree(lineBytes);
    store(late);
    late.clean(2, 24 + Math.max(lineBytes, 8), items * 8 - Math.max(lineBytes, 8));
    t.is(late.end()?.invariant, "I13");
  });

  test(`I13, lines of ${lineBytes} bytes: a table is linked before its zeroes are written back`, (t) => {
    const tables = new WatchedTables(incoherent, { lineBytes });
    tables
      .allocate(1)
      .store(0, 0, tables.frame(1) | RW)
      .clean(1, 0, 4096)
      .clean(0, 0, 8);
    t.is(tables.end()?.invariant, "I13");
  });
}

test("I13: what is cleaned to the byte is not enough where lines are shared, nor too much", (t) => {
  const tables = writtenBackTree(64);
  tables
    .store(2, 8, 0x8000n | RW)
    .store(2, 9, 0x9000n | RW)
    .clean(2, 64, 8);
  t.is(tables.end(), undefined, "the line of 64 bytes took its neighbour along");
  const exact = writtenBackTree(4);
  exact
    .store(2, 8, 0x8000n | RW)
    .store(2, 9, 0x9000n | RW)
    .clean(2, 64, 8);
  t.is(exact.end()?.invariant, "I13");
});
