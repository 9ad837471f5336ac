/** The x86-64 walker against tables assembled by hand from the bit tables of AMD64 APM vol. 2 §5.3–5.4. */
import test from "ava";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const P = bits(0);
const RW = bits(1);
const US = bits(2);
const A = bits(5);
const D = bits(6);
const PS = bits(7);
const XD = bits(63);
const leaf = P | RW | US | A | D;
const pointer = P | RW | US | A;

/** Tables of levels 0…4 stand at these addresses. */
const T = [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n];

const fourLevels = configurationOf("x86-64", { vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 3 });
const fiveLevels = configurationOf("x86-64", { vaWidthLg2: 57, oaWidthLg2: 52, topLevel: 4 });

/** A chain of tables from level 4 down to `level` through item 0, whose item 0 at `level` is the word. */
function chain(level: number, word: bigint, configuration = fiveLevels) {
  const tables = new HandMadeTables(configuration).root(T[4], 5);
  for (let n = 4; n > level; n--) tables.table(T[n], { 0: T[n - 1] | pointer });
  return tables.table(T[level], { 0: word });
}

test("four and five levels are walked, and no other number", (t) => {
  const tables = chain(0, leaf | 0x8_4020_1000n);
  const page = { oa: 0x8_4020_1abcn, sizeLg2: 12, rights: "rwxd" };
  t.deepEqual(tables.walk(0xabcn), { result: "Translated", level: 0, page });
  t.deepEqual(tables.root(T[3], 4).walk(0xabcn), { result: "Translated", level: 0, page });
  for (const mode of [0, 1, 2, 3, 6]) t.is(tables.root(T[3], mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[3] | 8n, 4).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[3] | bits(52), 4).walk(0n).result, "IllegalRoot");
});

test("each level takes its own nine bits", (t) => {
  const va = 0x00d3_9d17_6c2b_4e01n;
  const index = (level: number) => Number((va >> BigInt(12 + 9 * level)) & 511n);
  const tables = new HandMadeTables(fiveLevels).root(T[4], 5);
  for (let n = 4; n > 0; n--) tables.table(T[n], { [index(n)]: T[n - 1] | pointer });
  tables.table(T[0], { [index(0)]: leaf | 0x7000n });
  t.is(tables.walk(va).page?.oa, 0x7e01n);
  for (let bit = 12n; bit < 57n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotPresent");
  for (let bit = 57n; bit < 64n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotCanonical");
});

test("an item without P ends the walk whatever else it holds", (t) => {
  for (let level = 0; level <= 4; level++) {
    t.deepEqual(chain(level, bits(63, 1)).walk(0n), { result: "NotPresent", level });
  }
});

test("every single bit of a smallest leaf means what the manual's table says", (t) => {
  for (const { bit, result } of bitTable("63:3 Translated")) {
    const seen = chain(0, leaf | bits(bit)).walk(0xfffn);
    t.is(seen.result, result, `bit ${bit}`);
    t.is(seen.page?.oa, (bits(bit) & bits(51, 12)) | 0xfffn, `bit ${bit}`);
    t.is(seen.page?.rights, bit === 63 ? "rwd" : "rwxd", `bit ${bit}`);
  }
});

test("every single bit of a large leaf means what the manual's table says", (t) => {
  for (const { bit, result } of bitTable("11:3 Translated, 20:12 MisalignedLeaf, 63:21 Translated")) {
    t.is(chain(1, leaf | PS | bits(bit)).walk(0n).result, result, `2 MiB, bit ${bit}`);
  }
  for (const { bit, result } of bitTable("11:3 Translated, 29:12 MisalignedLeaf, 63:30 Translated")) {
    t.is(chain(2, leaf | PS | bits(bit)).walk(0n).result, result, `1 GiB, bit ${bit}`);
  }
});

test("every single bit of a pointer means what the manual's table says", (t) => {
  const table = "6:3 Translated, 11:8 Translated, 51:15 OutsideMemory, 63:52 Translated";
  for (const { bit, result } of bitTable(table)) {
    const tables = chain(0, leaf).table(T[2], { 0: T[1] | pointer | bits(bit) });
    t.is(tables.walk(0n).result, result, `bit ${bit}`);
  }
});

test("PS makes a leaf at levels 1 and 2, is PAT at level 0 and reserved above", (t) => {
  const page = bits(51);
  t.is(chain(0, leaf | PS | page).walk(0n).page?.sizeLg2, 12);
  for (const [level, sizeLg2] of [
    [1, 21],
    [2, 30],
  ]) {
    const offset = bits(sizeLg2 - 1, 0);
    t.deepEqual(chain(level, leaf | PS | page).walk(offset), {
      result: "Translated",
      level,
      page: { oa: page | offset, sizeLg2, rights: "rwxd" },
    });
  }
  for (const level of [3, 4]) {
    t.deepEqual(chain(level, leaf | PS).walk(0n), { result: "ReservedBit", level });
  }
});

test("a leaf's address bits from the output width up are reserved; a table may lie there", (t) => {
  const narrow = { ...fiveLevels, oaWidthLg2: 40 };
  for (const [level, ps] of [
    [0, 0n],
    [1, PS],
    [2, PS],
  ] as const) {
    for (const { bit, result } of bitTable("39:30 Translated, 51:40 ReservedBit, 62:52 Translated")) {
      t.is(chain(level, leaf | ps | bits(bit), narrow).walk(0n).result, result, `level ${level} bit ${bit}`);
    }
  }
  const high = bits(46) | 0x3000n;
  const tables = chain(1, high | pointer, narrow).table(high, { 0: leaf | 0x5000n });
  t.is(tables.walk(0n).page?.oa, 0x5000n);
  t.is(chain(0, leaf | bits(20), { ...fiveLevels, oaWidthLg2: 20 }).walk(0n).result, "ReservedBit");
});

test("permissions are ANDed down the walk: R/W, U/S for a user access, XD inverted", (t) => {
  for (const [upper, lower, rights] of [
    [P | RW | US, P | RW | US, "rwx"],
    [P | RW | US, P | US, "rx"],
    [P | US, P | RW | US, "rx"],
    [P | RW, P | RW | US, ""],
    [P | RW | US, P | RW, ""],
    [P | RW | US | XD, P | RW | US, "rw"],
    [P | RW | US, P | RW | US | XD, "rw"],
  ] as const) {
    const tables = chain(0, lower).table(T[3], { 0: T[2] | upper });
    t.is(tables.walk(0n).page?.rights, rights);
  }
});

test("sign-extended: both halves are one tree, and sweeps report canonical addresses", (t) => {
  const page = (n: bigint) => leaf | PS | (n << 30n);
  const tables = new HandMadeTables({ ...fourLevels, signExtended: true }).root(0x9000n, 4);
  tables.table(0x9000n, {
    0: 0xa000n | pointer,
    255: 0xb000n | pointer,
    256: 0xc000n | pointer,
    511: 0xd000n | pointer,
  });
  const places = [
    [0xa000n, 0, 0n],
    [0xb000n, 511, bits(46, 30)],
    [0xc000n, 0, bits(63, 47)],
    [0xd000n, 511, bits(63, 30)],
  ] as const;
  for (const [n, [table, index, va]] of places.entries()) {
    tables.table(table, { [index]: page(BigInt(n)) });
    t.is(tables.walk(va | 0x77n).page?.oa, (BigInt(n) << 30n) | 0x77n);
  }
  const leaves = tables.sweep().filter((item) => item.what === "leaf");
  t.deepEqual(
    leaves.map((item) => item.va),
    places.map(([, , va]) => va),
  );
});

test("sign-extended: an address whose bits above the top one differ from it is not canonical", (t) => {
  for (const [configuration, mode] of [
    [fourLevels, 4],
    [fiveLevels, 5],
  ] as const) {
    const tables = new HandMadeTables({ ...configuration, signExtended: true })
      .root(T[4], mode)
      .table(T[4], {});
    const sign = 11 + 9 * mode;
    for (const va of [0n, bits(sign - 1, 0), bits(63, sign), bits(63, 0)])
      t.is(tables.walk(va).result, "NotPresent");
    for (const va of [bits(sign), bits(63, sign + 1), bits(62, sign), bits(63), bits(sign + 1)]) {
      t.is(tables.walk(va).result, "NotCanonical");
    }
  }
});

test("without sign extension the upper half is refused, also where the width is below the top's reach", (t) => {
  for (const [configuration, mode] of [
    [{ ...fourLevels, vaWidthLg2: 47 }, 4],
    [fourLevels, 4],
    [{ ...fiveLevels, vaWidthLg2: 56 }, 5],
    [fiveLevels, 5],
  ] as const) {
    const width = configuration.vaWidthLg2;
    const top = mode - 1;
    const tables = new HandMadeTables(configuration)
      .root(T[top], mode)
      .table(T[top], Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, T[top - 1] | pointer])))
      .table(T[top - 1], {});
    t.is(tables.walk(bits(width - 1, 0)).result, "NotPresent");
    for (let bit = width; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical", `bit ${bit}`);
    t.is(tables.walk(bits(63, width - 1)).result, "NotCanonical");
    t.is(tables.sweep().at(-1)?.va, bits(width - 1, top * 9 + 12));
  }
});

test("the encryption bit comes off the root, pointers and leaves, and is not reserved", (t) => {
  for (const c of [40, 47, 51]) {
    const C = bits(c);
    const configuration = { ...fiveLevels, oaWidthLg2: 40, encryptionBit: c };
    const tables = new HandMadeTables(configuration)
      .root(T[4] | C, 5)
      .table(T[4], { 0: T[3] | pointer | C })
      .table(T[3], { 0: T[2] | pointer | C })
      .table(T[2], { 0: T[1] | pointer | C, 1: leaf | PS | C | bits(30) })
      .table(T[1], { 0: T[0] | pointer | C, 1: leaf | PS | C | bits(21) })
      .table(T[0], { 0: leaf | C | 0x5000n, 1: leaf | 0x6000n, 2: leaf | (bits(51, 40) & ~C) });
    t.is(tables.walk(0n).page?.oa, 0x5000n);
    t.is(tables.walk(0x1000n).page?.oa, 0x6000n);
    t.is(tables.walk(bits(21)).page?.oa, bits(21));
    t.is(tables.walk(bits(30)).page?.oa, bits(30));
    t.is(tables.walk(0x2000n).result, "ReservedBit");
  }
});

test("a device's write sets accessed and dirty in the leaf that it hits, if it may write", (t) => {
  const tables = chain(0, P | RW | US).table(T[0], { 1: P | US });
  t.true(tables.deviceWrite(0x123n));
  t.is(tables.item(T[0]), P | RW | US | A | D);
  t.is(tables.walk(0n).page?.rights, "rwxd");
  t.false(tables.deviceWrite(0x1000n));
  t.is(tables.item(T[0] + 8n), P | US);
});

test("a tiny geometry keeps the rules with its own number of items", (t) => {
  const tiny = {
    ...fourLevels,
    vaWidthLg2: 20,
    signExtended: true,
    tiny: { tableBitsLg2: 2, contiguousLg2: 0 },
  };
  const tables = new HandMadeTables(tiny)
    .root(T[3], 4)
    .table(T[3], { 0: T[2] | pointer, 2: T[2] | pointer })
    .table(T[2], { 1: leaf | PS | bits(20, 16), 2: T[1] | pointer, 3: leaf | PS | 0x8000n })
    .table(T[1], { 3: leaf | PS | 0x1_4000n, 0: T[0] | pointer })
    .table(T[0], { 3: leaf | 0x1000n, 4: leaf });
  t.deepEqual(tables.walk(0x1_2345n).page, { oa: bits(20, 16) | 0x2345n, sizeLg2: 16, rights: "rwxd" });
  t.deepEqual(tables.walk(0x2_c005n).page, { oa: 0x1_4005n, sizeLg2: 14, rights: "rwxd" });
  t.is(tables.walk(0x2_3000n).page?.oa, 0x1000n);
  t.is(tables.walk(bits(63, 19) | 0x2_3000n).page?.oa, 0x1000n);
  t.is(tables.walk(0x3_0000n).result, "MisalignedLeaf");
  for (const va of [bits(19), bits(32), bits(63), bits(63, 20), bits(31, 19), bits(63, 32)]) {
    t.is(tables.walk(va).result, "NotCanonical");
  }
  t.deepEqual(
    tables.sweep().map(({ what, va }) => [what, va]),
    [
      ["table", 0n],
      ["table", 0n],
      ["leaf", 0x1_0000n],
      ["table", 0x2_0000n],
      ["table", 0x2_0000n],
      ["leaf", 0x2_3000n],
      ["leaf", 0x2_c000n],
      ["MisalignedLeaf", 0x3_0000n],
      // The table of level 2 a second time: announced, not entered.
      ["table", bits(63, 19)],
    ],
  );
});
