/** The DART walker against tables assembled by hand: both forms, pages of 4 and 16 KiB, two and three levels. */
import test from "ava";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const VALID = bits(0);
/** The last sub-page that a leaf covers, all being covered: 51:40. */
const WHOLE = bits(51, 40);

const dart1 = configurationOf("dart1", { vaWidthLg2: 32, oaWidthLg2: 36, topLevel: 1, granuleLg2: 12 });
const dart1Large = { ...dart1, vaWidthLg2: 36, granuleLg2: 14 };
const dart2 = configurationOf("dart2", { vaWidthLg2: 36, oaWidthLg2: 42, topLevel: 1, granuleLg2: 14 });
const forms = [dart1, dart1Large, dart2];

/** SP_DIS is DART 1's, and bit 1 there; the same bit of DART 2 forbids caching. */
const leaf1 = VALID | bits(1) | WHOLE;
const leaf2 = VALID | WHOLE;
const leafOf = ({ format }: typeof dart1) => (format === "dart1" ? leaf1 : leaf2);
/** An address in its place in an item. */
const placed = ({ format }: typeof dart1, address: bigint) => (format === "dart1" ? address : address >> 4n);

const ROOT = 0x8_0010_0000n;
/** Tables of levels 0 and 1. */
const T = [0x8_0020_0000n, 0x8_0024_0000n];

/** Two levels under item 0 of the root, with the word as item 0 of the lower. */
function page(configuration: typeof dart1, word: bigint) {
  return first(configuration, placed(configuration, T[0]) | VALID).table(T[0], { 0: word });
}

/** A root with the word as item 0. */
function first(configuration: typeof dart1, word: bigint) {
  const bytes = 8 * 2 ** (configuration.vaWidthLg2 - (configuration.granuleLg2 === 12 ? 21 : 25));
  return new HandMadeTables(configuration).root(ROOT, 2).table(ROOT, { 0: word }, Math.max(bytes, 0x1000));
}

test("the mode is the number of levels, two or three", (t) => {
  for (const mode of [-1, 0, 1, 4, 5]) t.is(first(dart1, 0n).root(ROOT, mode).walk(0n).result, "IllegalRoot");
  t.deepEqual(first(dart1, 0n).walk(0n), { result: "NotPresent", level: 1 });
  t.deepEqual(first(dart1, 0n).root(ROOT, 3).walk(0n), { result: "NotPresent", level: 2 });
  // Not even where one level would do, or where four would have something to resolve.
  t.is(
    first({ ...dart1, vaWidthLg2: 21 }, 0n)
      .root(ROOT, 1)
      .walk(0n).result,
    "IllegalRoot",
  );
  t.is(
    first({ ...dart1, vaWidthLg2: 41 }, 0n)
      .root(ROOT, 4)
      .walk(0n).result,
    "IllegalRoot",
  );
});

test("there are at most four TTBRs with pages of 4 KiB, and one with pages of 16 KiB", (t) => {
  // The widest input for each granule and number of levels, and one bit more.
  for (const [granuleLg2, mode, widest] of [
    [12, 2, 32],
    [12, 3, 41],
    [14, 2, 36],
    [14, 3, 47],
  ] as const) {
    for (const [vaWidthLg2, result] of [
      [widest, "OutsideMemory"],
      [widest + 1, "IllegalRoot"],
    ] as const) {
      const tables = new HandMadeTables({ ...dart1, vaWidthLg2, granuleLg2 });
      t.is(tables.root(ROOT, mode).walk(0n).result, result, `${granuleLg2} ${mode} ${vaWidthLg2}`);
    }
  }
});

test("the TTBRs' tables are aligned to all that they take, and lie within the form's addresses", (t) => {
  const beginsAt = (configuration: typeof dart1, address: bigint) =>
    new HandMadeTables(configuration).root(address, 2).walk(0n).result;
  for (const [vaWidthLg2, alignmentLg2] of [
    [25, 12],
    [30, 12],
    [31, 13],
    [32, 14],
  ] as const) {
    t.is(beginsAt({ ...dart1, vaWidthLg2 }, bits(alignmentLg2)), "OutsideMemory");
    t.is(beginsAt({ ...dart1, vaWidthLg2 }, bits(alignmentLg2 - 1)), "IllegalRoot");
  }
  for (const configuration of [dart1Large, dart2]) {
    for (const vaWidthLg2 of [30, 36]) {
      t.is(beginsAt({ ...configuration, vaWidthLg2 }, bits(14)), "OutsideMemory");
      t.is(beginsAt({ ...configuration, vaWidthLg2 }, bits(13)), "IllegalRoot");
    }
  }
  t.is(beginsAt(dart1, bits(35)), "OutsideMemory");
  t.is(beginsAt(dart1, bits(36)), "IllegalRoot");
  t.is(beginsAt(dart2, bits(41)), "OutsideMemory");
  t.is(beginsAt(dart2, bits(42)), "IllegalRoot");
});

test("4 KiB, two levels: address bits 31:30 choose the TTBR, 29:21 and 20:12 the items", (t) => {
  for (const ttbr of [0, 1, 2, 3]) {
    const tables = first(dart1, 0n)
      .table(ROOT + BigInt(ttbr) * 0x1000n, { 5: T[0] | VALID })
      .table(T[0], { 7: leaf1 | 0x8_abcd_e000n });
    const va = (BigInt(ttbr) << 30n) | (5n << 21n) | (7n << 12n) | 0x123n;
    t.deepEqual(tables.walk(va).page, { oa: 0x8_abcd_e123n, sizeLg2: 12, rights: "rwx" });
    t.deepEqual(tables.walk(va ^ bits(30)), { result: "NotPresent", level: 1 });
    t.deepEqual(tables.walk(va ^ bits(31)), { result: "NotPresent", level: 1 });
    t.deepEqual(
      tables.sweep().map(({ what, level, address, va: at }) => [what, level, address, at]),
      [
        ["table", 1, ROOT, 0n],
        ["table", 0, T[0], va & ~bits(20, 0)],
        ["leaf", 0, T[0] + 56n, va & ~0xfffn],
      ],
    );
  }
  for (let bit = 32; bit < 64; bit++) t.is(first(dart1, 0n).walk(bits(bit)).result, "NotCanonical");
});

test("4 KiB, three levels: 40:39 choose the TTBR, then 38:30, 29:21 and 20:12 the items", (t) => {
  const wide = { ...dart1, vaWidthLg2: 41, topLevel: 2 };
  const tables = new HandMadeTables(wide)
    .root(ROOT, 3)
    .table(ROOT + 0x3000n, { 511: T[1] | VALID })
    .table(T[1], { 3: T[0] | VALID })
    .table(T[0], { 2: leaf1 | 0xf_ffff_f000n });
  const va = bits(40, 30) | (3n << 21n) | (2n << 12n);
  t.deepEqual(tables.walk(va | 0xabcn).page, { oa: 0xf_ffff_fabcn, sizeLg2: 12, rights: "rwx" });
  t.deepEqual(tables.walk(va ^ bits(21)), { result: "NotPresent", level: 1 });
  for (let bit = 41; bit < 64; bit++) t.is(tables.walk(va | bits(bit)).result, "NotCanonical");
});

test("16 KiB: 35:25 and 24:14 choose the items of two levels; the first of three has what is left", (t) => {
  for (const configuration of [dart1Large, dart2]) {
    const pointer = (level: number) => placed(configuration, T[level]) | VALID;
    const leaf = leafOf(configuration) | placed(configuration, 0xf_ffff_c000n);
    const two = first(configuration, 0n)
      .table(ROOT, { 2047: pointer(0) })
      .table(T[0], { 2046: leaf });
    const va = bits(35, 15);
    const page = { oa: 0xf_ffff_fffen, sizeLg2: 14, rights: "rwx" };
    t.deepEqual(two.walk(va | 0x3ffen).page, page);
    t.is(two.walk(va | 0x3ffen | bits(36)).result, "NotCanonical");
    const three = new HandMadeTables({ ...configuration, vaWidthLg2: 42 })
      .root(ROOT, 3)
      .table(ROOT, { 63: pointer(1) })
      .table(T[1], { 2047: pointer(0) })
      .table(T[0], { 2046: leaf });
    t.deepEqual(three.walk(bits(41, 36) | va | 0x3ffen).page, page);
    t.deepEqual(three.walk(va), { result: "NotPresent", level: 2 });
    t.is(three.walk(bits(42)).result, "NotCanonical");
  }
});

test("a sweep enters tables that stand side by side", (t) => {
  for (const configuration of forms) {
    const size = 2n ** BigInt(configuration.granuleLg2 ?? 0);
    const pointers = [T[0], T[0] + size, T[0]].map((address) => placed(configuration, address) | VALID);
    const tables = first(configuration, 0n)
      .table(ROOT, Object.fromEntries(pointers.entries()))
      .table(T[0], { 1: leafOf(configuration) })
      .table(T[0] + size, { 1: leafOf(configuration) });
    const seen = tables.sweep().map(({ what, address }) => [what, address]);
    t.deepEqual(seen, [
      ["table", ROOT],
      ["table", T[0]],
      ["leaf", T[0] + 8n],
      ["table", T[0] + size],
      ["leaf", T[0] + size + 8n],
      ["table", T[0]],
    ]);
  }
});

test("an item without VALID is nothing, whatever else it holds", (t) => {
  for (const configuration of forms) {
    t.deepEqual(first(configuration, bits(63, 1)).walk(0n), { result: "NotPresent", level: 1 });
    t.deepEqual(page(configuration, bits(63, 1)).walk(0n), { result: "NotPresent", level: 0 });
  }
});

test("every single bit of a pointer beside VALID and the address is reserved", (t) => {
  const tables = [
    [dart1, "11:1 ReservedBit, 35:12 OutsideMemory, 63:36 ReservedBit"],
    [dart1Large, "13:1 ReservedBit, 35:14 OutsideMemory, 63:36 ReservedBit"],
    [dart2, "9:1 ReservedBit, 37:10 OutsideMemory, 63:38 ReservedBit"],
  ] as const;
  for (const [configuration, table] of tables) {
    const claims = bitTable(table);
    t.is(claims.length, 63);
    for (const { bit, result } of claims) {
      const seen = page(configuration, 0n).table(ROOT, {
        0: (placed(configuration, T[0]) | VALID) ^ bits(bit),
      });
      t.deepEqual(seen.walk(0n), { result, level: 1 }, `${configuration.format} bit ${bit}`);
    }
  }
});

test("a pointer leads to the table at its address, of which every bit counts", (t) => {
  for (const [configuration, lowest, highest] of [
    [dart1, 12, 35],
    [dart1Large, 14, 35],
    [dart2, 14, 41],
  ] as const) {
    for (let bit = lowest; bit <= highest; bit++) {
      const address = T[0] ^ bits(bit);
      if (address >> 16n === ROOT >> 16n) continue;
      const tables = first(configuration, placed(configuration, address) | VALID);
      tables.table(address, { 0: leafOf(configuration) });
      t.is(tables.walk(0x77n).page?.oa, 0x77n, `${configuration.format} bit ${bit}`);
    }
  }
});

/** Flips each single bit of a leaf and says, in the same words as the table, what came of it. */
function flips(configuration: typeof dart1, table: string) {
  return bitTable(table).map(({ bit, result }) => {
    const seen = page(configuration, leafOf(configuration) ^ bits(bit)).walk(0n);
    const rights = seen.page?.rights === "" ? "none" : seen.page?.rights;
    const oa = seen.page?.oa ?? 0n;
    return { bit, is: oa === 0n ? (rights ?? seen.result) : `PA${oa.toString(2).length - 1}`, result };
  });
}

test("DART 1: every single bit of a leaf means what the table says", (t) => {
  const edges =
    "1 ReservedBit, 6:2 ReservedBit, 7 rx, 8 w, 11:9 ReservedBit, 39:36 ReservedBit, 63:40 IllegalSize";
  const small = flips(dart1, `0 NotPresent, ${edges}, 35:12 PA`);
  const large = flips(dart1Large, `0 NotPresent, ${edges}, 13:12 MisalignedLeaf, 35:14 PA`);
  t.is(small.length, 64);
  t.is(large.length, 64);
  for (const { bit, is, result } of [...small, ...large]) {
    t.is(is, result === "PA" ? `PA${bit}` : result, `bit ${bit}`);
  }
});

test("DART 2: every single bit of a leaf means what the table says", (t) => {
  const claims = flips(
    dart2,
    "0 NotPresent, 1 rwx, 2 rx, 3 w, 9:4 ReservedBit, 37:10 PA, 39:38 ReservedBit, 63:40 IllegalSize",
  );
  t.is(claims.length, 64);
  for (const { bit, is, result } of claims) t.is(is, result === "PA" ? `PA${bit + 4}` : result, `bit ${bit}`);
});

test("a leaf may permit nothing", (t) => {
  for (const [configuration, neither] of [
    [dart1, bits(8, 7)],
    [dart2, bits(3, 2)],
  ] as const) {
    const { granuleLg2: sizeLg2 = 0 } = configuration;
    const tables = page(configuration, leafOf(configuration) | neither);
    t.deepEqual(tables.walk(0n), { result: "Translated", level: 0, page: { oa: 0n, sizeLg2, rights: "" } });
    t.false(tables.deviceWrite(0n));
  }
});

test("a device's write is permitted without NO_WRITE, and changes no item", (t) => {
  for (const configuration of forms) {
    const tables = page(configuration, leafOf(configuration));
    t.true(tables.deviceWrite(0n));
    t.is(tables.item(T[0]), leafOf(configuration));
    const noWrite = bits(configuration.format === "dart1" ? 7 : 2);
    t.false(page(configuration, leafOf(configuration) | noWrite).deviceWrite(0n));
  }
});

test("an address beyond the configured width is a fault of its own, of leaves only", (t) => {
  for (const configuration of forms) {
    const narrow = { ...configuration, oaWidthLg2: 33 };
    const leaf = leafOf(configuration);
    t.is(page(narrow, leaf | placed(narrow, bits(32))).walk(0n).result, "Translated");
    t.is(page(narrow, leaf | placed(narrow, bits(33))).walk(0n).result, "AddressSize");
  }
});

test("of several violations the first reported is a reserved bit, the sub-pages, the alignment, the width", (t) => {
  const narrow = { ...dart1Large, oaWidthLg2: 30 };
  const word = leaf1 | bits(35) | bits(12);
  t.is(page(narrow, (word | bits(2)) & ~WHOLE).walk(0n).result, "ReservedBit");
  t.is(page(narrow, word & ~WHOLE).walk(0n).result, "IllegalSize");
  t.is(page(narrow, word).walk(0n).result, "MisalignedLeaf");
  t.is(page(narrow, word & ~bits(12)).walk(0n).result, "AddressSize");
});

test("the words that deployed code writes mean what it was asked for", (t) => {
  for (const [configuration, word, rights] of [
    [dart1, 0xf_ff00_0000_0003n, "rwx"],
    [dart1, 0xf_ff00_0000_0083n, "rx"],
    [dart1, 0xf_ff00_0000_0103n, "w"],
    [dart2, 0xf_ff00_0000_0003n, "rwx"],
    [dart2, 0xf_ff00_0000_0001n, "rwx"],
    [dart2, 0xf_ff00_0000_0007n, "rx"],
    [dart2, 0xf_ff00_0000_000bn, "w"],
  ] as const) {
    const address = 0x8_abcd_c000n;
    const { granuleLg2: sizeLg2 = 0 } = configuration;
    const seen = page(configuration, word | placed(configuration, address)).walk(0x123n);
    t.deepEqual(seen.page, { oa: address | 0x123n, sizeLg2, rights });
  }
});

test("a tiny geometry shortens tables", (t) => {
  const tiny = { ...dart1, vaWidthLg2: 18, tiny: { tableBitsLg2: 2, contiguousLg2: 0 } };
  const tables = new HandMadeTables(tiny)
    .root(ROOT, 2)
    .table(ROOT, { 15: T[0] | VALID })
    .table(T[0], { 3: leaf1 | bits(35) });
  t.deepEqual(tables.walk(0x3_fabcn).page, { oa: bits(35) | 0xabcn, sizeLg2: 12, rights: "rwx" });
  t.is(tables.walk(0x4_0000n).result, "NotCanonical");
  t.deepEqual(
    tables.sweep().map(({ what, va }) => [what, va]),
    [
      ["table", 0n],
      ["table", 0x3_c000n],
      ["leaf", 0x3_f000n],
    ],
  );
});
