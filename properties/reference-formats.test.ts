/** The reference on its own: what the formats of ARM, Apple, the guest stages and three-level x86 add, as examples. */
import test from "ava";
import type { FormatName } from "../models/configuration.js";
import type { Code } from "../models/operations.js";
import { Reference, tableKey } from "../reference/index.js";
import { configuration, type Options } from "./reference-configuration.js";

const KiB = 1n << 10n;
const MiB = 1n << 20n;
const GiB = 1n << 30n;
const PAGE = 4n * KiB;
const [READ, WRITE, NO_EXEC, PRIVILEGED, CACHE, MMIO] = [1, 2, 4, 8, 16, 32];
const READ_WRITE = READ | WRITE;
const EVERYTHING_ASKED = 63;

function create(format: FormatName, options: Options): Reference {
  return new Reference(configuration(format, options));
}

/** VMSAv8-64 with 4 KiB pages, 39 bits in, 48 out. */
const stage1 = (options: Options = {}) =>
  create("armv8-stage1", { vaWidthLg2: 39, oaWidthLg2: 48, topLevel: 2, ...options });
const short = (options: Options = {}) =>
  create("arm-short", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 1, ...options });

interface MapOptions {
  readonly prot?: number;
  readonly pageSizes?: bigint;
}

function map(reference: Reference, iova: bigint, pa: bigint, length: bigint, options: MapOptions = {}) {
  const outcome = reference.apply({ op: "map", iova, pa, length, prot: READ_WRITE, ...options });
  if (outcome.op !== "map") throw new Error("not the outcome of a map");
  return outcome;
}

function mapCode(
  reference: Reference,
  iova: bigint,
  pa: bigint,
  length: bigint,
  options: MapOptions = {},
): Code {
  return map(reference, iova, pa, length, options).code;
}

function removedBytes(reference: Reference, iova: bigint, length: bigint): bigint {
  const outcome = reference.apply({ op: "unmap", iova, length });
  if (outcome.op !== "unmap") throw new Error("not the outcome of an unmap");
  return outcome.removedBytes;
}

/** What a read of dirty state reports, as first address and length. */
function dirtyIn(reference: Reference, iova: bigint, length: bigint, clear: boolean) {
  const outcome = reference.apply({ op: "readAndClearDirty", iova, length, clear });
  if (outcome.op !== "readAndClearDirty") throw new Error("not the outcome of a dirty read");
  return outcome.dirty.map((part) => [part.iova, part.length]);
}

/** The keys of the live tables, those of the lowest level first. */
function liveTables(reference: Reference): bigint[] {
  return [...reference.liveTables()].sort((a, b) => Number((a & 7n) - (b & 7n) || a - b));
}

/** Leaves an empty table at each address: a page is mapped there and removed. */
function leaveTables(reference: Reference, ...addresses: readonly bigint[]): void {
  for (const iova of addresses) {
    map(reference, iova, 0n, PAGE, { pageSizes: PAGE });
    removedBytes(reference, iova, PAGE);
  }
}

const sizes = (...lg2: readonly number[]) => lg2.reduce((mask, each) => mask | (1n << BigInt(each)), 0n);

const OFFERED: readonly (readonly [FormatName, Options, bigint])[] = [
  ["x86-pae", { vaWidthLg2: 39, topLevel: 2 }, sizes(12, 21, 30)],
  ["x86-pae32", { vaWidthLg2: 32, topLevel: 2 }, sizes(12, 21)],
  ["riscv64-guest", { vaWidthLg2: 41, topLevel: 2, svnapot: true }, sizes(12, 16, 21, 30)],
  ["riscv64-guest", { vaWidthLg2: 50, topLevel: 3, svnapot: false }, sizes(12, 21, 30, 39)],
  ["riscv32-guest", { vaWidthLg2: 34, oaWidthLg2: 34, topLevel: 1 }, sizes(12, 22)],
  ["armv8-stage1", { vaWidthLg2: 48, oaWidthLg2: 48 }, sizes(12, 16, 21, 25, 30, 34)],
  // Two levels have no gigabytes, and 32 bits of output no page of 16 GiB.
  ["armv8-stage1", { vaWidthLg2: 30, oaWidthLg2: 48, topLevel: 1 }, sizes(12, 16, 21, 25)],
  ["armv8-stage1", { vaWidthLg2: 39, oaWidthLg2: 32, topLevel: 2 }, sizes(12, 16, 21, 25, 30)],
  ["armv8-stage2", { vaWidthLg2: 52, lpa2: true, topLevel: 4 }, sizes(12, 16, 21, 25, 30, 34, 39)],
  ["armv8-stage1", { granuleLg2: 14, vaWidthLg2: 47, oaWidthLg2: 48, topLevel: 2 }, sizes(14, 21, 25, 30)],
  ["armv8-stage2", { granuleLg2: 14, vaWidthLg2: 52, lpa2: true, topLevel: 3 }, sizes(14, 21, 25, 30, 36)],
  ["armv8-stage1", { granuleLg2: 16, vaWidthLg2: 48, oaWidthLg2: 48, topLevel: 2 }, sizes(16, 21, 29, 34)],
  [
    "armv8-stage1",
    { granuleLg2: 16, vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 2 },
    sizes(16, 21, 29, 34, 42),
  ],
  ["arm-lpae-stage1", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 }, sizes(12, 16, 21, 25, 30, 34)],
  ["mali", { vaWidthLg2: 48, oaWidthLg2: 40 }, sizes(12, 21, 30)],
  ["arm-short", { vaWidthLg2: 32, oaWidthLg2: 32, topLevel: 1 }, sizes(12, 16, 20, 24)],
  ["dart1", { granuleLg2: 12, vaWidthLg2: 32, oaWidthLg2: 36, topLevel: 1 }, sizes(12)],
  ["dart2", { granuleLg2: 14, vaWidthLg2: 42, oaWidthLg2: 42, topLevel: 2 }, sizes(14)],
];

test("the page sizes offered are those of the manuals", (t) => {
  for (const [format, options, expected] of OFFERED) {
    const reference = create(format, options);
    t.is(reference.pageSizes, expected, `${format}: ${reference.pageSizes.toString(16)}`);
  }
});

/** A request, and what is left of it in a leaf. */
const EFFECTIVE: readonly (readonly [FormatName, Options, number, number])[] = [
  ["x86-pae", {}, WRITE | NO_EXEC, READ_WRITE],
  ["x86-pae32", {}, EVERYTHING_ASKED, READ_WRITE],
  ["riscv64", {}, EVERYTHING_ASKED, READ_WRITE | NO_EXEC],
  ["riscv64", { svpbmt: true }, EVERYTHING_ASKED, READ_WRITE | NO_EXEC | MMIO],
  ["riscv64-guest", { svpbmt: true }, READ | CACHE, READ | CACHE],
  ["riscv32-guest", {}, WRITE | CACHE | MMIO, READ_WRITE],
  ["armv8-stage1", {}, WRITE, READ_WRITE],
  ["armv8-stage1", {}, EVERYTHING_ASKED, EVERYTHING_ASKED],
  ["arm-lpae-stage1", {}, WRITE | PRIVILEGED, READ_WRITE | PRIVILEGED],
  ["armv8-stage2", {}, WRITE | PRIVILEGED | NO_EXEC, WRITE | NO_EXEC],
  ["arm-lpae-stage2", {}, EVERYTHING_ASKED, EVERYTHING_ASKED & ~PRIVILEGED],
  // Where one field says the memory type, a device is not cacheable whatever else was asked.
  ["mali", {}, EVERYTHING_ASKED, EVERYTHING_ASKED & ~PRIVILEGED & ~CACHE],
  ["arm-short", {}, WRITE | PRIVILEGED, READ_WRITE | PRIVILEGED],
  ["arm-short", { noPermissions: true }, READ | NO_EXEC | PRIVILEGED | CACHE, READ_WRITE | CACHE],
  ["dart1", {}, WRITE | CACHE | NO_EXEC, WRITE],
  ["dart2", {}, EVERYTHING_ASKED, READ_WRITE | CACHE],
];

test("a leaf holds of a request what the format can express, and grants what it implies", (t) => {
  for (const [format, options, asked, effective] of EFFECTIVE) {
    const reference = create(format, { vaWidthLg2: 32, oaWidthLg2: 32, topLevel: 1, ...options });
    map(reference, 0n, 0n, PAGE, { prot: asked });
    t.is(reference.runs[0]?.prot, effective, `${format}, ${asked}`);
    t.is(mapCode(reference, PAGE, 0n, PAGE, { prot: CACHE | NO_EXEC }), "NO_PERMISSION", format);
  }
  const granted = (format: FormatName, prot: number, options: Options = {}) => {
    const reference = create(format, { vaWidthLg2: 32, oaWidthLg2: 32, topLevel: 1, ...options });
    map(reference, 0n, 0n, PAGE, { prot });
    const { read, write, execute } = reference.translate(0n) ?? {};
    return [read, write, execute];
  };
  t.deepEqual(granted("armv8-stage1", WRITE | NO_EXEC), [true, true, false]);
  t.deepEqual(granted("armv8-stage2", WRITE), [false, true, false]);
  t.deepEqual(granted("mali", READ), [true, false, true]);
  t.deepEqual(granted("arm-short", READ | NO_EXEC, { noPermissions: true }), [true, true, true]);
  t.deepEqual(granted("dart1", WRITE), [false, true, false]);
  t.deepEqual(granted("dart2", READ | NO_EXEC), [true, false, true]);
});

test("tables side by side are one root", (t) => {
  // Stage 2 with 40 bits: the root has 1024 items of 1 GiB.
  const reference = create("armv8-stage2", { vaWidthLg2: 40, oaWidthLg2: 40, topLevel: 2 });
  const middle = 1n << 39n;
  t.is(mapCode(reference, 2n * middle - PAGE, 0n, 2n * PAGE), "IOVA_OUT_OF_RANGE");
  t.is(mapCode(reference, middle, 0n, PAGE), "OK");
  const keys = [tableKey(0, middle >> 21n), tableKey(1, middle >> 30n), tableKey(2, 0n)];
  t.deepEqual(liveTables(reference), keys);
  t.is(removedBytes(reference, middle, PAGE), PAGE);
  // Leaves of the root on both sides of the middle are one stretch, so that what gave way is one piece.
  leaveTables(reference, middle - GiB);
  const outcome = map(reference, middle - GiB, GiB, 2n * GiB, { pageSizes: GiB });
  t.deepEqual(outcome.invalidated, [[middle - GiB, middle + GiB - 1n]]);
  t.is(removedBytes(reference, middle - GiB, 2n * GiB), 2n * GiB);
  t.deepEqual(liveTables(reference), [tableKey(2, 0n)]);
});

test("a root holds the whole input, be it four tables of 16 KiB or a single item", (t) => {
  const guest = create("riscv32-guest", { vaWidthLg2: 34, oaWidthLg2: 34, topLevel: 1 });
  t.is(mapCode(guest, 2n ** 34n - PAGE, 0n, PAGE), "OK");
  t.is(mapCode(guest, 2n ** 34n, 0n, PAGE), "IOVA_OUT_OF_RANGE");
  t.true(guest.liveTables().has(tableKey(0, (1n << 12n) - 1n)));
  const sv39x4 = create("riscv64-guest", { vaWidthLg2: 41, topLevel: 2 });
  t.is(mapCode(sv39x4, 2n ** 41n - GiB, 0n, GiB), "OK");
  t.is(sv39x4.liveTableCount, 1);
  // Mali always has four levels.
  const mali = create("mali", { vaWidthLg2: 33, oaWidthLg2: 40, topLevel: 3 });
  t.is(mapCode(mali, 2n ** 33n - PAGE, 0n, PAGE), "OK");
  t.is(mapCode(mali, 2n ** 33n, 0n, PAGE), "IOVA_OUT_OF_RANGE");
  t.is(mali.liveTableCount, 4);
  // DART with four registers: a table each of 512 items.
  const dart = create("dart1", { granuleLg2: 12, vaWidthLg2: 32, oaWidthLg2: 36, topLevel: 1 });
  t.is(mapCode(dart, 0n, 0n, 2n * MiB), "OK");
  t.is(mapCode(dart, 3n * GiB, 0n, PAGE), "OK");
  t.deepEqual(liveTables(dart), [tableKey(0, 0n), tableKey(0, (3n * GiB) >> 21n), tableKey(1, 0n)]);
});

test("the upper half is what has every bit above the width set", (t) => {
  const reference = stage1({ upperHalf: true });
  const first = 2n ** 64n - 2n ** 39n;
  const outside: readonly (readonly [bigint, bigint])[] = [
    [0n, PAGE],
    [2n ** 39n - PAGE, PAGE],
    [first - PAGE, PAGE],
    [first - PAGE, 2n * PAGE],
    [2n ** 63n, 2n ** 63n],
  ];
  for (const [iova, length] of outside) {
    t.is(mapCode(reference, iova, 0n, length), "IOVA_OUT_OF_RANGE", iova.toString(16));
    t.is(removedBytes(reference, iova, length), 0n);
  }
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, 2n * PAGE), "WRAPS");
  t.is(mapCode(reference, first, 0n, GiB), "OK");
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0x5000n, PAGE), "OK");
  t.is(reference.translate(2n ** 64n - 1n)?.pa, 0x5fffn);
  t.is(reference.translate(2n ** 39n - 1n), undefined);
  // Tables are named by the bits that are translated.
  const last = (lg2: bigint) => (1n << (39n - lg2)) - 1n;
  const keys = [tableKey(0, last(21n)), tableKey(1, last(30n)), tableKey(2, 0n)];
  t.deepEqual(liveTables(reference), keys);
  t.is(removedBytes(reference, first, GiB), GiB);
  t.is(removedBytes(reference, 2n ** 64n - PAGE, PAGE), PAGE);
});

test("with hardware's dirty state, writable leaves begin dirty and others never are", (t) => {
  const reference = stage1({ dirtyTracking: true });
  map(reference, 0n, 0n, 4n * PAGE);
  map(reference, 8n * PAGE, 0n, PAGE, { prot: READ });
  map(reference, 64n * KiB, 64n * KiB, 64n * KiB);
  t.is(reference.dirtyCount, 5n);
  t.true(reference.isDirty(PAGE));
  t.false(reference.isDirty(8n * PAGE));
  t.deepEqual(dirtyIn(reference, PAGE, 16n * PAGE, true), [
    [PAGE, PAGE],
    [2n * PAGE, PAGE],
    [3n * PAGE, PAGE],
    [64n * KiB, 64n * KiB],
  ]);
  t.is(reference.dirtyCount, 1n);
  t.deepEqual(dirtyIn(reference, 0n, 32n * PAGE, false), [[0n, PAGE]]);
  // Clean is still writable for a device, and its write is seen.
  t.deepEqual(reference.apply({ op: "deviceWrite", iova: 68n * KiB }), {
    op: "deviceWrite",
    permitted: true,
  });
  t.deepEqual(dirtyIn(reference, 70n * KiB, PAGE, false), [[70n * KiB, PAGE]]);
  // On a read-only leaf nothing happens, and that is no error.
  t.deepEqual(reference.apply({ op: "setDirty", iova: 8n * PAGE }), { op: "setDirty", code: "OK" });
  t.deepEqual(reference.apply({ op: "deviceWrite", iova: 8n * PAGE }), {
    op: "deviceWrite",
    permitted: false,
  });
  t.false(reference.isDirty(8n * PAGE));
  t.is(reference.dirtyCount, 2n);
  // A leaf that takes a clean one's place is fresh.
  removedBytes(reference, PAGE, PAGE);
  map(reference, PAGE, 0n, PAGE);
  t.true(reference.translate(PAGE)?.dirty);
  t.deepEqual(stage1().apply({ op: "setDirty", iova: 0n }), { op: "setDirty", code: "NOT_SUPPORTED" });
});

test("where it breaks before it makes, a map invalidates stretch by stretch", (t) => {
  const tables = [GiB - 4n * MiB, GiB - 2n * MiB, GiB, GiB + 6n * MiB];
  const replaced = (reference: Reference) => {
    leaveTables(reference, ...tables);
    return map(reference, GiB - 4n * MiB, 0n, 12n * MiB, { pageSizes: 2n * MiB }).invalidated;
  };
  const [first, last] = [GiB - 4n * MiB, GiB + 8n * MiB - 1n];
  const atOnce = create("vtd-second-stage", { topLevel: 2, vaWidthLg2: 39 });
  t.deepEqual(replaced(atOnce), [[first, last]]);
  t.deepEqual(replaced(stage1()), [
    [first, GiB - 1n],
    [GiB, last],
  ]);
  t.deepEqual(replaced(stage1({ gather: "no-gaps" })), [
    [first, GiB - 1n],
    [GiB, GiB + 2n * MiB - 1n],
    [GiB + 6n * MiB, last],
  ]);
  const others: readonly (readonly [FormatName, Options])[] = [
    ["mali", { vaWidthLg2: 48, oaWidthLg2: 40 }],
    ["armv8-stage2", { oaWidthLg2: 48 }],
    ["arm-lpae-stage1", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 }],
    ["arm-lpae-stage2", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 }],
  ];
  for (const [format, options] of others) t.is(replaced(create(format, options)).length, 2, format);
  // The short descriptor: a section, and a supersection behind it.
  const descriptor = short({ oaWidthLg2: 32 });
  leaveTables(descriptor, 15n * MiB, 17n * MiB);
  t.deepEqual(map(descriptor, 15n * MiB, 15n * MiB, 17n * MiB).invalidated, [
    [15n * MiB, 16n * MiB - 1n],
    [17n * MiB, 18n * MiB - 1n],
  ]);
});

test("what a map linked into a root that is loaded at once is told, in one piece", (t) => {
  const reference = create("x86-pae32", { vaWidthLg2: 32, topLevel: 2, gather: "no-gaps" });
  t.deepEqual(map(reference, GiB + PAGE, 0n, PAGE).invalidated, [[GiB, 2n * GiB - 1n]]);
  t.deepEqual(map(reference, GiB + MiB, 0n, PAGE).invalidated, []);
  t.deepEqual(map(reference, GiB - PAGE, 0n, PAGE, { prot: READ }).invalidated, [[0n, GiB - 1n]]);
  t.deepEqual(map(reference, 2n * GiB, 0n, 2n * GiB).invalidated, [[2n * GiB, 4n * GiB - 1n]]);
  // Three-level tables with a root of 512 items have it read item by item.
  const pae = create("x86-pae", { vaWidthLg2: 39, topLevel: 2 });
  t.deepEqual(map(pae, GiB, 0n, PAGE).invalidated, []);
});

test("a stretch ends where a larger page may begin", (t) => {
  // Leaves of 2 MiB up to 32 MiB, and a contiguous entry of sixteen from there on.
  const reference = stage1();
  leaveTables(reference, 28n * MiB, 34n * MiB);
  const outcome = map(reference, 28n * MiB, 28n * MiB, 36n * MiB);
  t.deepEqual(
    reference.runs.map(({ sizeLg2, count }) => [sizeLg2, count]),
    [
      [21, 2n],
      [25, 1n],
    ],
  );
  t.deepEqual(outcome.invalidated, [
    [28n * MiB, 30n * MiB - 1n],
    [34n * MiB, 36n * MiB - 1n],
  ]);
  // What is in the way later does not keep the first stretch from being emptied.
  const other = stage1();
  leaveTables(other, 0n, 2n * MiB);
  map(other, 5n * MiB, 0n, PAGE);
  const stopped = map(other, 0n, GiB, 8n * MiB, { pageSizes: 2n * MiB });
  t.is(stopped.code, "ADDRESS_IN_USE");
  t.deepEqual(stopped.invalidated, [[0n, 4n * MiB - 1n]]);
});

test("the short descriptor reaches from 4 GiB on with supersections alone", (t) => {
  const far = 1n << 32n;
  const [page, section, super16] = [PAGE, MiB, 16n * MiB];
  t.is(mapCode(short(), 0n, far - page, page), "OK");
  t.is(mapCode(short(), 0n, far, page), "MISALIGNED");
  t.is(mapCode(short(), 0n, far, section), "MISALIGNED");
  t.is(mapCode(short(), 0n, far, super16), "OK");
  t.is(mapCode(short(), section, far, super16), "MISALIGNED");
  t.is(mapCode(short(), 0n, far + section, super16), "MISALIGNED");
  t.is(mapCode(short(), 0n, far, super16 + page), "MISALIGNED");
  // What comes before 4 GiB may be small.
  const across = short();
  t.is(mapCode(across, super16 - section - page, far - section - page, section + page + super16), "OK");
  t.deepEqual(
    across.runs.map(({ sizeLg2 }) => sizeLg2),
    [12, 20, 24],
  );
  t.is(mapCode(short(), super16, far - section, section + super16), "MISALIGNED");
  t.is(mapCode(short(), 0n, far - super16, super16 + page), "MISALIGNED");
  // Without supersections nothing is there; the range of the input is asked for later.
  t.is(mapCode(short({ pageSizes: PAGE | MiB }), 0n, far, super16), "MISALIGNED");
  t.is(mapCode(short(), 0n, far, super16, { pageSizes: PAGE | MiB }), "MISALIGNED");
  t.is(mapCode(short(), 1n << 32n, far, page), "MISALIGNED");
  t.is(mapCode(short(), 1n << 32n, far, super16), "IOVA_OUT_OF_RANGE");
  t.is(mapCode(short(), 0n, 1n << 40n, page), "PA_OUT_OF_RANGE");
  // MediaTek's reach is that of every size.
  const mediatek = short({ oaWidthLg2: 35, mediatek: true, noPermissions: true });
  t.is(mapCode(mediatek, 0n, 7n * far, page), "OK");
});
