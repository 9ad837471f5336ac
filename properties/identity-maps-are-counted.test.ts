/** Ranges that devices reach at their own addresses: counted, exact, never overlapping, on record while anything is mapped. */
import test from "ava";
import { Access, IdentityMaps, Status } from "../impl/iommu/index.js";
import { Random } from "../models/random.js";
import { createScene, PAGES_2M, READ, READ_WRITE, type SceneOptions, withMethods } from "./domain-scene.js";

const SEED = "identity-1";

function createMaps(options: SceneOptions = {}) {
  const scene = createScene(options);
  const maps = new IdentityMaps(scene.domain);
  const mfnsAt = (...frames: readonly number[]) => frames.map((frame) => scene.domain.lookup(frame)?.mfn);
  return { ...scene, maps, owed: { flags: 0 }, mfnsAt };
}

test("a range that several devices need is mapped once and goes with the last", (t) => {
  const { maps, owed, mfnsAt } = createMaps();
  maps.add(10, 12, READ_WRITE, owed);
  maps.add(10, 12, READ_WRITE, owed);
  t.deepEqual(maps.maps, [{ first: 10, last: 12, access: READ_WRITE, uses: 2 }]);
  maps.remove(10, 12, owed);
  t.deepEqual(mfnsAt(9, 10, 11, 12, 13), [undefined, 10, 11, 12, undefined]);
  maps.remove(10, 12, owed);
  t.deepEqual(mfnsAt(10, 11, 12), [undefined, undefined, undefined]);
  t.deepEqual(maps.maps, []);
  t.throws(() => maps.remove(10, 12, owed), { code: "NOT_MAPPED" });
});

test("another access, an overlap, a part of a range: refused, and nothing changes", (t) => {
  const { maps, owed, mfnsAt } = createMaps();
  maps.add(10, 20, READ, owed);
  const inUse = { code: "ADDRESS_IN_USE" } as const;
  t.throws(() => maps.add(10, 20, READ_WRITE, owed), inUse);
  for (const [first, last] of [
    [9, 10],
    [20, 21],
    [12, 13],
    [0, 99],
    [10, 19],
  ] as const) {
    t.throws(() => maps.add(first, last, READ, owed), inUse);
    t.throws(() => maps.remove(first, last, owed), { code: "NOT_MAPPED" });
  }
  maps.add(21, 21, Access.write, owed);
  t.deepEqual(mfnsAt(9, 10, 20, 21, 22), [undefined, 10, 20, 21, undefined]);
  t.throws(() => maps.add(5, 4, READ, owed), { code: "INVALID_ARGUMENT" });
  t.is(maps.maps.length, 2);
});

test("a large range becomes large pages", (t) => {
  const { maps, owed, tables } = createMaps();
  maps.add(PAGES_2M, 3 * PAGES_2M, READ_WRITE, owed);
  t.deepEqual(tables.figures().leafCounts, [1, 2, 0]);
});

test("the hardware domain keeps its ranges when a device leaves", (t) => {
  const { maps, owed, mfnsAt } = createMaps({ isHardware: true });
  maps.add(10, 10, READ_WRITE, owed);
  maps.remove(10, 10, owed);
  t.deepEqual(mfnsAt(10), [10]);
  t.is(maps.maps.length, 1);
});

test("a range that cannot be mapped leaves neither pages nor a record", (t) => {
  const { maps, owed, mfnsAt, memory } = createMaps();
  memory.failNextAllocation(2);
  t.throws(() => maps.add(10, 20, READ_WRITE, owed), { code: "OUT_OF_MEMORY" });
  t.deepEqual(mfnsAt(10, 20), [undefined, undefined]);
  t.deepEqual(maps.maps, []);
});

/** Mapping fails at frame 15, and unmapping at frame 12 as long as `isBroken`. */
function createBroken() {
  const broken = { map: true, unmap: true };
  const scene = createMaps({
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (dfn, ...args) =>
          broken.map && dfn === 15 ? Status.OUT_OF_MEMORY : paging.mapPage(dfn, ...args),
        unmapPage: (dfn, ...args) =>
          broken.unmap && dfn === 12 ? Status.OUT_OF_MEMORY : paging.unmapPage(dfn, ...args),
      }),
  });
  return { ...scene, broken };
}

test("whatever stays mapped stays on record, and can be removed later", (t) => {
  const { maps, owed, mfnsAt, broken } = createBroken();
  t.throws(() => maps.add(10, 20, READ_WRITE, owed), { code: "OUT_OF_MEMORY" });
  t.deepEqual(mfnsAt(12), [12]);
  t.is(maps.maps.length, 1);
  t.throws(() => maps.remove(10, 20, owed), { code: "PAGES_LEFT_BEHIND" });
  t.is(maps.maps.length, 1);
  broken.unmap = false;
  maps.remove(10, 20, owed);
  t.deepEqual([mfnsAt(12), maps.maps], [[undefined], []]);
});

test("a range is on record before its first page is mapped", (t) => {
  const seen: number[] = [];
  const scene = createMaps({
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (...args) => {
          seen.push(scene.maps.maps.length);
          return paging.mapPage(...args);
        },
      }),
  });
  scene.maps.add(10, 11, READ_WRITE, scene.owed);
  t.deepEqual(seen, [1, 1]);
});

test(`adding and removing at random: mapped is what is on record, with the access on record (seed ${SEED})`, (t) => {
  const random = Random.fromSeed(SEED);
  const { maps, owed, domain } = createMaps();
  const uses = new Map<string, number>();
  for (let step = 0; step < 400; step++) {
    const first = random.below(24) * 2;
    const last = first + random.below(3);
    const access = random.below(3) === 0 ? READ : READ_WRITE;
    const isAdding = random.below(2) === 0;
    const known = maps.maps.find((map) => map.first === first && map.last === last);
    const name = `${first}-${last}`;
    try {
      if (isAdding) maps.add(first, last, access, owed);
      else maps.remove(first, last, owed);
      uses.set(name, (uses.get(name) ?? 0) + (isAdding ? 1 : -1));
      t.true(isAdding ? known === undefined || known.access === access : known !== undefined);
    } catch {
      t.true(isAdding ? known?.access !== access : known === undefined);
    }
    for (let frame = 0; frame < 52; frame++) {
      const map = maps.maps.find((one) => one.first <= frame && frame <= one.last);
      const expected = map && { mfn: frame, read: true, write: map.access === READ_WRITE };
      t.deepEqual(domain.lookup(frame), expected);
    }
    for (const map of maps.maps) t.is(uses.get(`${map.first}-${map.last}`), map.uses);
  }
});
