// I1, I12, I15 — cut, resize and trim change how translations are written down, and nothing of what they say.
import test, { type ExecutionContext } from "ava";
import { MemoryTooSmall, runProgram } from "../fuzz/lockstep/index.js";
import { mixOf } from "../fuzz/lockstep/mixes.js";
import { canCreate } from "../fuzz/lockstep/subject.js";
import {
  amdv1,
  amdv1Mock,
  armv8Stage1_4k,
  Prot,
  Status,
  TableMemory,
  vtdSecondStage,
} from "../impl/index.js";
import { shared } from "../impl/shared.js";
import type { Configuration } from "../models/configuration.js";
import {
  configurationName,
  configurationsOf,
  formatNames,
  generateProgram,
  SeededDraws,
} from "../models/index.js";
import type { Operation } from "../models/operations.js";
import { Reference } from "../reference/index.js";

const PAGE = 0x1000n;
const KIB64 = 0x1_0000n;
const LARGE = 0x20_0000n;
const RW = Prot.read | Prot.write;

/** One in eight of a format's configurations, and all in which the operations differ. */
function chosen(configuration: Configuration, index: number): boolean {
  const { partialUnmap, freeing, toleratesSizeChange } = configuration;
  const isOwn = partialUnmap !== undefined || freeing !== undefined || toleratesSizeChange === true;
  return canCreate(configuration) && (isOwn || index % 8 === 0);
}

for (const format of formatNames) {
  test(`${format}: programs full of cuts, resizes and trims agree with the reference and hardware at every store`, (t) => {
    const configurations = configurationsOf(format).filter(chosen);
    // A hundred cuts and resizes at least: of fewer, a ninth may well be none.
    const operations = Math.max(100, Math.ceil(400 / configurations.length));
    const all = configurations.map((configuration) => runLayoutProgram(t, configuration, operations));
    // Where there are several sizes, every ninth of them at least has something to change (measured); half is enough.
    const [changes, tried] = [all.map((seen) => seen.changes), all.map((seen) => seen.tried)].map((counts) =>
      counts.reduce((sum, count) => sum + count, 0),
    );
    t.true(changes >= tried / 18, `${changes} changes in ${tried} cuts and resizes`);
  });
}

function runLayoutProgram(t: ExecutionContext, configuration: Configuration, count: number) {
  const usual = mixOf(configuration, "default");
  const change = usual.change + usual.cut + usual.resize + usual.trim - 96;
  const mix = { ...usual, cut: 48, resize: 36, trim: 12, change, runsWanted: 12 };
  const reference = new Reference(configuration);
  const hasSizes = (reference.pageSizes & (reference.pageSizes - 1n)) !== 0n;
  const entries = () => reference.runs.reduce((sum, { count }) => sum + count, 0n);
  let tried = 0;
  let changes = 0;
  const counting = {
    configuration,
    pageSizes: reference.pageSizes,
    get topLevel() {
      return reference.topLevel;
    },
    get runs() {
      return reference.runs;
    },
    apply(operation: Operation) {
      const before = entries();
      reference.apply(operation);
      if (!hasSizes || (operation.op !== "cut" && operation.op !== "resize")) return;
      tried++;
      if (entries() !== before) changes++;
    },
  };
  const name = `layout:${configurationName(configuration)}`;
  const operations = generateProgram(new SeededDraws(name), counting, count, mix);
  try {
    const { finding } = runProgram(configuration, operations);
    if (finding !== undefined) t.fail(`${configurationName(configuration)}: ${finding.sentence}`);
  } catch (error) {
    if (!(error instanceof MemoryTooSmall)) throw error;
  }
  return { tried, changes };
}

/** Each operation, with its first, second, third … allocation failing: nothing is changed then. */
for (const [name, entry] of Object.entries({ amdv1, vtdSecondStage, armv8Stage1_4k })) {
  test(`${name}: without memory for every table, nothing is cut and no size changed`, (t) => {
    for (const change of ["cut", "resize", "unmap"] as const) {
      for (let nth = 1; nth <= 2; nth++) {
        const memory = new TableMemory({ capacityBytes: 1 << 20 });
        const table = entry.create({ memory, partialUnmap: "cut" });
        const gib = 0x4000_0000n;
        table.map(gib, gib, gib, RW);
        const frames = memory.liveFrames;
        const before = memory.words.slice(0, frames * 1024);
        memory.failNextAllocation(nth);
        const status =
          change === "cut"
            ? table.tryCut(gib + PAGE)
            : change === "resize"
              ? table.tryResize(gib, gib, { largestLg2: 16 })
              : table.tryUnmap(gib + PAGE, PAGE);
        t.is(status, Status.OUT_OF_MEMORY, `${change}, allocation ${nth}`);
        t.is(memory.liveFrames, frames);
        t.deepEqual(memory.words.slice(0, frames * 1024), before);
        t.is(table.lookup(gib + PAGE), gib + PAGE);
      }
    }
  });
}

test("a cut says what had no translation for a moment, and nothing where the hardware tolerates the change", (t) => {
  for (const toleratesSizeChange of [false, true]) {
    const holes: bigint[] = [];
    const table = armv8Stage1_4k.create({
      memory: new TableMemory(),
      toleratesSizeChange,
      invalidate: ({ first }) => {
        if (table.lookup(first) === undefined) holes.push(first);
      },
    });
    table.map(LARGE, LARGE, LARGE, RW);
    const missed = table.cut(LARGE + KIB64);
    t.deepEqual(missed, toleratesSizeChange ? [] : [{ iova: LARGE, lengthBytes: LARGE }]);
    t.deepEqual(holes, toleratesSizeChange ? [] : [LARGE]);
    t.is([...table.entries()].length, 32);
    const merged = table.resize(LARGE, LARGE);
    t.deepEqual(merged, toleratesSizeChange ? [] : [{ iova: LARGE, lengthBytes: LARGE }]);
    t.is([...table.entries()].length, 1);
  }
});

test("an invalidate that throws while an entry is broken leaves the entry as it was", (t) => {
  let failing = false;
  const memory = new TableMemory();
  const table = armv8Stage1_4k.create({
    memory,
    invalidate: () => {
      if (failing) throw new Error("the hardware does not answer");
    },
  });
  table.map(LARGE, LARGE, LARGE, RW);
  table.map(2n * LARGE, 0x3000n, 2n * PAGE, RW);
  const frames = memory.liveFrames;
  const entries = [...table.entries()];
  failing = true;
  t.throws(() => table.cut(LARGE + PAGE), { message: "the hardware does not answer" });
  t.throws(() => table.resize(LARGE, LARGE, { largestLg2: 12 }), { message: "the hardware does not answer" });
  failing = false;
  t.deepEqual([...table.entries()], entries);
  t.is(memory.liveFrames, frames);
});

test("every part of a dirty entry is dirty, and only equally dirty ones become one", (t) => {
  const table = amdv1.create({ memory: new TableMemory() });
  table.map(0n, 0n, 2n * LARGE, RW, LARGE);
  table.setDirty(0x5000n);
  table.resize(0n, 2n * LARGE, { largestLg2: 20 });
  t.deepEqual(
    [...table.entries()].map(({ dirty }) => dirty),
    [true, true, false, false],
  );
  table.resize(0n, 2n * LARGE);
  t.deepEqual(
    [...table.entries()].map(({ iova, sizeLg2, dirty }) => [iova, sizeLg2, dirty]),
    [
      [0n, 21, true],
      [LARGE, 21, false],
    ],
  );
  table.readAndClearDirty(0n, LARGE, () => {});
  table.resize(0n, 2n * LARGE);
  t.deepEqual(
    [...table.entries()].map(({ sizeLg2 }) => sizeLg2),
    [22],
  );
});

test("other attributes are not merged, and those of a part are its entry's", (t) => {
  const table = armv8Stage1_4k.create({ memory: new TableMemory() });
  table.map(0n, 0n, KIB64, RW | Prot.cacheable | Prot.noExec, PAGE);
  table.map(KIB64, KIB64, KIB64, RW | Prot.noExec, PAGE);
  table.resize(0n, LARGE);
  const entries = [...table.entries()];
  t.deepEqual(
    entries.map(({ sizeLg2, execute }) => [sizeLg2, execute]),
    [
      [16, false],
      [16, false],
    ],
  );
});

test("a gather of the caller's collects what was replaced, and the frames that merging freed", (t) => {
  const ranges: [bigint, bigint][] = [];
  const memory = new TableMemory();
  const table = amdv1.create({ memory, invalidate: ({ first, last }) => ranges.push([first, last]) });
  table.map(0n, 0n, LARGE, RW, PAGE);
  const gather = table.createGather();
  table.resize(0n, LARGE, { gather });
  t.deepEqual(ranges, []);
  t.is(memory.quarantinedFrames, 1);
  table.cut(PAGE, gather);
  gather.sync();
  t.deepEqual(ranges, [[0n, LARGE - 1n]]);
  t.is(memory.quarantinedFrames, 0);
});

test("trim frees what failed maps and unmaps in pieces left behind, in both halves, and says how many", (t) => {
  const memory = new TableMemory();
  const table = amdv1Mock.create({ memory });
  table.map(0n, 0n, 0x800n, RW);
  table.map(0x800n, 0x8000n, 0x800n, RW);
  table.unmap(0n, 0x800n);
  t.is(table.trim(), 0);
  table.unmap(0x800n, 0x800n);
  t.is(memory.liveFrames, 3);
  t.is(table.trim(0n, 0x8000n), 0);
  t.is(table.trim(), 2);
  t.is(memory.liveFrames, 1);
});

test("a part of an entry is unmapped with it, cut off, or refused", (t) => {
  const removed = (["whole", "cut", "refuse"] as const).map((partialUnmap) => {
    const table = amdv1.create({ memory: new TableMemory(), partialUnmap });
    table.map(0n, 0n, LARGE, RW);
    const statuses = [
      table.tryUnmap(PAGE, PAGE),
      table.unmappedBytes,
      table.tryUnmap(0n, PAGE),
      table.unmappedBytes,
    ];
    return [...statuses, table.lookup(PAGE), table.lookup(2n * PAGE)];
  });
  t.deepEqual(removed, [
    [Status.OK, 0n, Status.OK, LARGE, undefined, undefined],
    [Status.OK, PAGE, Status.OK, PAGE, undefined, 2n * PAGE],
    [Status.PARTIAL_ENTRY, 0n, Status.PARTIAL_ENTRY, 0n, PAGE, 2n * PAGE],
  ]);
});

test("with freeing: empty, a table goes with the last page in it, whatever was unmapped before", (t) => {
  const memory = new TableMemory();
  const table = amdv1.create({ memory, freeing: "empty" });
  for (const page of [3n, 500n, 7n]) table.map(page * PAGE, 0n, PAGE, RW);
  table.unmap(7n * PAGE, PAGE);
  table.unmap(3n * PAGE, PAGE);
  t.is(memory.liveFrames, 3);
  table.unmap(500n * PAGE, PAGE);
  t.is(memory.liveFrames, 1);
});

test("what needs the table for itself is refused where threads share it", (t) => {
  const memory = new TableMemory({ shared: true });
  const table = shared.amdv1.create({ memory });
  table.map(0n, 0n, LARGE, RW);
  t.is(table.tryCut(PAGE), Status.NEEDS_EXCLUSION);
  t.is(table.tryResize(0n, LARGE), Status.NEEDS_EXCLUSION);
  t.is(table.tryTrim(0n, LARGE), Status.NEEDS_EXCLUSION);
  t.throws(() => table.trim(), { code: "NEEDS_EXCLUSION" });
  for (const option of [{ freeing: "empty" }, { partialUnmap: "cut" }] as const) {
    t.throws(() => shared.amdv1.create({ memory, ...option }), { code: "UNSUPPORTED_OPTION" });
  }
});

test("sizes that no page has, and ranges that are none, are refused", (t) => {
  const table = amdv1.create({ memory: new TableMemory(), vaWidthLg2: 48 });
  table.map(0n, 0n, LARGE, RW);
  t.is(table.tryCut(0x800n), Status.MISALIGNED);
  t.is(table.tryCut(1n << 48n), Status.IOVA_OUT_OF_RANGE);
  t.is(table.tryResize(0n, LARGE, { largestLg2: 11 }), Status.MISALIGNED);
  t.is(table.tryResize(0n, 0n), Status.ZERO_LENGTH);
  t.is(table.tryTrim(0n, 0n), Status.ZERO_LENGTH);
  t.throws(() => table.resize(0n, LARGE, { largestLg2: 64 }), { code: "INVALID_ARGUMENT" });
});

test("an entry of which the range lacks one byte is not merged", (t) => {
  const table = amdv1.create({ memory: new TableMemory() });
  table.map(0n, 0n, 0x2000n, RW, 0x1000n);
  for (const [first, length] of [
    [0n, 0x1fffn],
    [1n, 0x1fffn],
  ]) {
    table.resize(first, length);
    t.is([...table.entries()].length, 2);
  }
  table.resize(0n, 0x2000n);
  t.is([...table.entries()].length, 1);
});

test("a table at the first word of the memory whose first item alone is in use is not empty", (t) => {
  const large = 0x20_0000n;
  const table = amdv1.create({ memory: new TableMemory(), topLevel: 1, freeing: "empty" });
  // The first root becomes a lower table, which may be freed.
  for (const iova of [0x4000_0000n, 5n * large, 7n * large]) table.map(iova, 0n, 0x1000n, RW);
  table.unmap(7n * large, 0x1000n);
  table.map(0n, 0x8000n, 0x1000n, RW);
  table.unmap(5n * large, 0x1000n);
  t.is(table.lookup(0n), 0x8000n);
});
