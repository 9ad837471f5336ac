/**
 * Tables are emptied and merged up to a bound: the root's own items are left alone, and where a VT-d unit walks fewer
 * levels than the domain has, so is the table that it takes for the root.
 */
import test from "ava";
import { Random } from "../models/random.js";
import { apply, mapOp, type PageOp, unmapOp } from "./paging-judge.js";
import { FlushFlag, PagingScene, type SceneOptions, Status } from "./paging-scene.js";

const RW = 3;

/** What a domain of tiny tables is asked for, in any order; most of it maps pages on themselves, so that they merge. */
function drawOp(random: Random, scene: PagingScene): PageOp {
  const order = scene.orders[random.below(scene.orders.length)];
  const dfn = Math.floor(random.below(scene.pages) / 2 ** order) * 2 ** order;
  const place = random.below(3) === 0 ? dfn : dfn % 16;
  return random.below(3) === 0 ? unmapOp(place, order) : mapOp(place, place, order, RW);
}

/** The levels in which stores make leaves out of pointers, or clear pointers, beside those that were asked for. */
function levelsChanged(options: SceneOptions, operations: number): ReadonlySet<number> {
  const scene = new PagingScene({ ...options, tiny: true });
  const random = Random.fromSeed(`bounds ${options.levels}`);
  const levels = new Set<number>();
  for (let number = 0; number < operations; number++) {
    const op = drawOp(random, scene);
    const before = new Map(scene.tables().map((table) => [table.word, table]));
    apply(scene, op);
    for (const { word, level, items } of scene.tables()) {
      const old = before.get(word);
      if (old === undefined || level === op.order / scene.tableLg2) continue;
      const left = items.some((item, index) => {
        return scene.kindOf(old.items[index], level) === "table" && scene.kindOf(item, level) !== "table";
      });
      if (left) levels.add(level);
    }
    scene.release();
  }
  return levels;
}

for (const [levels, expected] of [
  [2, []],
  [3, [1]],
  [4, [1, 2]],
] as const) {
  test(`amd, mode ${levels}: items are merged and cleared from level 1 up to below the root`, (t) => {
    t.deepEqual(
      [
        ...levelsChanged({ vendor: "amd", levels, ...(levels === 2 ? { pageSizes: 0x5000n } : {}) }, 1500),
      ].sort(),
      expected,
    );
  });
}

test("vtd: items of the root are merged where the size is announced, and never cleared", (t) => {
  const scene = new PagingScene({ vendor: "vtd", levels: 3, tiny: true });
  for (let dfn = 0; dfn < 16; dfn++) scene.map(dfn, dfn, 0, RW);
  t.deepEqual([...scene.paging.table.leaves()], [{ dfn: 0, mfn: 0, order: 4, read: true, write: true }]);
  scene.unmap(5, 0);
  for (let dfn = 0; dfn < 16; dfn++) scene.unmap(dfn, 0);
  t.is(scene.paging.tableCount, 2, "the root, and the empty table below it");
});

test("vtd, a unit of fewer levels: the table that it begins at is the same whatever is unmapped", (t) => {
  for (const seed of ["a", "b", "c"]) {
    const scene = new PagingScene({ vendor: "vtd", levels: 3, minLevels: 2, tiny: true });
    const { paging } = scene;
    if (!("prepareRoots" in paging)) return t.fail();
    t.is(paging.rootFor(2), undefined);
    t.is(paging.prepareRoots(), Status.OK);
    const root = paging.rootFor(2);
    t.not(root, undefined);
    t.is(paging.tableCount, 2);
    const random = Random.fromSeed(`fewer levels ${seed}`);
    for (let number = 0; number < 400; number++) {
      const op = drawOp(random, scene);
      // A request for a page of the root's own size replaces the table, and is not made where such a unit is.
      if (op.order === 4) continue;
      apply(scene, op);
      t.is(paging.rootFor(2), root);
      scene.release();
    }
    for (let dfn = 0; dfn < scene.pages; dfn++) scene.unmap(dfn, 0);
    t.is(paging.rootFor(2), root);
    scene.release();
  }
});

test("vtd: with units of all levels a root is all that is prepared", (t) => {
  const { paging } = new PagingScene({ vendor: "vtd", levels: 4 });
  if (!("prepareRoots" in paging)) return t.fail();
  t.is(paging.prepareRoots(), Status.OK);
  t.is(paging.tableCount, 1);
  t.is(paging.rootFor(4), paging.table.root);
  t.is(paging.rootFor(3), undefined);
  t.is(paging.rootFor(5), undefined, "the tables have no fifth level");
});

for (const vendor of ["amd", "vtd"] as const) {
  test(`${vendor}: what was mapped and unmapped on an empty tree leaves the root and what hangs off it`, (t) => {
    const scene = new PagingScene({ vendor, levels: 4 });
    for (const [dfn, order] of [
      [0, 18],
      [512, 9],
      [77, 0],
    ]) {
      t.is(scene.map(dfn, dfn, order, RW), Status.OK);
      t.is(scene.unmap(dfn, order), Status.OK);
      t.is((scene.flags & FlushFlag.all) !== 0, order < 18);
      t.is(scene.paging.tableCount, 2);
      scene.release();
      t.is(scene.memory.liveFrames, 2);
    }
  });
}
