/** The reference on its own: the documented behaviour as examples that a person can read. */
import test from "ava";
import type { Code, Outcome, Range } from "../models/operations.js";
import { Reference, tableKey } from "../reference/index.js";
import { configuration, type Options } from "./reference-configuration.js";

const KiB = 1n << 10n;
const MiB = 1n << 20n;
const GiB = 1n << 30n;
const PAGE = 4n * KiB;
const EVERYTHING: Range = [0n, 2n ** 64n - 1n];
const READ = 1;
const WRITE = 2;
const READ_WRITE = 3;

const amdv1 = (options: Options = {}) =>
  new Reference(configuration("amdv1", { vaWidthLg2: 64, topLevel: 2, growingTop: true, ...options }));
const x86 = (options: Options = {}) => new Reference(configuration("x86-64", options));
const vtd = (options: Options = {}) => new Reference(configuration("vtd-second-stage", options));
const riscv = (options: Options = {}) =>
  new Reference(
    configuration("riscv64", {
      vaWidthLg2: 39,
      topLevel: 2,
      oaWidthLg2: 56,
      signExtended: true,
      svnapot: true,
      ...options,
    }),
  );

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

function unmap(reference: Reference, iova: bigint, length: bigint, op: "unmap" | "unmapGathered" = "unmap") {
  const outcome = reference.apply({ op, iova, length });
  if (outcome.op !== op) throw new Error("not the outcome of an unmap");
  return outcome;
}

function removedBytes(reference: Reference, iova: bigint, length: bigint): bigint {
  return unmap(reference, iova, length).removedBytes;
}

/** The keys of the live tables, those of the lowest level first. */
function liveTables(reference: Reference): bigint[] {
  return [...reference.liveTables()].sort((a, b) => Number((a & 7n) - (b & 7n) || a - b));
}

function readDirty(reference: Reference, iova: bigint, length: bigint, clear: boolean) {
  const outcome = reference.apply({ op: "readAndClearDirty", iova, length, clear });
  if (outcome.op !== "readAndClearDirty") throw new Error("not the outcome of a dirty read");
  return outcome;
}

test("the page sizes offered are the published ones", (t) => {
  t.is(amdv1().pageSizes, 0xfff7ffffff000n);
  t.is(amdv1({ vaWidthLg2: 48 }).pageSizes, 0xff7ffffff000n);
  t.is(amdv1({ oaWidthLg2: 40 }).pageSizes, 0x7ffffff000n);
  t.is(amdv1({ pageSizes: 0x40201000n }).pageSizes, 0x40201000n);
  t.is(amdv1({ encryptionBit: 47 }).pageSizes, 0xff7ffffff000n | (1n << 47n));
  const mock = (topLevel: number, vaWidthLg2: number) =>
    new Reference(configuration("amdv1-mock", { topLevel, vaWidthLg2, oaWidthLg2: 51 })).pageSizes;
  t.is(mock(2, 38), 0x3ffffff800n);
  t.is(mock(3, 47), 0x7f7ffffff800n);
  t.is(x86().pageSizes, 0x40201000n);
  t.is(vtd({ topLevel: 2, vaWidthLg2: 39 }).pageSizes, 0x40201000n);
  t.is(riscv().pageSizes, 0x40211000n);
  t.is(riscv({ svnapot: false }).pageSizes, 0x40201000n);
  t.is(riscv({ vaWidthLg2: 57, topLevel: 4 }).pageSizes, 0x1008040211000n);
  const sv32 = configuration("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 });
  t.is(new Reference(sv32).pageSizes, 0x401000n);
});

test("map refuses in the documented order", (t) => {
  const reference = vtd({ forceWriteable: true, oaWidthLg2: 46 });
  const tooFar = 1n << 46n;
  t.is(mapCode(reference, 2n ** 64n - 1n, tooFar, 0n, { prot: 0 }), "NO_PERMISSION");
  t.is(mapCode(reference, 2n ** 64n - 1n, tooFar, 0n, { prot: READ }), "PA_OUT_OF_RANGE");
  t.is(mapCode(reference, 2n ** 64n - 1n, 1n, 0n, { prot: READ }), "READ_ONLY_REFUSED");
  t.is(mapCode(reference, 2n ** 64n - 1n, 1n, 0n), "ZERO_LENGTH");
  t.is(mapCode(reference, 2n ** 64n - 1n, 1n, 2n), "WRAPS");
  t.is(mapCode(reference, 2n ** 48n, tooFar - 1n, PAGE), "MISALIGNED");
  t.is(mapCode(reference, 2n ** 48n - PAGE, tooFar - PAGE, 2n * PAGE), "IOVA_OUT_OF_RANGE");
  t.is(mapCode(reference, 0n, tooFar - PAGE, 2n * PAGE), "PA_OUT_OF_RANGE");
  t.is(mapCode(reference, 0n, tooFar - PAGE, PAGE), "OK");
});

test("a range that reaches the encryption bit is out of range, wherever it reaches it", (t) => {
  const reference = amdv1({ encryptionBit: 47 });
  const bit = 1n << 47n;
  t.is(mapCode(reference, 0n, bit, PAGE), "PA_OUT_OF_RANGE");
  t.is(mapCode(reference, 0n, bit - PAGE, 2n * PAGE), "PA_OUT_OF_RANGE");
  t.is(mapCode(reference, 0n, 0n, 4n * bit), "PA_OUT_OF_RANGE");
  t.is(mapCode(reference, 2n ** 63n, 0n, bit), "OK");
  t.is(reference.runs[0]?.sizeLg2, 47);
  t.is(mapCode(reference, 0n, 2n * bit, PAGE), "OK");
});

test("the call's page sizes narrow the domain's, and a misfit is refused before anything changes", (t) => {
  const reference = x86();
  t.is(mapCode(reference, 0n, 0n, 2n * MiB, { pageSizes: PAGE }), "OK");
  t.deepEqual(reference.runs, [{ iova: 0n, count: 512n, sizeLg2: 12, pa: 0n, prot: READ_WRITE }]);
  t.is(mapCode(reference, GiB, 0n, PAGE, { pageSizes: 8n * KiB }), "MISALIGNED");
  t.is(mapCode(reference, GiB, 0n, 2n * MiB + PAGE, { pageSizes: 2n * MiB }), "MISALIGNED");
  t.is(mapCode(reference, GiB, 0n, 0x1800n), "MISALIGNED");
  t.is(reference.liveTableCount, 4);
});

test("the largest page that fits is used at each point", (t) => {
  const reference = x86();
  const start = 2n * GiB - 28n * MiB;
  t.is(mapCode(reference, start, start, 34n * MiB + 3n * GiB), "OK");
  const counts = reference.runs.map((run) => [run.count, run.sizeLg2]);
  t.deepEqual(counts, [
    [14n, 21],
    [3n, 30],
    [3n, 21],
  ]);
  t.is(removedBytes(reference, start, 34n * MiB + 3n * GiB), 34n * MiB + 3n * GiB);
  t.deepEqual(reference.runs, []);
  t.is(mapCode(reference, 0xfef80000n, 0n, 0x20000n), "OK");
  t.is(removedBytes(reference, 0xfef80000n, 0x20000n), 0x20000n);
});

test("small pages up to the next large one fill every table on the way", (t) => {
  const reference = x86();
  t.is(mapCode(reference, GiB - 4n * MiB, GiB - 4n * MiB, GiB + 4n * MiB, { pageSizes: GiB | PAGE }), "OK");
  const counts = reference.runs.flatMap((run) => [run.count, run.sizeLg2]);
  t.deepEqual(counts, [1024n, 12, 1n, 30]);
  t.is(reference.liveTableCount, 5);
});

test("every page size maps as one entry, translates, and unmaps to nothing", (t) => {
  for (const make of [amdv1, x86, vtd, riscv]) {
    const reference = make();
    for (let sizeLg2 = 0; sizeLg2 < 64; sizeLg2++) {
      const size = 1n << BigInt(sizeLg2);
      if ((reference.pageSizes & size) === 0n || sizeLg2 >= 48) continue;
      const iova = sizeLg2 >= 38 ? 0n : size;
      t.is(mapCode(reference, iova, size, size), "OK");
      t.deepEqual(reference.runs, [{ iova, count: 1n, sizeLg2, pa: size, prot: READ_WRITE }]);
      t.is(reference.translate(iova + size - 1n)?.pa, 2n * size - 1n);
      t.is(reference.translate(iova + size), undefined);
      t.is(removedBytes(reference, iova, PAGE), size);
      t.deepEqual(reference.runs, []);
    }
  }
});

test("what is in the way stops a map, and what was mapped before it stays", (t) => {
  const reference = vtd();
  map(reference, 0x5000n, 0n, PAGE);
  const outcome = map(reference, 0x1000n, 0x10000n, 8n * PAGE);
  t.is(outcome.code, "ADDRESS_IN_USE");
  t.is(outcome.mappedBytes, 4n * PAGE);
  t.is(reference.translate(0x4fffn)?.pa, 0x13fffn);
  t.is(reference.translate(0x5000n)?.pa, 0n);
  t.is(reference.translate(0x6000n), undefined);
  t.is(mapCode(reference, 0n, 0n, 2n * MiB), "ADDRESS_IN_USE");
});

test("permissions are what the format can express", (t) => {
  const granted = (reference: Reference, prot: number) => {
    map(reference, 0n, 0n, PAGE, { prot });
    const { read, write, execute } = reference.translate(0n) ?? {};
    return [read, write, execute];
  };
  t.deepEqual(granted(amdv1(), WRITE), [false, true, false]);
  t.deepEqual(granted(vtd(), READ), [true, false, true]);
  t.deepEqual(granted(x86(), WRITE | 4), [true, true, true]);
  t.deepEqual(granted(riscv(), WRITE | 4), [true, true, false]);
  t.deepEqual(granted(riscv(), READ), [true, false, true]);
});

test("the top grows at once to what the address needs, below the old root", (t) => {
  const reference = amdv1();
  map(reference, 0n, 0n, PAGE);
  const before = reference.liveTableCount;
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, PAGE), "OK");
  t.is(reference.topLevel, 5);
  // Three new tops, and five tables on the way to the last page.
  t.is(reference.liveTableCount, before + 8);
  t.true(reference.liveTables().has(tableKey(2, 0n)));
  t.is(reference.translate(0xfffn)?.pa, 0xfffn);
  t.is(mapCode(amdv1({ vaWidthLg2: 48 }), 2n ** 48n, 0n, PAGE), "IOVA_OUT_OF_RANGE");
});

test("the top grows for a leaf that belongs above it, though the address fits", (t) => {
  const reference = amdv1({ topLevel: 1 });
  t.is(mapCode(reference, 0n, 0n, GiB), "OK");
  t.is(reference.topLevel, 2);
  t.deepEqual(liveTables(reference), [tableKey(2, 0n)]);
});

test("without memory to grow, nothing changes; without memory later, growth and tables stay", (t) => {
  const reference = amdv1();
  const before = reference.key();
  reference.apply({ op: "failNextAllocation", nth: 3 });
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, PAGE), "OUT_OF_MEMORY");
  t.is(reference.key(), before);
  reference.apply({ op: "failNextAllocation", nth: 5 });
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, PAGE), "OUT_OF_MEMORY");
  t.is(reference.topLevel, 5);
  t.is(reference.liveTableCount, 5);
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, PAGE), "OK");
});

test("the nth allocation fails once, and the leaves before it stay", (t) => {
  const reference = vtd();
  reference.apply({ op: "failNextAllocation", nth: 4 });
  const outcome = map(reference, 2n * MiB - PAGE, 0n, 2n * PAGE);
  t.is(outcome.code, "OUT_OF_MEMORY");
  t.is(outcome.mappedBytes, PAGE);
  t.is(reference.liveTableCount, 4);
  t.is(mapCode(reference, 2n * MiB, 0n, PAGE), "OK");
});

test("an empty subtree gives way to a leaf, and its place is invalidated", (t) => {
  const reference = x86();
  map(reference, GiB, 0n, PAGE);
  map(reference, 2n * GiB - PAGE, 0n, PAGE);
  unmap(reference, GiB, PAGE);
  unmap(reference, 2n * GiB - PAGE, PAGE);
  t.is(reference.liveTableCount, 5);
  t.deepEqual(map(reference, 0n, 0n, 4n * GiB).invalidated, [[GiB, 2n * GiB - 1n]]);
  t.is(reference.liveTableCount, 2);
});

test("pieces of map's invalidation are separate only without gaps, and only where they do not touch", (t) => {
  const leaveTables = (reference: Reference) => {
    for (const at of [0n, 2n, 4n, 10n, 20n]) {
      map(reference, at * MiB, 0n, PAGE);
      unmap(reference, at * MiB, PAGE);
    }
    return map(reference, 0n, 0n, 30n * MiB, { pageSizes: 2n * MiB }).invalidated;
  };
  const last = 22n * MiB - 1n;
  t.deepEqual(leaveTables(vtd()), [[0n, last]]);
  t.deepEqual(leaveTables(vtd({ gather: "queued" })), [[0n, last]]);
  t.deepEqual(leaveTables(vtd({ gather: "no-gaps" })), [
    [0n, 6n * MiB - 1n],
    [10n * MiB, 12n * MiB - 1n],
    [20n * MiB, last],
  ]);
});

test("a contiguous entry empties item by item until one is occupied", (t) => {
  const reference = amdv1();
  for (const at of [0n, 2n, 4n, 6n]) map(reference, at * MiB, 0n, PAGE);
  for (const at of [0n, 2n, 6n]) unmap(reference, at * MiB, PAGE);
  const outcome = map(reference, 0n, 0n, 8n * MiB);
  t.deepEqual(outcome, {
    op: "map",
    code: "ADDRESS_IN_USE",
    mappedBytes: 0n,
    invalidated: [[0n, 4n * MiB - 1n]],
  });
  t.deepEqual(liveTables(reference), [tableKey(0, 2n), tableKey(0, 3n), tableKey(1, 0n), tableKey(2, 0n)]);
});

test("unmap stops at a hole, takes an entry whole at its end, and none from its middle", (t) => {
  const reference = vtd();
  map(reference, 0n, 0n, 2n * PAGE);
  map(reference, 3n * PAGE, 0n, PAGE);
  map(reference, 2n * MiB, 2n * MiB, 4n * MiB);
  t.is(removedBytes(reference, 0n, 4n * PAGE), 2n * PAGE);
  t.is(removedBytes(reference, 3n * PAGE + 1n, PAGE), 0n);
  t.is(removedBytes(reference, 2n * MiB + PAGE, 2n * MiB), 0n);
  t.is(removedBytes(reference, 2n * MiB, 2n * MiB + 1n), 4n * MiB);
  t.is(removedBytes(reference, 3n * PAGE, 1n), PAGE);
});

test("an unmap of nothing invalidates nothing", (t) => {
  for (const gather of ["range", "no-gaps", "queued"] as const) {
    const reference = vtd({ gather });
    map(reference, 2n ** 48n - PAGE, 0n, PAGE);
    const nothing = [
      unmap(reference, 0n, PAGE),
      unmap(reference, 2n ** 48n - PAGE, 0n),
      unmap(reference, 2n ** 48n - PAGE, 2n * PAGE),
      unmap(reference, 2n ** 64n - PAGE, 2n * PAGE),
      unmap(reference, 0n, PAGE, "unmapGathered"),
    ];
    for (const outcome of nothing) t.deepEqual([outcome.removedBytes, outcome.invalidated], [0n, []]);
    t.is(reference.pendingInvalidation, undefined);
    t.deepEqual(reference.apply({ op: "sync" }), { op: "sync", invalidated: [] });
  }
});

test("an unmap beyond the present top meets a hole there", (t) => {
  const reference = amdv1();
  const end = 1n << 39n;
  map(reference, end - PAGE, 0n, PAGE);
  t.is(reference.topLevel, 2);
  t.is(removedBytes(reference, end - PAGE, end), PAGE);
});

test("a table goes with an unmap that removed all it spans, and only then", (t) => {
  const reference = vtd();
  const fill = () => map(reference, 0n, 0n, 4n * MiB, { pageSizes: PAGE });
  fill();
  t.is(reference.liveTableCount, 5);
  unmap(reference, 0n, MiB);
  unmap(reference, MiB, 3n * MiB);
  const leftmost = [0, 1, 2, 3].map((level) => tableKey(level, 0n));
  t.deepEqual(liveTables(reference), leftmost);
  fill();
  unmap(reference, 0n, 4n * MiB);
  t.is(reference.liveTableCount, 3);
});

test("a table goes also when an entry that sticks out completes its span", (t) => {
  const reference = amdv1();
  map(reference, 0n, 0n, MiB);
  map(reference, MiB, 0n, MiB);
  t.is(removedBytes(reference, 0n, MiB + PAGE), 2n * MiB);
  t.is(reference.liveTableCount, 2);
});

test("the root never goes", (t) => {
  const reference = amdv1({ vaWidthLg2: 64, topLevel: 5 });
  map(reference, 0n, 0n, 1n << 48n);
  map(reference, 2n ** 64n - PAGE, 0n, PAGE);
  const wide = vtd({ topLevel: 2, vaWidthLg2: 39 });
  map(wide, 0n, 0n, 1n << 39n);
  t.is(removedBytes(wide, 0n, 1n << 39n), 1n << 39n);
  t.deepEqual(liveTables(wide), [tableKey(2, 0n)]);
  t.is(removedBytes(reference, 0n, 2n ** 64n), 1n << 48n);
});

test("a shared gather widens, and keeps frames until the sync", (t) => {
  const reference = vtd();
  map(reference, 0n, 0n, 8n * MiB, { pageSizes: PAGE });
  t.deepEqual(unmap(reference, 0n, 2n * MiB, "unmapGathered").invalidated, []);
  t.deepEqual(unmap(reference, 6n * MiB, 2n * MiB, "unmapGathered").invalidated, []);
  t.deepEqual(reference.pendingInvalidation, [0n, 8n * MiB - 1n]);
  t.is(reference.quarantinedTableCount, 2);
  t.deepEqual(unmap(reference, 2n * MiB, PAGE).invalidated, [[2n * MiB, 2n * MiB + PAGE - 1n]]);
  t.deepEqual(reference.apply({ op: "sync" }), { op: "sync", invalidated: [[0n, 8n * MiB - 1n]] });
  t.is(reference.quarantinedTableCount, 0);
});

test("without gaps, a range apart from the pending one syncs it first", (t) => {
  const reference = vtd({ gather: "no-gaps" });
  map(reference, 0n, 0n, 16n * MiB, { pageSizes: PAGE });
  unmap(reference, 8n * MiB, 2n * MiB, "unmapGathered");
  t.deepEqual(unmap(reference, 6n * MiB, 2n * MiB, "unmapGathered").invalidated, []);
  const outcome = unmap(reference, 0n, 2n * MiB, "unmapGathered");
  t.deepEqual(outcome.invalidated, [[6n * MiB, 10n * MiB - 1n]]);
  // The two tables of the old range are released; the one of this call waits.
  t.is(reference.quarantinedTableCount, 1);
  t.deepEqual(reference.pendingInvalidation, [0n, 2n * MiB - 1n]);
});

test("a flush queue invalidates everything", (t) => {
  const reference = vtd({ gather: "queued" });
  map(reference, 0n, 0n, 4n * PAGE);
  t.deepEqual(unmap(reference, 0n, PAGE).invalidated, [EVERYTHING]);
  t.deepEqual(unmap(reference, PAGE, PAGE, "unmapGathered").invalidated, []);
  t.deepEqual(unmap(reference, 3n * PAGE, PAGE, "unmapGathered").invalidated, []);
  t.deepEqual(reference.apply({ op: "sync" }), { op: "sync", invalidated: [EVERYTHING] });
});

test("a sign-extended space has two halves, and no range passes through the hole", (t) => {
  const reference = riscv();
  const half = 1n << 38n;
  const upper = 2n ** 64n - half;
  for (const iova of [half, upper - PAGE, half - PAGE, 0n]) {
    const length = iova === 0n ? 2n ** 64n : 2n * PAGE;
    t.is(mapCode(reference, iova, 0n, length), "IOVA_OUT_OF_RANGE", iova.toString(16));
  }
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, 2n * PAGE), "WRAPS");
  t.is(mapCode(reference, 2n ** 64n - PAGE, 0n, PAGE), "OK");
  t.is(mapCode(reference, upper, 0n, GiB), "OK");
  t.is(mapCode(reference, half - PAGE, 0n, PAGE), "OK");
  t.deepEqual(
    reference.runs.map((run) => run.iova),
    [half - PAGE, upper, 2n ** 64n - PAGE],
  );
  t.is(removedBytes(reference, half - PAGE, upper), 0n);
  const listed = (iova: bigint, length: bigint) => reference.apply({ op: "entries", iova, length });
  // Listing is no request to the hardware: what lies in the hole is left out.
  const starts = (outcome: Outcome) => ("entries" in outcome ? outcome.entries.map(({ iova }) => iova) : []);
  t.deepEqual(starts(listed(half - PAGE, PAGE + 1n)), [half - PAGE]);
  t.deepEqual(starts(listed(upper - 1n, PAGE)), [upper]);
  t.is(removedBytes(reference, half - PAGE, PAGE), PAGE);
  // The tables of the last page: the last ones by index.
  t.true(reference.liveTables().has(tableKey(0, (1n << 18n) - 1n)));
});

test("dirty state exists where the format has it; the argument checks come after", (t) => {
  for (const make of [x86, riscv]) {
    t.is(readDirty(make(), 0n, 0n, true).code, "NOT_SUPPORTED");
    t.deepEqual(make().apply({ op: "setDirty", iova: 1n << 60n }), { op: "setDirty", code: "NOT_SUPPORTED" });
  }
  const reference = vtd();
  t.is(readDirty(reference, 2n ** 64n - 1n, 0n, true).code, "ZERO_LENGTH");
  t.is(readDirty(reference, 2n ** 64n - 1n, 2n, true).code, "WRAPS");
  t.is(readDirty(reference, 2n ** 48n - 1n, 2n, true).code, "IOVA_OUT_OF_RANGE");
  t.deepEqual(reference.apply({ op: "setDirty", iova: 1n << 48n }), {
    op: "setDirty",
    code: "IOVA_OUT_OF_RANGE",
  });
  t.deepEqual(reference.apply({ op: "setDirty", iova: 0n }), { op: "setDirty", code: "NOT_MAPPED" });
});

test("a clear reports whole entries, a mere read the part asked for, and holes are skipped", (t) => {
  const reference = amdv1();
  map(reference, 0x10000n, 0n, 0x10000n);
  map(reference, 0x21000n, 0x1000n, 2n * PAGE);
  for (const iova of [0x18000n, 0x21000n, 0x22000n]) reference.apply({ op: "setDirty", iova });
  const seen = readDirty(reference, 0x1c000n, 0x6000n, false);
  t.deepEqual(seen.dirty, [
    { iova: 0x1c000n, length: 0x4000n },
    { iova: 0x21000n, length: PAGE },
  ]);
  t.deepEqual(seen.invalidated, []);
  const cleared = readDirty(reference, 0x1c000n, 0x6000n, true);
  t.deepEqual(cleared.dirty, [
    { iova: 0x10000n, length: 0x10000n },
    { iova: 0x21000n, length: PAGE },
  ]);
  t.deepEqual(cleared.invalidated, [[0x10000n, 0x21fffn]]);
  t.deepEqual(readDirty(reference, 0n, 2n ** 64n, true).dirty, [{ iova: 0x22000n, length: PAGE }]);
  t.deepEqual(readDirty(reference, 0n, 2n ** 64n, true).invalidated, []);
});

test("without gaps, a clear invalidates the pieces that it cleaned", (t) => {
  const reference = vtd({ gather: "no-gaps" });
  map(reference, 0n, 0n, 8n * PAGE);
  for (const page of [1n, 2n, 5n]) reference.apply({ op: "deviceWrite", iova: page * PAGE });
  t.deepEqual(readDirty(reference, 0n, 8n * PAGE, true).invalidated, [
    [PAGE, 3n * PAGE - 1n],
    [5n * PAGE, 6n * PAGE - 1n],
  ]);
});

test("a device writes where it may, and leaves the entry dirty where that is recorded", (t) => {
  for (const make of [amdv1, vtd, x86, riscv]) {
    const reference = make();
    map(reference, 0n, 0n, PAGE, { prot: READ });
    map(reference, PAGE, 0n, PAGE);
    const writes = [0n, PAGE, 2n * PAGE].map((iova) => reference.apply({ op: "deviceWrite", iova }));
    const permitted = writes.map((outcome) => outcome.op === "deviceWrite" && outcome.permitted);
    t.deepEqual(permitted, [false, true, false]);
    t.is(reference.translate(PAGE)?.dirty, make === amdv1 || make === vtd);
    t.is(reference.translate(0n)?.dirty, false);
    unmap(reference, 0n, 2n * PAGE);
    map(reference, PAGE, 0n, PAGE);
    t.is(reference.translate(PAGE)?.dirty, false);
  }
});

test("entries are those that touch the range", (t) => {
  const reference = vtd();
  map(reference, 0n, 0n, 2n * PAGE);
  map(reference, 2n * MiB, 0n, 2n * MiB, { prot: READ });
  reference.apply({ op: "deviceWrite", iova: PAGE });
  t.deepEqual(reference.apply({ op: "entries", iova: PAGE + 1n, length: 2n * MiB }), {
    op: "entries",
    entries: [
      { iova: PAGE, sizeLg2: 12, pa: PAGE, read: true, write: true, execute: true, dirty: true },
      { iova: 2n * MiB, sizeLg2: 21, pa: 0n, read: true, write: false, execute: true, dirty: false },
    ],
  });
  t.deepEqual(reference.apply({ op: "entries", iova: 0n, length: 0n }), { op: "entries", entries: [] });
});

test("neighbours that continue each other are one run", (t) => {
  const reference = vtd();
  map(reference, 0n, 0n, PAGE);
  map(reference, 2n * PAGE, 2n * PAGE, PAGE);
  map(reference, PAGE, PAGE, PAGE);
  map(reference, 3n * PAGE, 3n * PAGE, PAGE, { prot: READ });
  map(reference, 4n * PAGE, 0n, PAGE, { prot: READ });
  t.deepEqual(
    reference.runs.map((run) => run.count),
    [3n, 1n, 1n],
  );
});
