/** How a request is cut into pages: the largest announced sizes, never past one that does not fit, never past its end. */
import test, { type ExecutionContext } from "ava";
import { modelTables } from "../fuzz/conform/xen-maps-machine.js";
import { mappingOrder, ordersOf, usedPageSizes } from "../impl/iommu/chunks.js";
import { type ErrorCode, PageTableError } from "../impl/iommu/index.js";
import { Random } from "../models/random.js";
import {
  ALL_SIZES,
  createScene,
  LEVELS,
  PAGES_2M,
  put,
  READ_WRITE,
  VENDORS,
  withMethods,
} from "./domain-scene.js";

const SEED = "chunks-1";
const DRAWS = 3000;

/** The rule in its own words: the last of the orders up to which every one fits. */
function largestOrder(orders: readonly number[], dfn: number, mfn: number, pages: number): number {
  const fits = (order: number) => dfn % 2 ** order === 0 && mfn % 2 ** order === 0 && pages >= 2 ** order;
  const misfit = orders.findIndex((order) => !fits(order));
  return orders[(misfit < 0 ? orders.length : misfit) - 1];
}

/** A mask with 4 KiB as the smallest size. */
function drawSizes(random: Random): bigint {
  let sizes = 1n << 12n;
  for (let lg2 = 13; lg2 <= 42; lg2++) if (random.below(4) === 0) sizes |= 1n << BigInt(lg2);
  return random.below(3) === 0 ? ALL_SIZES : sizes;
}

/** Aligned more often than not, and beyond 2^32 now and then. */
function drawFrame(random: Random): number {
  return random.below(1 << 20) * 2 ** [0, 3, 9, 18, 27, 31][random.below(6)];
}

test(`every order is the rule's, for any page sizes (seed ${SEED})`, (t) => {
  const random = Random.fromSeed(SEED);
  for (let draw = 0; draw < DRAWS; draw++) {
    const orders = ordersOf(drawSizes(random));
    const [dfn, mfn] = [drawFrame(random), drawFrame(random)];
    const pages = 1 + random.below(2 ** (1 + random.below(31)));
    const expected = largestOrder(orders, dfn, mfn, pages);
    t.is(mappingOrder(orders, dfn, mfn, pages), expected, `${dfn} ${mfn} ${pages} of ${orders}`);
  }
});

test("a request is cut into announced, aligned pages that add up to it and stay inside it", (t) => {
  const random = Random.fromSeed(SEED);
  for (let draw = 0; draw < DRAWS / 10; draw++) {
    const orders = ordersOf(drawSizes(random));
    const [dfn, mfn] = [drawFrame(random), drawFrame(random)];
    const pages = 1 + random.below(5000);
    let done = 0;
    while (done < pages) {
      const order = mappingOrder(orders, dfn + done, mfn + done, pages - done);
      t.true(orders.includes(order));
      t.is((dfn + done) % 2 ** order, 0);
      t.is((mfn + done) % 2 ** order, 0);
      done += 2 ** order;
    }
    t.is(done, pages);
  }
});

const EXAMPLES = [
  [ALL_SIZES, 0, 0, 511, [...new Array<number>(511).fill(0)]],
  [ALL_SIZES, 0, 0, 512, [9]],
  [ALL_SIZES, 0x200, 0x401, 3, [0, 0, 0]],
  [ALL_SIZES, 0x4_0000, 0x8_0000, 0x4_0000, [18]],
  [
    ALL_SIZES,
    0x4_0000,
    0x8_0000,
    0x3_ffff,
    [...new Array<number>(511).fill(9), ...new Array<number>(511).fill(0)],
  ],
  [ALL_SIZES, 0x1ff, 0x1ff, 0x402, [0, 9, 9, 0]],
] as const;

/** The orders with which a request reaches the vendor's tables. */
function ordersAsked(request: Parameters<typeof put>[1], pageSizes: bigint): readonly number[] {
  const orders: number[] = [];
  const { domain } = createScene({
    pageSizes,
    wrap: (paging) =>
      withMethods(paging, {
        mapPage: (dfn, mfn, order, access, flush) => {
          orders.push(order);
          return paging.mapPage(dfn, mfn, order, access, flush);
        },
      }),
  });
  put(domain, request, { flags: 0 });
  return orders;
}

for (const [pageSizes, dfn, mfn, pages, orders] of EXAMPLES) {
  test(`${pages} pages from ${dfn.toString(16)} on to ${mfn.toString(16)} go to the tables in ${orders.length} pages`, (t) => {
    t.deepEqual(ordersAsked({ op: "map", dfn, mfn, pages, access: READ_WRITE }, pageSizes), orders);
  });
}

test("without the size between, what is not aligned to the largest takes the smallest", (t) => {
  t.is(mappingOrder([0, 18], 0x200, 0, 0x4_0000), 0);
  t.is(mappingOrder([0, 9, 18], 0x200, 0, 0x4_0000), 9);
});

/** A refusal with this code and errno. */
function refusal(t: ExecutionContext, code: ErrorCode, errno: string, pageSizes: bigint): void {
  const attempt = () => void createScene({ pageSizes, makeTables: modelTables });
  const error = t.throws(attempt, { instanceOf: PageTableError, code });
  t.is(error?.errno, errno);
}

test("page sizes without 4 KiB as the smallest are refused, and so is none", (t) => {
  refusal(t, "NO_PAGE_SIZE", "ENODATA", 0n);
  refusal(t, "SMALLEST_PAGE_MISSING", "EPERM", 0x4020_0000n);
  refusal(t, "SMALLEST_PAGE_MISSING", "EPERM", 0x1800n);
  refusal(t, "INVALID_OPTION", "EINVAL", 0x1000n | (1n << 43n));
  refusal(t, "INVALID_OPTION", "EINVAL", -0x1000n);
  t.deepEqual(createScene({ pageSizes: 0x1000n }).domain.orders, [0]);
});

for (const vendor of VENDORS) {
  test(`without superpages ${vendor} has none, and none comes about by itself`, (t) => {
    const pageSizes = usedPageSizes(ALL_SIZES, false);
    t.is(pageSizes, 0x1000n);
    const { domain, tables } = createScene({ vendor, pageSizes });
    domain.map(PAGES_2M, PAGES_2M, PAGES_2M, READ_WRITE, { flags: 0 });
    t.deepEqual(tables.figures().leafCounts, [PAGES_2M, 0, 0]);
    t.is(domain.tableCount, LEVELS);
  });
}
