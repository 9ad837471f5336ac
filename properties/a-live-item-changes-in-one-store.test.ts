/**
 * An item that hardware may be reading becomes what it is to be in one store; a table that a new pointer leads to is
 * complete by then, markers included; and every table that comes or goes is accounted for.
 */
import test from "ava";
import { Random } from "../models/random.js";
import { apply, mapOp, type PageOp, unmapOp } from "./paging-judge.js";
import { PagingScene, type ReachedTable, Status, type Vendor } from "./paging-scene.js";

const SEED = "one-store-1";
const OPERATIONS = 900;
const ADDRESS = 0xf_ffff_ffff_f000n;
const MASK_32 = 0xffff_ffffn;

/** Pages of a few tiny tables, at frames of both halves of an address, some of them in phase. */
function drawOp(random: Random, scene: PagingScene): PageOp {
  const order = scene.orders[random.below(scene.orders.length)];
  const dfn = Math.floor(random.below(64) / 2 ** order) * 2 ** order;
  if (random.below(3) === 0) return unmapOp(dfn, order);
  const far = [0, 0, 0, 2 ** 32, 2 ** 21][random.below(5)];
  const access = random.below(4) === 0 ? 1 : 3;
  return mapOp(dfn, far + (random.below(6) === 0 ? dfn ^ (2 ** order) : dfn), order, access);
}

function pairOf(low: number, high: number): bigint {
  return (BigInt(high) & MASK_32) * 2n ** 32n + (BigInt(low) & MASK_32);
}

/** What the stores of one operation did. */
interface Watched {
  readonly wrong: readonly string[];
  /** Pointers that appeared where nothing was. */
  readonly linked: number;
  /** Pointers that took the place of leaves. */
  readonly split: number;
  /** Items of which both words changed at once. */
  readonly pairs: number;
}

function watch(scene: PagingScene, op: PageOp): Watched {
  const { memory } = scene;
  const before = itemsOf(scene.tables());
  const levels = new Map([...before].map(([word, { level }]) => [word, level]));
  const changes = new Map<number, number>();
  const wrong: string[] = [];
  const counts = { linked: 0, split: 0, pairs: 0 };

  const changed = (word: number, old: bigint, item: bigint) => {
    if (scene.unmarked(old) === scene.unmarked(item)) return;
    const level = levels.get(word);
    // No item of a table that is reached: nobody looks.
    if (level === undefined) return;
    changes.set(word, (changes.get(word) ?? 0) + 1);
    if (scene.kindOf(item, level) !== "table") return;
    if (scene.kindOf(old, level) === "absent") counts.linked++;
    else counts.split++;
    wrong.push(...judgeNew(scene, item, level - 1, levels));
  };
  scene.watch({
    stored: (word, old) => {
      const isLow = word % 2 === 0;
      const [low, high] = [memory.words[word & ~1], memory.words[word | 1]];
      changed(word & ~1, isLow ? pairOf(old, high) : pairOf(low, old), pairOf(low, high));
    },
    storedPair: (word, oldLow, oldHigh, low, high) => {
      counts.pairs++;
      changed(word, pairOf(oldLow, oldHigh), pairOf(low, high));
    },
  });
  const status = apply(scene, op);
  memory.observer = undefined;
  if (status !== Status.OK) wrong.push(`status ${status}`);

  for (const [word, { item, level }] of itemsOf(scene.tables())) {
    const old = before.get(word);
    if (old === undefined || scene.kindOf(old.item, level) === "absent") continue;
    if (scene.kindOf(item, level) === "absent" || scene.unmarked(old.item) === scene.unmarked(item)) continue;
    const stores = changes.get(word) ?? 0;
    if (stores !== 1) wrong.push(`a live item at word ${word} of level ${level} changed in ${stores} stores`);
  }
  return { wrong, ...counts };
}

/** A table that has just become reached: of the right markers, and full of like leaves or empty. */
function judgeNew(scene: PagingScene, pointer: bigint, level: number, levels: Map<number, number>): string[] {
  const first = Number((pointer & ADDRESS) - scene.memory.base) / 4;
  const items = Array.from({ length: 2 ** scene.tableLg2 }, (_, index) => {
    const word = first + 2 * index;
    levels.set(word, level);
    return pairOf(scene.memory.words[word], scene.memory.words[word + 1]);
  });
  const table = { word: first, level, firstPage: 0, items };
  const markers = items.map((item) => scene.markerOf(item));
  const whole = items.map((_, index) => (index === 0 ? scene.tableLg2 : 31 - Math.clz32(index & -index)));
  const wrong: string[] = [];
  if (new Set(items.map((item) => scene.kindOf(item, level))).size > 1)
    wrong.push("a new table is half filled");
  if (markers.join() !== whole.join()) wrong.push(`a new table of level ${level} has markers ${markers}`);
  if (scene.markersOf(table).join() !== whole.join()) wrong.push("a new table is not one row");
  return wrong;
}

/** Every item that is reached, by the index of its low word. */
function itemsOf(tables: readonly ReachedTable[]): ReadonlyMap<number, { item: bigint; level: number }> {
  return new Map(
    tables.flatMap(({ word, level, items }) =>
      items.map((item, index) => [word + 2 * index, { item, level }] as const),
    ),
  );
}

/** Tables below the item that an operation is about. */
function subtreeOf(scene: PagingScene, { dfn, order }: PageOp): number {
  const level = order / scene.tableLg2;
  const isBelow = (table: ReachedTable) =>
    table.level < level && table.firstPage >= dfn && table.firstPage < dfn + 2 ** order;
  return scene.tables().filter(isBelow).length;
}

const SCENES: readonly { readonly vendor: Vendor; readonly levels: number }[] = [
  { vendor: "amd", levels: 4 },
  { vendor: "vtd", levels: 3 },
];

for (const { vendor, levels } of SCENES) {
  test(`${vendor}: a live item becomes another in one store, and a new table is complete before it is seen (seed ${SEED})`, (t) => {
    const scene = new PagingScene({ vendor, levels, tiny: true });
    const random = Random.fromSeed(SEED);
    const sums = { linked: 0, split: 0, pairs: 0 };
    for (let number = 0; number < OPERATIONS; number++) {
      const op = drawOp(random, scene);
      const { wrong, linked, split, pairs } = watch(scene, op);
      t.deepEqual(wrong, [], `operation ${number}: ${JSON.stringify(op)}`);
      sums.linked += linked;
      sums.split += split;
      sums.pairs += pairs;
      scene.release();
    }
    t.true(Math.min(sums.linked, sums.split, sums.pairs) > 50, JSON.stringify(sums));
  });

  test(`${vendor}: tables are those before, those linked and split, less those queued; queued are merged, empty and replaced ones (seed ${SEED})`, (t) => {
    const scene = new PagingScene({ vendor, levels, tiny: true });
    const { paging } = scene;
    const random = Random.fromSeed(SEED);
    let replacedInAll = 0;
    scene.map(0, 0, 0, 3);
    for (let number = 0; number < OPERATIONS; number++) {
      const op = drawOp(random, scene);
      const { tableCount, shatters, coalesces } = paging;
      const replaced = subtreeOf(scene, op);
      const { linked, split } = watch(scene, op);
      const queued = scene.release();
      const where = `operation ${number}: ${JSON.stringify(op)}`;
      t.is(paging.shatters, shatters + split, where);
      t.is(paging.tableCount, tableCount + linked + split - queued, where);
      t.is(queued, paging.coalesces - coalesces + replaced, where);
      replacedInAll += replaced;
    }
    t.true(replacedInAll > 50);
  });
}
