/** Roots of ARM's long descriptor and Mali: start levels, concatenated and small tables. DDI 0487 D8.2; ARMv7 B3.6. */
import test from "ava";
import { bits, HandMadeTables } from "./hand-made-tables.js";
import {
  AF,
  type ArmCase,
  BLOCK,
  chain,
  granuleOf,
  lpae,
  mali,
  PAGE,
  stage1,
  stage2,
  T,
  TABLE,
} from "./walker-arm-tables.js";

const READ = bits(6);

/** The result and the level of a walk from an empty root. */
function rootOf(one: ArmCase, mode = one.mode, address = 0x10_0000n): string {
  const tables = new HandMadeTables(one.configuration).root(address, mode).table(address, {}, 0x10_0000);
  const { result, level } = tables.walk(0n);
  return result === "NotPresent" ? `level ${level}` : result;
}

test("stage 1: the start level follows from TnSZ", (t) => {
  for (const [granule, widths] of [
    [12, { 16: 0, 21: 0, 22: 1, 30: 1, 31: 2, 39: 2, 40: 3, 48: 3 }],
    [14, { 16: 0, 25: 0, 26: 1, 36: 1, 37: 2, 47: 2, 48: 3 }],
    [16, { 17: 0, 29: 0, 30: 1, 42: 1, 43: 2, 48: 2, 52: 2 }],
  ] as const) {
    for (const [width, level] of Object.entries(widths)) {
      t.is(rootOf(stage1(granule, Number(width), 48)), `level ${level}`, `${granule} ${width}`);
    }
  }
  t.is(rootOf(stage1(12, 49, 52, { lpa2: true })), "level 4");
  t.is(rootOf(stage1(14, 49, 52, { lpa2: true })), "level 3");
});

test("stage 1: input widths that a regime does not have are refused", (t) => {
  for (const [one, refused] of [
    [stage1(12, 48, 48), [15, 49, 52]],
    [stage1(14, 48, 48), [15, 49]],
    [stage1(16, 48, 48), [16, 53]],
    [stage1(12, 52, 52, { lpa2: true }), [15, 53]],
    [lpae(1, 32, 40), [24, 33, 48]],
  ] as const) {
    for (const width of refused) t.is(rootOf(one, 64 - width), "IllegalRoot", `${width}`);
    for (const mode of [-1, 0, 64, 16 | (1 << 6)]) t.is(rootOf(one, mode), "IllegalRoot");
  }
  t.is(rootOf(lpae(1, 30, 40)), "level 1");
  t.is(rootOf(lpae(1, 32, 40)), "level 2");
});

test("the mode decides where the input ends", (t) => {
  const one = stage1(12, 48, 48);
  const tables = chain(one, 0, PAGE | AF).root(T[3], 64 - 42);
  t.is(tables.walk(0n).result, "Translated");
  t.is(tables.walk(bits(41)).result, "NotPresent");
  t.is(tables.walk(bits(42)).result, "NotCanonical");
});

test("a root is aligned to its size, and to 64 bytes where it is smaller", (t) => {
  for (const [one, alignment] of [
    [stage1(12, 48, 48), 0x1000n],
    [stage1(12, 45, 48), 0x200n],
    [stage1(12, 40, 48), 0x40n],
    [stage1(12, 31, 48), 0x40n],
    [stage1(12, 25, 48), 0x80n],
    [stage1(14, 48, 48), 0x40n],
    [stage1(14, 47, 48), 0x4000n],
    [stage1(16, 48, 48), 0x200n],
    [stage1(16, 42, 48), 0x1_0000n],
    [lpae(1, 32, 40), 0x40n],
    [stage2(12, 40, 40, { topLevel: 2 }), 0x2000n],
    [stage2(12, 43, 44, { topLevel: 2 }), 0x1_0000n],
    [mali(36, 40), 0x40n],
    [mali(48, 40), 0x1000n],
  ] as const) {
    const { topLevel } = one.configuration;
    t.is(rootOf(one, one.mode, 0x10_0000n + alignment), `level ${topLevel}`, `${alignment}`);
    t.is(rootOf(one, one.mode, 0x10_0000n + alignment / 2n), "IllegalRoot", `${alignment}`);
  }
});

test("a small root holds as many items as the input needs, wherever it stands in its frame", (t) => {
  const at = 0x10_0340n;
  const one = lpae(1, 32, 40);
  const items = [0n, 1n, 2n, 3n].map((n) => (n << 30n) | BLOCK | AF | READ);
  const tables = new HandMadeTables(one.configuration)
    .root(at, one.mode)
    .table(at, { ...items, 4: bits(30) | BLOCK | AF });
  for (const n of [0n, 1n, 2n, 3n]) t.is(tables.walk((n << 30n) | 0x77n).page?.oa, (n << 30n) | 0x77n);
  t.is(tables.walk(bits(32)).result, "NotCanonical");
  t.deepEqual(
    tables.sweep().map(({ what, va, address }) => [what, va, address]),
    [
      ["table", 0n, at],
      ["leaf", 0n, at],
      ["leaf", 1n << 30n, at + 8n],
      ["leaf", 2n << 30n, at + 16n],
      ["leaf", 3n << 30n, at + 24n],
    ],
  );
});

test("concatenated roots: all their items are one table's, up to the last", (t) => {
  const at = 0x40_0000n;
  for (const [one, count] of [
    [stage2(12, 40, 40, { topLevel: 2 }), 2],
    [stage2(12, 42, 42, { topLevel: 2 }), 8],
    [stage2(12, 43, 44, { topLevel: 2 }), 16],
    [stage2(12, 34, 40, { topLevel: 1 }), 16],
    [stage2(14, 48, 48, { topLevel: 2 }), 2],
    [stage2(14, 40, 40, { topLevel: 1 }), 16],
    [stage2(16, 43, 44, { topLevel: 1 }), 2],
    [stage2(16, 46, 48, { topLevel: 1 }), 16],
    [lpae(2, 40, 40, { topLevel: 2 }), 2],
  ] as const) {
    const { topLevel, vaWidthLg2 } = one.configuration;
    const tableItems = 2 ** (granuleOf(one) - 3);
    const last = count * tableItems - 1;
    const last0 = tableItems - 1;
    let below = T[0] | TABLE;
    const tables = new HandMadeTables(one.configuration).root(at, one.mode);
    if (topLevel === 2) {
      tables.table(T[1], { [last0]: below });
      below = T[1] | TABLE;
    }
    tables.table(T[0], { [last0]: PAGE | AF | READ });
    tables.table(at, { [last]: below }, (last + 1) * 8);
    const va = bits(vaWidthLg2 - 1, granuleOf(one));
    const title = `granule ${granuleOf(one)}, ${vaWidthLg2} bits`;
    t.is(tables.walk(va | 5n).page?.oa, 5n, title);
    t.is(tables.walk(va ^ bits(vaWidthLg2 - 1)).result, "NotPresent", title);
    t.is(tables.walk(va | bits(vaWidthLg2)).result, "NotCanonical", title);
    const swept = tables.sweep();
    t.is(swept.filter(({ what, level }) => what === "table" && level === topLevel).length, 1);
    t.deepEqual([swept.at(-1)?.what, swept.at(-1)?.va], ["leaf", va]);
  }
});

test("a root that is not backed as a whole is outside the memory", (t) => {
  const one = stage2(12, 40, 40, { topLevel: 2 });
  const tables = new HandMadeTables(one.configuration).root(0x4000n, one.mode).table(0x4000n, {});
  t.is(tables.walk(bits(39)).result, "OutsideMemory");
  t.deepEqual(
    tables.sweep().map(({ what }) => what),
    ["OutsideMemory"],
  );
});

test("stage 2: SL0 and SL2 name the start level, and the input must suit it", (t) => {
  const mode = (width: number, sl0: number, sl2 = 0) => (64 - width) | (sl0 << 6) | (sl2 << 8);
  // With each granule: width, SL0, SL2 and what the root is.
  for (const [one, rows] of [
    [
      stage2(12, 48, 48),
      [
        [48, 2, 0, "level 3"],
        [40, 2, 0, "level 3"],
        [39, 2, 0, "IllegalRoot"],
        [43, 1, 0, "level 2"],
        [44, 1, 0, "IllegalRoot"],
        [31, 1, 0, "level 2"],
        [30, 1, 0, "IllegalRoot"],
        [34, 0, 0, "level 1"],
        [35, 0, 0, "IllegalRoot"],
        [22, 0, 0, "level 1"],
        [21, 0, 0, "IllegalRoot"],
        [25, 3, 0, "level 0"],
        [26, 3, 0, "IllegalRoot"],
        [48, 0, 1, "IllegalRoot"],
      ],
    ],
    [
      stage2(12, 52, 52, { lpa2: true }),
      [
        [52, 0, 1, "level 4"],
        [49, 0, 1, "level 4"],
        [48, 0, 1, "IllegalRoot"],
        [52, 1, 1, "IllegalRoot"],
        [52, 2, 1, "IllegalRoot"],
        [52, 2, 0, "level 3"],
        [48, 2, 0, "level 3"],
      ],
    ],
    [
      stage2(14, 48, 48),
      [
        [48, 2, 0, "level 2"],
        [48, 3, 0, "IllegalRoot"],
        [37, 2, 0, "level 2"],
        [36, 2, 0, "IllegalRoot"],
        [40, 1, 0, "level 1"],
        [41, 1, 0, "IllegalRoot"],
        [29, 0, 0, "level 0"],
        [30, 0, 0, "IllegalRoot"],
        [48, 2, 1, "IllegalRoot"],
      ],
    ],
    [
      stage2(14, 52, 52, { lpa2: true }),
      [
        [52, 3, 0, "level 3"],
        [48, 3, 0, "level 3"],
        [51, 2, 0, "level 2"],
        [52, 2, 0, "IllegalRoot"],
      ],
    ],
    [
      stage2(16, 52, 52),
      [
        [52, 2, 0, "level 2"],
        [43, 2, 0, "level 2"],
        [42, 2, 0, "IllegalRoot"],
        [46, 1, 0, "level 1"],
        [47, 1, 0, "IllegalRoot"],
        [33, 0, 0, "level 0"],
        [34, 0, 0, "IllegalRoot"],
        [52, 3, 0, "IllegalRoot"],
      ],
    ],
    [
      lpae(2, 40, 40),
      [
        [40, 1, 0, "level 2"],
        [41, 1, 0, "IllegalRoot"],
        [34, 0, 0, "level 1"],
        [25, 0, 0, "level 1"],
        [24, 0, 0, "IllegalRoot"],
        [40, 2, 0, "IllegalRoot"],
        [25, 3, 0, "IllegalRoot"],
      ],
    ],
  ] as const) {
    for (const [width, sl0, sl2, expected] of rows) {
      t.is(
        rootOf(one, mode(width, sl0, sl2)),
        expected,
        `granule ${granuleOf(one)}: ${width}, ${sl0}, ${sl2}`,
      );
    }
    t.is(rootOf(one, one.mode | (1 << 9)), "IllegalRoot");
    t.is(rootOf(one, -1), "IllegalRoot");
  }
});

test("stage 2: a machine with short addresses does not have the highest start level", (t) => {
  for (const [one, tooShort, longEnough] of [
    [stage2(12, 42, 0), 42, 44],
    [stage2(14, 40, 0), 40, 42],
    [stage2(16, 43, 0), 42, 44],
  ] as const) {
    const withOa = (oaWidthLg2: number) => ({ ...one, configuration: { ...one.configuration, oaWidthLg2 } });
    t.is(rootOf(withOa(tooShort)), "IllegalRoot");
    t.is(rootOf(withOa(longEnough)), `level ${one.configuration.topLevel}`);
  }
});

test("a tiny geometry keeps the rules with its own number of items", (t) => {
  const tiny = { tableBitsLg2: 2, contiguousLg2: 1 };
  const one = stage1(12, 19, 48, { tiny, topLevel: 3 });
  const leaf = PAGE | AF | bits(52);
  const tables = new HandMadeTables(one.configuration)
    .root(0x9040n, 64 - 19)
    .table(0x9040n, { 1: T[2] | TABLE })
    .table(T[2], { 3: T[1] | TABLE })
    .table(T[1], { 0: T[0] | TABLE, 2: BLOCK | AF | bits(52) | 0x8000n, 3: BLOCK | AF | bits(52) | 0xc000n })
    .table(T[0], { 2: leaf | 0x4000n, 3: leaf | 0x5000n, 4: leaf });
  const start = bits(18) | (3n << 16n);
  t.deepEqual(tables.walk(start | 0x3123n).page, { oa: 0x5123n, sizeLg2: 13, rights: "rwx" });
  t.deepEqual(tables.walk(start | 0xd123n).page, { oa: 0xd123n, sizeLg2: 15, rights: "rwx" });
  t.is(tables.walk(bits(19)).result, "NotCanonical");
  t.is(tables.sweep().filter(({ what }) => what === "leaf").length, 4);
  t.is(rootOf(lpae(1, 16, 40, { tiny, topLevel: 1 })), "level 1");
  t.is(rootOf(lpae(2, 17, 40, { tiny, topLevel: 1 })), "level 1");
  // Two concatenated tables of four items.
  const two = stage2(12, 19, 40, { tiny, topLevel: 2 });
  const at = 0x40n;
  const wide = new HandMadeTables(two.configuration)
    .root(at, two.mode)
    .table(at, { 7: BLOCK | AF | READ | 0x3_0000n });
  t.is(wide.walk(0x7_0123n).page?.oa, 0x3_0123n);
});
