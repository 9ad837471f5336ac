/**
 * What a map that fails takes back goes in the largest pages that its own range has, whatever pages it was mapped in;
 * and what earlier calls mapped, beside it and under the same tables, stays.
 */
import test from "ava";
import { Status } from "../impl/iommu/index.js";
import { createScene, PAGES_1G, PAGES_2M, READ, READ_WRITE, VENDORS, withMethods } from "./domain-scene.js";

const FIRST = PAGES_1G;
/** Out of step with the pages, so that all of them are mapped as pages of 4 KiB. */
const FRAME = 1;

/** A hardware domain with a page on either side, whose map fails at a page; the orders that it then unmaps. */
function failing(vendor: (typeof VENDORS)[number], refused: number, isOn: { now: boolean }) {
  const orders: { readonly dfn: number; readonly order: number }[] = [];
  const scene = createScene({
    vendor,
    isHardware: true,
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (dfn, ...args) =>
          isOn.now && dfn === refused ? Status.OUT_OF_MEMORY : paging.mapPage(dfn, ...args),
        unmapPage: (dfn, order, flush) => {
          orders.push({ dfn, order });
          return paging.unmapPage(dfn, order, flush);
        },
      }),
  });
  return { ...scene, orders };
}

for (const vendor of VENDORS) {
  test(`${vendor}: 512 pages of 4 KiB are taken back as one of 2 MiB, with their table, and their neighbours stay`, (t) => {
    const isOn = { now: false };
    const pages = PAGES_2M + 7;
    const { domain, orders, queues } = failing(vendor, FIRST + pages - 1, isOn);
    domain.map(FIRST - 1, 5, 1, READ, { flags: 0 });
    domain.map(FIRST + pages, 6, 1, READ, { flags: 0 });
    const tables = domain.tableCount;
    isOn.now = true;
    t.is(domain.tryMap(FIRST, FRAME, pages, READ_WRITE, { flags: 0 }), Status.OUT_OF_MEMORY);
    t.deepEqual(
      orders.map(({ dfn, order }) => [dfn - FIRST, order]),
      [[0, 9], ...[0, 1, 2, 3, 4, 5].map((page) => [PAGES_2M + page, 0])],
    );
    const found = [FIRST - 1, FIRST, FIRST + PAGES_2M, FIRST + pages - 1, FIRST + pages];
    t.deepEqual(
      found.map((dfn) => domain.lookup(dfn)?.mfn),
      [5, undefined, undefined, undefined, 6],
    );
    t.deepEqual([domain.tableCount, queues.waiting(0)], [tables, 1]);
  });

  test(`${vendor}: a range that is no whole table is taken back page by page, out of a table that stays`, (t) => {
    const isOn = { now: false };
    const refused = FIRST + PAGES_2M - 2;
    const { domain, orders, queues } = failing(vendor, refused, isOn);
    for (const [dfn, mfn] of [
      [FIRST, 5],
      [FIRST + PAGES_2M - 1, 6],
    ]) {
      domain.map(dfn, mfn, 1, READ, { flags: 0 });
    }
    isOn.now = true;
    t.is(domain.tryMap(FIRST + 1, FRAME, PAGES_2M - 2, READ_WRITE, { flags: 0 }), Status.OUT_OF_MEMORY);
    t.deepEqual([orders.length, Math.max(...orders.map(({ order }) => order))], [PAGES_2M - 3, 0]);
    const mapped = Array.from({ length: PAGES_2M }, (_, page) => page).filter(
      (page) => domain.lookup(FIRST + page) !== undefined,
    );
    t.deepEqual(mapped, [0, PAGES_2M - 1]);
    t.is(queues.waiting(0), 0);
  });
}
