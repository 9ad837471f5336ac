/** Long requests that stop on demand, and go on where they stopped. */
import test from "ava";
import {
  createScene,
  differenceAt,
  FlatMap,
  PAGES_2M,
  READ_WRITE,
  type Scene,
  VENDORS,
} from "./domain-scene.js";

/** Out of phase, so that every page is a small one. */
const DFN = PAGES_2M;
const MFN = 1;
const PAGES = 13_000;
/** Every so many pages of whatever size a request is asked to stop. */
const BETWEEN = 4096;

/** Maps or unmaps all pages in parts; how many pages each part did. */
function inParts(run: (first: number, left: number) => number): readonly number[] {
  const parts: number[] = [];
  for (let done = 0; done < PAGES; ) {
    const part = run(done, PAGES - done);
    parts.push(part);
    done += part;
  }
  return parts;
}

function mapInParts({ domain }: Scene, owed: { flags: number }): readonly number[] {
  return inParts((first, left) => domain.map(DFN + first, MFN + first, left, READ_WRITE, owed, true));
}

for (const vendor of VENDORS) {
  test(`${vendor}: a preempted request has done exactly its first pages, and resumed gives what one call gives`, (t) => {
    const pageSizes = 0x1000n;
    const whole = createScene({ vendor, pageSizes });
    whole.domain.map(DFN, MFN, PAGES, READ_WRITE, { flags: 0 });
    const scene = createScene({ vendor, pageSizes, shouldPreempt: () => true });
    const owed = { flags: 0 };
    const done = scene.domain.map(DFN, MFN, PAGES, READ_WRITE, owed, true);
    t.true(done > 0 && done < PAGES);
    const flat = new FlatMap();
    flat.map(DFN, MFN, done, READ_WRITE);
    t.is(differenceAt(scene.domain, flat, [...flat.edges(), DFN + PAGES - 1]), undefined);
    const rest = scene.domain.map(DFN + done, MFN + done, PAGES - done, READ_WRITE, owed);
    t.is(done + rest, PAGES);
    t.deepEqual(scene.tables.leaves(), whole.tables.leaves());
    t.is(scene.domain.tableCount, whole.domain.tableCount);
    const parts = inParts((first, left) => scene.domain.unmap(DFN + first, left, owed, true));
    t.true(parts.length > 1 && parts.every((part) => part > 0));
    whole.domain.unmap(DFN, PAGES, owed);
    t.deepEqual(scene.tables.leaves(), []);
    t.is(scene.domain.tableCount, whole.domain.tableCount);
  });

  test(`${vendor}: wherever it is preempted, the outcome is the same`, (t) => {
    const whole = createScene({ vendor });
    const all = { flags: 0 };
    whole.domain.map(DFN, MFN, PAGES, READ_WRITE, all);
    for (let pattern = 1; pattern < 16; pattern += 3) {
      let asked = 0;
      const scene = createScene({ vendor, shouldPreempt: () => ((pattern >> (asked++ & 3)) & 1) !== 0 });
      const owed = { flags: 0 };
      const parts = mapInParts(scene, owed);
      t.true(parts.length > 1);
      t.is(owed.flags, all.flags);
      t.deepEqual(scene.tables.figures(), whole.tables.figures());
    }
  });
}

test("it is asked every 4096 pages of whatever size, and never without leave", (t) => {
  const asked: number[] = [];
  const scene = createScene({
    shouldPreempt: () => {
      asked.push(scene.tables.figures().leafCounts[0]);
      return false;
    },
  });
  scene.domain.map(DFN, MFN, PAGES, READ_WRITE, { flags: 0 });
  t.deepEqual(asked, []);
  scene.domain.map(DFN + 2 * PAGES, MFN, PAGES, READ_WRITE, { flags: 0 }, true);
  t.deepEqual(
    asked,
    Array.from({ length: Math.floor(PAGES / BETWEEN) }, (_, index) => PAGES + (index + 1) * BETWEEN - 1),
  );
});

test("a large page counts as one", (t) => {
  let asked = 0;
  const { domain } = createScene({ shouldPreempt: () => ++asked > 0 });
  t.is(domain.map(0, 0, 100 * PAGES_2M, READ_WRITE, { flags: 0 }, true), 100 * PAGES_2M);
  t.is(asked, 0);
});
