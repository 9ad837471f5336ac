/**
 * Every state that tiny page tables of a domain can come to by single pages and superpages: at every store a device
 * sees the old or the new translation, and afterwards translation, markers and tables are as they must be.
 */
import test, { type ExecutionContext } from "ava";
import {
  apply,
  doAndWatch,
  judgeTables,
  mapOp,
  type PageOp,
  sightAfter,
  treeText,
  unmapOp,
} from "./paging-judge.js";
import { ABSENT, PagingScene, type SceneOptions, type Sight } from "./paging-scene.js";

const RW = 3;
const R = 1;
/** What is looked at: the pages that operations touch, and some beside. */
const PROBES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 63];
const CAPACITY_BYTES = 1 << 17;

/** Pages in phase with their frames in two tables, one read-only, one out of phase, and superpages over and beside them. */
const ALPHABET: readonly PageOp[] = [
  ...[0, 1, 2, 3, 6].flatMap((dfn) => [mapOp(dfn, 16 + dfn, 0, RW), unmapOp(dfn, 0)]),
  mapOp(1, 17, 0, R),
  mapOp(6, 40, 0, RW),
  mapOp(0, 16, 2, RW),
  mapOp(4, 20, 2, RW),
  mapOp(8, 24, 2, RW),
  mapOp(12, 28, 2, RW),
  mapOp(4, 32, 2, RW),
  unmapOp(0, 2),
  unmapOp(8, 2),
  mapOp(0, 16, 4, RW),
  unmapOp(0, 4),
];

interface State {
  readonly path: readonly PageOp[];
  readonly sights: readonly Sight[];
}

/** The scene after a path of operations. */
function sceneAfter(options: SceneOptions, path: readonly PageOp[]): PagingScene {
  const scene = new PagingScene({ ...options, capacityBytes: CAPACITY_BYTES });
  for (const op of path) {
    apply(scene, op);
    scene.release();
  }
  return scene;
}

/** Goes from every state by every operation of the alphabet, until no new state is met; how many there are. */
function explore(t: ExecutionContext, options: SceneOptions, alphabet: readonly PageOp[]): number {
  const usable = alphabet.filter(({ order }) => new PagingScene(options).orders.includes(order));
  const seen = new Set([""]);
  const open: State[] = [{ path: [], sights: PROBES.map(() => ABSENT) }];
  for (const { path, sights } of open) {
    for (const op of usable) {
      const scene = sceneAfter(options, path);
      const wrong = [...doAndWatch(scene, op, PROBES, sights), ...judgeTables(scene)];
      const left = scene.release();
      if (scene.memory.quarantinedFrames !== 0)
        wrong.push(`${left} frames were queued, and not all that left`);
      if (wrong.length > 0) {
        t.deepEqual(wrong, [], JSON.stringify([...path, op]));
        return 0;
      }
      const key = treeText(scene);
      if (seen.has(key)) continue;
      seen.add(key);
      const after = PROBES.map((dfn, index) => sightAfter(op, dfn, sights[index]));
      open.push({ path: [...path, op], sights: after });
    }
  }
  return seen.size;
}

/** Pages in phase, and in two rows that count up, each in the other's place. */
const PHASES = [0, 1, 2, 3].flatMap((dfn) => [
  mapOp(dfn, 16 + dfn, 0, RW),
  mapOp(dfn, 16 + (dfn ^ 2), 0, RW),
  unmapOp(dfn, 0),
]);

/** Of the pages of the second table only what splits and merges it. */
const SMALLER = ALPHABET.filter(({ dfn, order, mfn }) =>
  order > 0 ? dfn < 8 && mfn !== 32 : dfn < 4 || mfn === 22 || mfn === 0,
);

const SCENES: readonly (readonly [title: string, SceneOptions, readonly PageOp[], states: number])[] = [
  ["amd, 4 levels", { vendor: "amd", levels: 4 }, ALPHABET, 961],
  [
    "amd, 3 levels: a superpage may stand in the root, and none is made there",
    { vendor: "amd", levels: 3 },
    SMALLER,
    147,
  ],
  ["amd, no superpages", { vendor: "amd", levels: 4, pageSizes: 0x1000n }, SMALLER, 49],
  ["amd, the largest pages not announced", { vendor: "amd", levels: 4, pageSizes: 0x5000n }, SMALLER, 97],
  ["amd, pages out of phase", { vendor: "amd", levels: 3 }, PHASES, 82],
  ["vtd, pages out of phase", { vendor: "vtd", levels: 3 }, PHASES, 82],
  ["vtd, 3 levels", { vendor: "vtd", levels: 3 }, SMALLER, 146],
  ["vtd, a unit of 2 levels beside", { vendor: "vtd", levels: 3, minLevels: 2 }, SMALLER, 178],
  ["vtd, no superpages", { vendor: "vtd", levels: 3, pageSizes: 0x1000n }, SMALLER, 49],
];

for (const [title, options, alphabet, states] of SCENES) {
  test(title, (t) => {
    // The number says that nothing was left out; it changes with the alphabet.
    t.is(explore(t, { ...options, tiny: true }, alphabet), states);
  });
}
