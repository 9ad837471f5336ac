/** Requests that fail: what stays, who is stopped for it, and what is flushed. */
import test from "ava";
import { FlushFlag, Status } from "../impl/iommu/index.js";
import {
  createScene,
  differenceAt,
  FlatMap,
  note,
  PAGES_1G,
  PAGES_2M,
  put,
  READ_WRITE,
  Requests,
  VENDORS,
  withMethods,
} from "./domain-scene.js";

const SEED = "failures-1";
const PROGRAMS = 20;
const EVERY = ["map", "unmap"] as const;

for (const vendor of VENDORS) {
  test(`${vendor}: wherever memory runs out, nothing of the request stays mapped and nothing else changed (seed ${SEED})`, (t) => {
    let failures = 0;
    for (let program = 0; program < PROGRAMS; program++) {
      const requests = new Requests(`${SEED}-${program}`);
      const before = Array.from({ length: 4 }, () => requests.next());
      const request = requests.next();
      for (let nth = 1; ; nth++) {
        const { domain, memory } = createScene({ vendor });
        const flat = new FlatMap();
        for (const done of before) {
          put(domain, done, { flags: 0 });
          note(flat, done);
        }
        memory.failNextAllocation(nth);
        const status = put(domain, request, { flags: 0 });
        memory.failNextAllocation(0);
        if (status === Status.OK) break;
        failures++;
        t.is(status, Status.OUT_OF_MEMORY);
        t.true(domain.isCrashed);
        const isInside = (dfn: number) => dfn >= request.dfn && dfn < request.dfn + request.pages;
        const outside = [...flat.edges(), request.dfn - 1, request.dfn + request.pages].filter(
          (dfn) => dfn >= 0 && !isInside(dfn),
        );
        const where = JSON.stringify({ program, nth, request });
        t.is(differenceAt(domain, flat, outside), undefined, where);
        // Inside it a page is as it was, or unmapped where the request had replaced it already.
        for (const dfn of [request.dfn, ...flat.edges().filter(isInside)]) {
          const found = domain.lookup(dfn);
          if (found !== undefined) t.deepEqual(found, flat.lookup(dfn), where);
        }
      }
    }
    t.true(failures > PROGRAMS / 4, String(failures));
  });
}

/** A domain whose tables refuse one page. */
function refusing(dfn: number, what: readonly ("map" | "unmap")[], isHardware: boolean) {
  const isRefused = (first: number, order: number) => first <= dfn && dfn < first + 2 ** order;
  const lines: string[] = [];
  const scene = createScene({
    isHardware,
    log: (line) => lines.push(line),
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (first, mfn, order, access, flush) =>
          what.includes("map") && isRefused(first, order)
            ? Status.OUT_OF_MEMORY
            : paging.mapPage(first, mfn, order, access, flush),
        unmapPage: (first, order, flush) =>
          what.includes("unmap") && isRefused(first, order)
            ? Status.OUT_OF_MEMORY
            : paging.unmapPage(first, order, flush),
      }),
  });
  return Object.assign(scene, { lines });
}

for (const isHardware of [false, true]) {
  const who = isHardware ? "the hardware domain" : "another domain";
  test(`a map that fails in its last part takes back all of it; ${who} is ${isHardware ? "not " : ""}crashed`, (t) => {
    const last = PAGES_1G + 3 * PAGES_2M;
    const { domain, tables, told, lines } = refusing(last, ["map"], isHardware);
    const owed = { flags: 0 };
    const status = domain.tryMap(PAGES_1G, PAGES_1G, 3 * PAGES_2M + 1, READ_WRITE, owed);
    t.is(status, Status.OUT_OF_MEMORY);
    t.is(domain.donePages, 0);
    t.deepEqual(tables.figures().leafCounts, [0, 0, 0]);
    t.is(domain.isCrashed, !isHardware);
    t.is(told.length, 1);
    t.is(told[0].flags & FlushFlag.all, FlushFlag.all);
    t.is(owed.flags, 0);
    t.regex(lines[0], /OUT_OF_MEMORY/);
  });
}

test("an earlier part of a preempted map is not taken back", (t) => {
  const { domain } = refusing(3, ["map"], true);
  domain.map(0, 8, 2, READ_WRITE, { flags: 0 });
  t.is(domain.tryMap(2, 10, 4, READ_WRITE, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.deepEqual(
    [0, 1, 2, 3, 4].map((dfn) => domain.lookup(dfn)?.mfn),
    [8, 9, undefined, undefined, undefined],
  );
});

test("what a failed map had not come to stays as it was", (t) => {
  const { domain } = refusing(3, ["map"], true);
  domain.map(4, 99, 2, READ_WRITE, { flags: 0 });
  domain.map(1, 77, 1, READ_WRITE, { flags: 0 });
  t.is(domain.tryMap(0, 8, 6, READ_WRITE, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((dfn) => domain.lookup(dfn)?.mfn),
    [undefined, undefined, undefined, undefined, 99, 100],
  );
});

test("an unmap that fails goes on to its end for the hardware domain, and stops for any other", (t) => {
  for (const isHardware of [true, false]) {
    const { domain, told } = refusing(2, ["unmap"], isHardware);
    domain.map(0, 8, 5, READ_WRITE, { flags: 0 });
    const owed = { flags: 0 };
    t.is(domain.tryUnmap(0, 5, owed), Status.OUT_OF_MEMORY);
    const left = [0, 1, 2, 3, 4].filter((dfn) => domain.lookup(dfn) !== undefined);
    t.deepEqual(left, isHardware ? [2] : [2, 3, 4]);
    t.is(domain.isCrashed, !isHardware);
    t.deepEqual([told.length, owed.flags], [1, 0]);
  }
});

test("a roll-back that fails too is no reason to stop halfway: the map's error is what its caller hears", (t) => {
  const { domain } = refusing(3, EVERY, true);
  t.is(domain.tryMap(0, 8, 5, READ_WRITE, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.deepEqual(
    [0, 1, 2].map((dfn) => domain.lookup(dfn)),
    [undefined, undefined, undefined],
  );
});

test("one page that fails is left to its caller to flush; flags survive a full flush that fails", (t) => {
  const { domain, told } = refusing(1, ["unmap"], true);
  const one = { flags: FlushFlag.modified };
  t.is(domain.tryUnmap(1, 1, one), Status.OUT_OF_MEMORY);
  t.deepEqual([told.length, one.flags], [0, FlushFlag.modified]);
  const scene = refusing(1, ["unmap"], true);
  scene.domain.map(0, 0, 2, READ_WRITE, { flags: 0 });
  scene.flushStatus = Status.OUT_OF_MEMORY;
  const owed = { flags: 0 };
  t.is(scene.domain.tryUnmap(0, 2, owed), Status.OUT_OF_MEMORY);
  t.is(owed.flags & FlushFlag.modified, FlushFlag.modified);
});
