/** The items and registers of ARM's long descriptor: what was measured on deployed code, and the manual's boundaries. */
import test from "ava";
import { type PageTable, Prot, TableMemory } from "../impl/common.js";
import { observed } from "../impl/observed.js";
import { type ArmFormat, addressIn, armFormat, armFormats, itemsTo } from "./arm-tables.js";

const { read: R, write: W, noExec: NX, privileged: P, cacheable: C, mmio: M } = Prot;
const DBM = 1n << 51n;
const NX1 = 3n << 53n;
/** XN[1] alone. */
const NX2 = 2n << 53n;

interface Options {
  readonly [option: string]: unknown;
}

function create(format: ArmFormat, options: Options = {}, base = 0n): PageTable {
  const memory = new TableMemory({ base, capacityBytes: 16 << 20 });
  return observed[format.name].create({ memory, ...options });
}

/** What one page or block is encoded as: the low 12 bits of its item, and the bits above the address. */
function leafBits(format: ArmFormat, options: Options, prot: number, sizeBytes: bigint): bigint {
  const table = create(format, { vaWidthLg2: 32, ...options });
  table.map(0x4000_0000n, 0x4000_0000n, sizeBytes, prot);
  const leaf = itemsTo(table, format, 0x4000_0000n, 32).at(-1) ?? 0n;
  return leaf & ~0xffff_ffff_f000n;
}

/** Low twelve bits at level 0, as measured; execute-never and DBM as the manual has them. */
const measured: readonly (readonly [
  string,
  ArmFormat["name"],
  Options,
  readonly (readonly [number, bigint])[],
])[] = [
  [
    "stage 1",
    "armv8-stage1-4k",
    {},
    [
      [R, 0xec3n],
      [R | W, 0xe43n],
      [R | C, 0xfc7n],
      [R | W | C, 0xf47n],
      [R | W | M, 0xe4bn],
      [R | W | P, 0xe03n],
      [R | P, 0xe83n],
      [W, 0xe43n],
      [R | W | C | M, 0xf4bn],
      [R | W | NX, 0xe43n | NX1],
      [R | NX, 0xec3n | NX1],
    ],
  ],
  [
    "stage 1, dirty tracking",
    "armv8-stage1-4k",
    { dirtyTracking: true },
    [
      [R, 0xec3n],
      [R | W, 0xe43n | DBM],
      [R | C, 0xfc7n],
      [R | W | C, 0xf47n | DBM],
      [R | W | M, 0xe4bn | DBM],
      [R | W | P, 0xe03n | DBM],
      [R | P, 0xe83n],
      [R | W | NX, 0xe43n | DBM | NX1],
    ],
  ],
  [
    "stage 1, non-secure",
    "armv8-stage1-4k",
    { nonSecure: true },
    [
      [R, 0xee3n],
      [R | W, 0xe63n],
      [R | C, 0xfe7n],
      [R | W | C, 0xf67n],
      [R | W | M, 0xe6bn],
      [R | W | P, 0xe23n],
      [R | P, 0xea3n],
      [R | W | NX, 0xe63n | NX1],
    ],
  ],
  [
    "LPAE stage 1",
    "arm-lpae-stage1",
    {},
    [
      [R, 0xec3n],
      [R | W, 0xe43n],
      [R | W | C, 0xf47n],
      [R | W | M, 0xe4bn],
      [R | P, 0xe83n],
      [R | NX, 0xec3n | NX1],
    ],
  ],
  [
    "stage 2",
    "armv8-stage2-4k",
    {},
    [
      [R, 0x657n],
      [W, 0x697n],
      [R | W, 0x6d7n],
      [R | C, 0x77fn],
      [R | W | C, 0x7ffn],
      [R | W | M, 0x6c7n],
      [R | W | P, 0x6d7n],
      [R | P, 0x657n],
      [R | W | NX, 0x6d7n | NX2],
    ],
  ],
  [
    "stage 2, forced write-back",
    "armv8-stage2-4k",
    { forcedWriteBack: true },
    [
      [R, 0x657n],
      [R | W, 0x6d7n],
      [R | C, 0x75bn],
      [R | W | C, 0x7dbn],
      [R | W | M, 0x6c7n],
      [R | P, 0x657n],
    ],
  ],
  [
    "stage 2, dirty tracking",
    "armv8-stage2-4k",
    { dirtyTracking: true },
    [
      [R, 0x657n],
      [W, 0x697n | DBM],
      [R | W, 0x6d7n | DBM],
      [R | W | C | NX, 0x7ffn | DBM | NX2],
    ],
  ],
  [
    "LPAE stage 2",
    "arm-lpae-stage2",
    {},
    [
      [R, 0x657n],
      [R | W, 0x6d7n],
      [R | W | C, 0x7ffn],
    ],
  ],
  [
    "Mali",
    "mali",
    {},
    [
      [R, 0x241n],
      [W, 0x281n],
      [R | W, 0x2c1n],
      [R | C, 0x245n],
      [R | W | C, 0x2c5n],
      [R | W | M, 0x2c9n],
      [R | W | P, 0x2c1n],
      [R | P, 0x241n],
      [R | W | NX, 0x2c1n | NX1],
    ],
  ],
  // Shareability is not in the items: bits 9:8 are address.
  [
    "stage 1 with LPA2",
    "armv8-stage1-4k-lpa2",
    {},
    [
      [R, 0xcc3n],
      [R | W, 0xc43n],
      [R | W | C, 0xc47n],
    ],
  ],
  [
    "stage 2 with LPA2",
    "armv8-stage2-4k-lpa2",
    {},
    [
      [R, 0x457n],
      [R | W, 0x4d7n],
      [R | W | C, 0x4ffn],
    ],
  ],
];

for (const [what, name, options, leaves] of measured) {
  test(`${what}: the bits of pages and blocks for every permission`, (t) => {
    const format = armFormat(name);
    for (const [prot, bits] of leaves) {
      t.is(leafBits(format, options, prot, 0x1000n).toString(16), bits.toString(16), `a page, prot ${prot}`);
      const block = name === "mali" ? bits : bits - 2n;
      t.is(
        leafBits(format, options, prot, 0x20_0000n).toString(16),
        block.toString(16),
        `2 MiB, prot ${prot}`,
      );
    }
  });
}

/** Format, output address, page size, and the item that maps it read-write. */
const packings: readonly (readonly [ArmFormat["name"], bigint, bigint, bigint])[] = [
  ["armv8-stage1-4k", 0xffff_ffff_f000n, 0x1000n, 0xffff_ffff_fe43n],
  ["armv8-stage1-16k", 0xffff_ffff_c000n, 0x4000n, 0xffff_ffff_ce43n],
  ["armv8-stage1-64k", 0xffff_ffff_0000n, 0x1_0000n, 0xffff_ffff_0e43n],
  ["armv8-stage1-64k", 0xf_1234_0000_0000n, 0x1_0000n, 0x1234_0000_fe43n],
  ["armv8-stage1-64k", 0x1_0000_0000_0000n, 0x1_0000n, 0x1e43n],
  ["armv8-stage1-64k", 0x8_0000_2000_0000n, 0x2000_0000n, 0x2000_8e41n],
  ["armv8-stage1-64k", 0xf_fc00_0000_0000n, 0x400_0000_0000n, 0xfc00_0000_fe41n],
  ["armv8-stage1-4k-lpa2", 0xf_ffff_ffff_f000n, 0x1000n, 0x3_ffff_ffff_ff43n],
  ["armv8-stage1-4k-lpa2", 0x4_0000_0000_0000n, 0x1000n, 0xd43n],
  ["armv8-stage1-4k-lpa2", 0x8_0000_0000_0000n, 0x80_0000_0000n, 0xe41n],
  ["armv8-stage1-16k-lpa2", 0xf_ffff_ffff_c000n, 0x4000n, 0x3_ffff_ffff_cf43n],
  ["armv8-stage1-16k-lpa2", 0xb_fff0_0000_0000n, 0x10_0000_0000n, 0x3_fff0_0000_0e41n],
  ["armv8-stage2-64k", 0xa_0000_0001_0000n, 0x1_0000n, 0x1_a6d7n],
  ["mali", 0xff_ffff_f000n, 0x1000n, 0xff_ffff_f2c1n],
];

for (const [name, pa, size, expected] of packings) {
  test(`${name}: the output address 0x${pa.toString(16)} in an item of ${size} bytes`, (t) => {
    const format = armFormat(name);
    const table = create(format, { vaWidthLg2: 48 });
    table.map(size, pa, size, R | W);
    t.is((itemsTo(table, format, size, 48).at(-1) ?? 0n).toString(16), expected.toString(16));
    t.is(table.lookup(2n * size - 1n), pa + size - 1n);
    t.is([...table.entries()][0]?.pa, pa);
  });
}

test("table items: NSTable with nonSecure alone, bit 55 where they were cleaned", (t) => {
  const format = armFormat("armv8-stage1-4k");
  const highOf = (options: Options) => {
    const table = create(format, options);
    table.map(0x1000n, 0x1000n, 0x1000n, R);
    const tables = itemsTo(table, format, 0x1000n, 48).slice(0, -1);
    return [...new Set(tables.map((item) => item & ~0xffff_ffff_f000n))];
  };
  t.deepEqual(highOf({}), [3n]);
  t.deepEqual(highOf({ nonSecure: true }), [3n | (1n << 63n)]);
  t.deepEqual(highOf({ incoherent: () => {} }), [3n | (1n << 55n)]);
  t.deepEqual(highOf({ incoherent: () => {}, nonSecure: true }), [3n | (1n << 55n) | (1n << 63n)]);
});

for (const format of armFormats) {
  const reachLg2 = format.granuleLg2 === 16 || format.lpa2 ? 52n : 48n;
  test(`${format.name}: tables just below 2^${reachLg2} are pointed to, above they are refused`, (t) => {
    const capacity = 16n << 20n;
    const table = create(format, {}, (1n << reachLg2) - capacity);
    table.map(0x1000_0000n, 0n, 0x1_0000n, R, 0xffffn | 0x1_0000n);
    const items = itemsTo(table, format, 0x1000_0000n, format.name === "arm-lpae-stage1" ? 32 : 48);
    t.true(items.length > 1);
    for (const item of items.slice(0, -1)) t.true(addressIn(item, format) >= (1n << reachLg2) - capacity);
    t.throws(() => create(format, {}, (1n << reachLg2) - capacity / 2n), { code: "INVALID_OPTION" });
  });
}

/** Format, input and output width, options; the top level, and the registers but for the address. */
const MAIR = 0xf404ff44;
const snooping = { sh: 3, irgn: 1, orgn: 1 };
const notSnooping = { sh: 2, irgn: 0, orgn: 0 };
const incoherent = () => {};
const registers: readonly (readonly [ArmFormat["name"], number, number, Options, number, object])[] = [
  ["armv8-stage1-4k", 48, 48, {}, 3, { tsz: 16, tg: 0, ...snooping, ips: 5, mair: MAIR }],
  ["armv8-stage1-4k", 39, 36, {}, 2, { tsz: 25, tg: 0, ...snooping, ips: 1, mair: MAIR }],
  ["armv8-stage1-4k", 24, 32, {}, 1, { tsz: 40, tg: 0, ...snooping, ips: 0, mair: MAIR }],
  ["armv8-stage1-4k", 48, 48, { upperHalf: true }, 3, { tsz: 16, tg: 2, ...snooping, ips: 5, mair: MAIR }],
  ["armv8-stage1-4k", 48, 48, { incoherent }, 3, { tsz: 16, tg: 0, ...notSnooping, ips: 5, mair: MAIR }],
  [
    "armv8-stage1-4k",
    48,
    44,
    { incoherent, outerWriteBack: true },
    3,
    { tsz: 16, tg: 0, sh: 2, irgn: 0, orgn: 1, ips: 4, mair: MAIR },
  ],
  [
    "armv8-stage1-4k",
    48,
    42,
    { dirtyTracking: true },
    3,
    { tsz: 16, tg: 0, ...snooping, ips: 3, ha: 1, hd: 1, mair: MAIR },
  ],
  ["armv8-stage1-16k", 47, 40, {}, 2, { tsz: 17, tg: 2, ...snooping, ips: 2, mair: MAIR }],
  ["armv8-stage1-16k", 47, 40, { upperHalf: true }, 2, { tsz: 17, tg: 1, ...snooping, ips: 2, mair: MAIR }],
  ["armv8-stage1-64k", 52, 52, {}, 2, { tsz: 12, tg: 1, ...snooping, ips: 6, mair: MAIR }],
  ["armv8-stage1-64k", 42, 48, { upperHalf: true }, 1, { tsz: 22, tg: 3, ...snooping, ips: 5, mair: MAIR }],
  ["armv8-stage1-4k-lpa2", 52, 52, {}, 4, { tsz: 12, tg: 0, ...snooping, ips: 6, ds: 1, mair: MAIR }],
  ["armv8-stage2-4k", 30, 32, {}, 1, { tsz: 34, sl: 0, tg: 0, ...snooping, ps: 0 }],
  ["armv8-stage2-4k", 40, 40, {}, 2, { tsz: 24, sl: 1, tg: 0, ...snooping, ps: 2 }],
  ["armv8-stage2-4k", 40, 40, { incoherent }, 2, { tsz: 24, sl: 1, tg: 0, ...notSnooping, ps: 2 }],
  ["armv8-stage2-4k", 40, 44, {}, 3, { tsz: 24, sl: 2, tg: 0, ...snooping, ps: 4 }],
  ["armv8-stage2-4k", 42, 42, {}, 2, { tsz: 22, sl: 1, tg: 0, ...snooping, ps: 3 }],
  ["armv8-stage2-4k", 44, 44, {}, 3, { tsz: 20, sl: 2, tg: 0, ...snooping, ps: 4 }],
  ["armv8-stage2-4k", 48, 48, {}, 3, { tsz: 16, sl: 2, tg: 0, ...snooping, ps: 5 }],
  ["armv8-stage2-16k", 48, 48, {}, 2, { tsz: 16, sl: 2, tg: 2, ...snooping, ps: 5 }],
  ["armv8-stage2-16k", 40, 40, { incoherent }, 1, { tsz: 24, sl: 1, tg: 2, ...notSnooping, ps: 2 }],
  ["armv8-stage2-16k", 41, 42, {}, 2, { tsz: 23, sl: 2, tg: 2, ...snooping, ps: 3 }],
  ["armv8-stage2-64k", 52, 52, {}, 2, { tsz: 12, sl: 2, tg: 1, ...snooping, ps: 6 }],
  ["armv8-stage2-64k", 40, 40, {}, 1, { tsz: 24, sl: 1, tg: 1, ...snooping, ps: 2 }],
  ["armv8-stage2-4k-lpa2", 52, 52, {}, 4, { tsz: 12, sl: 0, sl2: 1, tg: 0, ...snooping, ps: 6, ds: 1 }],
  ["armv8-stage2-4k-lpa2", 48, 48, {}, 3, { tsz: 16, sl: 2, sl2: 0, tg: 0, ...snooping, ps: 5, ds: 1 }],
  ["armv8-stage2-16k-lpa2", 52, 52, {}, 3, { tsz: 12, sl: 3, sl2: 0, tg: 2, ...snooping, ps: 6, ds: 1 }],
  ["arm-lpae-stage1", 32, 40, {}, 2, { tsz: 32, tg: 0, ...snooping, ips: 2, mair: MAIR }],
  ["arm-lpae-stage1", 32, 40, { incoherent }, 2, { tsz: 32, tg: 0, ...notSnooping, ips: 2, mair: MAIR }],
  ["arm-lpae-stage2", 40, 40, {}, 2, { tsz: 24, sl: 1, tg: 0, ...snooping, ps: 2 }],
];

for (const [name, vaWidthLg2, oaWidthLg2, options, topLevel, fields] of registers) {
  test(`${name} ${vaWidthLg2}/${oaWidthLg2} ${Object.keys(options)}: level and registers`, (t) => {
    const table = create(armFormat(name), { vaWidthLg2, oaWidthLg2, ...options }, 0x1_0000_0000n);
    const { registers: found, root, mode } = table.hwInfo();
    t.is(table.topLevel, topLevel);
    const base = name.includes("stage1") ? { ttbr: root } : { vttbr: root };
    t.deepEqual(found, { ...fields, ...base });
    const field = (key: string) => Number(found[key] ?? 0);
    t.is(mode, field("tsz") | (field("sl") << 6) | (field("sl2") << 8));
  });
}

test("a root of 52 bits stands in TTBR with PA[51:48] in bits 5:2", (t) => {
  const table = create(armFormat("armv8-stage1-64k"), {}, 0xa_0000_0001_0000n);
  const { root, registers: found } = table.hwInfo();
  t.is(found["ttbr"], root - 0xa_0000_0000_0000n + 0x28n);
});

test("Mali's registers, and four levels whatever the width", (t) => {
  for (const vaWidthLg2 of [24, 33, 39, 40, 48]) {
    const table = create(armFormat("mali"), { vaWidthLg2, oaWidthLg2: 40 }, 0x1_0000_0000n);
    const { root, registers: found, mode, topLevel } = table.hwInfo();
    t.deepEqual(
      { found, mode, topLevel },
      { found: { memattr: 0x888d88, transtab: root | 0x17n }, mode: 3, topLevel: 3 },
    );
  }
  const table = create(armFormat("mali"), { incoherent }, 0x1_0000_0000n);
  t.is(table.hwInfo().registers["transtab"], table.hwInfo().root | 7n);
});

/** Granule, input and output width, eager; the level of the start table, and log2 of its items. */
const starts: readonly (readonly [ArmFormat["name"], number, number, boolean, number, number])[] = [
  ["armv8-stage2-4k", 40, 40, false, 2, 10],
  ["armv8-stage2-4k", 42, 42, false, 2, 12],
  ["armv8-stage2-4k", 43, 40, false, 2, 13],
  ["armv8-stage2-4k", 40, 44, false, 3, 1],
  ["armv8-stage2-4k", 44, 44, false, 3, 5],
  ["armv8-stage2-4k", 48, 48, false, 3, 9],
  ["armv8-stage2-4k", 43, 48, true, 2, 13],
  ["armv8-stage2-4k", 44, 48, true, 3, 5],
  ["armv8-stage2-4k", 34, 40, true, 1, 13],
  ["armv8-stage2-4k", 35, 40, true, 2, 5],
  // Never one level alone.
  ["armv8-stage2-4k", 25, 40, true, 1, 4],
  ["armv8-stage2-16k", 48, 48, false, 2, 12],
  ["armv8-stage2-16k", 40, 40, false, 1, 15],
  ["armv8-stage2-16k", 36, 40, false, 1, 11],
  ["armv8-stage2-16k", 41, 42, false, 2, 5],
  ["armv8-stage2-16k", 40, 48, true, 1, 15],
  ["armv8-stage2-64k", 52, 52, false, 2, 10],
  ["armv8-stage2-64k", 46, 52, true, 1, 17],
  // With so few output bits hardware has no level so high.
  ["armv8-stage2-4k", 40, 36, false, 2, 10],
  ["armv8-stage2-16k", 39, 32, false, 1, 14],
  ["armv8-stage2-64k", 44, 42, false, 1, 15],
  ["armv8-stage2-64k", 33, 52, true, 0, 17],
  ["armv8-stage2-4k-lpa2", 52, 52, true, 3, 13],
  ["armv8-stage2-16k-lpa2", 48, 52, false, 3, 1],
  ["arm-lpae-stage2", 40, 40, false, 2, 10],
  // LPAE has no level above: two tables whatever the output width.
  ["arm-lpae-stage2", 40, 36, false, 2, 10],
  ["armv8-stage1-4k", 48, 40, false, 3, 9],
  ["armv8-stage1-16k", 48, 48, false, 3, 1],
];

for (const [name, vaWidthLg2, oaWidthLg2, eager, level, rootLg2] of starts) {
  test(`${name} ${vaWidthLg2}/${oaWidthLg2}${eager ? " eager" : ""}: 2^${rootLg2} items at level ${level}`, (t) => {
    const format = armFormat(name);
    const options = eager ? { eagerConcatenation: true } : {};
    const memory = new TableMemory({ base: 0n, capacityBytes: 16 << 20 });
    let frameLg2 = 0;
    memory.observer = {
      stored() {},
      storedPair() {},
      allocated: (_word, lg2) => {
        frameLg2 = lg2;
      },
      quarantined() {},
      released() {},
      published() {},
    };
    const table = observed[format.name].create({ memory, vaWidthLg2, oaWidthLg2, ...options });
    t.is(table.topLevel, level);
    t.is(frameLg2, Math.max(12, rootLg2 + 3), "its frame");
    const last = (1n << BigInt(vaWidthLg2)) - (1n << BigInt(format.granuleLg2));
    table.map(last, 0n, 1n << BigInt(format.granuleLg2), R);
    t.is(itemsTo(table, format, last, vaWidthLg2).length, level + 1, "its last item is used");
  });
}

test("what no table has is refused", (t) => {
  const attempt = (name: ArmFormat["name"], options: Options) => () => create(armFormat(name), options);
  // More than 16 tables.
  t.throws(attempt("armv8-stage2-4k", { vaWidthLg2: 44, oaWidthLg2: 42 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage2-16k", { vaWidthLg2: 41, oaWidthLg2: 40 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage2-4k", { vaWidthLg2: 48, oaWidthLg2: 36 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage2-64k", { vaWidthLg2: 48, oaWidthLg2: 42 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage1-4k", { vaWidthLg2: 12 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage1-4k", { vaWidthLg2: 49 }), { code: "INVALID_OPTION" });
  t.throws(attempt("armv8-stage1-4k", { oaWidthLg2: 52 }), { code: "INVALID_OPTION" });
  t.throws(attempt("arm-lpae-stage1", { vaWidthLg2: 33 }), { code: "INVALID_OPTION" });
  // IPS and PS have no such value.
  t.throws(attempt("armv8-stage1-4k", { oaWidthLg2: 39 }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("armv8-stage1-4k", { outerWriteBack: true }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("armv8-stage2-4k", { nonSecure: true }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("armv8-stage2-4k", { upperHalf: true }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("armv8-stage1-4k", { eagerConcatenation: true }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("arm-lpae-stage1", { dirtyTracking: true }), { code: "UNSUPPORTED_OPTION" });
  t.throws(attempt("mali", { nonSecure: true }), { code: "UNSUPPORTED_OPTION" });
});

const sizes: readonly (readonly [ArmFormat["name"], Options, readonly number[]])[] = [
  ["armv8-stage1-4k", {}, [12, 16, 21, 25, 30, 34]],
  ["armv8-stage1-16k", {}, [14, 21, 25, 30]],
  ["armv8-stage1-64k", {}, [16, 21, 29, 34, 42]],
  ["armv8-stage1-64k", { oaWidthLg2: 48 }, [16, 21, 29, 34]],
  ["armv8-stage2-4k-lpa2", {}, [12, 16, 21, 25, 30, 34, 39]],
  ["armv8-stage2-16k-lpa2", {}, [14, 21, 25, 30, 36]],
  ["arm-lpae-stage1", {}, [12, 16, 21, 25, 30, 34]],
  ["mali", {}, [12, 21, 30]],
];

for (const [name, options, expected] of sizes) {
  test(`${name} ${JSON.stringify(options)}: its page sizes`, (t) => {
    const { pageSizes } = create(armFormat(name), options);
    const found = Array.from({ length: 64 }, (_, lg2) => lg2).filter(
      (lg2) => (pageSizes >> BigInt(lg2)) & 1n,
    );
    t.deepEqual(found, [...expected]);
  });
}
