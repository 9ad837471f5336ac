/** Gathers: what an unmap took away, until the invalidation that covers it. Three policies, by examples. */
import test from "ava";
import {
  amdv1,
  type Gather,
  type GatherPolicyName,
  type Invalidation,
  type PageTable,
  TableMemory,
} from "../impl/index.js";

const PAGE = 4096n;
const MiB = 1n << 20n;
const LAST = (1n << 64n) - 1n;
const READ_WRITE = 3;

/** A table that notes its invalidations. */
function example(gather?: GatherPolicyName) {
  const memory = new TableMemory({ capacityBytes: 1 << 20 });
  const ranges: Invalidation[] = [];
  const table = amdv1.create({ memory, topLevel: 2, gather, invalidate: (range) => ranges.push(range) });
  /** The ranges since the last call. */
  const invalidated = () => ranges.splice(0).map(({ first, last }) => [first, last] as const);
  return { memory, table, ranges, invalidated };
}

/** Maps single pages, which share no entry. */
function mapPages(table: PageTable, ...pages: readonly bigint[]): void {
  for (const page of pages) table.map(page * PAGE, page * PAGE, PAGE, READ_WRITE);
}

function unmapPages(table: PageTable, gather: Gather, ...pages: readonly bigint[]): void {
  for (const page of pages) table.unmap(page * PAGE, PAGE, gather);
}

const pages = (first: bigint, last: bigint) => [first * PAGE, last * PAGE + PAGE - 1n] as const;

test("range: one invalidation, from the first to the last address, in whatever order they came", (t) => {
  const { table, invalidated } = example();
  mapPages(table, 1n, 5n, 9n, 20n);
  const gather = table.createGather();
  unmapPages(table, gather, 9n, 1n, 5n);
  t.deepEqual(invalidated(), []);
  t.true(gather.pending);
  gather.sync();
  t.deepEqual(invalidated(), [pages(1n, 9n)]);
  t.false(gather.pending);
  unmapPages(table, gather, 20n);
  gather.sync();
  t.deepEqual(invalidated(), [pages(20n, 20n)], "a gather begins anew after its sync");
});

test("no gaps: what touches or overlaps is joined, anything else syncs what was pending before", (t) => {
  const { table, invalidated } = example("no-gaps");
  mapPages(table, 1n, 2n, 3n, 4n, 9n, 10n);
  const gather = table.createGather();
  unmapPages(table, gather, 2n, 3n, 1n);
  t.deepEqual(invalidated(), [], "neighbours on both sides");
  unmapPages(table, gather, 9n);
  t.deepEqual(invalidated(), [pages(1n, 3n)], "pages 4 to 8 lie between");
  unmapPages(table, gather, 10n);
  unmapPages(table, gather, 4n);
  t.deepEqual(invalidated(), [pages(9n, 10n)], "and on the other side");
  gather.sync();
  t.deepEqual(invalidated(), [pages(4n, 4n)]);
});

test("queued: no range is kept, a sync invalidates everything", (t) => {
  const { table, invalidated } = example("queued");
  mapPages(table, 1n, 9n);
  const gather = table.createGather();
  unmapPages(table, gather, 1n, 9n);
  t.deepEqual(invalidated(), []);
  gather.sync();
  t.deepEqual(invalidated(), [[0n, LAST]]);
});

test("a gather may have another policy than its table", (t) => {
  const { table, invalidated } = example("queued");
  mapPages(table, 1n, 9n);
  const gather = table.createGather("no-gaps");
  unmapPages(table, gather, 1n, 9n);
  t.deepEqual(invalidated(), [pages(1n, 1n)]);
  const policy: string = "sometimes";
  t.throws(() => Reflect.apply(table.createGather, table, [policy]), { code: "INVALID_OPTION" });
});

test("the sync of an empty gather does nothing, and so does what unmapped nothing", (t) => {
  for (const policy of ["range", "no-gaps", "queued"] as const) {
    const { table, invalidated } = example(policy);
    const gather = table.createGather();
    gather.sync();
    t.is(table.unmap(0n, PAGE, gather), 0n);
    t.is(table.unmap(0n, 0n, gather), 0n);
    t.is(table.unmap(LAST, 2n, gather), 0n);
    t.false(gather.pending);
    gather.sync();
    t.deepEqual(invalidated(), []);
    mapPages(table, 1n);
    unmapPages(table, gather, 1n);
    gather.sync();
    gather.sync();
    t.is(invalidated().length, 1, "the second sync has nothing to do");
  }
});

test("tables are released by the sync that covers them, and not before", (t) => {
  const { table, memory, ranges } = example();
  table.map(0n, PAGE, 2n * MiB, READ_WRITE);
  const live = memory.liveFrames;
  const gather = table.createGather();
  t.is(table.unmap(0n, 2n * MiB, gather), 2n * MiB);
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames, gather.frames], [live - 1, 1, 1]);
  gather.sync();
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames, gather.frames], [live - 1, 0, 0]);
  t.deepEqual(ranges, [{ first: 0n, last: 2n * MiB - 1n, leafLevels: 1, tableLevels: 1 }]);
});

test("the levels say what was removed: bit n for leaves, or tables, of level n", (t) => {
  const { table, ranges } = example();
  table.map(2n * MiB, 0n, 2n * MiB, READ_WRITE);
  table.map(4n * MiB, PAGE, 2n * MiB, READ_WRITE);
  table.map(1n << 30n, 0n, 1n << 30n, READ_WRITE);
  const gather = table.createGather();
  table.unmap(2n * MiB, PAGE, gather);
  gather.sync();
  table.unmap(1n << 30n, PAGE, gather);
  table.unmap(4n * MiB, 2n * MiB, gather);
  gather.sync();
  const levels = ranges.map(({ leafLevels, tableLevels }) => [leafLevels, tableLevels]);
  t.deepEqual(levels, [
    [0b10, 0],
    [0b101, 0b1],
  ]);
});

test("a gather hands over its frames with what covers them, and is empty then", (t) => {
  const { table, memory, invalidated } = example();
  table.map(0n, PAGE, 2n * MiB, READ_WRITE);
  table.map(8n * MiB, PAGE, 2n * MiB, READ_WRITE);
  const [ours, theirs] = [table.createGather(), table.createGather()];
  table.unmap(0n, 2n * MiB, ours);
  table.unmap(8n * MiB, 2n * MiB, theirs);
  ours.moveTo(theirs);
  t.deepEqual([ours.pending, ours.frames, theirs.frames], [false, 0, 2]);
  ours.sync();
  t.deepEqual(invalidated(), []);
  t.is(memory.quarantinedFrames, 2);
  theirs.sync();
  t.deepEqual(invalidated(), [[0n, 10n * MiB - 1n]]);
  t.is(memory.quarantinedFrames, 0);
});

test("moving an empty gather, or one to itself, changes nothing", (t) => {
  const { table, memory, invalidated } = example();
  table.map(0n, PAGE, 2n * MiB, READ_WRITE);
  const [empty, gather] = [table.createGather(), table.createGather()];
  table.unmap(0n, 2n * MiB, gather);
  empty.moveTo(gather);
  gather.moveTo(gather);
  t.deepEqual([empty.pending, gather.pending, gather.frames], [false, true, 1]);
  gather.sync();
  t.deepEqual(invalidated(), [[0n, 2n * MiB - 1n]]);
  t.is(memory.quarantinedFrames, 0);
});

test("moving to a no-gaps gather syncs what it would leave a gap to", (t) => {
  const { table, invalidated } = example("no-gaps");
  mapPages(table, 1n, 9n);
  const [first, second] = [table.createGather(), table.createGather()];
  unmapPages(table, first, 1n);
  unmapPages(table, second, 9n);
  second.moveTo(first);
  t.deepEqual(invalidated(), [pages(1n, 1n)]);
  first.sync();
  t.deepEqual(invalidated(), [pages(9n, 9n)]);
});

test("frames cannot move to a gather of another memory", (t) => {
  const [one, other] = [example(), example()];
  mapPages(one.table, 1n);
  const gather = one.table.createGather();
  unmapPages(one.table, gather, 1n);
  t.throws(() => gather.moveTo(other.table.createGather()), { code: "INVALID_ARGUMENT" });
  t.true(gather.pending);
});

test("an unmap refuses what is no gather of its memory, and takes nothing away", (t) => {
  const [one, other] = [example(), example()];
  mapPages(one.table, 1n);
  const refusal = { code: "INVALID_ARGUMENT" };
  t.throws(() => one.table.unmap(PAGE, PAGE, other.table.createGather()), refusal);
  t.throws(() => Reflect.apply(one.table.unmap, one.table, [PAGE, PAGE, {}]), refusal);
  t.is(one.table.lookup(PAGE), PAGE);
  t.is(one.table.unmap(PAGE, PAGE, one.table.createGather()), PAGE);
});

test("the last page of 64 bits is a range like any other", (t) => {
  const { table, invalidated } = example("no-gaps");
  const last = LAST - PAGE + 1n;
  table.map(last - PAGE, 0n, 2n * PAGE, READ_WRITE, PAGE);
  mapPages(table, 0n);
  const gather = table.createGather();
  t.is(table.unmap(last, PAGE, gather), PAGE);
  t.is(table.unmap(last - PAGE, PAGE, gather), PAGE);
  t.deepEqual(invalidated(), [], "they touch");
  t.is(table.unmap(0n, PAGE, gather), PAGE);
  t.deepEqual(invalidated(), [[last - PAGE, LAST]], "the last address does not touch the first");
  gather.sync();
  t.deepEqual(invalidated(), [pages(0n, 0n)]);
});

test("unmapping all 64 bits at once invalidates what was there, up to the first hole", (t) => {
  const { table, invalidated } = example();
  mapPages(table, 0n, 1n, 3n);
  const gather = table.createGather();
  t.is(table.unmap(0n, LAST + 1n, gather), 2n * PAGE);
  gather.sync();
  t.deepEqual(invalidated(), [pages(0n, 1n)]);
});

test("a gather covers the whole of 64 bits", (t) => {
  const { table, invalidated } = example();
  mapPages(table, 0n);
  table.map(LAST - PAGE + 1n, 0n, PAGE, READ_WRITE);
  const gather = table.createGather();
  unmapPages(table, gather, 0n);
  table.unmap(LAST - PAGE + 1n, PAGE, gather);
  gather.sync();
  t.deepEqual(invalidated(), [[0n, LAST]]);
});

test("without a gather the invalidation is done before the call returns", (t) => {
  const { table, memory, invalidated } = example();
  table.map(0n, PAGE, 2n * MiB, READ_WRITE);
  const live = memory.liveFrames;
  t.is(table.unmap(0n, 2n * MiB), 2n * MiB);
  t.deepEqual(invalidated(), [[0n, 2n * MiB - 1n]]);
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames], [live - 1, 0]);
});

test("a map that replaces empty tables invalidates them itself, even with a flush queue", (t) => {
  for (const policy of ["range", "no-gaps", "queued"] as const) {
    const { table, memory, ranges } = example(policy);
    mapPages(table, 1n, 513n, 2049n);
    const gather = table.createGather();
    unmapPages(table, gather, 1n, 513n, 2049n);
    gather.sync();
    ranges.length = 0;
    // Two tables in a row give way, and no third.
    table.map(0n, 0n, 4n * MiB, READ_WRITE, 2n * MiB);
    t.deepEqual(ranges, [{ first: 0n, last: 4n * MiB - 1n, leafLevels: 0, tableLevels: 1 }]);
    t.is(memory.quarantinedFrames, 0);
    t.false(gather.pending);
  }
});
