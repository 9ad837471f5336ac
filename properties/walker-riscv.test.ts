/** The RISC-V walker against tables assembled by hand from the Privileged Architecture's Sv32/39/48/57. */
import test from "ava";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const V = bits(0);
const R = bits(1);
const W = bits(2);
const X = bits(3);
const U = bits(4);
const A = bits(6);
const D = bits(7);
const N = bits(63);
const leaf = V | R | W | X | U | A | D;
/** The page number of an address, in its place in an item. */
const ppn = (address: bigint) => (address >> 12n) << 10n;

/** Tables of levels 0…4 stand at these addresses. */
const T = [0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n];
const pointer = (level: number) => ppn(T[level]) | V;

const sv57 = configurationOf("riscv64", {
  vaWidthLg2: 57,
  oaWidthLg2: 56,
  topLevel: 4,
  signExtended: true,
  svnapot: true,
});
const sv32 = configurationOf("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 });

/** A chain of tables from level 4 down to `level` through item 0, whose item 0 at `level` is the word. */
function chain(level: number, word: bigint, configuration = sv57, options = {}) {
  const tables = new HandMadeTables(configuration, options).root(T[4], 10);
  for (let n = 4; n > level; n--) tables.table(T[n], { 0: pointer(n - 1) });
  return tables.table(T[level], { 0: word });
}

test("MODE 8, 9 and 10 are Sv39, Sv48 and Sv57, and no other value is legal", (t) => {
  const tables = chain(0, leaf | ppn(0xa7_1445_dead_b000n));
  const page = { oa: 0xa7_1445_dead_babcn, sizeLg2: 12, rights: "rwxd" };
  for (const mode of [8, 9, 10]) {
    t.deepEqual(tables.root(T[mode - 6], mode).walk(0xabcn), { result: "Translated", level: 0, page });
  }
  for (const mode of [0, 1, 7, 11]) t.is(tables.root(T[4], mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[4] | 4n, 10).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[4] | bits(56), 10).walk(0n).result, "IllegalRoot");
  t.is(tables.root(T[4] | bits(55), 10).walk(0n).result, "OutsideMemory");
});

test("the input is sign-extended from the width of its MODE, if the domain says so", (t) => {
  for (const [mode, width] of [
    [8, 39],
    [9, 48],
    [10, 57],
  ] as const) {
    const configuration = { ...sv57, vaWidthLg2: width };
    const items = { 0: leaf, 255: leaf, 256: leaf, 511: leaf };
    const signed = new HandMadeTables(configuration).root(T[4], mode).table(T[4], items);
    const offset = bits(width - 10, 0);
    const top = BigInt(width - 9);
    t.is(signed.walk((255n << top) | offset).page?.oa, offset);
    t.is(signed.walk(bits(63, width - 1)).page?.oa, 0n);
    t.is(signed.walk(bits(63, 0)).page?.oa, offset);
    t.is(signed.walk(bits(width - 1)).result, "NotCanonical");
    t.is(signed.walk(bits(63, width)).result, "NotCanonical");
    t.deepEqual(
      signed.sweep().map(({ what, va }) => [what, va]),
      [
        ["table", 0n],
        ["leaf", 0n],
        ["leaf", 255n << top],
        ["leaf", bits(63, width - 1)],
        ["leaf", bits(63, width - 9)],
      ],
    );
    const unsigned = new HandMadeTables({ ...configuration, signExtended: false })
      .root(T[4], mode)
      .table(T[4], items);
    t.is(unsigned.walk(bits(width - 1, 0)).page?.oa, offset);
    t.is(unsigned.walk(bits(width)).result, "NotCanonical");
    t.is(unsigned.walk(bits(63, width - 1)).result, "NotCanonical");
  }
});

test("an item without V ends the walk whatever else it holds", (t) => {
  for (let level = 0; level <= 4; level++) {
    t.deepEqual(chain(level, bits(63, 1)).walk(0n), { result: "NotPresent", level });
  }
});

test("every single bit of a smallest leaf means what the manual's table says", (t) => {
  const table =
    "5 Translated, 9:8 Translated, 53:10 Translated, 60:54 ReservedBit, 62:61 ReservedBit, 63 IllegalSize";
  for (const { bit, result } of bitTable(table)) {
    const seen = chain(0, leaf | bits(bit)).walk(0xfffn);
    t.is(seen.result, result, `bit ${bit}`);
    if (seen.page !== undefined)
      t.is(seen.page.oa, ((bits(bit) & bits(53, 10)) << 2n) | 0xfffn, `bit ${bit}`);
  }
  t.is(chain(0, leaf | bits(62, 61)).walk(0n).result, "ReservedBit");
});

test("every single bit of a pointer means what the manual's table says", (t) => {
  const table =
    "4 ReservedBit, 5 Translated, 7:6 ReservedBit, 9:8 Translated, 53:14 OutsideMemory, 60:54 ReservedBit, 62:61 ReservedBit, 63 ReservedBit";
  for (const svnapot of [false, true]) {
    for (const { bit, result } of bitTable(table)) {
      const tables = chain(0, leaf, { ...sv57, svnapot }).table(T[2], { 0: pointer(1) | bits(bit) });
      t.is(tables.walk(0n).result, result, `bit ${bit}`);
    }
  }
});

test("every level holds leaves, and a superpage must be aligned", (t) => {
  for (let level = 0; level <= 4; level++) {
    const sizeLg2 = 12 + 9 * level;
    const offset = bits(sizeLg2 - 1, 0);
    t.deepEqual(chain(level, leaf | ppn(bits(55))).walk(offset), {
      result: "Translated",
      level,
      page: { oa: bits(55) | offset, sizeLg2, rights: "rwxd" },
    });
    for (let bit = 12; bit < sizeLg2; bit++) {
      t.is(
        chain(level, leaf | ppn(bits(bit))).walk(0n).result,
        "MisalignedLeaf",
        `level ${level} bit ${bit}`,
      );
    }
  }
});

test("a pointer at level 0 has nothing to point to", (t) => {
  t.deepEqual(chain(0, pointer(1)).walk(0n), { result: "IllegalLevel", level: 0 });
});

test("each of the eight permission encodings means what the manual's table says", (t) => {
  const legal = V | U | A | D;
  t.is(chain(0, legal | R).walk(0n).page?.rights, "rd");
  t.is(chain(0, legal | R | W).walk(0n).page?.rights, "rwd");
  t.is(chain(0, legal | X).walk(0n).page?.rights, "xd");
  t.is(chain(0, legal | R | X).walk(0n).page?.rights, "rxd");
  t.is(chain(0, legal | R | W | X).walk(0n).page?.rights, "rwxd");
  for (let level = 0; level <= 4; level++) {
    t.is(chain(level, legal | W).walk(0n).result, "ReservedPermission");
    t.is(chain(level, legal | W | X).walk(0n).result, "ReservedPermission");
  }
});

test("a leaf without U gives a device no permission", (t) => {
  t.is(chain(0, leaf & ~U).walk(0n).page?.rights, "d");
  t.false(chain(0, leaf & ~U).deviceWrite(0n));
});

test("without hardware updating A = 0 faults and D = 0 takes the write permission away", (t) => {
  t.is(chain(0, leaf & ~A).walk(0n).result, "AccessedClear");
  t.is(chain(2, leaf & ~A & ~D).walk(0n).result, "AccessedClear");
  const clean = chain(0, leaf & ~D);
  t.is(clean.walk(0n).page?.rights, "rx");
  t.false(clean.deviceWrite(0n));
  t.is(clean.item(T[0]), leaf & ~D);
  t.true(chain(0, leaf).deviceWrite(0n));
  t.deepEqual(
    chain(0, leaf & ~A)
      .sweep()
      .at(-1)?.what,
    "AccessedClear",
  );
});

test("with hardware updating a write sets A and D in the leaf that it hits", (t) => {
  const tables = chain(0, leaf & ~A & ~D, sv57, { hardwareUpdating: true });
  t.is(tables.walk(0n).page?.rights, "rwx");
  t.true(tables.deviceWrite(0n));
  t.is(tables.item(T[0]), leaf);
  t.is(tables.walk(0n).page?.rights, "rwxd");
});

test("Svnapot: 64 KiB at level 0 with page number bits 3:0 = 1000, and nothing else", (t) => {
  for (let code = 0n; code < 16n; code++) {
    const seen = chain(0, leaf | N | ppn(bits(55)) | (code << 10n)).walk(0xabcn);
    if (code === 8n) t.deepEqual(seen.page, { oa: bits(55) | 0xabcn, sizeLg2: 16, rights: "rwxd" });
    else t.is(seen.result, "IllegalSize", `code ${code}`);
  }
  for (let level = 1; level <= 4; level++) {
    t.is(chain(level, leaf | N).walk(0n).result, "IllegalSize");
    t.is(chain(level, leaf | N | bits(13)).walk(0n).result, "IllegalSize");
  }
  t.is(chain(0, leaf | N | bits(13), { ...sv57, svnapot: false }).walk(0n).result, "ReservedBit");
});

test("Svnapot: the offset within 64 KiB comes from the input address, item by item", (t) => {
  const word = leaf | N | ppn(0x8_4021_0000n) | bits(13);
  const tables = chain(0, 0n);
  for (let i = 0; i < 16; i++) {
    tables.table(T[0], { [16 + i]: word });
    const va = 0x1_0000n + BigInt(i) * 0x1000n;
    t.is(tables.walk(va + 0x77n).page?.oa, 0x8_4020_0000n + va + 0x77n);
  }
  const leaves = tables.sweep().filter((item) => item.what === "leaf");
  t.deepEqual(
    leaves.map(({ va, sizeLg2 }) => [va, sizeLg2]),
    Array.from({ length: 16 }, (_, i) => [0x1_0000n + BigInt(i) * 0x1000n, 16]),
  );
});

test("Sv32: two levels of 1024 four-byte items, 34-bit output, MODE 8 only", (t) => {
  const words = { 0: pointer(0), 1: leaf | ppn(bits(33, 22)), 1023: leaf };
  const tables = new HandMadeTables(sv32)
    .root(T[1], 8)
    .table(T[1], words)
    .table(T[0], { 1023: leaf | ppn(bits(33, 12)), 1: pointer(1), 2: leaf & ~R, 3: leaf & ~A });
  t.deepEqual(tables.walk(0x3f_fabcn), {
    result: "Translated",
    level: 0,
    page: { oa: bits(33, 12) | 0xabcn, sizeLg2: 12, rights: "rwxd" },
  });
  t.deepEqual(tables.walk(0x7f_fabcn).page, { oa: bits(33, 22) | 0x3f_fabcn, sizeLg2: 22, rights: "rwxd" });
  t.is(tables.walk(0xffff_ffffn).page?.oa, bits(21, 0));
  t.is(tables.walk(0x1000n).result, "IllegalLevel");
  t.is(tables.walk(0x2000n).result, "ReservedPermission");
  t.is(tables.walk(0x3000n).result, "AccessedClear");
  t.is(tables.walk(0x4000n).result, "NotPresent");
  for (let bit = 32; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical");
  t.is(tables.walk(bits(63, 31)).result, "NotCanonical");
  for (let bit = 12; bit < 22; bit++) {
    tables.table(T[1], { 2: leaf | ppn(bits(bit)) });
    t.is(tables.walk(0x80_0000n).result, "MisalignedLeaf");
  }
  for (const mode of [0, 1, 9, 10]) t.is(tables.root(T[1], mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(bits(34), 8).walk(0n).result, "IllegalRoot");
});

test("Sv32 never sign-extends, whatever the domain says", (t) => {
  const tables = new HandMadeTables({ ...sv32, signExtended: true })
    .root(T[1], 8)
    .table(T[1], { 1023: leaf });
  t.is(tables.walk(0xffc0_0000n).result, "Translated");
  t.is(tables.walk(bits(63, 22)).result, "NotCanonical");
});

test("Sv32: every bit from 5 up is global, software's or the page number; a pointer keeps U, A and D clear", (t) => {
  const tables = new HandMadeTables(sv32).root(T[1], 8);
  for (const { bit, result } of bitTable("5 Translated, 31:8 Translated")) {
    tables.table(T[1], { 0: pointer(0) }).table(T[0], { 0: leaf | bits(bit) });
    t.is(tables.walk(0n).result, result);
    t.is(tables.walk(0n).page?.oa, (bits(bit) & bits(31, 10)) << 2n);
  }
  for (const { bit, result } of bitTable("4 ReservedBit, 7:6 ReservedBit, 31:14 OutsideMemory")) {
    tables.table(T[1], { 0: pointer(0) | bits(bit) });
    t.is(tables.walk(0n).result, result);
  }
});

test("a tiny geometry shortens tables and runs", (t) => {
  const tiny = { ...sv57, vaWidthLg2: 18, tiny: { tableBitsLg2: 2, contiguousLg2: 1 } };
  const tables = new HandMadeTables(tiny)
    .root(T[2], 8)
    .table(T[2], { 3: pointer(1), 1: leaf | ppn(0x3_0000n), 0: leaf | ppn(0x4000n) })
    .table(T[1], { 0: pointer(0), 1: leaf | ppn(0x3_4000n) })
    .table(T[0], {
      2: leaf | N | ppn(0x9000n),
      3: leaf | N | ppn(0x9000n),
      0: leaf | N | ppn(0x8000n),
      4: leaf,
    });
  const upper = bits(63, 18);
  t.deepEqual(tables.walk(upper | 0x3_2123n).page, { oa: 0x8123n, sizeLg2: 13, rights: "rwxd" });
  t.deepEqual(tables.walk(upper | 0x3_3123n).page, { oa: 0x9123n, sizeLg2: 13, rights: "rwxd" });
  t.is(tables.walk(upper | 0x3_0000n).result, "IllegalSize");
  t.is(tables.walk(0x3_3123n).result, "NotCanonical");
  t.deepEqual(tables.walk(0x1_2345n).page, { oa: 0x3_2345n, sizeLg2: 16, rights: "rwxd" });
  t.is(tables.walk(0n).result, "MisalignedLeaf");
  t.deepEqual(
    tables.sweep().map(({ what, va }) => [what, va]),
    [
      ["table", 0n],
      ["MisalignedLeaf", 0n],
      ["leaf", 0x1_0000n],
      ["table", upper | 0x3_0000n],
      ["table", upper | 0x3_0000n],
      ["IllegalSize", upper | 0x3_0000n],
      ["leaf", upper | 0x3_2000n],
      ["leaf", upper | 0x3_3000n],
      ["leaf", upper | 0x3_4000n],
    ],
  );
});
