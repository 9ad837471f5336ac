/**
 * The walkers of three-level x86 tables against tables assembled by hand: the 39-bit one, with the items of AMD64
 * APM vol. 2 §5.3, and legacy 32-bit PAE, from Intel SDM vol. 3 §4.4 (tables 4-7 to 4-11).
 */
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

/** Tables of levels 0…2 stand at these addresses; legacy PAE's level 2 at 32 bytes. */
const T = [0x1000n, 0x2000n, 0x3000n];
const PDPT = 0x7fe0n;

const pae = configurationOf("x86-pae", { vaWidthLg2: 39, oaWidthLg2: 52, topLevel: 2 });
const pae32 = configurationOf("x86-pae32", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 });

/** The 39-bit tables from the top down to `level` through item 0, whose item 0 at `level` is the word. */
function chain(level: number, word: bigint, configuration = pae) {
  const tables = new HandMadeTables(configuration).root(T[2], 3);
  for (let n = 2; n > level; n--) tables.table(T[n], { 0: T[n - 1] | pointer });
  return tables.table(T[level], { 0: word });
}

/** The same of legacy PAE: a PDPTE has P and an address only. */
function chain32(level: number, word: bigint, configuration = pae32) {
  const tables = new HandMadeTables(configuration).root(PDPT, 3);
  tables.table(PDPT, { 0: level === 2 ? word : T[1] | P }, 32);
  if (level < 1) tables.table(T[1], { 0: T[0] | pointer });
  return level < 2 ? tables.table(T[level], { 0: word }) : tables.table(T[1], {});
}

test("39 bits: three levels are walked, and no other number", (t) => {
  const tables = chain(0, leaf | 0x8_4020_1000n);
  const page = { oa: 0x8_4020_1abcn, sizeLg2: 12, rights: "rwxd" };
  t.deepEqual(tables.walk(0xabcn), { result: "Translated", level: 0, page });
  for (const mode of [0, 1, 2, 4, 5, 6]) t.is(tables.root(T[2], mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[2] | 0x20n, 3).walk(0n).result, "IllegalRoot");
  const fourLevels = configurationOf("x86-64", { vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 3 });
  t.is(chain(0, leaf, fourLevels).walk(0n).result, "IllegalRoot");
});

test("39 bits: each level takes its own nine bits, and nothing lies above them", (t) => {
  const va = 0x53_9d17_6c2bn;
  const index = (level: number) => Number((va >> BigInt(12 + 9 * level)) & 511n);
  const tables = new HandMadeTables(pae)
    .root(T[2], 3)
    .table(T[2], { [index(2)]: T[1] | pointer })
    .table(T[1], { [index(1)]: T[0] | pointer })
    .table(T[0], { [index(0)]: leaf | 0x7000n });
  t.is(tables.walk(va).page?.oa, 0x7c2bn);
  for (let bit = 12n; bit < 39n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotPresent");
  for (let bit = 39n; bit < 64n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotCanonical");
});

test("39 bits: sign-extended from bit 38, if the domain says so", (t) => {
  const tables = new HandMadeTables({ ...pae, signExtended: true })
    .root(T[2], 3)
    .table(T[2], { 256: leaf | PS });
  t.is(tables.walk(bits(63, 38) | 5n).page?.oa, 5n);
  t.is(tables.walk(bits(38)).result, "NotCanonical");
  t.is(tables.walk(bits(63, 39)).result, "NotCanonical");
});

test("39 bits: leaves stand at every level, also in the root, and must be aligned", (t) => {
  for (const [level, sizeLg2, ps] of [
    [0, 12, 0n],
    [1, 21, PS],
    [2, 30, PS],
  ] as const) {
    const offset = bits(sizeLg2 - 1, 0);
    t.deepEqual(chain(level, leaf | ps | bits(51)).walk(offset), {
      result: "Translated",
      level,
      page: { oa: bits(51) | offset, sizeLg2, rights: "rwxd" },
    });
    for (let bit = 12; bit < sizeLg2; bit++)
      t.is(
        chain(level, leaf | ps | bits(bit)).walk(0n).result,
        "MisalignedLeaf",
        `level ${level} bit ${bit}`,
      );
  }
});

test("39 bits: every single bit of an item means what it means in long mode", (t) => {
  const pointers = "6:3 Translated, 11:8 Translated, 51:14 OutsideMemory, 63:52 Translated";
  for (const { bit, result } of bitTable(pointers)) {
    const tables = chain(0, leaf).table(T[1], { 0: T[0] | pointer | bits(bit) });
    t.is(tables.walk(0n).result, result, `pointer, bit ${bit}`);
  }
  const narrow = { ...pae, oaWidthLg2: 40 };
  for (const { bit, result } of bitTable(
    "11:3 Translated, 39:12 Translated, 51:40 ReservedBit, 62:52 Translated",
  ))
    t.is(chain(0, leaf | bits(bit), narrow).walk(0n).result, result, `leaf, bit ${bit}`);
  t.is(chain(0, leaf | XD).walk(0n).page?.rights, "rwd");
});

test("32-bit PAE: CR3 is 32-byte aligned below 4 GiB, and three levels are walked", (t) => {
  const tables = chain32(0, leaf | 0x84_4020_1000n);
  const page = { oa: 0x84_4020_1abcn, sizeLg2: 12, rights: "rwxd" };
  t.deepEqual(tables.walk(0xabcn), { result: "Translated", level: 0, page });
  for (const mode of [0, 1, 2, 4, 5]) t.is(tables.root(PDPT, mode).walk(0n).result, "IllegalRoot");
  for (let bit = 0; bit < 5; bit++) t.is(tables.root(PDPT | bits(bit), 3).walk(0n).result, "IllegalRoot");
  t.is(tables.root(PDPT | bits(32), 3).walk(0n).result, "IllegalRoot");
  t.is(tables.root(PDPT | bits(31), 3).walk(0n).result, "OutsideMemory");
});

test("32-bit PAE: bits 31:30 select one of four PDPTEs, each level below takes nine bits", (t) => {
  const va = 0xa53d_9c2bn;
  const tables = new HandMadeTables(pae32)
    .root(PDPT, 3)
    .table(PDPT, { 2: T[1] | P }, 32)
    .table(T[1], { [Number((va >> 21n) & 511n)]: T[0] | pointer })
    .table(T[0], { [Number((va >> 12n) & 511n)]: leaf | 0x7000n });
  t.is(tables.walk(va).page?.oa, 0x7c2bn);
  for (let bit = 12n; bit < 32n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotPresent");
  for (let bit = 32n; bit < 64n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotCanonical");
});

test("32-bit PAE: an item without P ends the walk whatever else it holds", (t) => {
  for (let level = 0; level <= 2; level++)
    t.deepEqual(chain32(level, bits(63, 1)).walk(0n), { result: "NotPresent", level });
});

test("32-bit PAE: every single bit of a PDPTE means what the manual's table says", (t) => {
  const table =
    "2:1 ReservedBit, 4:3 NotPresent, 8:5 ReservedBit, 11:9 NotPresent, 39:14 OutsideMemory, 63:40 ReservedBit";
  for (const { bit, result } of bitTable(table))
    t.is(chain32(2, T[1] | P | bits(bit)).walk(0n).result, result, `bit ${bit}`);
});

test("32-bit PAE: every single bit of a pointer to a table means what the manual's table says", (t) => {
  const table = "4:3 Translated, 6:5 Translated, 11:8 Translated, 39:13 OutsideMemory, 63:40 ReservedBit";
  for (const { bit, result } of bitTable(table)) {
    const tables = chain32(0, leaf).table(T[1], { 0: (T[0] | P | RW | US) ^ bits(bit) });
    t.is(tables.walk(0n).result, result, `bit ${bit}`);
  }
});

test("32-bit PAE: every single bit of a leaf means what the manual's table says", (t) => {
  for (const { bit, result } of bitTable("11:3 Translated, 39:12 Translated, 63:40 ReservedBit")) {
    const seen = chain32(0, leaf | bits(bit)).walk(0xfffn);
    t.is(seen.result, result, `4 KiB, bit ${bit}`);
    if (seen.page !== undefined) t.is(seen.page.oa, (bits(bit) & bits(39, 12)) | 0xfffn, `bit ${bit}`);
  }
  const large = "6:3 Translated, 11:8 Translated, 20:12 MisalignedLeaf, 39:21 Translated, 63:40 ReservedBit";
  for (const { bit, result } of bitTable(large))
    t.is(chain32(1, leaf | PS | bits(bit)).walk(0n).result, result, `2 MiB, bit ${bit}`);
});

test("32-bit PAE: PS makes a leaf of 2 MiB at level 1, is PAT at level 0 and reserved in a PDPTE", (t) => {
  const page = { oa: bits(39) | bits(20, 0), sizeLg2: 21, rights: "rwxd" };
  t.deepEqual(chain32(1, leaf | PS | bits(39)).walk(bits(20, 0)), { result: "Translated", level: 1, page });
  t.is(chain32(0, leaf | PS).walk(0n).page?.sizeLg2, 12);
  t.deepEqual(chain32(2, P | PS).walk(0n), { result: "ReservedBit", level: 2 });
});

test("32-bit PAE: with less than 32 bits of output addresses tables may still be anywhere below 4 GiB", (t) => {
  const narrow = { ...pae32, oaWidthLg2: 30 };
  const high = bits(31) | 0x4000n;
  const tables = chain32(1, high | pointer, narrow).table(high, {
    0: leaf | bits(29, 12),
    1: leaf | bits(30),
  });
  t.is(tables.walk(0n).page?.oa, bits(29, 12));
  t.is(tables.walk(0x1000n).result, "ReservedBit");
  t.is(chain32(1, high | bits(32) | pointer, narrow).walk(0n).result, "ReservedBit");
});

test("32-bit PAE: R/W and U/S are ANDed from the directory on, a PDPTE has neither", (t) => {
  for (const [upper, lower, rights] of [
    [P | RW | US, P | RW | US, "rwx"],
    [P | RW | US, P | US, "rx"],
    [P | US, P | RW | US, "rx"],
    [P | RW, P | RW | US, ""],
    [P | RW | US, P | RW, ""],
  ] as const) {
    const tables = chain32(0, lower).table(T[1], { 0: T[0] | upper });
    t.is(tables.walk(0n).page?.rights, rights);
  }
});

test("32-bit PAE: a sweep visits four PDPTEs and no more", (t) => {
  const tables = new HandMadeTables(pae32)
    .root(0x7000n, 3)
    .table(0x7000n, { 0: T[1] | P, 3: T[1] | P, 4: T[1] | P })
    .table(T[1], { 511: leaf | PS });
  t.deepEqual(
    tables.sweep().map(({ what, level, va }) => [what, level, va]),
    [
      ["table", 2, 0n],
      ["table", 1, 0n],
      ["leaf", 1, 0x3fe0_0000n],
      ["table", 1, 0xc000_0000n],
    ],
  );
});

test("32-bit PAE: a device's write sets accessed and dirty in the leaf that it hits, if it may write", (t) => {
  const tables = chain32(0, P | RW | US).table(T[0], { 1: P | US });
  t.true(tables.deviceWrite(0x123n));
  t.is(tables.item(T[0]), P | RW | US | A | D);
  t.false(tables.deviceWrite(0x1000n));
  t.is(tables.item(T[0] + 8n), P | US);
});

test("tiny geometries keep the rules with their own number of items", (t) => {
  const tiny = { tableBitsLg2: 2, contiguousLg2: 0 };
  const small = new HandMadeTables({ ...pae, vaWidthLg2: 18, tiny })
    .root(T[2], 3)
    .table(T[2], { 3: leaf | PS | 0x3_0000n, 4: leaf | PS });
  t.deepEqual(small.walk(0x3_4567n).page, { oa: 0x3_4567n, sizeLg2: 16, rights: "rwxd" });
  t.is(small.walk(bits(18)).result, "NotCanonical");
  const small32 = new HandMadeTables({ ...pae32, vaWidthLg2: 17, tiny })
    .root(PDPT, 3)
    .table(PDPT, { 1: T[1] | P, 2: T[1] | P }, 32)
    .table(T[1], { 3: leaf | PS | 0x4000n });
  t.deepEqual(small32.walk(0x1_c123n).page, { oa: 0x4123n, sizeLg2: 14, rights: "rwxd" });
  t.is(small32.walk(bits(17) | 0xc000n).result, "NotCanonical");
});
