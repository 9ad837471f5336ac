/** Batches do what one call for each run would do, and tell every run that they unmap. */
import test from "ava";
import fc from "fast-check";
import { canCreate, PageTableSubject } from "../fuzz/lockstep/index.js";
import {
  amdv1,
  type PageTable,
  PageTableError,
  type PhysicalRun,
  PhysicalRuns,
  TableMemory,
} from "../impl/index.js";
import { type Configuration, configurationsOf, formatNames, Prot, shapeOf } from "../models/index.js";

const READ_WRITE = Prot.read | Prot.write;

/** Two tables in the same state. */
function twins(configuration: Configuration): readonly [PageTable, PageTable] {
  return [new PageTableSubject(configuration).table, new PageTableSubject(configuration).table];
}

/** Where runs may begin: inside the input addresses, not at their very start, at a distance from their end. */
function firstOf(configuration: Configuration): bigint {
  const { vaWidthLg2, upperHalf } = configuration;
  const width = 1n << BigInt(vaWidthLg2);
  return upperHalf === true ? (1n << 64n) - width : 0n;
}

/** Runs of one to some pages, many of them single, at places that sometimes follow one another. */
const drawnRuns = fc.array(
  fc.tuple(fc.nat(400), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 600 }))),
  {
    minLength: 1,
    maxLength: 40,
  },
);

function told(attempt: () => void): string {
  try {
    attempt();
    return "OK";
  } catch (error) {
    if (error instanceof PageTableError) return `${error.code} after ${error.mappedBytes}`;
    throw error;
  }
}

function mapEach(table: PageTable, iova: bigint, runs: Iterable<PhysicalRun>): string {
  let done = 0n;
  for (const { pa, lengthBytes } of runs) {
    try {
      table.map(iova + done, pa, lengthBytes, READ_WRITE);
    } catch (error) {
      if (error instanceof PageTableError) return `${error.code} after ${done + error.mappedBytes}`;
      throw error;
    }
    done += lengthBytes;
  }
  return "OK";
}

/** Neighbours put together. */
function merged(entries: Iterable<{ readonly pa: bigint; readonly lengthBytes: bigint }>): PhysicalRun[] {
  const runs: PhysicalRun[] = [];
  for (const { pa, lengthBytes } of entries) {
    const last = runs.at(-1);
    if (last !== undefined && last.pa + last.lengthBytes === pa) {
      runs[runs.length - 1] = { pa: last.pa, lengthBytes: last.lengthBytes + lengthBytes };
    } else runs.push({ pa, lengthBytes });
  }
  return runs;
}

for (const format of formatNames) {
  test(`${format}: mapping and unmapping runs is mapping and unmapping each`, (t) => {
    const configurations = configurationsOf(format).filter((one) => one.tiny === undefined && canCreate(one));
    const property = fc.property(
      fc.constantFrom(...configurations.slice(0, 5)),
      drawnRuns,
      fc.nat(700),
      fc.integer({ min: 1, max: 9 }),
      (configuration, drawn, start, capacity) => {
        const page = 1n << BigInt(shapeOf(configuration).granuleLg2);
        const iova = firstOf(configuration) + BigInt(start) * page;
        const runs = new PhysicalRuns(100);
        for (const [place, pages] of drawn) runs.add(BigInt(place) * page, BigInt(pages) * page);
        const [batched, single] = twins(configuration);
        // Something in the way of the longer lists.
        for (const table of [batched, single]) table.tryMap(iova + 700n * page, 0n, page, READ_WRITE);
        t.is(
          told(() => batched.mapRuns(iova, runs, READ_WRITE)),
          mapEach(single, iova, runs),
        );
        t.deepEqual([...batched.entries()], [...single.entries()], configuration.name);
        unmapTwins(batched, single, iova, capacity);
      },
    );
    fc.assert(property, { seed: 5, numRuns: 30 });

    function unmapTwins(batched: PageTable, single: PageTable, iova: bigint, capacity: number): void {
      const length = 1n << BigInt(Math.min(30, batched.granuleLg2 + 14));
      const before = [...single.entries(iova, 1n)].length === 0 ? [] : [...single.entries(iova)];
      const removed = single.unmap(iova, length);
      const inRange = before.filter((entry) => entry.iova >= iova && entry.iova < iova + removed);
      const led = inRange.map(({ pa, sizeLg2 }) => ({ pa, lengthBytes: 1n << BigInt(sizeLg2) }));
      const runs = new PhysicalRuns(capacity);
      const found: PhysicalRun[] = [];
      let done = 0n;
      for (;;) {
        const now = batched.unmapRuns(iova + done, length - done, runs);
        t.true(runs.length <= capacity);
        found.push(...runs);
        runs.clear();
        done += now;
        if (now === 0n || done >= length) break;
      }
      t.is(done, removed);
      t.deepEqual(merged(found), merged(led));
      t.deepEqual([...batched.entries()], [...single.entries()]);
    }
  });
}

test("what comes behind the end of the addresses is refused, not mapped at their begin", (t) => {
  const table = amdv1.create({ memory: new TableMemory({ capacityBytes: 1 << 20 }) });
  const runs = new PhysicalRuns(3);
  for (const pa of [0x8000n, 0x1000n, 0x5000n]) runs.add(pa, 0x1000n);
  const error = t.throws(() => table.mapRuns((1n << 64n) - 0x2000n, runs, READ_WRITE), {
    instanceOf: PageTableError,
  });
  t.like(error, { code: "WRAPS", mappedBytes: 0x2000n });
  t.is(table.lookup(0n), undefined);
  t.is(table.lookup((1n << 64n) - 1n), 0x1fffn);
});

test("what is no list of runs is refused", (t) => {
  const table = amdv1.create({ memory: new TableMemory({ capacityBytes: 1 << 16 }) });
  for (const capacity of [0, -1, 1.5, 2 ** 23])
    t.throws(() => new PhysicalRuns(capacity), { code: "INVALID_ARGUMENT" });
  const runs = new PhysicalRuns(1);
  t.throws(() => runs.add(-1n, 1n), { code: "INVALID_ARGUMENT" });
  t.throws(() => runs.add(0n, 0n), { code: "INVALID_ARGUMENT" });
  t.throws(() => runs.add((1n << 64n) - 1n, 2n), { code: "INVALID_ARGUMENT" });
  t.true(runs.add(0x1000n, 0x1000n));
  t.true(runs.add(0x2000n, 0x1000n), "it goes on where the last one ends");
  t.false(runs.add(0x2000n, 0x1000n), "there is no room");
  t.deepEqual([...runs], [{ pa: 0x1000n, lengthBytes: 0x2000n }]);
  t.throws(() => Reflect.apply(table.mapRuns, table, [0n, [], READ_WRITE]), { code: "INVALID_ARGUMENT" });
  t.throws(() => Reflect.apply(table.unmapRuns, table, [0n, 1n, {}]), { code: "INVALID_ARGUMENT" });
});
