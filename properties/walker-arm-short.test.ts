/** The short descriptor's walker against tables assembled by hand from the ARMv7 manual's B3.5. */
import test from "ava";
import { explainWalk } from "../models/walkers/index.js";
import { bits, bitTable, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const SMALL = bits(1);
const LARGE = bits(0);
const SECTION = bits(1);
const SUPER = bits(18) | bits(1);
const POINTER = bits(0);

/** AP[0] and AP[1]: accessed, for everyone, readable and writable. */
const ALL_0 = bits(5, 4);
const ALL_1 = bits(11, 10);

const ROOT = 0x10000n;
const TABLE = 0x4400n;
const FIRST_LEVEL_BYTES = 0x4000;

const plain = configurationOf("arm-short", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 1 });
const free = { ...plain, noPermissions: true };
const mediatek = { ...plain, vaWidthLg2: 34, oaWidthLg2: 35, noPermissions: true, mediatek: true };
const mediatekTables = { ...mediatek, mediatekTables: true };

/** A first level whose item 0 is the word. */
function section(word: bigint, configuration = plain) {
  const bytes = configuration.vaWidthLg2 === 34 ? 4 * FIRST_LEVEL_BYTES : FIRST_LEVEL_BYTES;
  return new HandMadeTables(configuration).root(ROOT, 0).table(ROOT, { 0: word }, bytes);
}

/** A second level whose item 0 is the word, under item 0 of the first. */
function page(word: bigint, configuration = plain) {
  return section(TABLE | POINTER, configuration).table(TABLE, { 0: word });
}

/** What each kind of leaf is like when everything is permitted. */
const leaves = {
  small: { word: SMALL | ALL_0, sizeLg2: 12, make: page },
  large: { word: LARGE | ALL_0, sizeLg2: 16, make: page },
  section: { word: SECTION | ALL_1, sizeLg2: 20, make: section },
  super: { word: SUPER | ALL_1, sizeLg2: 24, make: section },
} as const;
type Kind = keyof typeof leaves;
const kinds = ["small", "large", "section", "super"] as const;
const { small, large } = leaves;

/** The address bit that each bit of an item stands for: `"31:24 24, 23:20 32"` names a field's lowest. */
function addressTable(text: string): Map<number, bigint> {
  return new Map(
    bitTable(text).map(({ bit, result }, i, all) => {
      const lowest = all.findIndex((other) => other.result === result);
      return [bit, bits(Number(result) + i - lowest)];
    }),
  );
}

/**
 * Flips each single bit of a leaf's word. `effects` says what comes of it, rights or a fault; `address` which
 * address bit it is. Together they and the type say something of all 32 bits.
 */
function flips(kind: Kind, word: bigint, configuration: typeof plain, effects: string, address: string) {
  const { sizeLg2, make } = leaves[kind];
  const expected = new Map(bitTable(effects).map(({ bit, result }) => [bit, { outcome: result, oa: 0n }]));
  for (const [bit, oa] of addressTable(address)) expected.set(bit, { outcome: "rwx", oa });
  return [...expected].map(([bit, { outcome, oa }]) => {
    const seen = make(word ^ bits(bit), configuration).walk(0n);
    const page = seen.page ?? { rights: seen.result, oa: 0n, sizeLg2 };
    return {
      bit,
      is: `${page.rights} ${page.oa.toString(16)} ${page.sizeLg2}`,
      should: `${outcome} ${oa.toString(16)} ${sizeLg2}`,
    };
  });
}

test("the mode is TTBCR.N = 0, and the root is 16 KiB below 4 GiB", (t) => {
  t.is(section(0n).walk(0n).result, "NotPresent");
  for (const mode of [-1, 1, 2, 7]) t.is(section(0n).root(ROOT, mode).walk(0n).result, "IllegalRoot");
  for (const bit of [4, 6, 10, 12, 13])
    t.is(
      section(0n)
        .root(ROOT | bits(bit), 0)
        .walk(0n).result,
      "IllegalRoot",
    );
  // A narrower input has fewer sections, but TTBCR.N, and with it the alignment, stays.
  const narrow = section(0n, { ...plain, vaWidthLg2: 30 });
  t.is(narrow.walk(bits(29, 0)).result, "NotPresent");
  t.is(narrow.walk(bits(30)).result, "NotCanonical");
  t.is(narrow.root(ROOT | bits(13), 0).walk(0n).result, "IllegalRoot");
  t.is(section(0n).root(bits(14), 0).walk(0n).result, "OutsideMemory");
  t.is(section(0n).root(bits(31), 0).walk(0n).result, "OutsideMemory");
  for (const bit of [32, 34, 39]) t.is(section(0n).root(bits(bit), 0).walk(0n).result, "IllegalRoot");
});

test("with 34 bits of input the first level is 64 KiB, and only MediaTek's table address reaches 35 bits", (t) => {
  for (const bit of [14, 15]) t.is(section(0n, mediatek).root(bits(bit), 0).walk(0n).result, "IllegalRoot");
  t.is(section(0n, mediatek).root(bits(31), 0).walk(0n).result, "OutsideMemory");
  t.is(section(0n, mediatek).root(bits(32), 0).walk(0n).result, "IllegalRoot");
  t.is(section(0n, mediatekTables).root(bits(34), 0).walk(0n).result, "OutsideMemory");
  t.is(section(0n, mediatekTables).root(bits(35), 0).walk(0n).result, "IllegalRoot");
});

test("the first level resolves 31:20 (MediaTek 33:20) and the second 19:12", (t) => {
  const tables = section(0n)
    .table(ROOT, { 4095: TABLE | POINTER, 1: 0x4800n | POINTER })
    .table(TABLE, { 255: 0xabcd_e000n | small.word })
    .table(0x4800n, { 2: 0x1234_5000n | small.word });
  t.deepEqual(tables.walk(0xffff_f123n).page, { oa: 0xabcd_e123n, sizeLg2: 12, rights: "rwx" });
  t.deepEqual(tables.walk(0x10_2fffn).page, { oa: 0x1234_5fffn, sizeLg2: 12, rights: "rwx" });
  t.deepEqual(tables.walk(0x10_3000n), { result: "NotPresent", level: 0 });
  t.deepEqual(tables.walk(0x20_2000n), { result: "NotPresent", level: 1 });
  for (let bit = 32; bit < 64; bit++) t.is(tables.walk(bits(bit)).result, "NotCanonical");
  const wide = section(0n, mediatek).table(ROOT, { 16383: SECTION | 0x7770_0000n });
  t.is(wide.walk(bits(33, 0)).page?.oa, 0x777f_ffffn);
  for (let bit = 34; bit < 64; bit++) t.is(wide.walk(bits(bit)).result, "NotCanonical");
});

test("a sweep sees tables of 1 KiB side by side in one frame, and no run's item twice", (t) => {
  const tables = section(0n)
    .table(ROOT, { 4095: TABLE | POINTER, 1: 0x4800n | POINTER, 32: leaves.super.word })
    .table(TABLE, { 255: small.word })
    .table(0x4800n, { 2: large.word, 3: bits(7) | LARGE });
  t.deepEqual(
    tables.sweep().map(({ what, level, address, va, sizeLg2 }) => [what, level, address, va, sizeLg2]),
    [
      ["table", 1, ROOT, 0n, undefined],
      ["table", 0, 0x4800n, 0x10_0000n, undefined],
      ["leaf", 0, 0x4808n, 0x10_2000n, 16],
      ["ReservedBit", 0, 0x480cn, 0x10_3000n, undefined],
      ["leaf", 1, ROOT + 128n, 0x200_0000n, 24],
      ["table", 0, TABLE, 0xfff0_0000n, undefined],
      ["leaf", 0, TABLE + 1020n, 0xffff_f000n, 12],
    ],
  );
});

test("type 00 is nothing at either level, whatever else the item holds", (t) => {
  t.deepEqual(section(bits(31, 2)).walk(0n), { result: "NotPresent", level: 1 });
  t.deepEqual(page(bits(31, 2)).walk(0n), { result: "NotPresent", level: 0 });
});

test("first level: 01 is a table, 10 a section or supersection, and 11 is reserved without PXN", (t) => {
  t.deepEqual(
    section(POINTER | TABLE)
      .table(TABLE, {})
      .walk(0n),
    { result: "NotPresent", level: 0 },
  );
  t.is(section(leaves.section.word).walk(0n).page?.sizeLg2, 20);
  t.is(section(leaves.super.word).walk(0n).page?.sizeLg2, 24);
  t.deepEqual(section(leaves.section.word | bits(0)).walk(0n), { result: "IllegalLevel", level: 1 });
  t.deepEqual(section(leaves.super.word | bits(0)).walk(0n), { result: "IllegalLevel", level: 1 });
});

test("second level: 01 is a large page, 10 a small page, 11 a small page that is not executed", (t) => {
  t.deepEqual(page(ALL_0 | 1n).walk(0n).page, { oa: 0n, sizeLg2: 16, rights: "rwx" });
  t.deepEqual(page(ALL_0 | 2n).walk(0n).page, { oa: 0n, sizeLg2: 12, rights: "rwx" });
  t.deepEqual(page(ALL_0 | 3n).walk(0n).page, { oa: 0n, sizeLg2: 12, rights: "rw" });
});

test("every single bit of a table pointer means what the manual's table says", (t) => {
  const table =
    "2 ReservedBit, 3 Translated, 4 ReservedBit, 8:5 ReservedBit, 9 ReservedBit, 31:10 OutsideMemory";
  for (const configuration of [plain, free, mediatek]) {
    for (const { bit, result } of bitTable(table)) {
      const tables = section(POINTER | (0x8000_0000n ^ bits(bit)), configuration);
      if (bit < 10) tables.table(0x8000_0000n, { 0: configuration === plain ? small.word : SMALL });
      t.is(tables.walk(0n).result, result, `bit ${bit}`);
    }
  }
});

test("a pointer leads to the table at its bits 31:10", (t) => {
  for (let bit = 10; bit < 32; bit++) {
    const address = 0x8000_0000n ^ bits(bit);
    const tables = section(POINTER | address).table(address === 0n ? 0n : address, { 0: small.word });
    t.is(tables.walk(0x77n).page?.oa, 0x77n, `bit ${bit}`);
  }
});

test("MediaTek's pointers hold PA[34], PA[33] and PA[32] in bits 5, 4 and 9, where the tables may lie so high", (t) => {
  for (const [bit, address] of [
    [9, bits(32)],
    [4, bits(33)],
    [5, bits(34)],
  ] as const) {
    const tables = section(POINTER | TABLE | bits(bit), mediatekTables).table(address | TABLE, { 0: SMALL });
    t.is(tables.walk(0n).result, "Translated");
  }
  for (const { bit, result } of bitTable("2 ReservedBit, 8:6 ReservedBit")) {
    t.is(section(POINTER | TABLE | bits(bit), mediatekTables).walk(0n).result, result);
  }
});

test("every single bit of each leaf means what the manual's table says", (t) => {
  const below = "3:2 rwx, 4 AccessedClear, 5 rwx, 9 rx, 11:10 rwx";
  const above =
    "0 IllegalLevel, 3:2 rwx, 4 rw, 9 ReservedBit, 10 AccessedClear, 11 rwx, 14:12 rwx, 15 rx, 17:16 rwx, 19 rwx";
  const claims = [
    ...flips("small", small.word, plain, `${below}, 0 rw, 8:6 rwx`, "31:12 12"),
    ...flips("large", large.word, plain, `${below}, 8:6 ReservedBit, 14:12 rwx, 15 rw`, "31:16 16"),
    ...flips("section", leaves.section.word, plain, `${above}, 8:5 ReservedBit`, "31:20 20"),
    ...flips("super", leaves.super.word, plain, above, "31:24 24, 23:20 32, 8:5 36"),
  ];
  // All 32 bits of each, but bit 1, the large page's bit 0 and the section's bit 18, which make another kind of it.
  t.is(claims.length, 31 + 30 + 30 + 30);
  for (const { bit, is, should } of claims) t.is(is, should, `bit ${bit}`);
});

test("AP[2:0] with the access flag: AP[0] clear faults, AP[1] takes nothing away, AP[2] the writes", (t) => {
  for (const kind of kinds) {
    const { word, make } = leaves[kind];
    const [accessed, unprivileged, readOnly] =
      kind === "small" || kind === "large" ? [4, 5, 9] : [10, 11, 15];
    const base = word & ~bits(accessed) & ~bits(unprivileged);
    for (let ap = 0; ap < 8; ap++) {
      const chosen = [accessed, unprivileged, readOnly].map((bit, i) => ((ap >> i) & 1 ? bits(bit) : 0n));
      const seen = make(chosen.reduce((all, bit) => all | bit, base)).walk(0n);
      if ((ap & 1) === 0) t.is(seen.result, "AccessedClear", `${kind} ${ap}`);
      else t.is(seen.page?.rights, ap & 4 ? "rx" : "rwx", `${kind} ${ap}`);
    }
  }
});

test("a device's write is permitted where AP[2] is clear, and changes no item", (t) => {
  for (const kind of kinds) {
    const { word, make } = leaves[kind];
    const item = make === page ? TABLE : ROOT;
    const tables = make(word);
    t.true(tables.deviceWrite(0n));
    t.is(tables.item(item), word);
    t.false(make(word | bits(make === page ? 9 : 15)).deviceWrite(0n));
  }
});

test("the sixteen items of a large page each lead into the same 64 KiB", (t) => {
  const tables = page(0n);
  for (let i = 0; i < 16; i++) {
    tables.table(TABLE, { [32 + i]: large.word | 0xabcd_0000n });
    const va = 0x2_0000n + BigInt(i) * 0x1000n + 0x77n;
    t.deepEqual(tables.walk(va).page, { oa: 0xabcb_0000n + va, sizeLg2: 16, rights: "rwx" });
  }
  t.is(tables.walk(0x1_f000n).result, "NotPresent");
  t.is(tables.walk(0x3_0000n).result, "NotPresent");
});

test("the sixteen items of a supersection each lead into the same 16 MiB, anywhere in 40 bits", (t) => {
  const tables = section(0n);
  // PA[39:36] = 0xa in bits 8:5 and PA[35:32] = 0x5 in bits 23:20.
  const word = leaves.super.word | 0xab00_0000n | (0x5n << 20n) | (0xan << 5n);
  for (let i = 0; i < 16; i++) {
    tables.table(ROOT, { [48 + i]: word });
    const va = 0x300_0000n + BigInt(i) * 0x10_0000n + 0x77n;
    t.deepEqual(tables.walk(va).page, { oa: 0xa5_a800_0000n + va, sizeLg2: 24, rights: "rwx" });
  }
});

test("an address beyond the configured width is a fault of its own, at every leaf", (t) => {
  for (const width of [32, 33, 36, 39]) {
    const narrow = { ...plain, oaWidthLg2: width };
    for (let bit = 24; bit < 40; bit++) {
      const place = bit < 32 ? bit : bit < 36 ? bit - 12 : bit - 31;
      const expected = bit < width ? "Translated" : "AddressSize";
      t.is(section(leaves.super.word | bits(place), narrow).walk(0n).result, expected, `${width}: ${bit}`);
    }
  }
  for (const kind of kinds) {
    const { word, make } = leaves[kind];
    t.is(make(word | bits(29), { ...plain, oaWidthLg2: 30 }).walk(0n).result, "Translated");
    t.is(make(word | bits(30), { ...plain, oaWidthLg2: 30 }).walk(0n).result, "AddressSize");
  }
});

test("of several violations the first reported is the type, a reserved bit, the width, the access flag", (t) => {
  const narrow = { ...plain, oaWidthLg2: 32 };
  const unread = SUPER | bits(20);
  t.is(section(unread | bits(9) | bits(0), narrow).walk(0n).result, "IllegalLevel");
  t.is(section(unread | bits(9), narrow).walk(0n).result, "ReservedBit");
  t.is(section(unread, narrow).walk(0n).result, "AddressSize");
  t.is(section(SUPER, narrow).walk(0n).result, "AccessedClear");
});

test("without permissions their bits are 0 and everything is allowed", (t) => {
  const below = "3:2 rwx, 5:4 ReservedBit, 9 ReservedBit, 11:10 rwx";
  const above =
    "0 IllegalLevel, 3:2 rwx, 4 ReservedBit, 9 ReservedBit, 11:10 ReservedBit, 14:12 rwx, 15 ReservedBit, 17:16 rwx, 19 rwx";
  const claims = [
    ...flips("small", SMALL, free, `${below}, 0 ReservedBit, 8:6 rwx`, "31:12 12"),
    ...flips("large", LARGE, free, `${below}, 8:6 ReservedBit, 14:12 rwx, 15 ReservedBit`, "31:16 16"),
    ...flips("section", SECTION, free, `${above}, 8:5 ReservedBit`, "31:20 20"),
    ...flips("super", SUPER, free, above, "31:24 24, 23:20 32, 8:5 36"),
  ];
  t.is(claims.length, 31 + 30 + 30 + 30);
  for (const { bit, is, should } of claims) t.is(is, should, `bit ${bit}`);
  t.true(page(SMALL, free).deviceWrite(0n));
});

test("MediaTek: bits 9, 4 and 5 of every leaf are PA[32], PA[33] and PA[34], and no supersection is extended", (t) => {
  const below = "3:2 rwx, 11:10 rwx";
  const above =
    "0 IllegalLevel, 3:2 rwx, 8:6 ReservedBit, 11:10 ReservedBit, 14:12 rwx, 15 ReservedBit, 17:16 rwx, 19 rwx";
  const high = "9 32, 4 33, 5 34";
  // That this hardware has no permissions need not be said.
  for (const configuration of [mediatek, mediatekTables, { ...mediatek, noPermissions: false }]) {
    const claims = [
      ...flips("small", SMALL, configuration, `${below}, 0 ReservedBit, 8:6 rwx`, `31:12 12, ${high}`),
      ...flips(
        "large",
        LARGE,
        configuration,
        `${below}, 8:6 ReservedBit, 14:12 rwx, 15 ReservedBit`,
        `31:16 16, ${high}`,
      ),
      ...flips("section", SECTION, configuration, above, `31:20 20, ${high}`),
      ...flips("super", SUPER, configuration, `${above}, 23:20 ReservedBit`, `31:24 24, ${high}`),
    ];
    t.is(claims.length, 31 + 30 + 30 + 30);
    for (const { bit, is, should } of claims) t.is(is, should, `bit ${bit}`);
  }
  const narrow = { ...mediatek, oaWidthLg2: 34 };
  t.is(page(SMALL | bits(4), narrow).walk(0n).result, "Translated");
  for (const kind of kinds) {
    const { word, make } = leaves[kind];
    t.is(make((word & ~ALL_0 & ~ALL_1) | bits(5), narrow).walk(0n).result, "AddressSize");
  }
});

test("the words that deployed code writes mean what it was asked for", (t) => {
  const pages = [
    [0xc72n, 12, "rwx"],
    [0xe72n, 12, "rx"],
    [0xc7en, 12, "rwx"],
    [0xc73n, 12, "rw"],
    [0xc36n, 12, "rwx"],
    [0xc52n, 12, "rwx"],
    [0x1c31n, 16, "rwx"],
    [0x9c31n, 16, "rw"],
    [0x1c35n, 16, "rwx"],
  ] as const;
  for (const [word, sizeLg2, rights] of pages)
    t.deepEqual(page(word | 0xabcd_0000n).walk(0x123n).page, { oa: 0xabcd_0123n, sizeLg2, rights });
  const sections = [
    [0x31c02n, "rwx"],
    [0x39c02n, "rx"],
    [0x31c0en, "rwx"],
    [0x31c12n, "rw"],
    [0x30c06n, "rwx"],
  ] as const;
  for (const [word, rights] of sections) {
    const address = 0xab00_0000n;
    t.deepEqual(section(word | address).walk(0x123n).page, { oa: address | 0x123n, sizeLg2: 20, rights });
    const superWord = word + 0x40000n;
    t.deepEqual(section(superWord | address).walk(0x123n).page, {
      oa: address | 0x123n,
      sizeLg2: 24,
      rights,
    });
  }
  t.deepEqual(page(0xc42n, free).walk(0n).page, { oa: 0n, sizeLg2: 12, rights: "rwx" });
  t.deepEqual(page(0x1c01n, free).walk(0n).page, { oa: 0n, sizeLg2: 16, rights: "rwx" });
  t.deepEqual(section(0x31002n, free).walk(0n).page, { oa: 0n, sizeLg2: 20, rights: "rwx" });
});

test("a report shows the items with eight digits", (t) => {
  const { memory } = page(small.word | 0xabcd_e000n);
  t.deepEqual(explainWalk(plain, memory, { address: ROOT, mode: 0 }, 0x123n), [
    "walk of 0x123 from root 0x1_0000, mode 0",
    "  level 1  item at 0x1_0000 = 0x0000_4401  table",
    "  level 0  item at 0x4400 = 0xabcd_e032  leaf",
    "  gives 0xabcd_e123, 4 KiB, rwx",
  ]);
});

test("there is no tiny geometry: the fields leave no room for it", (t) => {
  const tiny = { ...plain, vaWidthLg2: 16, tiny: { tableBitsLg2: 2, contiguousLg2: 1 } };
  t.throws(() => new HandMadeTables(tiny), { instanceOf: RangeError });
});
