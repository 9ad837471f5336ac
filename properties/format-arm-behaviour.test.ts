/** What the long descriptor asks of the engine, seen from outside: addresses that are cut, runs, dirty state, halves. */
import test from "ava";
import { type Invalidation, type PageTable, Prot, TableMemory } from "../impl/common.js";
import { observed } from "../impl/observed.js";
import { type ArmFormat, addressIn, armFormat, armFormats, itemsTo } from "./arm-tables.js";

const RW = Prot.read | Prot.write;
const CONTIGUOUS = 1n << 52n;

interface Options {
  readonly [option: string]: unknown;
}

function create(format: ArmFormat, options: Options = {}): PageTable {
  const memory = new TableMemory({ base: 0n, capacityBytes: 32 << 20 });
  return observed[format.name].create({ memory, ...options });
}

function vaWidthOf(format: ArmFormat): number {
  if (format.name === "arm-lpae-stage1") return 32;
  return format.name === "arm-lpae-stage2" ? 40 : 48;
}

/** An address at which the field of an item is put together anew: PA[51:48] with 64 KiB, PA[51:50] with LPA2. */
function seamOf({ granuleLg2, lpa2 }: ArmFormat): bigint {
  if (granuleLg2 === 16) return 1n << 48n;
  return lpa2 ? 1n << 50n : 1n << 32n;
}

/** How the sizes of `items` from an address on follow each other. */
function sizesFrom(table: PageTable, iova: bigint): readonly number[] {
  return [...table.entries(iova)].map(({ sizeLg2 }) => sizeLg2);
}

for (const format of armFormats) {
  const granule = 1n << BigInt(format.granuleLg2);
  const vaWidthLg2 = vaWidthOf(format);
  const seam = seamOf(format);

  test(`${format.name}: single pages across an address at which the field is cut`, (t) => {
    const table = create(format, { vaWidthLg2 });
    // Congruent to nothing larger than the granule.
    const iova = 0x1000_0000n + granule;
    const pa = seam - 10n * granule;
    table.map(iova, pa, 21n * granule, RW, granule);
    for (let page = 0n; page < 21n; page++) {
      const at = iova + page * granule;
      t.is(table.lookup(at + 5n), pa + page * granule + 5n);
      const leaf = itemsTo(table, format, at, vaWidthLg2).at(-1) ?? 0n;
      t.is(addressIn(leaf, format), pa + page * granule, `page ${page} in its item`);
    }
    t.is(table.lookup(iova + 21n * granule), undefined);
    t.is(table.unmap(iova, 21n * granule), 21n * granule);
    t.deepEqual(sizesFrom(table, 0n), []);
  });

  test(`${format.name}: every size it has, each run's items with own addresses`, (t) => {
    const table = create(format, { vaWidthLg2 });
    const sizes = Array.from({ length: 35 }, (_, lg2) => lg2).filter(
      (lg2) => (table.pageSizes >> BigInt(lg2)) % 2n === 1n,
    );
    for (const sizeLg2 of sizes.filter((lg2) => lg2 < vaWidthLg2 - 1)) {
      const size = 1n << BigInt(sizeLg2);
      // Two entries, around the seam where the output is wide enough.
      const pa = seam - size >= 0n ? seam - size : 0n;
      table.map(size, pa, 2n * size, RW, size);
      t.deepEqual(sizesFrom(table, size).slice(0, 2), [sizeLg2, sizeLg2]);
      const { level } = [...table.entries(size, 1n)][0] ?? { level: -1 };
      const item = granule << BigInt(level * (format.granuleLg2 - 3));
      const isRun = item !== size;
      for (let offset = 0n; offset < 2n * size; offset += item) {
        const leaf = itemsTo(table, format, size + offset, vaWidthLg2).at(-1) ?? 0n;
        if (addressIn(leaf, format) !== pa + offset) t.fail(`2^${sizeLg2}: item at ${offset}`);
        if (((leaf & CONTIGUOUS) !== 0n) !== isRun) t.fail(`2^${sizeLg2}: bit 52 at ${offset}`);
      }
      t.is(table.lookup(3n * size - 1n), pa + 2n * size - 1n);
      // A start inside an entry removes nothing, an end inside one removes all of it.
      if (isRun) t.is(table.unmap(size + item, size), 0n);
      t.is(table.unmap(size, size + granule), 2n * size);
      t.deepEqual(sizesFrom(table, 0n), []);
    }
  });

  test(`${format.name}: a large page over an emptied table comes after its invalidation`, (t) => {
    const events: string[] = [];
    const memory = new TableMemory({ base: 0n, capacityBytes: 32 << 20 });
    const invalidate = (range: Invalidation) =>
      events.push(`forget ${range.first.toString(16)}-${range.last.toString(16)}`);
    const table = observed[format.name].create({ memory, vaWidthLg2, invalidate });
    const block = granule << BigInt(format.granuleLg2 - 3);
    for (const at of [block, 3n * block]) {
      table.map(at, 0n, granule, RW);
      table.unmap(at, granule);
    }
    const rootedTables = memory.liveFrames;
    memory.observer = {
      stored: (_word, oldValue, newValue) => {
        if ((oldValue & 3) === 3 && newValue === 0) events.push("unlink");
        else if ((newValue & 3) === 1) events.push("leaf");
      },
      storedPair: () => events.push("both words at once"),
      allocated() {},
      quarantined() {},
      released() {},
      published() {},
    };
    events.length = 0;
    table.map(0n, 0n, 4n * block, RW, block);
    // The first run ends at the first table; what the rest of the request wants is unlinked together.
    t.deepEqual(events, [
      "leaf",
      "unlink",
      "unlink",
      `forget ${block.toString(16)}-${(4n * block - 1n).toString(16)}`,
      "leaf",
      "leaf",
      "leaf",
    ]);
    t.is(memory.liveFrames, rootedTables - 2);
    t.is(memory.quarantinedFrames, 0);
  });
}

for (const format of armFormats.filter(({ name }) => name.startsWith("armv8"))) {
  const granule = 1n << BigInt(format.granuleLg2);

  test(`${format.name}: dirty state goes round`, (t) => {
    const table = create(format, { dirtyTracking: true });
    const dirty: string[] = [];
    const read = (clear: boolean) => {
      dirty.length = 0;
      table.readAndClearDirty(
        0n,
        1n << 32n,
        (iova, bytes) => dirty.push(`${iova / granule}+${bytes / granule}`),
        {
          clear,
        },
      );
      return [...dirty];
    };
    // A contiguous run, a page, and a page that nobody may write.
    const run = 0x20_0000n;
    const runPages = run / granule;
    const sizes = (table.pageSizes & 0x21_ffffn & ~0x1_0000n) | granule;
    table.map(run, run, run, RW, sizes);
    table.map(0n, 0n, granule, RW);
    table.map(granule, granule, granule, Prot.read);
    const entries = [...table.entries(run)].length;
    const all = [
      "0+1",
      ...Array.from({ length: entries }, (_, n) => {
        const pages = runPages / BigInt(entries);
        return `${runPages + BigInt(n) * pages}+${pages}`;
      }),
    ];
    t.deepEqual(read(false), all, "what is mapped to be written begins dirty");
    t.deepEqual(read(true), all);
    t.deepEqual(read(true), [], "and is clean once it was read");
    t.true(
      [...table.entries()].every(({ write, iova }) => write === (iova !== granule)),
      "clean is still writable",
    );
    table.setDirty(run + granule);
    t.is([...table.entries(run)].filter((entry) => entry.dirty).length, 1, "one item makes its entry dirty");
    t.is(read(true).length, 1);
    const before = itemsTo(table, format, granule, 48).at(-1);
    table.setDirty(granule);
    t.is(itemsTo(table, format, granule, 48).at(-1), before, "a read-only page stays as it is");
    t.deepEqual(read(true), []);
  });

  test(`${format.name}: without dirtyTracking nothing is tracked`, (t) => {
    const table = create(format);
    table.map(0n, 0n, granule, RW);
    t.throws(() => table.readAndClearDirty(0n, granule, () => {}), { code: "NOT_SUPPORTED" });
    t.throws(() => table.setDirty(0n), { code: "NOT_SUPPORTED" });
    t.false([...table.entries()][0]?.dirty);
  });
}

for (const format of armFormats.filter(({ stage }) => stage === 1)) {
  const granule = 1n << BigInt(format.granuleLg2);

  test(`${format.name}: the upper half is all ones above the width, and ends with the last address`, (t) => {
    const all = 1n << 64n;
    const vaWidthLg2 = format.name.startsWith("armv8") ? 39 : 31;
    const table = create(format, { vaWidthLg2, upperHalf: true });
    const first = all - (1n << BigInt(vaWidthLg2));
    table.map(first, 0n, 2n * granule, RW);
    table.map(all - granule, 0x10_0000n, granule, RW);
    t.is(table.lookup(first + granule + 7n), granule + 7n);
    t.is(table.lookup(all - 1n), 0x10_0000n + granule - 1n);
    t.is(
      itemsTo(table, format, all - granule, vaWidthLg2).length,
      table.topLevel + 1,
      "the root's last item",
    );
    t.deepEqual(
      [...table.entries()].map(({ iova }) => iova),
      [first, first + granule, all - granule],
    );
    for (const outside of [0n, granule, (1n << BigInt(vaWidthLg2)) - granule, first - granule]) {
      t.is(table.lookup(outside), undefined);
      t.throws(() => table.map(outside, 0n, granule, RW), { code: "IOVA_OUT_OF_RANGE" });
      t.is(table.unmap(outside, granule), 0n);
    }
    t.is(table.unmap(all - granule, granule), granule);
    t.is(table.unmap(first, all - first), 2n * granule);
    t.deepEqual([...table.entries()], []);
  });
}

test("a run that reaches the last address of all is unmapped whole", (t) => {
  const table = create(armFormat("armv8-stage1-4k"), { upperHalf: true });
  const size = 0x40_0000n;
  const first = (1n << 64n) - size;
  table.map(first, 0n, size, RW);
  t.is(table.unmap(first, size), size);
  t.deepEqual([...table.entries()], []);
});

const { read: R, write: W, noExec: NX, privileged: P } = Prot;

for (const format of armFormats) {
  test(`${format.name}: what an entry says that accesses may do`, (t) => {
    const table = create(format);
    const granule = 1n << BigInt(format.granuleLg2);
    // Stage 1 cannot forbid reads; the others cannot execute what they cannot read.
    const expected: readonly (readonly [number, string])[] =
      format.stage === 1
        ? [
            [R, "r-x"],
            [W, "rwx"],
            [R | W | NX, "rw-"],
            [R | P, "r-x"],
            [R | W | P | NX, "rw-"],
          ]
        : [
            [R, "r-x"],
            [W, "-w-"],
            [R | W, "rwx"],
            [R | W | NX, "rw-"],
            [R | NX, "r--"],
          ];
    for (const [prot, may] of expected) {
      table.map(0n, 0n, granule, prot);
      const found = [...table.entries()].map(
        ({ read, write, execute }) => `${read ? "r" : "-"}${write ? "w" : "-"}${execute ? "x" : "-"}`,
      );
      t.deepEqual(found, [may], `prot ${prot}`);
      table.unmap(0n, granule);
    }
  });
}
