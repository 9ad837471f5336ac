/** Deviations that no recorded case shows alone, each on a program made for it, and answers that are right after all. */
import test from "ava";
import {
  type CaseResult,
  type Creation,
  Replay,
  type VectorCase,
  type VectorOp,
} from "../fuzz/conform/index.js";

const ALL_ONES = (1n << 64n) - 1n;
const READ_WRITE = 3;

function creation(format: string, config: Partial<Creation["config"]>, pageSizes: bigint): Creation {
  const { maxVaLg2 = 48, maxOaLg2 = 52, topLevel = 3, features = [] } = config;
  return {
    line: 1,
    format,
    config: {
      name: "made",
      encryptMask: 0n,
      pgsizeMask: ALL_ONES,
      maxVaLg2,
      maxOaLg2,
      topLevel,
      features,
      ...config,
    },
    ret: 0,
    effective: { maxVaLg2, maxOaLg2, topLevel, features },
    pageSizes,
  };
}

const SV39 = creation(
  "riscv_64",
  { maxVaLg2: 39, maxOaLg2: 56, topLevel: 2, features: ["sign_extend"] },
  0x40201000n,
);
const AMDV1 = creation(
  "amdv1",
  { maxVaLg2: 64, topLevel: 2, features: ["dynamic_top", "flush_range_no_gaps"] },
  0xfff7ffffff000n,
);

function mapped(iova: bigint, len: bigint, alloc: number): VectorOp {
  const recorded = { ret: 0, mapped: len, alloc, freed: 0, gather: [], newTop: [], rollback: undefined };
  return { op: "map", iova, pa: iova % (1n << 40n), len, prot: READ_WRITE, failAlloc: 0, ...recorded };
}

function run(
  header: Creation,
  ops: readonly VectorOp[],
  live = 1,
  tables?: VectorCase["tables"],
): CaseResult {
  const empty = { level: header.config.topLevel ?? 0, items: [] };
  return new Replay(header).run({ line: 2, seed: 1, name: undefined, ops, tables: tables ?? empty, live });
}

test("deviation 5: a one-page map that ignores the allowed sizes ends the case", (t) => {
  const header = creation("x86_64", { pgsizeMask: 0x40200000n }, 0x40200000n);
  const result = run(header, [mapped(0x1000n, 0x1000n, 3), mapped(0x2000n, 0x1000n, 0)]);
  t.is(result.failure, undefined);
  t.deepEqual([...result.deviations], [["one-page-ignores-sizes", 1]]);
  t.is(result.endedAt, 0);
});

test("deviation 9: a start at the end of the hole ends the case, its lookup does not", (t) => {
  const lookup: VectorOp = { op: "iova_to_phys", iova: 0xffffffbffffff123n, pa: 0x1123n };
  const result = run(SV39, [lookup, mapped(0xffffffbffffff000n, 0x1000n, 2), mapped(0x1000n, 0x1000n, 2)]);
  t.is(result.failure, undefined);
  t.deepEqual([...result.deviations], [["hole-aliases-lower-half", 2]]);
  t.is(result.endedAt, 1);
});

test("a start further down in the hole is no deviation: it is refused by all", (t) => {
  const result = run(SV39, [mapped(0xffffff7ffffff000n, 0x1000n, 2)]);
  t.is(result.failure?.field, "ret");
  t.is(result.failure?.expected, "0");
  t.is(result.failure?.got, "-ERANGE");
});

const TWO_DIRTY_PAGES: readonly VectorOp[] = [
  mapped(0x1000n, 0x1000n, 2),
  mapped(0x5000n, 0x1000n, 0),
  { op: "set_dirty", iova: 0x1000n, ret: 0 },
  { op: "set_dirty", iova: 0x5000n, ret: 0 },
];
const READ_THEM = {
  op: "rcd",
  iova: 0n,
  len: 0x10000n,
  noClear: false,
  ret: 0,
  dirty: [
    [0x1000n, 0x1000n],
    [0x5000n, 0x1000n],
  ],
} as const;
const TWO_PAGES: VectorCase["tables"] = {
  level: 2,
  items: [
    {
      index: 0,
      raw: 0x6000000000000401n,
      table: {
        level: 1,
        items: [
          {
            index: 0,
            raw: 0x6000000000000201n,
            table: {
              level: 0,
              items: [
                { index: 1, raw: 0x6000000000001001n },
                { index: 5, raw: 0x6000000000005001n },
              ],
            },
          },
        ],
      },
    },
  ],
};

test("deviation 13: a dirty log that gathers over a gap where none is allowed, and the case goes on", (t) => {
  const ops: VectorOp[] = [...TWO_DIRTY_PAGES, { ...READ_THEM, gather: [[0x1000n, 0x5fffn]] }];
  const result = run(AMDV1, ops, 3, TWO_PAGES);
  t.is(result.failure, undefined);
  t.deepEqual([...result.deviations], [["dirty-gather-ignores-no-gaps", 1]]);
  t.is(result.endedAt, undefined);
});

test("a vector that records what is right is not held against it", (t) => {
  const right: VectorOp = {
    ...READ_THEM,
    gather: [
      [0x1000n, 0x1fffn],
      [0x5000n, 0x5fffn],
    ],
  };
  t.is(run(AMDV1, [...TWO_DIRTY_PAGES, right], 3, TWO_PAGES).failure, undefined);
});

test("under a deviation a vector may not say just anything", (t) => {
  const ops: VectorOp[] = [...TWO_DIRTY_PAGES, { ...READ_THEM, gather: [[0x1000n, 0x6fffn]] }];
  const { failure } = run(AMDV1, ops, 3, TWO_PAGES);
  t.is(failure?.opIndex, 4);
  t.is(failure?.got, "0x1000..0x6fff");
});
