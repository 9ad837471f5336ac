/** ARM's stage 1 against tables assembled by hand from the bit tables of DDI 0487 D8.3 and ARMv7 B3.6. */
import test from "ava";
import { bits, bitTable } from "./hand-made-tables.js";
import { AF, BLOCK, chain, indexOf, itemSizeLg2, lpae, PAGE, stage1, T, TABLE } from "./walker-arm-tables.js";

const CONTIGUOUS = bits(52);

const cases = {
  "4K": stage1(12, 48, 48),
  "4K of 39 bits": stage1(12, 39, 48),
  "4K LPA2": stage1(12, 52, 52, { lpa2: true }),
  "16K": stage1(14, 48, 48),
  "16K of 47 bits": stage1(14, 47, 48),
  "16K LPA2": stage1(14, 52, 52, { lpa2: true }),
  "64K": stage1(16, 48, 48),
  "64K LPA": stage1(16, 52, 52),
  LPAE: lpae(1, 32, 40),
} as const;

type CaseName = keyof typeof cases;

/** The address that a word holds, by the manual's figures. */
function addressOf(name: CaseName, word: bigint): bigint {
  if (name.startsWith("64K")) return (word & bits(47, 16)) | ((word & bits(15, 12)) << 36n);
  if (name.endsWith("LPA2"))
    return (word & bits(49, name === "4K LPA2" ? 12 : 14)) | ((word & bits(9, 8)) << 42n);
  return word & bits(47, name.startsWith("16K") ? 14 : 12);
}

const leafWord = (level: number) => (level === 0 ? PAGE : BLOCK) | AF;

for (const [name, one] of Object.entries(cases)) {
  test(`${name}: each level takes its own bits, and none are beyond the input`, (t) => {
    const { topLevel, vaWidthLg2 } = one.configuration;
    const va = BigInt.asUintN(vaWidthLg2, 0xd_39d1_76c2_be01n);
    const tables = chain(one, 0, leafWord(0), va);
    t.is(tables.walk(va).result, "Translated");
    t.is(tables.walk(va).page?.oa, va & bits(itemSizeLg2(one, 0) - 1, 0));
    for (let bit = itemSizeLg2(one, 0); bit < vaWidthLg2; bit++) {
      t.is(tables.walk(va ^ bits(bit)).result, "NotPresent", `bit ${bit}`);
    }
    for (let bit = vaWidthLg2; bit < 64; bit++) t.is(tables.walk(va ^ bits(bit)).result, "NotCanonical");
    t.is(chain(one, topLevel, 0n).walk(0n).level, topLevel);
  });
}

/** What each single bit does to a leaf of nothing but its type and AF: the level, then the manual's table. */
const leafBits: readonly (readonly [CaseName, number, string])[] = [
  ["4K", 0, "7:2 Translated, 8 ReservedBit, 47:9 Translated, 51:48 ReservedBit, 63:52 Translated"],
  ["4K", 1, "7:2 Translated, 8 ReservedBit, 15:12 MisalignedLeaf, 16 ReservedBit, 20:17 MisalignedLeaf"],
  ["4K", 1, "47:21 Translated, 51:48 ReservedBit, 63:52 Translated"],
  ["4K", 2, "15:12 MisalignedLeaf, 16 ReservedBit, 29:17 MisalignedLeaf, 47:30 Translated, 63:52 Translated"],
  ["4K LPA2", 0, "49:2 Translated, 51:50 ReservedBit, 63:52 Translated"],
  [
    "4K LPA2",
    2,
    "15:12 MisalignedLeaf, 16 ReservedBit, 29:17 MisalignedLeaf, 49:30 Translated, 52 Translated",
  ],
  ["4K LPA2", 3, "11:2 Translated, 15:12 MisalignedLeaf, 16 ReservedBit, 38:17 MisalignedLeaf"],
  ["4K LPA2", 3, "49:39 Translated, 52:50 ReservedBit, 63:53 Translated"],
  ["16K", 0, "7:2 Translated, 8 ReservedBit, 11:9 Translated, 13:12 ReservedBit, 47:14 Translated"],
  ["16K", 0, "51:48 ReservedBit, 63:52 Translated"],
  ["16K", 1, "13:12 ReservedBit, 15:14 MisalignedLeaf, 16 ReservedBit, 24:17 MisalignedLeaf"],
  ["16K", 1, "47:25 Translated, 51:48 ReservedBit, 63:52 Translated"],
  [
    "16K LPA2",
    0,
    "11:2 Translated, 13:12 ReservedBit, 49:14 Translated, 51:50 ReservedBit, 63:52 Translated",
  ],
  ["16K LPA2", 2, "9:8 Translated, 13:12 ReservedBit, 15:14 MisalignedLeaf, 16 ReservedBit"],
  ["16K LPA2", 2, "35:17 MisalignedLeaf, 49:36 Translated, 52:50 ReservedBit, 63:53 Translated"],
  ["64K", 0, "7:2 Translated, 8 ReservedBit, 11:9 Translated, 15:12 AddressSize, 47:16 Translated"],
  ["64K", 0, "51:48 ReservedBit, 63:52 Translated"],
  ["64K", 1, "15:12 AddressSize, 16 ReservedBit, 28:17 MisalignedLeaf, 47:29 Translated, 52 Translated"],
  ["64K LPA", 0, "15:9 Translated, 47:16 Translated, 51:48 ReservedBit, 63:52 Translated"],
  ["64K LPA", 1, "15:12 Translated, 16 ReservedBit, 28:17 MisalignedLeaf, 47:29 Translated, 52 Translated"],
  ["64K LPA", 2, "15:12 Translated, 16 ReservedBit, 41:17 MisalignedLeaf, 47:42 Translated"],
  ["64K LPA", 2, "52:48 ReservedBit, 63:53 Translated"],
  ["LPAE", 0, "7:2 Translated, 8 ReservedBit, 39:9 Translated, 47:40 AddressSize, 51:48 ReservedBit"],
  ["LPAE", 0, "63:52 Translated"],
  ["LPAE", 1, "15:12 MisalignedLeaf, 16 ReservedBit, 20:17 MisalignedLeaf, 39:21 Translated, 52 Translated"],
  // A run of 16 GiB is wider than the input.
  ["LPAE", 2, "16 ReservedBit, 29:17 MisalignedLeaf, 39:30 Translated, 52 ReservedBit"],
];

test("every single bit of a leaf means what the manual's table says", (t) => {
  for (const [name, level, text] of leafBits) {
    for (const { bit, result } of bitTable(text)) {
      const word = leafWord(level) | bits(bit);
      const seen = chain(cases[name], level, word).walk(0x123n);
      const title = `${name}, level ${level}, bit ${bit}`;
      t.is(seen.result, result, title);
      if (result === "Translated") t.is(seen.page?.oa, addressOf(name, word) | 0x123n, title);
    }
  }
});

/** The same for a table pointer at level 1; bits of its address lead to nowhere, and those of T[0] are set. */
const pointerBits: readonly (readonly [CaseName, string])[] = [
  ["4K", "11:2 Translated, 15:12 OutsideMemory, 47:17 OutsideMemory, 51:48 ReservedBit, 63:52 Translated"],
  ["4K LPA2", "7:2 Translated, 9:8 OutsideMemory, 11:10 Translated, 49:17 OutsideMemory, 51:50 ReservedBit"],
  ["4K LPA2", "63:52 Translated"],
  ["16K", "11:2 Translated, 13:12 ReservedBit, 15:14 OutsideMemory, 47:17 OutsideMemory, 51:48 ReservedBit"],
  [
    "16K LPA2",
    "13:12 ReservedBit, 9:8 OutsideMemory, 49:17 OutsideMemory, 51:50 ReservedBit, 63:52 Translated",
  ],
  ["64K", "11:2 Translated, 15:12 AddressSize, 47:17 OutsideMemory, 51:48 ReservedBit, 63:52 Translated"],
  [
    "64K LPA",
    "11:2 Translated, 15:12 OutsideMemory, 47:17 OutsideMemory, 51:48 ReservedBit, 63:52 Translated",
  ],
  ["LPAE", "11:2 Translated, 39:17 OutsideMemory, 47:40 AddressSize, 51:48 ReservedBit, 63:52 Translated"],
];

test("every single bit of a table pointer means what the manual's table says", (t) => {
  for (const [name, text] of pointerBits) {
    for (const { bit, result } of bitTable(text)) {
      const tables = chain(cases[name], 0, leafWord(0)).table(T[1], { 0: T[0] | TABLE | bits(bit) });
      t.is(tables.walk(0n).result, result, `${name}, bit ${bit}`);
    }
  }
});

test("type 01 at the last level and blocks at levels that have none are faults, other than a missing item", (t) => {
  for (const [name, highest] of [
    ["4K", 2],
    ["4K LPA2", 3],
    ["16K", 1],
    ["16K LPA2", 2],
    ["64K", 1],
    ["64K LPA", 2],
    ["LPAE", 2],
  ] as const) {
    const one = cases[name];
    t.deepEqual(chain(one, 0, BLOCK | AF).walk(0n), { result: "IllegalLevel", level: 0 }, name);
    for (let level = 1; level <= one.configuration.topLevel; level++) {
      const seen = chain(one, level, BLOCK | AF).walk(0n);
      t.is(seen.result, level <= highest ? "Translated" : "IllegalLevel", `${name} level ${level}`);
      if (level <= highest) t.is(seen.page?.sizeLg2, itemSizeLg2(one, level));
    }
    for (let level = 0; level <= one.configuration.topLevel; level++) {
      t.deepEqual(chain(one, level, bits(63, 1)).walk(0n), { result: "NotPresent", level });
    }
  }
});

/** The size of an entry with the contiguous bit, by level. */
const contiguousSizes: readonly (readonly [CaseName, readonly number[]])[] = [
  ["4K", [16, 25, 34]],
  ["4K LPA2", [16, 25, 34]],
  ["16K", [21, 30]],
  ["16K LPA2", [21, 30]],
  ["64K", [21, 34]],
  ["64K LPA", [21, 34]],
  ["LPAE", [16, 25]],
];

test("items of a contiguous run hold their own addresses, and each translates with the size of the run", (t) => {
  for (const [name, sizes] of contiguousSizes) {
    for (const [level, sizeLg2] of sizes.entries()) {
      const one = cases[name];
      const ownLg2 = BigInt(itemSizeLg2(one, level));
      const count = 2 ** (sizeLg2 - Number(ownLg2));
      const run = bits(sizeLg2);
      const target = bits(36) | bits(35);
      const word = (n: number) => leafWord(level) | CONTIGUOUS | target | (BigInt(n) << ownLg2);
      const first = indexOf(one, run, level);
      const items = Object.fromEntries(Array.from({ length: count }, (_, n) => [first + n, word(n)]));
      const tables = chain(one, level, 0n, run).table(T[level], items);
      for (const offset of [0n, 0xabcn, 1n << ownLg2, (1n << BigInt(sizeLg2)) - 1n]) {
        const page = { oa: target | offset, sizeLg2, rights: "rwx" };
        t.deepEqual(tables.walk(run | offset), { result: "Translated", level, page }, `${name} ${level}`);
      }
      t.is(tables.walk(2n * run).result, "NotPresent");
      t.is(
        tables.sweep().filter(({ what, sizeLg2: swept }) => what === "leaf" && swept === sizeLg2).length,
        count,
      );
    }
  }
});

test("a contiguous item that holds an address of another place in the run is misaligned", (t) => {
  for (const [name, sizes] of contiguousSizes) {
    for (const [level, sizeLg2] of sizes.entries()) {
      const one = cases[name];
      const ownLg2 = itemSizeLg2(one, level);
      for (let bit = ownLg2; bit < sizeLg2; bit++) {
        const tables = chain(one, level, leafWord(level) | CONTIGUOUS | bits(bit));
        t.deepEqual(
          tables.walk(0n),
          { result: "MisalignedLeaf", level },
          `${name} level ${level} bit ${bit}`,
        );
        t.is(tables.sweep().at(-1)?.what, "MisalignedLeaf");
        t.is(
          chain(one, level, leafWord(level) | CONTIGUOUS, bits(bit)).walk(bits(bit)).result,
          "MisalignedLeaf",
        );
      }
    }
  }
});

test("an item of a run that is looked at alone tells the size and the first address of the whole run", (t) => {
  const { walker } = chain(cases["4K"], 0, 0n);
  const code = walker.inspect(0, 0x8_b743 | 0, (1 << 20) | 1);
  t.is(code, 0);
  const { oaLow, oaHigh, sizeLg2 } = walker;
  t.deepEqual({ oaLow, oaHigh, sizeLg2 }, { oaLow: 0x8_0000, oaHigh: 1, sizeLg2: 16 });
});

test("52-bit addresses stand where the manual has them, in leaves and in table pointers", (t) => {
  t.is(chain(cases["64K LPA"], 0, 0x1234_0000_fe43n).walk(0n).page?.oa, 0xf_1234_0000_0000n);
  t.is(chain(cases["4K LPA2"], 0, 0x2_1234_5678_9743n).walk(0n).page?.oa, 0xe_1234_5678_9000n);
  t.is(chain(cases["16K LPA2"], 0, 0x1_1234_5678_8543n).walk(0n).page?.oa, 0x5_1234_5678_8000n);
  for (const [name, packed, table] of [
    ["64K LPA", 0x1234_0000_a003n, 0xa_1234_0000_0000n],
    ["4K LPA2", 0x3_1234_5678_9203n, 0xb_1234_5678_9000n],
    ["16K LPA2", 0x3_1234_5678_8103n, 0x7_1234_5678_8000n],
  ] as const) {
    const tables = chain(cases[name], 1, packed).table(table, { 0: leafWord(0) | bits(32) });
    t.is(tables.walk(0n).page?.oa, bits(32), name);
  }
});

test("leaves, tables and the root beyond the output width are address size faults", (t) => {
  for (const oa of [32, 36, 40, 42, 44]) {
    const one = stage1(12, 48, oa);
    for (let bit = oa; bit < 48; bit++) {
      t.deepEqual(chain(one, 0, leafWord(0) | bits(bit)).walk(0n), { result: "AddressSize", level: 0 });
      t.deepEqual(chain(one, 2, leafWord(2) | bits(bit)).walk(0n), { result: "AddressSize", level: 2 });
      t.deepEqual(chain(one, 1, TABLE | bits(bit)).walk(0n), { result: "AddressSize", level: 1 });
      t.is(chain(one, 0, 0n).root(bits(bit), 16).walk(0n).result, "IllegalRoot");
    }
    t.is(chain(one, 0, leafWord(0) | bits(oa - 1)).walk(0n).page?.oa, bits(oa - 1));
  }
});

test("the upper half: all bits above the width are ones, and sweeps report such addresses", (t) => {
  for (const [width, one] of [
    [48, stage1(12, 48, 48, { upperHalf: true })],
    [39, stage1(12, 39, 48, { upperHalf: true })],
    [30, stage1(12, 30, 48, { upperHalf: true })],
    [47, stage1(14, 47, 48, { upperHalf: true })],
    [52, stage1(16, 52, 52, { upperHalf: true })],
    [52, stage1(12, 52, 52, { upperHalf: true, lpa2: true })],
  ] as const) {
    const start = bits(63, width);
    const va = start | (0x5_6789_0000n % bits(width));
    const tables = chain(one, 0, leafWord(0) | bits(31), va);
    t.is(tables.walk(va | 0x12n).page?.oa, bits(31) | 0x12n);
    for (let bit = width; bit < 64; bit++) t.is(tables.walk(va ^ bits(bit)).result, "NotCanonical");
    t.is(tables.walk(0n).result, "NotCanonical");
    t.is(tables.walk(bits(63, 0)).result, "NotPresent");
    const swept = tables.sweep();
    t.is(swept[0].va, start);
    t.deepEqual([swept.at(-1)?.what, swept.at(-1)?.va], ["leaf", va]);
  }
});
