/** What is owed to the hardware: collected for the caller, told by the caller, and never lost. */
import test from "ava";
import { FlushFlag, Status } from "../impl/iommu/index.js";
import {
  createScene,
  PAGES_1G,
  PAGES_2M,
  put,
  READ_WRITE,
  Requests,
  type Scene,
  VENDORS,
  withMethods,
} from "./domain-scene.js";

const SEED = "flush-1";
const { added, modified, all } = FlushFlag;

for (const vendor of VENDORS) {
  test(`${vendor}: flags only grow while a request runs, and nothing is flushed meanwhile (seed ${SEED})`, (t) => {
    for (let program = 0; program < 5; program++) {
      const owed = { flags: 0 };
      const seen: number[] = [];
      const scene: Scene = createScene({
        vendor,
        wrap: (paging) =>
          withMethods(paging, {
            mapPage: (...args) => {
              const status = paging.mapPage(...args);
              seen.push(owed.flags);
              return status;
            },
            unmapPage: (...args) => {
              const status = paging.unmapPage(...args);
              seen.push(owed.flags);
              return status;
            },
          }),
      });
      const requests = new Requests(`${SEED}-${program}`, PAGES_2M);
      for (let index = 0; index < 40; index++) {
        seen.length = 0;
        owed.flags = requests.below(8);
        const before = owed.flags;
        put(scene.domain, requests.next(), owed);
        for (const [at, flags] of seen.entries())
          t.is(flags & (seen[at - 1] ?? before), seen[at - 1] ?? before);
        t.is(owed.flags, seen.at(-1) ?? before);
      }
      t.is(scene.told.length, 0);
    }
  });

  test(`${vendor}: what appears is added, what changes is modified, what leaves the tree is all`, (t) => {
    const { domain } = createScene({ vendor });
    const owedBy = (run: (owed: { flags: number }) => void) => {
      const owed = { flags: 0 };
      run(owed);
      return owed.flags;
    };
    t.is(
      owedBy((owed) => domain.map(PAGES_1G, 0, 1, READ_WRITE, owed)),
      added,
    );
    t.is(
      owedBy((owed) => domain.map(PAGES_1G, 9, 1, READ_WRITE, owed)),
      added | modified,
    );
    t.is(
      owedBy((owed) => domain.map(PAGES_1G, PAGES_2M, PAGES_2M, READ_WRITE, owed)),
      added | modified,
    );
    t.is(
      owedBy((owed) => domain.unmap(PAGES_1G + 7, 1, owed)),
      modified,
    );
    const restored = owedBy((owed) => domain.map(PAGES_1G + 7, PAGES_2M + 7, 1, READ_WRITE, owed));
    t.is(restored, added | modified | all);
    t.is(
      owedBy((owed) => domain.unmap(PAGES_1G, PAGES_2M, owed)),
      modified | all,
    );
    t.is(
      owedBy((owed) => domain.unmap(PAGES_1G, PAGES_2M, owed)),
      0,
    );
  });
}

test("a flush of nothing, or without flags, is no command; what is told is what was asked", (t) => {
  const { domain, told } = createScene();
  t.is(domain.flush(5, 0, modified), Status.OK);
  t.is(domain.flush(5, 9, 0), Status.OK);
  t.is(domain.flushAll(0), Status.OK);
  t.deepEqual(told, []);
  domain.flush(5, 9, modified);
  domain.flushAll(added);
  t.deepEqual(told, [
    { dfn: 5, pages: 9, flags: modified },
    { dfn: 0, pages: 0, flags: added | all },
  ]);
  t.is(domain.flush(-1, 1, modified), Status.INVALID_ARGUMENT);
});

test("a flush that fails is told to its caller, and stops the domain unless it is the hardware's", (t) => {
  for (const isHardware of [false, true]) {
    const scene = createScene({ isHardware });
    scene.flushStatus = Status.OUT_OF_MEMORY;
    t.is(scene.domain.flush(0, 1, modified), Status.OUT_OF_MEMORY);
    t.is(scene.domain.isCrashed, !isHardware);
    t.throws(() => scene.domain.legacyMap(0, 0, 1, READ_WRITE), { code: "OUT_OF_MEMORY" });
  }
});

test("nothing may flush, map or free from inside a change of the tables", (t) => {
  for (const inside of ["flush", "map", "unmap", "destroy"] as const) {
    const scene: Scene = createScene({
      wrap: (paging) =>
        withMethods(paging, {
          mapPage: () => {
            if (inside === "flush") scene.domain.flush(0, 1, modified);
            if (inside === "map") scene.domain.map(0, 0, 1, READ_WRITE, { flags: 0 });
            if (inside === "unmap") scene.domain.unmap(0, 1, { flags: 0 });
            if (inside === "destroy") scene.domain.destroy();
            return paging.mapPage(0, 0, 0, READ_WRITE, { flags: 0 });
          },
        }),
    });
    t.throws(() => scene.domain.map(0, 0, 1, READ_WRITE, { flags: 0 }), { message: /inside a change/ });
    t.is(scene.told.length, 0);
    t.is(scene.domain.unmap(0, 1, { flags: 0 }), 1, "the lock is given back");
  }
});

test("legacy calls flush their own range at once, with what they owe", (t) => {
  const { domain, told } = createScene();
  domain.legacyMap(3, 4, 2, READ_WRITE);
  domain.legacyUnmap(3, 1);
  domain.legacyUnmap(3, 1);
  t.deepEqual(told, [
    { dfn: 3, pages: 2, flags: added },
    { dfn: 3, pages: 1, flags: modified },
  ]);
});

/** A page of a large page is taken and put back inside a batch, so that a table comes and goes. */
function batch(compat: boolean, vendor: "amd" | "vtd"): Scene {
  const scene = createScene({ compat, vendor });
  const { domain } = scene;
  domain.legacyMap(PAGES_1G, PAGES_1G, PAGES_2M, READ_WRITE);
  domain.legacyUnmap(PAGES_1G + 7, 1);
  scene.told.length = 0;
  domain.beginBatch();
  domain.legacyMap(PAGES_1G + 7, PAGES_1G + 7, 1, READ_WRITE);
  domain.legacyUnmap(PAGES_1G + 3 * PAGES_2M, 1);
  return scene;
}

for (const vendor of VENDORS) {
  test(`${vendor}: a batch flushes nothing until its end, and does not lose that a table left the tree`, (t) => {
    const { domain, told, queues } = batch(false, vendor);
    t.deepEqual([told.length, queues.waiting(0)], [0, 1]);
    domain.endBatch([{ first: PAGES_1G + 7, last: PAGES_1G + 7 }]);
    t.is(told.length, 1);
    t.is(told[0].flags & all, all);
  });

  test(`${vendor}: deployed code loses it: the ranges are flushed, and the walk caches keep a freed table`, (t) => {
    const { domain, told } = batch(true, vendor);
    domain.endBatch([{ first: PAGES_1G + 7, last: PAGES_1G + 7 }]);
    t.deepEqual(told, [{ dfn: PAGES_1G + 7, pages: 1, flags: modified }]);
  });
}

test("a batch in which no table left flushes its ranges; batches do not nest", (t) => {
  const { domain, told } = createScene();
  domain.map(0, 0, 1, READ_WRITE, { flags: 0 });
  domain.beginBatch();
  t.throws(() => domain.beginBatch(), { code: "INVALID_ARGUMENT" });
  domain.legacyMap(3, 3, 1, READ_WRITE);
  domain.legacyUnmap(3, 1);
  domain.endBatch([
    { first: 3, last: 3 },
    { first: 9, last: 10 },
  ]);
  t.deepEqual(told, [
    { dfn: 3, pages: 1, flags: added | modified },
    { dfn: 9, pages: 2, flags: added | modified },
  ]);
  t.throws(() => domain.endBatch([]), { code: "INVALID_ARGUMENT" });
});
