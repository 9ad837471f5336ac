/**
 * The markers of a table tell what it holds and not how it came to: they are bounded by their place, the same after
 * any order of writes, and a row that is cut short needs to be told to no more items than the update looks at.
 */
import test, { type ExecutionContext } from "ava";
import { MarkedItems } from "../fuzz/conform/xen-markers-replay.js";
import { contiguityMarkers, type MarkedKind } from "../models/contiguity-markers.js";
import { Random } from "../models/random.js";

const SEED = "content-alone-1";
const TABLES = 60;
const UPDATES = 80;
const VENDORS = ["amd", "vtd"] as const;
type Vendor = (typeof VENDORS)[number];

interface Item {
  readonly kind: "null" | "leaf" | "table";
  readonly item: bigint;
}

const EMPTY: Item = { kind: "null", item: 0n };
/** A pointer to some table; a leaf that may be read and written, and one that may be read. */
const POINTER = { amd: 0x6000_0000_0010_0201n, vtd: 0x10_0003n } as const;
const LEAVES = { amd: [0x7000_0000_0000_0001n, 0x3000_0000_0000_0001n], vtd: [3n, 1n] } as const;
const MARKED_KINDS: Readonly<Record<Item["kind"], MarkedKind>> = {
  null: "absent",
  leaf: "leaf",
  table: "other",
};

function newTable(vendor: Vendor, tableLg2: number): MarkedItems {
  return new MarkedItems({ line: 1, name: "drawn", vendor, tableLg2, full: undefined, ops: [], markers: [] });
}

/** Stores an item of smallest pages; whether the table is one row then. */
function put(table: MarkedItems, index: number, { kind, item }: Item): boolean {
  return table.update({ index, level: 1, kind, item, ret: false, markers: undefined });
}

/** Mostly a leaf of the row that most others are in; else one of another row, out of phase, or no leaf at all. */
function drawItem(random: Random, vendor: Vendor, index: number, tableLg2: number): Item {
  const kind = random.below(16);
  if (kind === 0) return { kind: "table", item: POINTER[vendor] };
  if (kind < 3) return EMPTY;
  const [both, readOnly] = LEAVES[vendor];
  const row = kind === 3 ? 5 : 3;
  const frame = BigInt((row << tableLg2) | (kind === 4 ? index ^ 1 : index));
  return { kind: "leaf", item: (kind === 5 ? readOnly : both) | (frame << 12n) };
}

function trailingZeros(index: number, most: number): number {
  return index === 0 ? most : 31 - Math.clz32(index & -index);
}

/** The same numbers in an order of chance. */
function shuffled(random: Random, count: number): readonly number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [numbers[last], numbers[other]] = [numbers[other], numbers[last]];
  }
  return numbers;
}

/** Many tables of each vendor and of several lengths. */
function everyTable(
  title: string,
  run: (t: ExecutionContext, random: Random, vendor: Vendor, tableLg2: number) => void,
): void {
  for (const vendor of VENDORS) {
    test(`${vendor}: ${title} (seed ${SEED})`, (t) => {
      const random = Random.fromSeed(`${SEED}-${vendor}`);
      for (let table = 0; table < TABLES; table++) run(t, random, vendor, 2 + random.below(5));
    });
  }
}

everyTable(
  "a table of the same content has the same markers, in whatever order it came to it",
  (t, random, vendor, lg2) => {
    const content = Array.from({ length: 2 ** lg2 }, (_, index) => drawItem(random, vendor, index, lg2));
    const expected = contiguityMarkers({
      items: content.map(({ item }) => item),
      kinds: content.map(({ kind }) => MARKED_KINDS[kind]),
      itemLg2: 12,
    });
    for (let order = 0; order < 3; order++) {
      const table = newTable(vendor, lg2);
      for (const index of shuffled(random, content.length)) {
        if (random.below(3) === 0) put(table, index, drawItem(random, vendor, index, lg2));
      }
      for (const index of shuffled(random, content.length)) put(table, index, content[index]);
      t.deepEqual(table.markers, expected);
    }
  },
);

everyTable(
  "a marker is at most its place's trailing zeros, of every second item 0",
  (t, random, vendor, lg2) => {
    const table = newTable(vendor, lg2);
    for (let update = 0; update <= UPDATES; update++) {
      for (const [index, marker] of table.markers.entries()) t.true(marker <= trailingZeros(index, lg2));
      const index = random.below(2 ** lg2);
      put(table, index, drawItem(random, vendor, index, lg2));
    }
  },
);

everyTable(
  "an update says that the table is one row exactly where marker 0 does, of a pointer never",
  (t, random, vendor, lg2) => {
    const table = newTable(vendor, lg2);
    for (let update = 0; update < UPDATES; update++) {
      const index = random.below(2 ** lg2);
      // Emptied now and then, so that some become one row again.
      const item = update % 20 > 12 ? EMPTY : drawItem(random, vendor, index, lg2);
      const isRow = put(table, index, item);
      t.is(isRow, table.markerAt(0) === lg2);
      if (item.kind === "table") t.false(isRow);
    }
    // Emptied altogether it is one, at the latest with the last.
    const emptied = Array.from({ length: 2 ** lg2 }, (_, index) => put(table, index, EMPTY));
    t.true(emptied[2 ** lg2 - 1]);
    t.is(table.markerAt(0), lg2);
  },
);

/** What the markers are once every item before `index` whose row may go over it was told, up to item 0. */
function clippedAtAll(markers: readonly number[], index: number): readonly number[] {
  const clipped = [...markers];
  clipped[index] = 0;
  for (let left = index; left !== 0; ) {
    const lowest = left & -left;
    left ^= lowest;
    clipped[left] = Math.min(clipped[left], trailingZeros(lowest, 0));
  }
  return clipped;
}

everyTable("to tell the first that is short enough is to tell all before it", (t, random, vendor, lg2) => {
  const table = newTable(vendor, lg2);
  const pointer: Item = { kind: "table", item: POINTER[vendor] };
  for (let update = 0; update < UPDATES; update++) {
    const index = random.below(2 ** lg2);
    if (update % 8 < 7) {
      put(table, index, drawItem(random, vendor, index, lg2));
      continue;
    }
    // A pointer is in no row: all that its update does is to cut those of others short.
    const expected = clippedAtAll(table.markers, index);
    put(table, index, pointer);
    t.deepEqual(table.markers, expected);
  }
});
