/**
 * What a domain translates is what was asked of it, page by page, and nothing else changes; and the tables go as they
 * came.
 */
import test from "ava";
import { Access } from "../impl/iommu/index.js";
import {
  ALL_SIZES,
  createScene,
  FlatMap,
  LEVELS,
  mappingDifference,
  note,
  PAGES_1G,
  PAGES_2M,
  put,
  READ,
  READ_WRITE,
  Requests,
  type Scene,
  type SceneOptions,
  VENDORS,
} from "./domain-scene.js";

const PROGRAMS = 3;
const REQUESTS = 60;
const SEED = "what-was-asked-2";

const SHAPES: readonly (readonly [name: string, options: SceneOptions])[] = [
  ["all sizes", {}],
  ["2 MiB at most", { pageSizes: 0x20_1000n }],
  ["4 KiB only", { pageSizes: 0x1000n }],
  ["three levels", { levels: 3 }],
  ["a unit of three levels", { fewestLevels: 3 }],
];

for (const vendor of VENDORS) {
  for (const [name, options] of SHAPES) {
    test(`${vendor}, ${name}: after every request the translation is the account's (seed ${SEED})`, (t) => {
      const largest = name === "all sizes" || name === "three levels" ? PAGES_1G : PAGES_2M;
      for (let program = 0; program < PROGRAMS; program++) {
        const { domain } = createScene({ vendor, ...options });
        const flat = new FlatMap();
        const requests = new Requests(`${SEED}-${program}`, largest);
        for (let index = 0; index < REQUESTS; index++) {
          const request = requests.next();
          t.is(put(domain, request, { flags: 0 }), 0);
          note(flat, request);
          const probes = [requests.below(8 * PAGES_1G), requests.below(8 * PAGES_2M) + PAGES_1G];
          t.is(
            mappingDifference(domain, flat, probes),
            undefined,
            JSON.stringify({ program, index, request }),
          );
        }
      }
    });
  }
}

/** Tables that stay when everything is unmapped: the root and what hangs off it. */
function keptTables(scene: Scene): readonly number[] {
  return [scene.domain.tableCount, ...scene.tables.figures().leafCounts];
}

const RANGES = [
  [PAGES_1G, 3 * PAGES_1G, 1],
  [PAGES_1G + 5, PAGES_1G, PAGES_2M + 17],
  [PAGES_2M - 1, PAGES_2M - 1, 2 * PAGES_2M + 2],
  [2 * PAGES_1G, PAGES_1G, 2 * PAGES_1G],
  [PAGES_1G - 3, 2 * PAGES_1G - 3, PAGES_1G + 6],
] as const;

for (const vendor of VENDORS) {
  for (const [dfn, mfn, pages] of RANGES) {
    test(`${vendor}: mapping and unmapping ${pages} pages at ${dfn} leaves the tables off the root alone`, (t) => {
      const scene = createScene({ vendor });
      const owed = { flags: 0 };
      scene.domain.map(dfn, mfn, pages, READ_WRITE, owed);
      scene.domain.unmap(dfn, pages, owed);
      t.deepEqual(keptTables(scene), [2, 0, 0, 0]);
      scene.domain.map(dfn, mfn, pages, READ_WRITE, owed);
      scene.domain.unmap(dfn, pages, owed);
      t.deepEqual(keptTables(scene), [2, 0, 0, 0]);
    });
  }

  test(`${vendor}: the same request again changes nothing, and owes at most that something was added`, (t) => {
    for (const [dfn, mfn, pages] of RANGES) {
      const scene = createScene({ vendor });
      scene.domain.map(dfn, mfn, pages, READ_WRITE, { flags: 0 });
      const before = [...scene.tables.leaves()];
      const owed = { flags: 0 };
      scene.domain.map(dfn, mfn, pages, READ_WRITE, owed);
      t.deepEqual(scene.tables.leaves(), before);
      t.is(owed.flags, vendor === "amd" ? 1 : 0);
    }
  });

  test(`${vendor}: an unmap that takes larger pages than the map made takes nothing beside the request`, (t) => {
    const { domain } = createScene({ vendor });
    const flat = new FlatMap();
    for (const request of [
      { op: "map", dfn: PAGES_1G, mfn: 1, pages: 3 * PAGES_2M, access: READ_WRITE },
      // Out of step, so that the map above is of 4 KiB pages; aligned, so that this is of 2 MiB.
      { op: "unmap", dfn: PAGES_1G + PAGES_2M, mfn: 0, pages: PAGES_2M, access: 0 },
    ] as const) {
      put(domain, request, { flags: 0 });
      note(flat, request);
    }
    t.is(mappingDifference(domain, flat, []), undefined);
  });

  test(`${vendor}: lookups agree at every page of a large page, with its permissions, at frame 0 too`, (t) => {
    const { domain } = createScene({ vendor });
    domain.map(0, 0, PAGES_2M, READ, { flags: 0 });
    domain.map(PAGES_1G, 5 * PAGES_1G, PAGES_1G, Access.write, { flags: 0 });
    for (let page = 0; page < PAGES_2M; page++) {
      t.deepEqual(domain.lookup(page), { mfn: page, read: true, write: false });
      const far = page * 511;
      const found = { mfn: 5 * PAGES_1G + far, read: false, write: true };
      t.deepEqual(domain.lookup(PAGES_1G + far), found);
    }
    t.is(domain.lookup(PAGES_2M), undefined);
    t.is(domain.lookup(2 * PAGES_1G), undefined);
  });

  test(`${vendor}: a large page at frame 0 is split, unmapped and replaced like any other`, (t) => {
    const { domain, tables } = createScene({ vendor });
    const owed = { flags: 0 };
    domain.map(0, 0, PAGES_2M, READ_WRITE, owed);
    domain.unmap(5, 1, owed);
    t.is(domain.lookup(5), undefined);
    t.deepEqual(tables.figures().leafCounts, [PAGES_2M - 1, 0, 0]);
    domain.map(5, 5, 1, READ_WRITE, owed);
    t.deepEqual(tables.figures().leafCounts, [0, 1, 0]);
    domain.map(0, 7 * PAGES_2M, PAGES_2M, READ, owed);
    t.deepEqual(domain.lookup(3), { mfn: 7 * PAGES_2M + 3, read: true, write: false });
  });
}

test("a request that is none is refused, and changes nothing", (t) => {
  const { domain } = createScene();
  const owed = { flags: 0 };
  const refused = { code: "INVALID_ARGUMENT" } as const;
  for (const [dfn, mfn, pages] of [
    [-1, 0, 1],
    [0.5, 0, 1],
    [0, Number.NaN, 1],
    [0, 0, -1],
    [0, 0, 2 ** 53],
    [2 ** 53 - 1, 0, 2],
  ] as const) {
    t.throws(() => domain.map(dfn, mfn, pages, READ_WRITE, owed), refused);
    if (mfn === 0) t.throws(() => domain.unmap(dfn, pages, owed), refused);
  }
  t.throws(() => domain.map(0, 0, 1, 4, owed), refused);
  t.throws(() => domain.map(0, 0, 1, 0, owed), { code: "NO_PERMISSION" });
  t.throws(() => domain.lookup(-1), refused);
  t.is(domain.map(0, 0, 0, READ_WRITE, owed), 0);
  t.deepEqual([domain.tableCount, owed.flags, domain.isCrashed], [0, 0, false]);
});

test("what no table can hold is refused by the tables, and taken back", (t) => {
  const { domain, tables } = createScene({ pageSizes: ALL_SIZES });
  const end = 512 ** LEVELS;
  const owed = { flags: 0 };
  t.throws(() => domain.map(end - 2, 0, 4, READ_WRITE, owed), { code: "IOVA_OUT_OF_RANGE" });
  t.deepEqual(tables.figures().leafCounts, [0, 0, 0]);
  t.true(domain.isCrashed);
});
