// I12, I13 — both words of a live item change in one store of 64 bits: one event, which every watcher takes as one.
import test, { type ExecutionContext } from "ava";
import { Journal } from "../fuzz/lockstep/journal.js";
import { type MemoryObserver, TableMemory } from "../impl/common.js";
import { Domain } from "../impl/engine/domain.js";
import * as observed from "../impl/engine/variants/observed.js";
import * as plain from "../impl/engine/variants/plain.js";
import * as shared from "../impl/engine/variants/shared.js";
import { domainSettings } from "../impl/options.js";
import type { Configuration } from "../models/configuration.js";
import { configurationOf } from "./hand-made-tables.js";
import { WatchedTables } from "./watched-tables.js";

const tableBase = 0x10_0000n;
const vtd = configurationOf("vtd-second-stage", { vaWidthLg2: 39, oaWidthLg2: 48, topLevel: 2, tableBase });
const incoherent: Configuration = { ...vtd, incoherent: true };
const RW = 3n;
const PS = 0x80n;
const KIB4 = 0x1000n;
const MIB2 = 0x20_0000n;
const LEAF = 0x12_0000_7000n | RW;

function domainIn(memory: TableMemory): Domain {
  return new Domain(domainSettings({ memory }).settings);
}

for (const [name, { storePair }] of Object.entries({ plain, observed, shared })) {
  test(`${name}: both words are stored, and no other`, (t) => {
    const memory = new TableMemory({ capacityBytes: 1 << 16, shared: name === "shared" });
    const domain = domainIn(memory);
    memory.words.fill(-1, 0, 16);
    storePair(domain, memory.words, 6, 0x8000_0001 | 0, -0x7654_3210);
    t.deepEqual([...memory.words.subarray(5, 9)], [-1, 0x8000_0001 | 0, -0x7654_3210, -1]);
    // The last item there is.
    storePair(domain, memory.words, memory.words.length - 2, 5, 6);
    t.deepEqual([...memory.words.subarray(-3)], [0, 5, 6]);
  });
}

test("the observed variant tells of one event, after the store, with the words before and after", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 16 });
  const events: (readonly number[])[] = [];
  memory.observer = watcher(t, (...event) => events.push([...event, ...memory.words.subarray(4, 6)]));
  memory.words.set([1, 2], 4);
  observed.storePair(domainIn(memory), memory.words, 4, 3, -4);
  t.deepEqual(events, [[4, 1, 2, 3, -4, 3, -4]]);
});

test("the observed variant refuses a store across two items or out of memory", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 16 });
  const domain = domainIn(memory);
  for (const word of [-2, 5, 0.5, memory.words.length]) {
    t.throws(() => observed.storePair(domain, memory.words, word, 0, 0), { message: /64 bits/ });
  }
  t.throws(() => observed.storePair(domain, memory.words, 4, 2 ** 31, 0), { message: /two words/ });
});

test("a journal notes both words, of a walker that does not snoop as not yet written back", (t) => {
  const journal = new Journal(64, { markWord: 0, markBit: 1 << 10 });
  journal.storedPair(8, 1, 2, 3, 4);
  t.deepEqual([...journal.stores.subarray(0, journal.storeCount)], [8, 9]);
  t.true(journal.isUnclean(8) && journal.isUnclean(9));
});

/** Root → frame 1 → frame 2, with a leaf for address 0. */
function tree(configuration = vtd): WatchedTables {
  const tables = new WatchedTables(configuration);
  tables.store(0, 0, tables.frame(1) | RW).store(1, 0, tables.frame(2) | RW);
  tables.store(2, 0, 0x5000n | RW).clean(0, 0, 3 * 4096);
  tables.end();
  return tables;
}

test("the watch: a live leaf becomes another one in one store, and nothing is between", (t) => {
  t.is(
    tree()
      .pair(2, 0, LEAF)
      .invalidate(0n, KIB4 - 1n)
      .end(),
    undefined,
  );
});

test("the watch: the old leaf may still be cached, and must be invalidated", (t) => {
  t.is(tree().pair(2, 0, LEAF).end()?.invariant, "I9");
});

test("the watch: a store of both words that only changes the high one is seen", (t) => {
  t.is(
    tree()
      .pair(2, 0, 0x12_0000_5000n | RW)
      .end()?.invariant,
    "I9",
  );
});

test("the watch: two stores of both words show what is between them", (t) => {
  const tables = tree()
    .pair(2, 0, LEAF)
    .pair(2, 0, 0x13_0000_8000n | RW)
    .invalidate(0n, KIB4 - 1n);
  t.is(tables.end()?.invariant, "I12");
});

test("the watch: both words must be written back", (t) => {
  const store = () =>
    tree(incoherent)
      .pair(2, 0, LEAF)
      .invalidate(0n, KIB4 - 1n);
  t.is(store().clean(2, 0, 8).end(), undefined);
  t.is(store().clean(2, 0, 4).end()?.invariant, "I13");
  t.is(store().clean(2, 4, 4).end()?.invariant, "I13");
});

/** Frame 2 full of leaves from 2 MiB on, but for the last, which is what an operation changes before it merges them. */
function almostUniform(): WatchedTables {
  const tables = tree();
  for (let index = 0; index < 511; index++) tables.pair(2, index, MIB2 + BigInt(index) * KIB4 + RW);
  tables
    .pair(2, 511, 0x5000n | 1n)
    .invalidate(0n, MIB2 - 1n)
    .end();
  return tables.pair(2, 511, MIB2 + 511n * KIB4 + RW).word(2, 511, 1, 1 << 20);
}

test("the watch: a table's last leaf changes, and a leaf takes the table's place", (t) => {
  const tables = almostUniform()
    .pair(1, 0, MIB2 | PS | RW)
    .invalidate(0n, MIB2 - 1n);
  t.is(tables.end(), undefined);
});

test("the watch: what its last leaf was in between is a third translation if another leaf takes the table's place", (t) => {
  const tables = almostUniform()
    .pair(1, 0, (2n * MIB2) | PS | RW)
    .invalidate(0n, MIB2 - 1n);
  t.is(tables.end()?.invariant, "I12");
});

/** An observer of nothing but stores of both words. */
function watcher(t: ExecutionContext, storedPair: MemoryObserver["storedPair"]): MemoryObserver {
  const other = () => t.fail("another event");
  return {
    stored: other,
    storedPair,
    allocated: other,
    quarantined: other,
    released: other,
    published: other,
  };
}
