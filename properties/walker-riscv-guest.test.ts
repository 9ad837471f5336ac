/**
 * The RISC-V walker as a second stage (G-stage), and Svpbmt at both stages, against tables assembled by hand from
 * the Privileged Architecture: hypervisor extension, "Guest Physical Address Translation"; Svpbmt.
 */
import test from "ava";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const V = bits(0);
const R = bits(1);
const W = bits(2);
const X = bits(3);
const U = bits(4);
const G = bits(5);
const A = bits(6);
const D = bits(7);
const N = bits(63);
const PBMT = (type: bigint) => type << 61n;
const leaf = V | R | W | X | U | A | D;
/** The page number of an address, in its place in an item. */
const ppn = (address: bigint) => (address >> 12n) << 10n;

/** Tables of levels 0…4 stand at these addresses, the root at the last. */
const T = [0x1000n, 0x2000n, 0x3000n, 0x8000n, 0x9000n];
const ROOT = 0x4000n;
const ROOT_BYTES = 0x4000;
const pointer = (level: number) => ppn(T[level]) | V;

const sv39x4 = configurationOf("riscv64-guest", {
  vaWidthLg2: 41,
  oaWidthLg2: 56,
  topLevel: 2,
  svnapot: true,
});
const sv32x4 = configurationOf("riscv32-guest", { vaWidthLg2: 34, oaWidthLg2: 34, topLevel: 1 });

const WIDTHS = [
  { mode: 8, topLevel: 2, width: 41 },
  { mode: 9, topLevel: 3, width: 50 },
  { mode: 10, topLevel: 4, width: 59 },
];

/** A chain of tables of Sv39x4 down to `level` through item 0, whose item 0 at `level` is the word. */
function chain(level: number, word: bigint, configuration = sv39x4, options = {}) {
  const tables = new HandMadeTables(configuration, options).root(ROOT, 8);
  tables.table(ROOT, { 0: level === 2 ? word : pointer(1) }, ROOT_BYTES);
  if (level < 1) tables.table(T[1], { 0: pointer(0) });
  return level < 2 ? tables.table(T[level], { 0: word }) : tables;
}

test("MODE 8, 9 and 10 are Sv39x4, Sv48x4 and Sv57x4: two address bits more, and no other value is legal", (t) => {
  for (const { mode, topLevel, width } of WIDTHS) {
    const items = { 0: leaf, 511: leaf, 512: leaf, 1024: leaf, 2047: leaf };
    const configuration = { ...sv39x4, vaWidthLg2: width, topLevel };
    const tables = new HandMadeTables(configuration).root(ROOT, mode).table(ROOT, items, ROOT_BYTES);
    const itemLg2 = BigInt(12 + 9 * topLevel);
    for (const index of [0n, 511n, 512n, 1024n, 2047n])
      t.is(tables.walk((index << itemLg2) | 0x77n).page?.oa, 0x77n, `mode ${mode} item ${index}`);
    t.is(tables.walk(bits(width - 1, 0)).page?.oa, bits(12 + 9 * topLevel - 1, 0));
    t.is(tables.walk(1536n << itemLg2).result, "NotPresent");
    for (let bit = width; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical", `bit ${bit}`);
    for (const other of [0, 1, 7, 11]) t.is(tables.root(ROOT, other).walk(0n).result, "IllegalRoot");
  }
});

test("the root is 16 KiB, aligned to 16 KiB, in 44 bits of page number", (t) => {
  const tables = chain(0, leaf);
  t.is(tables.walk(0n).result, "Translated");
  for (let bit = 0; bit < 14; bit++) t.is(tables.root(bits(bit), 8).walk(0n).result, "IllegalRoot");
  t.is(tables.root(bits(55), 8).walk(0n).result, "OutsideMemory");
  t.is(tables.root(bits(56), 8).walk(0n).result, "IllegalRoot");
});

test("no sign extension, whatever the domain says", (t) => {
  const tables = new HandMadeTables({ ...sv39x4, signExtended: true })
    .root(ROOT, 8)
    .table(ROOT, { 1024: leaf }, ROOT_BYTES);
  t.is(tables.walk(bits(40)).page?.oa, 0n);
  t.is(tables.walk(bits(63, 40)).result, "NotCanonical");
});

test("the tables below the root have 512 items and 4 KiB alignment", (t) => {
  const va = (5n << 21n) | (511n << 12n) | 0xabcn;
  const tables = new HandMadeTables(sv39x4)
    .root(ROOT, 8)
    .table(ROOT, { 0: pointer(1) }, ROOT_BYTES)
    .table(T[1], { 5: pointer(0) })
    .table(T[0], { 511: leaf | ppn(bits(55, 12)) });
  t.is(tables.walk(va).page?.oa, bits(55, 12) | 0xabcn);
  for (let bit = 12n; bit < 30n; bit++) t.is(tables.walk(va ^ (1n << bit)).result, "NotPresent");
});

test("a leaf without U permits nothing: a guest-page fault", (t) => {
  for (let level = 0; level <= 2; level++) {
    t.is(chain(level, leaf).walk(0n).page?.rights, "rwxd");
    t.is(chain(level, leaf & ~U).walk(0n).page?.rights, "d");
    t.false(chain(level, leaf & ~U).deviceWrite(0n));
  }
});

test("G is ignored in leaves and pointers", (t) => {
  t.is(chain(0, leaf | G).walk(0n).page?.rights, "rwxd");
  const tables = chain(0, leaf).table(T[1], { 0: pointer(0) | G });
  t.is(tables.walk(0n).page?.rights, "rwxd");
});

test("every other bit of an item means what it means at the first stage", (t) => {
  const leaves =
    "5 Translated, 9:8 Translated, 53:10 Translated, 60:54 ReservedBit, 62:61 ReservedBit, 63 IllegalSize";
  for (const { bit, result } of bitTable(leaves))
    t.is(chain(0, leaf | bits(bit)).walk(0n).result, result, `leaf, bit ${bit}`);
  const pointers =
    "4 ReservedBit, 7:6 ReservedBit, 9:8 Translated, 53:15 OutsideMemory, 60:54 ReservedBit, 62:61 ReservedBit, 63 ReservedBit";
  for (const { bit, result } of bitTable(pointers)) {
    const tables = chain(0, leaf).table(T[1], { 0: pointer(0) | bits(bit) });
    t.is(tables.walk(0n).result, result, `pointer, bit ${bit}`);
  }
  t.is(chain(0, V | W | U | A | D).walk(0n).result, "ReservedPermission");
  t.is(chain(0, V).walk(0n).result, "IllegalLevel");
  t.is(chain(0, V | R | U).walk(0n).result, "AccessedClear");
  t.is(chain(2, leaf | ppn(bits(29))).walk(0n).result, "MisalignedLeaf");
});

test("superpages stand at every level, Svnapot at level 0", (t) => {
  for (const [level, sizeLg2] of [
    [0, 12],
    [1, 21],
    [2, 30],
  ])
    t.is(chain(level, leaf).walk(0n).page?.sizeLg2, sizeLg2);
  const napot = leaf | N | ppn(0x8_4021_0000n) | bits(13);
  t.deepEqual(chain(0, napot).walk(0x123n).page, { oa: 0x8_4021_0123n, sizeLg2: 16, rights: "rwxd" });
  t.is(chain(0, napot, { ...sv39x4, svnapot: false }).walk(0n).result, "ReservedBit");
});

test("with hardware updating (GADE) a write sets A and D in the leaf that it hits", (t) => {
  const tables = chain(0, leaf & ~A & ~D, sv39x4, { hardwareUpdating: true });
  t.true(tables.deviceWrite(0n));
  t.is(tables.item(T[0]), leaf);
});

test("Sv32x4: 4096 root items, 34 input bits, MODE 8 only", (t) => {
  const tables = new HandMadeTables(sv32x4)
    .root(ROOT, 8)
    .table(ROOT, { 0: pointer(0), 1024: leaf | ppn(bits(33, 22)), 4095: leaf }, ROOT_BYTES)
    .table(T[0], { 1023: leaf | ppn(bits(33, 12)), 2: leaf & ~U });
  t.deepEqual(tables.walk(0x3f_fabcn).page, { oa: bits(33, 12) | 0xabcn, sizeLg2: 12, rights: "rwxd" });
  t.deepEqual(tables.walk(bits(32) | 5n).page, { oa: bits(33, 22) | 5n, sizeLg2: 22, rights: "rwxd" });
  t.is(tables.walk(bits(33, 0)).page?.oa, bits(21, 0));
  t.is(tables.walk(0x2000n).page?.rights, "d");
  for (let bit = 34; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical");
  for (const mode of [0, 1, 9, 10]) t.is(tables.root(ROOT, mode).walk(0n).result, "IllegalRoot");
  t.is(tables.root(ROOT | 0x1000n, 8).walk(0n).result, "IllegalRoot");
  t.is(tables.root(ROOT | bits(34), 8).walk(0n).result, "IllegalRoot");
});

test("a sweep visits the whole wide root", (t) => {
  const tables = new HandMadeTables(sv39x4)
    .root(ROOT, 8)
    .table(ROOT, { 0: leaf, 512: pointer(1), 2047: leaf }, ROOT_BYTES)
    .table(T[1], { 511: leaf });
  t.deepEqual(
    tables.sweep().map(({ what, level, va }) => [what, level, va]),
    [
      ["table", 2, 0n],
      ["leaf", 2, 0n],
      ["table", 1, 512n << 30n],
      ["leaf", 1, (512n << 30n) | (511n << 21n)],
      ["leaf", 2, 2047n << 30n],
    ],
  );
});

test("Svpbmt: types 1 and 2 are legal in leaves, 3 is reserved, and a pointer has none, at both stages", (t) => {
  const first = configurationOf("riscv64", { vaWidthLg2: 39, oaWidthLg2: 56, topLevel: 2 });
  for (const stage of [first, sv39x4]) {
    const svpbmt = { ...stage, svpbmt: true };
    for (const type of [0n, 1n, 2n]) {
      for (let level = 0; level <= 2; level++) {
        t.is(chain(level, leaf | PBMT(type), svpbmt).walk(0n).page?.oa, 0n);
        t.is(
          chain(level, leaf | PBMT(type), stage).walk(0n).result,
          type === 0n ? "Translated" : "ReservedBit",
        );
      }
    }
    for (let level = 0; level <= 2; level++)
      t.is(chain(level, leaf | PBMT(3n), svpbmt).walk(0n).result, "ReservedBit");
    for (const type of [1n, 2n, 3n]) {
      const tables = chain(0, leaf, svpbmt).table(T[1], { 0: pointer(0) | PBMT(type) });
      t.is(tables.walk(0n).result, "ReservedBit");
    }
  }
});

test("a tiny geometry has the root that its width leaves", (t) => {
  const tiny = { ...sv39x4, vaWidthLg2: 19, topLevel: 2, tiny: { tableBitsLg2: 2, contiguousLg2: 1 } };
  const tables = new HandMadeTables(tiny)
    .root(0x1000n, 8)
    .table(0x1000n, { 7: ppn(0x2000n) | V, 8: leaf })
    .table(0x2000n, { 3: leaf | ppn(0x4000n) });
  t.deepEqual(tables.walk(0x7_c123n).page, { oa: 0x4123n, sizeLg2: 14, rights: "rwxd" });
  t.is(tables.walk(bits(19)).result, "NotCanonical");
});
