/** The items, addresses and registers of ARM's short descriptor and of DART, as measured on deployed code. */
import test from "ava";
import { PageTableError, Prot, TableMemory } from "../impl/common.js";
import { observed } from "../impl/observed.js";

const { read: R, write: W, noExec: NX, privileged: P, cacheable: C, mmio: M } = Prot;
const KIB = 1n << 10n;
const MIB = 1n << 20n;
const GIB = 1n << 30n;

type Entry = "arm-short" | "dart1-4k" | "dart1-16k" | "dart2";

interface Options {
  readonly [option: string]: unknown;
}

const plain: Options = {};
const noPermissions: Options = { noPermissions: true };
const nonSecure: Options = { nonSecure: true };
const mediatek: Options = { noPermissions: true, mediatek: true, oaWidthLg2: 35, vaWidthLg2: 34 };
const mediatekTables: Options = { ...mediatek, mediatekTables: true };

function create(entry: Entry, options: Options = {}, base = 0x1000_0000n) {
  const memory = new TableMemory({ base, capacityBytes: 1 << 20, smallestFrameLg2: 10 });
  return observed[entry].create({ memory, ...options });
}

/** One 32-bit word of table memory. */
function wordAt({ memory }: ReturnType<typeof create>, address: bigint): bigint {
  return BigInt(memory.words[Number(address - memory.base) / 4] >>> 0);
}

/** The items of the short descriptor on the way to an address: that of level 1, and of level 0 if there is one. */
function shortItems(table: ReturnType<typeof create>, iova: bigint): readonly bigint[] {
  const top = wordAt(table, table.hwInfo().root + 4n * (iova >> 20n));
  if ((top & 3n) !== 1n) return [top];
  const high = table.memory.base & ~0xffff_ffffn;
  return [top, wordAt(table, (high | (top & ~0x3ffn)) + 4n * ((iova >> 12n) & 0xffn))];
}

function shortLeaf(options: Options, iova: bigint, pa: bigint, bytes: bigint, prot = R | W): bigint {
  const table = create("arm-short", options);
  table.map(iova, pa, bytes, prot);
  return shortItems(table, iova).at(-1) ?? 0n;
}

/** `[page size, options, prot, what the leaf has beside the address]`. */
const shortBits: readonly (readonly [bigint, Options, number, bigint])[] = [
  [4n * KIB, plain, R | W, 0xc72n],
  [4n * KIB, plain, W, 0xc72n],
  [4n * KIB, plain, R, 0xe72n],
  [4n * KIB, plain, R | W | C, 0xc7en],
  [4n * KIB, plain, R | W | NX, 0xc73n],
  [4n * KIB, plain, R | W | M, 0xc36n],
  [4n * KIB, plain, R | W | M | C, 0xc36n],
  [4n * KIB, plain, R | W | P, 0xc52n],
  [64n * KIB, plain, R | W, 0x1c31n],
  [64n * KIB, plain, R, 0x1e31n],
  [64n * KIB, plain, R | W | NX, 0x9c31n],
  [64n * KIB, plain, R | W | M, 0xc35n],
  [1n * MIB, plain, R | W, 0x31c02n],
  [1n * MIB, plain, R, 0x39c02n],
  [1n * MIB, plain, R | W | C, 0x31c0en],
  [1n * MIB, plain, R | W | NX, 0x31c12n],
  [1n * MIB, plain, R | W | M, 0x30c06n],
  [1n * MIB, plain, R | W | P, 0x31402n],
  [16n * MIB, plain, R | W, 0x71c02n],
  [16n * MIB, plain, R, 0x79c02n],
  [16n * MIB, plain, R | W | NX, 0x71c12n],
  [4n * KIB, noPermissions, R, 0xc42n],
  [4n * KIB, noPermissions, R | W | NX | P, 0xc42n],
  [64n * KIB, noPermissions, R | W, 0x1c01n],
  [1n * MIB, noPermissions, R | W, 0x31002n],
  [16n * MIB, noPermissions, R | NX, 0x71002n],
  [4n * KIB, nonSecure, R | W, 0xc72n],
  [64n * KIB, nonSecure, R | W, 0x1c31n],
  [1n * MIB, nonSecure, R | W, 0xb1c02n],
  [16n * MIB, nonSecure, R | W, 0xf1c02n],
  [4n * KIB, mediatek, R | W, 0xc42n],
  [1n * MIB, mediatek, R | W, 0x31002n],
];

test("short descriptor: leaves have the bits that were measured", (t) => {
  const pa = 0x9100_0000n;
  for (const [bytes, options, prot, bits] of shortBits) {
    const leaf = shortLeaf(options, 0x3000_0000n, pa, bytes, prot);
    t.is(
      leaf.toString(16),
      (pa | bits).toString(16),
      `${bytes} bytes, prot ${prot}, ${JSON.stringify(options)}`,
    );
  }
});

test("short descriptor: all 16 items of a large page and of a supersection are the same", (t) => {
  const table = create("arm-short");
  table.map(0x30_0000n, 0x8004_0000n, 64n * KIB, R | W);
  table.map(0x700_0000n, 0x3_0300_0000n, 16n * MIB, R | W);
  for (let n = 0n; n < 16n; n++) {
    t.is(shortItems(table, 0x30_0000n + n * 4n * KIB)[1], 0x8004_1c31n);
    t.deepEqual(shortItems(table, 0x700_0000n + n * MIB), [0x0337_1c02n]);
  }
});

test("short descriptor: tables are 1 KiB, in domain 0, NS where that is asked for", (t) => {
  for (const [options, bits] of [
    [plain, 1n],
    [nonSecure, 9n],
  ] as const) {
    const table = create("arm-short", options);
    table.map(0n, 0n, 4n * KIB, R);
    table.map(MIB, 0n, 4n * KIB, R);
    // The root's 16 KiB come first.
    t.is(shortItems(table, 0n)[0], 0x1000_4000n | bits);
    t.is(shortItems(table, MIB)[0], 0x1000_4400n | bits);
  }
});

test("MediaTek: tables may stand beyond 4 GiB, with address bits 34:32 in bits 5, 4 and 9", (t) => {
  for (const [gigabytes, bits] of [
    [4n, 0x200n],
    [8n, 0x10n],
    [16n, 0x20n],
    [28n, 0x230n],
  ] as const) {
    const table = create("arm-short", mediatekTables, gigabytes * GIB);
    table.map(0n, 0x1234_5000n, 4n * KIB, R);
    t.is(shortItems(table, 0n)[0], 0x1_0001n | bits);
    t.is(table.lookup(0x678n), 0x1234_5678n);
    t.is(table.hwInfo().registers["ttbr"], gigabytes / 4n);
  }
});

test("a supersection's address bits 39:32 stand in bits 8:5 and 23:20", (t) => {
  const places = [20n, 21n, 22n, 23n, 5n, 6n, 7n, 8n];
  for (const [n, place] of places.entries()) {
    const pa = (1n << BigInt(32 + n)) | 0x8500_0000n;
    t.is(shortLeaf(plain, 0n, pa, 16n * MIB), 0x8507_1c02n | (1n << place), `bit ${32 + n}`);
    const table = create("arm-short");
    table.map(0x100_0000n, pa, 16n * MIB, R);
    t.is(table.lookup(0x1ab_cdefn), pa | 0xab_cdefn);
    t.deepEqual(
      [...table.entries()].map(({ pa: first }) => first),
      [pa],
    );
  }
});

test("MediaTek: every page's address bits 34:32 stand in bits 5, 4 and 9", (t) => {
  const bits = { [12]: 0xc42n, [16]: 0x1c01n, [20]: 0x31002n, [24]: 0x71002n };
  for (const [sizeLg2, leaf] of Object.entries(bits)) {
    for (const [bit, place] of [
      [32n, 9n],
      [33n, 4n],
      [34n, 5n],
    ] as const) {
      const pa = (1n << bit) | 0xff00_0000n;
      const size = 1n << BigInt(sizeLg2);
      t.is(shortLeaf(mediatek, 3n << 32n, pa, size), 0xff00_0000n | leaf | (1n << place), `2^${sizeLg2}`);
      const table = create("arm-short", mediatek);
      table.map(3n << 32n, pa, size, R);
      const [entry] = table.entries();
      t.deepEqual([entry.iova, entry.pa, 1n << BigInt(entry.sizeLg2)], [3n << 32n, pa, size]);
      t.deepEqual([entry.read, entry.write, entry.execute], [true, true, true]);
    }
  }
});

test("what an entry permits is read from where its size has the bits", (t) => {
  for (const sizeLg2 of [12n, 16n, 20n, 24n]) {
    const size = 1n << sizeLg2;
    const table = create("arm-short");
    // All address bits are set that the page leaves, lest one be taken for a permission.
    const pa = 0x1_0000_0000n - size;
    for (const [n, prot] of [R, R | W, R | NX, W | NX].entries()) table.map(BigInt(n) * size, pa, size, prot);
    const found = [...table.entries()].map(({ read, write, execute }) => [read, write, execute]);
    t.deepEqual(
      found,
      [
        [true, false, true],
        [true, true, true],
        [true, false, false],
        [true, true, false],
      ],
      `2^${sizeLg2}`,
    );
  }
});

/** The last item on the way to an address of DART's tables, whose addresses and indices are found by hand. */
function dartLeaf(entry: Exclude<Entry, "arm-short">, pa: bigint, prot = R | W): bigint {
  const table = create(entry);
  table.map(0n, pa, 1n << BigInt(table.granuleLg2), prot);
  const { root } = table.hwInfo();
  const pointer = wordAt(table, root) | (wordAt(table, root + 4n) << 32n);
  const below = entry === "dart2" ? (pointer & ~1n) << 4n : pointer & ~1n;
  if (table.memory.frameState(below) !== "live") throw new Error(`no table at ${below.toString(16)}`);
  return wordAt(table, below) | (wordAt(table, below + 4n) << 32n);
}

test("DART: leaves have the bits that were measured, pointers the address and VALID", (t) => {
  const all = 0xfffn << 40n;
  for (const entry of ["dart1-4k", "dart1-16k"] as const) {
    t.is(dartLeaf(entry, 0x8_1234_4000n), 0x8_1234_4003n | all);
    t.is(dartLeaf(entry, 0x8_1234_4000n, R), 0x8_1234_4083n | all);
    t.is(dartLeaf(entry, 0x8_1234_4000n, W | C | M | NX | P), 0x8_1234_4103n | all);
  }
  t.is(dartLeaf("dart2", 0x8_1234_4000n), 0x8123_4403n | all);
  t.is(dartLeaf("dart2", 0x8_1234_4000n, R | W | C), 0x8123_4401n | all);
  t.is(dartLeaf("dart2", 0x8_1234_4000n, R), 0x8123_4407n | all);
  t.is(dartLeaf("dart2", 0x8_1234_4000n, W | M | NX | P), 0x8123_440bn | all);
});

test("DART: every address bit has its place", (t) => {
  const all = (0xfffn << 40n) | 3n;
  for (const [entry, first, end, shift] of [
    ["dart1-4k", 12, 36, 0],
    ["dart1-16k", 14, 36, 0],
    ["dart2", 14, 42, 4],
  ] as const) {
    for (let bit = first; bit < end; bit++) {
      const pa = 1n << BigInt(bit);
      t.is(dartLeaf(entry, pa), (pa >> BigInt(shift)) | all, `${entry}, bit ${bit}`);
      const table = create(entry);
      table.map(0n, pa, 1n << BigInt(first), R);
      t.is(table.lookup(0xabcn), pa | 0xabcn);
    }
  }
});

/** `[entry, options, registers, bytes of the root's frame]`. */
const registers: readonly (readonly [Entry, Options, object, number])[] = [
  ["arm-short", plain, { ttbr: 0x1000_006an }, 1 << 14],
  ["arm-short", { vaWidthLg2: 28, oaWidthLg2: 32 }, { ttbr: 0x1000_006an }, 1 << 14],
  ["arm-short", { incoherent: () => {} }, { ttbr: 0x1000_0002n }, 1 << 14],
  ["arm-short", { ...mediatek, vaWidthLg2: 32 }, { ttbr: 0x1000_0000n }, 1 << 14],
  ["arm-short", { ...mediatek, vaWidthLg2: 33 }, { ttbr: 0x1000_0000n }, 1 << 15],
  ["arm-short", mediatek, { ttbr: 0x1000_0000n }, 1 << 16],
  ["dart1-4k", { vaWidthLg2: 24 }, { ttbrs: [0x1000_0000n], levels: 3 }, 1 << 12],
  ["dart1-4k", { vaWidthLg2: 30 }, { ttbrs: [0x1000_0000n], levels: 3 }, 1 << 12],
  ["dart1-4k", { vaWidthLg2: 31 }, { ttbrs: [0x1000_0000n, 0x1000_1000n], levels: 3 }, 1 << 13],
  [
    "dart1-4k",
    { vaWidthLg2: 32 },
    { ttbrs: [0x1000_0000n, 0x1000_1000n, 0x1000_2000n, 0x1000_3000n], levels: 3 },
    1 << 14,
  ],
  ["dart1-4k", { vaWidthLg2: 33 }, { ttbrs: [0x1000_0000n], levels: 4 }, 1 << 12],
  ["dart1-4k", { vaWidthLg2: 36 }, { ttbrs: [0x1000_0000n], levels: 4 }, 1 << 12],
  ["dart1-16k", { vaWidthLg2: 24 }, { ttbrs: [0x1000_0000n], levels: 3 }, 1 << 14],
  ["dart1-16k", { vaWidthLg2: 36 }, { ttbrs: [0x1000_0000n], levels: 3 }, 1 << 14],
  ["dart2", { vaWidthLg2: 36, oaWidthLg2: 36 }, { ttbrs: [0x1000_0000n], levels: 3 }, 1 << 14],
  ["dart2", { vaWidthLg2: 37 }, { ttbrs: [0x1000_0000n], levels: 4 }, 1 << 14],
  ["dart2", { vaWidthLg2: 42 }, { ttbrs: [0x1000_0000n], levels: 4 }, 1 << 14],
];

test("registers and roots are those of the recorded creations", (t) => {
  const shared = { tcr: 0, nmrr: 0x4000_4000, prrr: 0x800b_8204 };
  for (const [entry, options, expected, rootBytes] of registers) {
    const table = create(entry, options);
    const { registers: found, mode } = table.hwInfo();
    const title = `${entry} ${JSON.stringify(options)}`;
    t.deepEqual<object, object>(found, entry === "arm-short" ? { ...expected, ...shared } : expected, title);
    t.is(mode, entry === "arm-short" ? 0 : table.topLevel + 1, title);
    // The next frame begins where the root ends.
    const next = table.memory.allocate(10);
    t.is(next, rootBytes / 4, title);
  }
});

/** `[entry, options, base of the table memory]`, none of which there is. */
const refused: readonly (readonly [Entry, Options, bigint?])[] = [
  ["arm-short", { vaWidthLg2: 33 }],
  ["arm-short", { vaWidthLg2: 33, noPermissions: true }],
  ["arm-short", { ...mediatek, vaWidthLg2: 35 }],
  ["arm-short", { oaWidthLg2: 41 }],
  ["arm-short", { ...mediatek, oaWidthLg2: 36 }],
  ["arm-short", { ...mediatek, oaWidthLg2: undefined }],
  ["arm-short", { ...mediatek, noPermissions: false }],
  ["arm-short", { mediatekTables: true }],
  ["arm-short", plain, 1n << 32n],
  ["arm-short", mediatek, 1n << 32n],
  ["arm-short", mediatekTables, 1n << 35n],
  ["arm-short", { topLevel: 1 }],
  ["dart1-4k", { vaWidthLg2: 37 }],
  ["dart1-4k", { vaWidthLg2: 32, oaWidthLg2: 31 }],
  ["dart1-4k", { oaWidthLg2: 37 }],
  ["dart1-4k", plain, 1n << 36n],
  ["dart1-16k", { vaWidthLg2: 37 }],
  ["dart2", { vaWidthLg2: 43 }],
  ["dart2", { vaWidthLg2: 40, oaWidthLg2: 36 }],
  ["dart2", { incoherent: () => {} }],
  ["dart2", plain, 1n << 42n],
];

test("what no such hardware has is refused", (t) => {
  for (const [entry, options, base] of refused) {
    const error = t.throws(() => create(entry, options, base), { instanceOf: PageTableError });
    t.regex(error.code, /^(INVALID|UNSUPPORTED)_OPTION$/, `${entry} ${JSON.stringify(options)}`);
  }
});

test("the short descriptor's tables need a memory of small frames", (t) => {
  const memory = new TableMemory({ base: 0n, capacityBytes: 1 << 20 });
  const error = t.throws(() => observed["arm-short"].create({ memory }), { instanceOf: PageTableError });
  t.regex(error.message, /smallestFrameLg2/);
});
