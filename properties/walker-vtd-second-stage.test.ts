/** The VT-d second-stage walker against tables assembled by hand from the specification's §9.8. */
import test from "ava";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const R = bits(0);
const W = bits(1);
const PS = bits(7);
const A = bits(8);
const D = bits(9);
const SNP = bits(11);
const leaf = R | W;
const pointer = R | W;

/** Tables of levels 0…4 stand at these addresses. */
const T = [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n];

const wide = configurationOf("vtd-second-stage", { vaWidthLg2: 57, oaWidthLg2: 52, topLevel: 4 });

/** A chain of tables from level 4 down to `level` through item 0, whose item 0 at `level` is the word. */
function chain(level: number, word: bigint, configuration = wide) {
  const tables = new HandMadeTables(configuration).root(T[4], 3);
  for (let n = 4; n > level; n--) tables.table(T[n], { 0: T[n - 1] | pointer });
  return tables.table(T[level], { 0: word });
}

test("AGAW 1, 2 and 3 walk three, four and five levels, and no other value is legal", (t) => {
  const tables = chain(0, leaf | 0x8_4020_1000n);
  const page = { oa: 0x8_4020_1abcn, sizeLg2: 12, rights: "rwx" };
  for (const agaw of [1, 2, 3]) {
    t.deepEqual(tables.root(T[agaw + 1], agaw).walk(0xabcn), { result: "Translated", level: 0, page });
    const reach = 30 + 9 * agaw;
    t.is(tables.walk(bits(reach - 1)).result, "NotPresent");
    for (let bit = reach; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical");
  }
  for (const agaw of [0, 4, 5]) t.is(tables.root(T[4], agaw).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[4] | 4n, 3).walk(0n).result, "IllegalRoot");
});

test("an input beyond the guest address width is refused below the walk's reach", (t) => {
  const tables = chain(0, leaf, { ...wide, vaWidthLg2: 39 }).root(T[3], 2);
  t.is(tables.walk(bits(38)).result, "NotPresent");
  t.is(tables.walk(bits(39)).result, "NotCanonical");
  tables.table(T[3], { 1: T[2] | pointer });
  t.deepEqual(
    tables.sweep().map(({ what, level }) => [what, level]),
    [
      ["table", 3],
      ["table", 2],
      ["table", 1],
      ["table", 0],
      ["leaf", 0],
    ],
  );
});

test("an item with R and W clear is empty whatever else it holds", (t) => {
  for (let level = 0; level <= 4; level++) {
    t.deepEqual(chain(level, bits(63, 2)).walk(0n), { result: "NotPresent", level });
  }
});

test("every single bit of a smallest leaf means what the manual's table says", (t) => {
  const table = "10:2 Translated, 11 ReservedBit, 61:12 Translated, 62 ReservedBit, 63 Translated";
  for (const { bit, result } of bitTable(table)) {
    const seen = chain(0, leaf | bits(bit)).walk(0xfffn);
    t.is(seen.result, result, `bit ${bit}`);
    if (seen.page !== undefined) t.is(seen.page.oa, (bits(bit) & bits(51, 12)) | 0xfffn, `bit ${bit}`);
  }
});

test("every single bit of a large leaf means what the manual's table says", (t) => {
  const common = "10:2 Translated, 11 ReservedBit, 61:30 Translated, 62 ReservedBit, 63 Translated";
  for (const { bit, result } of bitTable(`${common}, 20:12 MisalignedLeaf, 29:21 Translated`)) {
    t.is(chain(1, leaf | PS | bits(bit)).walk(0n).result, result, `2 MiB, bit ${bit}`);
  }
  for (const { bit, result } of bitTable(`${common}, 29:12 MisalignedLeaf`)) {
    t.is(chain(2, leaf | PS | bits(bit)).walk(0n).result, result, `1 GiB, bit ${bit}`);
  }
});

test("every single bit of a pointer means what the manual's table says", (t) => {
  const table =
    "6:2 Translated, 10:8 Translated, 11 ReservedBit, 51:15 OutsideMemory, 61:52 Translated, 62 ReservedBit, 63 Translated";
  for (const forceCoherence of [false, true]) {
    for (const { bit, result } of bitTable(table)) {
      const tables = chain(0, leaf, { ...wide, forceCoherence }).table(T[2], {
        0: T[1] | pointer | bits(bit),
      });
      t.is(tables.walk(0n).result, result, `bit ${bit}`);
    }
  }
});

test("PS makes a leaf at levels 1 and 2, is ignored at level 0 and reserved above", (t) => {
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
      page: { oa: page | offset, sizeLg2, rights: "rwx" },
    });
  }
  for (const level of [3, 4]) t.deepEqual(chain(level, leaf | PS).walk(0n), { result: "ReservedBit", level });
});

test("PS is reserved where the large size is not among the domain's", (t) => {
  const only = (sizes: bigint) => ({ ...wide, pageSizes: sizes });
  t.is(chain(1, leaf | PS, only(bits(12) | bits(30))).walk(0n).result, "ReservedBit");
  t.is(chain(2, leaf | PS, only(bits(12) | bits(30))).walk(0n).page?.sizeLg2, 30);
  t.is(chain(2, leaf | PS, only(bits(12) | bits(21))).walk(0n).result, "ReservedBit");
  t.is(chain(1, leaf | PS, only(bits(12) | bits(21))).walk(0n).page?.sizeLg2, 21);
  t.is(chain(0, leaf, only(bits(21))).walk(0n).page?.sizeLg2, 12);
});

test("SNP is legal in leaves where coherence is forced", (t) => {
  const snooping = { ...wide, forceCoherence: true };
  t.is(chain(0, leaf | SNP, snooping).walk(0n).result, "Translated");
  t.is(chain(0, leaf, snooping).walk(0n).result, "Translated");
  t.is(chain(2, leaf | PS | SNP, snooping).walk(0n).result, "Translated");
});

test("a leaf's address bits from the host width up are reserved; a table may lie there", (t) => {
  const narrow = { ...wide, oaWidthLg2: 46 };
  for (const [level, ps] of [
    [0, 0n],
    [1, PS],
    [2, PS],
  ] as const) {
    for (const { bit, result } of bitTable("45:30 Translated, 51:46 ReservedBit, 61:52 Translated")) {
      t.is(chain(level, leaf | ps | bits(bit), narrow).walk(0n).result, result, `level ${level} bit ${bit}`);
    }
  }
  const high = bits(46) | 0x3000n;
  t.is(
    chain(1, high | pointer, narrow)
      .table(high, { 0: leaf | 0x5000n })
      .walk(0n).page?.oa,
    0x5000n,
  );
});

test("permissions are ANDed down the walk", (t) => {
  for (const [upper, lower, rights] of [
    [R | W, R, "rx"],
    [R | W, W, "w"],
    [R, R | W, "rx"],
    [W, R | W, "w"],
    [R, W, ""],
  ] as const) {
    t.is(
      chain(0, lower)
        .table(T[3], { 0: T[2] | upper })
        .walk(0n).page?.rights,
      rights,
    );
  }
});

test("dirty is bit 9, and a device's write sets accessed and dirty in the leaf that it hits", (t) => {
  t.is(chain(0, leaf | D).walk(0n).page?.rights, "rwxd");
  t.is(chain(0, leaf | bits(6) | A).walk(0n).page?.rights, "rwx");
  const tables = chain(1, leaf | PS).table(T[1], { 1: R | PS });
  t.true(tables.deviceWrite(0x12_3456n));
  t.is(tables.item(T[1]), leaf | PS | A | D);
  t.is(tables.item(T[2]), T[1] | pointer);
  t.false(tables.deviceWrite(bits(21)));
  t.is(tables.item(T[1] + 8n), R | PS);
});

test("a tiny geometry keeps the rules with its own number of items", (t) => {
  const tiny = {
    ...wide,
    vaWidthLg2: 18,
    pageSizes: bits(12) | bits(14),
    tiny: { tableBitsLg2: 2, contiguousLg2: 0 },
  };
  const tables = new HandMadeTables(tiny)
    .root(T[2], 1)
    .table(T[2], { 1: T[1] | pointer, 2: leaf | PS })
    .table(T[1], { 3: leaf | PS | 0x1_4000n, 2: T[0] | pointer, 1: leaf | PS | 0x1000n })
    .table(T[0], { 3: leaf | 0x1000n, 4: leaf });
  t.deepEqual(tables.walk(0x1_c005n).page, { oa: 0x1_4005n, sizeLg2: 14, rights: "rwx" });
  t.is(tables.walk(0x1_b000n).page?.oa, 0x1000n);
  t.is(tables.walk(0x1_4000n).result, "MisalignedLeaf");
  t.is(tables.walk(0x2_0000n).result, "ReservedBit");
  t.is(tables.walk(0x4_0000n).result, "NotCanonical");
  t.deepEqual(
    tables.sweep().map(({ what, va }) => [what, va]),
    [
      ["table", 0n],
      ["table", 0x1_0000n],
      ["MisalignedLeaf", 0x1_4000n],
      ["table", 0x1_8000n],
      ["leaf", 0x1_b000n],
      ["leaf", 0x1_c000n],
      ["ReservedBit", 0x2_0000n],
    ],
  );
});
