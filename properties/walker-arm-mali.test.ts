/** Mali's tables, as deployed drivers write them: four levels of 4 KiB, leaves of type 01 at every level. */
import test from "ava";
import { bits, bitTable, HandMadeTables } from "./hand-made-tables.js";
import { chain, mali, T, TABLE } from "./walker-arm-tables.js";

const READ = bits(6);
const leaf = READ | 1n;
const wide = mali(48, 40);
const narrow = mali(36, 40);

test("four levels, and below 39 bits the root holds one item", (t) => {
  for (const one of [wide, narrow, mali(39, 40)]) {
    const tables = chain(one, 0, leaf | 0x5000n);
    const { vaWidthLg2 } = one.configuration;
    t.deepEqual(tables.walk(0xabcn).page, { oa: 0x5abcn, sizeLg2: 12, rights: "rx" });
    t.is(tables.walk(bits(vaWidthLg2 - 1)).result, "NotPresent");
    t.is(tables.walk(bits(vaWidthLg2)).result, "NotCanonical");
    for (const mode of [0, 1, 2, 4, 64]) t.is(tables.root(T[3], mode).walk(0n).result, "IllegalRoot");
  }
  const at = 0x10_0040n;
  const tables = new HandMadeTables(narrow.configuration)
    .root(at, 3)
    .table(at, { 0: T[2] | TABLE, 1: leaf })
    .table(T[2], { 1: leaf | bits(31) });
  t.is(tables.walk(bits(30) | 1n).page?.oa, bits(31) | 1n);
  t.deepEqual(
    tables.sweep().map(({ what, level }) => [what, level]),
    [
      ["table", 3],
      ["table", 2],
      ["leaf", 2],
    ],
  );
});

test("the words that drivers write mean what was asked, at all levels", (t) => {
  for (const [word, rights] of [
    [0x241n, "rx"],
    [0x281n, "w"],
    [0x2c1n, "rwx"],
    [0x245n, "rx"],
    [0x2c5n, "rwx"],
    [0x2c9n, "rwx"],
  ] as const) {
    for (const [level, sizeLg2] of [12, 21, 30].entries()) {
      const oa = bits(39) | bits(sizeLg2);
      const page = { oa, sizeLg2, rights };
      t.deepEqual(chain(wide, level, word | oa).walk(0n), { result: "Translated", level, page });
      const noExecute = { ...page, rights: rights.replace("x", "") };
      t.deepEqual(chain(wide, level, word | oa | bits(54, 53)).walk(0n).page, noExecute);
    }
  }
  t.is(chain(wide, 0, leaf | bits(53)).walk(0n).page?.rights, "rx");
  t.is(chain(wide, 0, leaf | bits(54)).walk(0n).page?.rights, "r");
});

test("every single bit of a leaf and of a table pointer", (t) => {
  for (const [level, table] of [
    [0, "4:2 Translated, 5 ReservedBit, 7:6 Translated, 8 ReservedBit, 10:9 Translated, 11 ReservedBit"],
    [0, "39:12 Translated, 47:40 AddressSize, 52:48 ReservedBit, 63:53 Translated"],
    [1, "15:12 MisalignedLeaf, 20:17 MisalignedLeaf, 39:21 Translated, 52:48 ReservedBit"],
    [2, "29:17 MisalignedLeaf, 39:30 Translated, 47:40 AddressSize"],
  ] as const) {
    for (const { bit, result } of bitTable(table)) {
      t.is(chain(wide, level, 1n | bits(bit)).walk(0n).result, result, `level ${level}, bit ${bit}`);
    }
  }
  const pointer =
    "11:2 Translated, 47:17 OutsideMemory, 51:48 ReservedBit, 58:52 Translated, 63:59 ReservedBit";
  for (const { bit, result } of bitTable(pointer)) {
    const tables = chain(wide, 0, leaf).table(T[1], { 0: T[0] | TABLE | bits(bit) });
    t.is(tables.walk(0n).result, result, `bit ${bit}`);
  }
});

test("a table item at the last level and a leaf in the root are illegal; nothing is ever dirty", (t) => {
  t.deepEqual(chain(wide, 0, 0x243n).walk(0n), { result: "IllegalLevel", level: 0 });
  t.deepEqual(chain(wide, 3, 0x241n).walk(0n), { result: "IllegalLevel", level: 3 });
  t.is(chain(wide, 1, bits(63, 1)).walk(0n).result, "NotPresent");
  const tables = chain(wide, 0, 0x2c1n);
  t.true(tables.deviceWrite(0n));
  t.is(tables.item(T[0]), 0x2c1n);
  t.false(chain(wide, 0, 0x241n).deviceWrite(0n));
});
