// The mistakes of deployed code, one by one: made with `compat`, for whoever compares, and not otherwise.
import test from "ava";
import { judgeTables } from "./paging-judge.js";
import { ABSENT, FlushFlag, PagingScene, Status, sight, type Vendor } from "./paging-scene.js";

const RW = 3;
const MIB2 = 512;
const { added, modified } = FlushFlag;

function both(vendor: Vendor, pageSizes?: bigint): readonly [compat: PagingScene, right: PagingScene] {
  const options = { vendor, levels: 4, ...(pageSizes === undefined ? {} : { pageSizes }) };
  return [new PagingScene({ ...options, compat: true }), new PagingScene(options)];
}

/** Tables whose first marker says that they are one row, the root's left out. */
function uniformTables(scene: PagingScene): number {
  return scene.tables().filter(({ items }, place) => place > 0 && scene.markerOf(items[0]) === 9).length;
}

test("amd: a superpage at frame 0 is not split, and what is asked for inside it is lost", (t) => {
  const [compat, right] = both("amd");
  for (const scene of [compat, right]) scene.map(0, 0, 9, RW);
  t.is(compat.unmap(5, 0), Status.OK);
  t.is(compat.see(5), sight(5, RW), "still mapped");
  t.is(compat.map(5, 77, 0, RW), Status.WALK_FAILED);
  t.is(right.unmap(5, 0), Status.OK);
  t.is(right.flags, modified);
  t.is(right.see(5), ABSENT);
  t.is(right.map(5, 77, 0, RW), Status.OK);
  t.is(right.see(5), sight(77, RW));
  t.is(right.see(6), sight(6, RW));
  t.deepEqual(judgeTables(right), []);
});

test("vtd: a lookup does not find a page at frame 0", (t) => {
  const [compat, right] = both("vtd");
  for (const scene of [compat, right]) {
    scene.map(5, 0, 0, RW);
    t.is(scene.see(5), sight(0, RW));
  }
  t.is(compat.lookup(5), ABSENT);
  t.is(right.lookup(5), sight(0, RW));
});

test("vtd: an address beyond the tables is taken for another one inside them", (t) => {
  const [compat, right] = both("vtd");
  t.is(compat.map(compat.pages + 5, 77, 0, RW), Status.OK);
  t.is(compat.see(5), sight(77, RW));
  t.is(right.map(right.pages + 5, 77, 0, RW), Status.IOVA_OUT_OF_RANGE);
  t.is(right.see(5), ABSENT);
  right.map(5, 77, 0, RW);
  t.is(right.unmap(right.pages + 5, 0), Status.OK);
  t.is(right.see(5), sight(77, RW));
});

test("amd: a lack of memory and an address beyond the tables are the same failure", (t) => {
  const [compat, right] = both("amd");
  const failures = [compat, right].map((scene) => {
    const beyond = scene.map(scene.pages, 0, 0, RW);
    scene.memory.failNextAllocation(1);
    return [beyond, scene.map(5, 5, 0, RW)];
  });
  t.deepEqual(failures, [
    [Status.WALK_FAILED, Status.WALK_FAILED],
    [Status.IOVA_OUT_OF_RANGE, Status.OUT_OF_MEMORY],
  ]);
});

for (const vendor of ["amd", "vtd"] as const) {
  test(`${vendor}: a walk that runs out of memory leaves empty tables, and a superpage half split`, (t) => {
    const [compat, right] = both(vendor);
    for (const scene of [compat, right]) {
      scene.map(1 << 18, 1 << 18, 18, RW);
      scene.memory.failNextAllocation(2);
      t.not(scene.unmap((1 << 18) + 7, 0), Status.OK);
    }
    t.deepEqual([compat.paging.shatters, uniformTables(compat)], [1, 1]);
    t.deepEqual([right.paging.shatters, uniformTables(right)], [0, 0]);
    for (const scene of [compat, right]) {
      scene.memory.failNextAllocation(3);
      t.not(scene.map(1 << 27, 0, 0, RW), Status.OK);
    }
    t.deepEqual([compat.paging.tableCount, right.paging.tableCount], [5, 2]);
  });

  test(`${vendor}: a page inside a superpage that maps it so already splits the superpage for good`, (t) => {
    const [compat, right] = both(vendor);
    for (const scene of [compat, right]) {
      scene.map(0, MIB2, 9, RW);
      t.is(scene.map(7, MIB2 + 7, 0, RW), Status.OK);
    }
    t.deepEqual([compat.paging.shatters, uniformTables(compat)], [1, 1]);
    t.is(compat.flags, vendor === "amd" ? added | modified : modified);
    t.deepEqual([right.paging.shatters, uniformTables(right)], [0, 0]);
    t.is(right.flags, vendor === "amd" ? added : 0);
  });
}

test("amd: pages merge to sizes that were not announced", (t) => {
  const [compat, right] = both("amd", 0x1000n);
  for (const scene of [compat, right]) for (let dfn = 0; dfn < MIB2; dfn++) scene.map(dfn, dfn, 0, RW);
  t.deepEqual(
    [...compat.paging.table.leaves()].map(({ order }) => order),
    [9],
  );
  t.is([...right.paging.table.leaves()].length, MIB2);
  t.deepEqual(judgeTables(right), []);
});

test("amd: a hole that is cleared once more frees the empty tables around it", (t) => {
  const [compat] = both("amd");
  compat.map(1 << 18, 1 << 18, 18, RW);
  compat.memory.failNextAllocation(3);
  compat.map(1 << 27, 0, 0, RW);
  const { tableCount, coalesces } = compat.paging;
  t.is(compat.unmap((1 << 27) + 512, 9), Status.OK);
  t.deepEqual(
    [compat.paging.tableCount, compat.paging.coalesces, compat.flags],
    [tableCount - 1, coalesces + 1, FlushFlag.all],
  );
});

for (const vendor of ["amd", "vtd"] as const) {
  test(`${vendor}: a page that nobody may read or write is refused either way`, (t) => {
    for (const scene of both(vendor)) {
      t.is(scene.map(5, 5, 0, 0), Status.NO_PERMISSION);
      t.is(scene.paging.tableCount === 0 || scene.see(5) === ABSENT, true);
    }
  });
}
