/** The AMDv1 walker against tables assembled by hand from the bit tables of specification 48882 §2.2.3. */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const PR = bits(0);
const D = bits(6);
const IR = bits(61);
const IW = bits(62);
const nextLevel = (n: bigint) => n << 9n;
const leaf = PR | IR | IW;
const pointer = (table: bigint, next: bigint) => table | PR | IR | IW | nextLevel(next);

/** Tables of our levels 0…5 stand at these addresses. */
const T = [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n, 0x6000n];

const wide = configurationOf("amdv1", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 5 });
const mock = configurationOf("amdv1-mock", { vaWidthLg2: 56, oaWidthLg2: 51, topLevel: 4 });

/** A chain of tables from `top` down to `level` through item 0, whose item `index` at `level` is the word. */
function chain(top: number, level: number, index: number, word: bigint, configuration: Configuration = wide) {
  const shift = configuration.format === "amdv1-mock" ? 1n : 0n;
  const tables = new HandMadeTables(configuration).root(T[top], top + 1);
  for (let n = top; n > level; n--) tables.table(T[n], { 0: pointer(T[n - 1] << shift, BigInt(n)) });
  return tables.table(T[level], { [index]: word });
}

test("every Mode from 1 to 6 walks that many levels", (t) => {
  for (let top = 0; top <= 5; top++) {
    const tables = chain(top, 0, 3, leaf | 0x8_4020_1000n);
    t.deepEqual(tables.walk(0x3abcn), {
      result: "Translated",
      level: 0,
      page: { oa: 0x8_4020_1abcn, sizeLg2: 12, rights: "rwx" },
    });
  }
});

test("Mode 0 and Mode 7 and a root that is not a page name no table", (t) => {
  const tables = chain(2, 0, 0, leaf);
  for (const mode of [0, 7, 8]) t.is(tables.root(T[2], mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[2] | 0x800n, 3).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[2] | bits(52), 3).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[2], 3).walk(0n).result, "Translated");
  t.is(new HandMadeTables(wide).walk(0n).result, "IllegalRoot");
});

test("each level takes its own nine bits, and level 5 the last seven", (t) => {
  const va = 0xa5f3_9d17_6c2b_4e01n;
  const index = (level: number) => Number((va >> BigInt(12 + 9 * level)) & 511n);
  const tables = new HandMadeTables(wide).root(T[5], 6);
  for (let n = 5; n > 0; n--) tables.table(T[n], { [index(n)]: pointer(T[n - 1], BigInt(n)) });
  tables.table(T[0], { [index(0)]: leaf | 0x7000n });
  t.true(index(5) < 128);
  t.deepEqual(tables.walk(va).page, { oa: 0x7e01n, sizeLg2: 12, rights: "rwx" });
  for (let bit = 12n; bit < 64n; bit++) t.not(tables.walk(va ^ (1n << bit)).result, "Translated");
});

test("input bits above the Mode's reach, or above the domain's width, are refused", (t) => {
  const threeLevels = chain(2, 0, 0, leaf);
  t.is(threeLevels.walk(bits(38)).result, "NotPresent");
  for (const bit of [39, 47, 63]) t.is(threeLevels.walk(bits(bit)).result, "NotCanonical");
  const narrow = chain(3, 0, 0, leaf, { ...wide, vaWidthLg2: 40 });
  t.is(narrow.walk(bits(39)).result, "NotPresent");
  t.is(narrow.walk(bits(40)).result, "NotCanonical");
});

test("an item without PR ends the walk whatever else it holds", (t) => {
  for (let level = 0; level <= 5; level++) {
    const seen = chain(5, level, 0, bits(63, 1)).walk(0n);
    t.deepEqual(seen, { result: "NotPresent", level });
  }
});

test("every single bit of a leaf means what the manual's table says", (t) => {
  const table =
    "4:1 Translated, 6:5 Translated, 8:7 Translated, 51:12 Translated, 58:52 ReservedBit, 63:59 Translated";
  for (const { bit, result } of bitTable(table)) {
    const seen = chain(2, 0, 0, leaf | bits(bit)).walk(0xfffn);
    t.is(seen.result, result, `bit ${bit}`);
    if (seen.page !== undefined) t.is(seen.page.oa, (bits(bit) & bits(51, 12)) | 0xfffn, `bit ${bit}`);
  }
});

test("every single bit of a pointer means what the manual's table says", (t) => {
  const table = "8:1 Translated, 60:52 ReservedBit, 63:61 Translated, 51:15 OutsideMemory";
  for (const { bit, result } of bitTable(table)) {
    const tables = chain(2, 0, 0, leaf).table(T[1], { 0: pointer(T[0], 1n) | bits(bit) });
    t.is(tables.walk(0n).result, result, `bit ${bit}`);
  }
});

test("read and write are ANDed down the walk, and a page without either is still present", (t) => {
  for (const [upper, lower, rights] of [
    [IR | IW, IR, "rx"],
    [IR | IW, IW, "w"],
    [IR, IR | IW, "rx"],
    [IW, IR | IW, "w"],
    [IR, IW, ""],
    [0n, IR | IW, ""],
    [IR | IW, 0n, ""],
  ] as const) {
    const tables = chain(1, 0, 0, PR | lower).table(T[1], { 0: T[0] | PR | upper | nextLevel(1n) });
    t.deepEqual(tables.walk(0n).page, { oa: 0n, sizeLg2: 12, rights });
  }
});

test("a leaf with NextLevel 0 has its level's size, at levels 0 to 4 only", (t) => {
  for (let level = 0; level <= 4; level++) {
    const sizeLg2 = 12 + 9 * level;
    const page = bits(51) | bits(sizeLg2);
    const offset = bits(sizeLg2 - 1, 0);
    t.deepEqual(chain(5, level, 1, leaf | page).walk(bits(sizeLg2) | offset), {
      result: "Translated",
      level,
      page: { oa: page | offset, sizeLg2, rights: "rwx" },
    });
  }
  t.is(chain(5, 5, 0, leaf).walk(0n).result, "IllegalLevel");
  t.is(chain(5, 5, 0, leaf | nextLevel(7n)).walk(0n).result, "IllegalLevel");
});

test("a leaf with NextLevel 0 that is not aligned to its size faults", (t) => {
  for (let level = 1; level <= 4; level++) {
    for (let bit = 12; bit < 12 + 9 * level; bit++) {
      t.is(
        chain(4, level, 0, leaf | bits(bit)).walk(0n).result,
        "MisalignedLeaf",
        `level ${level} bit ${bit}`,
      );
    }
  }
});

/** NextLevel 7: address bits s−2…12 are 1, bit s−1 is 0. */
const sizeCode = (sizeLg2: number) => (sizeLg2 > 13 ? bits(sizeLg2 - 2, 12) : 0n) | nextLevel(7n);

test("NextLevel 7 encodes every size between a level's own and the next level's, and no other", (t) => {
  for (let level = 0; level <= 4; level++) {
    for (let sizeLg2 = 13; sizeLg2 <= 53; sizeLg2++) {
      const legal = sizeLg2 > 12 + 9 * level && sizeLg2 < 21 + 9 * level && sizeLg2 <= 51;
      const page = sizeLg2 <= 51 ? bits(51, sizeLg2) : 0n;
      const seen = chain(4, level, 0, leaf | page | sizeCode(sizeLg2)).walk(0xabcn);
      const label = `level ${level} size 2^${sizeLg2}`;
      if (legal) t.deepEqual(seen.page, { oa: page | 0xabcn, sizeLg2, rights: "rwx" }, label);
      else t.is(seen.result, "IllegalSize", label);
    }
  }
});

test("the items of a large entry are identical, and the offset comes from the input address", (t) => {
  const word = leaf | 0x8_4020_0000n | sizeCode(15);
  const tables = chain(0, 0, 8, word);
  for (let i = 0; i < 8; i++) {
    tables.table(T[0], { [8 + i]: word });
    t.is(tables.walk(0x8000n + BigInt(i) * 0x1000n + 5n).page?.oa, 0x8_4020_0005n + BigInt(i) * 0x1000n);
  }
  t.is(tables.sweep().filter((item) => item.what === "leaf" && item.sizeLg2 === 15).length, 8);
});

test("a pointer leads to a lower level or faults", (t) => {
  for (let level = 0; level <= 5; level++) {
    for (let next = 1; next <= 6; next++) {
      const tables = chain(5, level, 0, pointer(0x9000n, BigInt(next))).table(0x9000n, {});
      t.is(
        tables.walk(0n).result,
        next <= level ? "NotPresent" : "IllegalLevel",
        `level ${level} next ${next}`,
      );
    }
  }
});

test("a skip is legal where the skipped input bits are 0, and faults elsewhere", (t) => {
  // Level 4 points to a table of level 1 (NextLevel 2): the indices of levels 3 and 2 are skipped.
  const tables = new HandMadeTables(wide)
    .root(T[4], 5)
    .table(T[4], { 5: pointer(T[1], 2n) })
    .table(T[1], { 7: leaf | 0x4000_0000n });
  const va = (5n << 48n) | (7n << 21n) | 0x1234n;
  t.deepEqual(tables.walk(va), {
    result: "Translated",
    level: 1,
    page: { oa: 0x4000_1234n, sizeLg2: 21, rights: "rwx" },
  });
  for (let bit = 30; bit < 48; bit++) t.is(tables.walk(va | bits(bit)).result, "IllegalSkip", `bit ${bit}`);
  t.deepEqual(
    tables.sweep().map(({ what, level, va }) => [what, level, va]),
    [
      ["table", 4, 0n],
      ["table", 1, 5n << 48n],
      ["leaf", 1, (5n << 48n) | (7n << 21n)],
    ],
  );
});

test("a pointer or a root outside the memory faults, and the last item read is named", (t) => {
  const tables = chain(2, 1, 0, pointer(0x77_0000_0000n, 1n));
  t.deepEqual(tables.walk(0n), { result: "OutsideMemory", level: 1 });
  t.is(tables.walker.itemLow, Number(T[1]));
  t.is(tables.sweep().at(-1)?.what, "OutsideMemory");
  t.is(tables.root(0x5000_0000n, 3).walk(0n).result, "OutsideMemory");
  t.deepEqual(
    tables.sweep().map((item) => item.what),
    ["OutsideMemory"],
  );
});

test("the dirty bit is the hit item's own, and a device's write sets accessed and dirty there", (t) => {
  const word = leaf | sizeCode(13);
  const tables = chain(1, 0, 0, word).table(T[0], { 1: word });
  t.is(tables.walk(0x1000n).page?.rights, "rwx");
  t.true(tables.deviceWrite(0x1abcn));
  t.true(tables.walker.dirty);
  t.is(tables.item(T[0] + 8n), word | bits(6, 5));
  t.is(tables.item(T[0]), word);
  t.is(tables.item(T[1]), pointer(T[0], 1n));
  t.is(tables.walk(0x1000n).page?.rights, "rwxd");
  t.is(tables.walk(0n).page?.rights, "rwx");
});

test("a write that is not permitted changes nothing", (t) => {
  const readOnly = chain(1, 0, 0, PR | IR);
  t.false(readOnly.deviceWrite(0n));
  t.is(readOnly.item(T[0]), PR | IR);
  t.false(readOnly.deviceWrite(0x1000n));
  t.false(readOnly.deviceWrite(bits(63)));
});

test("the encryption bit comes off pointers, the root, and pages that are not larger than it", (t) => {
  const c = 47;
  const encrypted = { ...wide, encryptionBit: c };
  const C = bits(c);
  const tables = new HandMadeTables(encrypted)
    .root(T[2] | C, 3)
    .table(T[2], { 0: pointer(T[1] | C, 2n) })
    .table(T[1], { 0: pointer(T[0] | C, 1n), 1: leaf | C | 0x4000_0000n, 2: leaf | C | sizeCode(24) })
    .table(T[0], { 0: leaf | C | 0x5000n, 1: leaf | 0x6000n });
  t.is(tables.walk(0n).page?.oa, 0x5000n);
  t.is(tables.walk(0x1000n).page?.oa, 0x6000n);
  t.is(tables.walk(0x20_0000n).page?.oa, 0x4000_0000n);
  t.deepEqual(tables.walk(0x40_0000n).page, { oa: 0x40_0000n, sizeLg2: 24, rights: "rwx" });
});

test("an encryption bit below the page size is read as part of the size code or as misalignment", (t) => {
  const encrypted = { ...wide, encryptionBit: 47 };
  // Of a 2^48 page with NextLevel 0 the bit breaks the alignment.
  t.is(chain(4, 4, 0, leaf | bits(47), encrypted).walk(0n).result, "MisalignedLeaf");
  // Bits 46…12 set and bit 47 clear mean 2^48, which level 4 does not encode so; with the bit set it is 2^49.
  t.is(chain(4, 4, 0, leaf | sizeCode(48), encrypted).walk(0n).result, "IllegalSize");
  const swallowed = chain(4, 4, 0, leaf | sizeCode(48) | bits(47), encrypted).walk(0n);
  t.is(swallowed.page?.sizeLg2, 49);
  // At exactly 2^47 the bit stands above the size code and comes off.
  const exact = chain(4, 3, 0, leaf | sizeCode(47) | bits(47), encrypted).walk(0n);
  t.deepEqual(exact.page, { oa: 0n, sizeLg2: 47, rights: "rwx" });
});

test("the 2 KiB variant: addresses count 2 KiB, tables are 4 KiB, bits stay in place", (t) => {
  const page = 0x8_4020_1800n;
  const small = chain(4, 0, 5, leaf | (page << 1n), mock);
  t.deepEqual(small.walk(5n * 0x800n + 0x123n), {
    result: "Translated",
    level: 0,
    page: { oa: page + 0x123n, sizeLg2: 11, rights: "rwx" },
  });
  t.is(chain(4, 0, 0, leaf | bits(51), mock).walk(0n).page?.oa, bits(50));
  for (let level = 0; level <= 4; level++) {
    const sizeLg2 = 11 + 9 * level;
    t.is(chain(4, level, 0, leaf | (bits(50) << 1n), mock).walk(0n).page?.sizeLg2, sizeLg2);
    if (level > 0) t.is(chain(4, level, 0, leaf | bits(sizeLg2), mock).walk(0n).result, "MisalignedLeaf");
  }
  t.is(small.root(T[4], 6).walk(0n).result, "IllegalRoot");
  const unaligned = chain(1, 1, 0, pointer((T[0] + 0x800n) << 1n, 1n), mock).table(T[0], {});
  t.is(unaligned.walk(0n).result, "ReservedBit");
});

test("the 2 KiB variant: size 2^s sets word bits s−1…12 and clears bit s", (t) => {
  for (let level = 0; level <= 4; level++) {
    for (let sizeLg2 = 12; sizeLg2 <= 52; sizeLg2++) {
      const legal = sizeLg2 > 11 + 9 * level && sizeLg2 < 20 + 9 * level && sizeLg2 <= 50;
      const code = (sizeLg2 > 12 ? bits(sizeLg2 - 1, 12) : 0n) | nextLevel(7n);
      const page = sizeLg2 <= 50 ? bits(50, sizeLg2) : 0n;
      const seen = chain(4, level, 0, leaf | (page << 1n) | code, mock).walk(0n);
      const label = `level ${level} size 2^${sizeLg2}`;
      if (legal) t.deepEqual(seen.page, { oa: page, sizeLg2, rights: "rwx" }, label);
      else t.is(seen.result, "IllegalSize", label);
    }
  }
});

test("a tiny geometry keeps the rules with its own number of items", (t) => {
  const tiny = { ...wide, vaWidthLg2: 18, tiny: { tableBitsLg2: 2, contiguousLg2: 1 } };
  const tables = new HandMadeTables(tiny)
    .root(T[2], 3)
    .table(T[2], { 3: pointer(T[1], 2n), 1: leaf | bits(17, 16) })
    .table(T[1], {
      2: pointer(T[0], 1n),
      0: leaf | sizeCode(15),
      1: leaf | sizeCode(15),
      3: leaf | sizeCode(16),
    })
    .table(T[0], { 1: leaf | 0x9000n | D, 4: leaf });
  t.deepEqual(tables.walk(0x39_001n).page, { oa: 0x9001n, sizeLg2: 12, rights: "rwxd" });
  t.deepEqual(tables.walk(0x1_5678n).page, { oa: 0x3_5678n, sizeLg2: 16, rights: "rwx" });
  t.deepEqual(tables.walk(0x3_4001n).page, { oa: 0x4001n, sizeLg2: 15, rights: "rwx" });
  t.is(tables.walk(0x3_c000n).result, "IllegalSize");
  t.is(tables.walk(0x4_0000n).result, "NotCanonical");
  t.deepEqual(
    tables.sweep().map(({ what, va }) => [what, va]),
    [
      ["table", 0n],
      ["leaf", 0x1_0000n],
      ["table", 0x3_0000n],
      ["leaf", 0x3_0000n],
      ["leaf", 0x3_4000n],
      ["table", 0x3_8000n],
      ["leaf", 0x3_9000n],
      ["IllegalSize", 0x3_c000n],
    ],
  );
});

test("a sweep reaches both ends of 64 bits and reports what is illegal", (t) => {
  const tables = new HandMadeTables(wide).root(T[5], 6);
  for (let n = 5; n > 0; n--) {
    tables.table(T[n], { [n === 5 ? 127 : 511]: pointer(T[n - 1], BigInt(n)) });
  }
  tables.table(T[0], { 511: leaf | 0x3000n, 0: leaf | bits(52) }).table(T[5], { 0: leaf, 200: leaf });
  t.deepEqual(
    tables.sweep().map(({ what, level, va }) => [what, level, va]),
    [
      ["table", 5, 0n],
      ["IllegalLevel", 5, 0n],
      ["table", 4, bits(63, 57)],
      ["table", 3, bits(63, 48)],
      ["table", 2, bits(63, 39)],
      ["table", 1, bits(63, 30)],
      ["table", 0, bits(63, 21)],
      ["ReservedBit", 0, bits(63, 21)],
      ["leaf", 0, bits(63, 12)],
    ],
  );
});
