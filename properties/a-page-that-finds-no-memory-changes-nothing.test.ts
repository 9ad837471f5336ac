/**
 * I4, I5 — a page that cannot be mapped or unmapped for want of a table leaves every table as it was, whichever of its
 * allocations fails; and the same request succeeds once there is memory.
 */
import test from "ava";
import { apply, judgeTables, mapOp, type PageOp, treeText, unmapOp } from "./paging-judge.js";
import { PagingScene, type SceneOptions, Status } from "./paging-scene.js";

const RW = 3;
const GIB = 1 << 18;
const MIB2 = 512;

interface Case {
  readonly title: string;
  readonly before: readonly PageOp[];
  readonly op: PageOp;
  /** Tables that the operation needs. */
  readonly tables: number;
}

const CASES: readonly Case[] = [
  {
    title: "a page where there is only a root",
    before: [mapOp(1 << 27, 0, 0, RW), unmapOp(1 << 27, 0)],
    op: mapOp(5, 5, 0, RW),
    tables: 3,
  },
  {
    title: "a superpage where there is only a root",
    before: [mapOp(1 << 27, 0, 0, RW)],
    op: mapOp(0, MIB2, 9, RW),
    tables: 2,
  },
  { title: "a page inside 2 MiB", before: [mapOp(0, 0, 9, RW)], op: mapOp(7, 99, 0, RW), tables: 1 },
  {
    title: "a page inside 1 GiB",
    before: [mapOp(GIB, GIB, 18, RW)],
    op: mapOp(GIB + 7, 99, 0, RW),
    tables: 2,
  },
  {
    title: "a page taken out of 1 GiB",
    before: [mapOp(GIB, GIB, 18, RW)],
    op: unmapOp(GIB + 7, 0),
    tables: 2,
  },
  {
    title: "2 MiB taken out of 1 GiB",
    before: [mapOp(GIB, GIB, 18, RW)],
    op: unmapOp(GIB + MIB2, 9),
    tables: 1,
  },
  {
    title: "a page that the superpage maps so already",
    before: [mapOp(GIB, GIB, 18, RW)],
    op: mapOp(GIB + 7, GIB + 7, 0, RW),
    tables: 0,
  },
  { title: "a superpage over a table", before: [mapOp(3, 3, 0, RW)], op: mapOp(0, MIB2, 9, RW), tables: 0 },
];

const SCENES: readonly SceneOptions[] = [
  { vendor: "amd", levels: 4 },
  { vendor: "vtd", levels: 4 },
];

for (const options of SCENES) {
  for (const { title, before, op, tables } of CASES) {
    test(`${options.vendor}: ${title}`, (t) => {
      for (let nth = 1; nth <= tables; nth++) {
        const scene = new PagingScene(options);
        for (const one of before) t.is(apply(scene, one), Status.OK);
        scene.release();
        const tree = treeText(scene);
        const { shatters, tableCount } = scene.paging;
        scene.memory.failNextAllocation(nth);
        t.is(apply(scene, op), Status.OUT_OF_MEMORY);
        t.is(scene.flags, 0);
        t.is(treeText(scene), tree);
        t.deepEqual([scene.paging.shatters, scene.paging.tableCount], [shatters, tableCount]);
        t.deepEqual(judgeTables(scene), []);
        t.is(scene.memory.quarantinedFrames, 0);
        t.is(apply(scene, op), Status.OK);
        t.deepEqual(judgeTables(scene), []);
      }
      const scene = new PagingScene(options);
      for (const one of before) apply(scene, one);
      // One more than it needs: nothing fails.
      scene.memory.failNextAllocation(tables + 1);
      t.is(apply(scene, op), Status.OK);
    });
  }

  test(`${options.vendor}: no memory for the root`, (t) => {
    const scene = new PagingScene(options);
    scene.memory.failNextAllocation(1);
    t.is(scene.map(5, 5, 0, RW), Status.OUT_OF_MEMORY);
    t.is(scene.paging.tableCount, 0);
    t.is(scene.map(5, 5, 0, RW), Status.OK);
    t.is(scene.paging.tableCount, 4);
  });

  test(`${options.vendor}: what is destroyed is free, and refuses`, (t) => {
    const scene = new PagingScene(options);
    for (const op of [mapOp(GIB, GIB, 18, RW), unmapOp(GIB + 7, 0), mapOp(0, 0, 9, RW), mapOp(3, 9, 0, RW)]) {
      apply(scene, op);
    }
    const queued = scene.memory.quarantinedFrames;
    scene.paging.destroy();
    t.deepEqual([scene.memory.liveFrames, scene.memory.quarantinedFrames], [0, queued]);
    t.deepEqual([scene.paging.tableCount, scene.paging.table.root], [0, undefined]);
    t.is(scene.map(5, 5, 0, RW), Status.DESTROYED);
    t.is(scene.unmap(5, 0), Status.DESTROYED);
    t.is(scene.paging.lookupPage(5), undefined);
  });
}

test("what no table has is refused, and changes nothing", (t) => {
  for (const options of SCENES) {
    const scene = new PagingScene(options);
    const map = (...[dfn, mfn, order, access]: readonly number[]) => scene.map(dfn, mfn, order, access);
    t.is(map(scene.pages, 0, 0, RW), Status.IOVA_OUT_OF_RANGE);
    t.is(map(scene.pages - MIB2, 0, 9, RW), Status.OK);
    t.is(map(0, 2 ** 40, 0, RW), Status.PA_OUT_OF_RANGE);
    t.is(map(0, 2 ** 40 - 1, 0, RW), Status.OK);
    t.is(scene.lookup(0), (2 ** 40 - 1) * 4 + RW);
    t.is(scene.see(0), scene.lookup(0));
    t.is(map(1, 0, 9, RW), Status.MISALIGNED);
    t.is(map(0, 1, 9, RW), Status.MISALIGNED);
    t.is(map(0, 0, 27, RW), Status.INVALID_ARGUMENT);
    t.is(map(0, 0, 1, RW), Status.INVALID_ARGUMENT);
    t.is(map(-1, 0, 0, RW), Status.INVALID_ARGUMENT);
    t.is(map(0.5, 0, 0, RW), Status.INVALID_ARGUMENT);
    t.is(map(3, 3, 0, 0), Status.NO_PERMISSION);
    t.is(scene.unmap(scene.pages, 0), Status.OK);
    t.is(scene.lookup(3), -1);
  }
});
