/** Random tables: the model walks as the strict walkers do, and what its caches change is always in its list. */
import test from "ava";
import { Random } from "../models/random.js";
import {
  Access,
  createWalker,
  TwoStageWalker,
  type Walker,
  WalkResult,
  walkResultName,
} from "../models/walkers/index.js";
import { configurationOf } from "./hand-made-tables.js";
import { AmdScene, DEVICE, describe, item } from "./iommu-model-amd-scene.js";
import { amdItem, asWalkersSee, chance, firstStageItem, high, low, Soup } from "./iommu-model-soup.js";

const SOUP = 0x100_0000;
const CR3_TABLE = 0x910_0000;
const host = configurationOf("amdv1", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 3 });
const guest = configurationOf("x86-64", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 3, signExtended: true });

function soupScene(levels: number, options = {}): { scene: AmdScene; soup: Soup } {
  const scene = new AmdScene(options);
  const soup = new Soup(scene.memory, SOUP, levels, amdItem);
  scene.entry(DEVICE, { mode: levels, root: soup.root });
  return { scene, soup };
}

/** What the strict walker says, in the model's words. */
function expectedOf(walker: Walker, iova: bigint, isWrite: boolean): string {
  const result = walker.walk(low(iova), high(iova));
  if (result === WalkResult.OutsideMemory) return "a page table is not backed by memory";
  if (result !== WalkResult.Translated) return walkResultName(result);
  return (isWrite ? walker.write : walker.read) ? outputOf(walker) : "no permission";
}

function outputOf({ oaLow, oaHigh }: { oaLow: number; oaHigh: number }): string {
  return ((BigInt(oaHigh >>> 0) << 32n) | BigInt(oaLow >>> 0)).toString(16);
}

test("one stage: the same page, or the same reason, as the walker's", (t) => {
  const random = Random.fromSeed("amd one stage");
  const ends = new Map<string, number>();
  const differences: string[] = [];
  for (let round = 0; round < 100; round++) {
    const { scene, soup } = soupScene(1 + (round % 5));
    soup.fill(random);
    const walker = createWalker(host, asWalkersSee(scene.memory));
    walker.setRoot(low(BigInt(soup.root)), high(BigInt(soup.root)), soup.levels.length);
    for (let probe = 0; probe < 20; probe++) {
      const iova = soup.address(random);
      const isWrite = chance(random, 2);
      const expected = expectedOf(walker, iova, isWrite);
      const seen = describe(scene.unit.translateUncached(DEVICE, iova, isWrite));
      if (seen !== expected) differences.push(`round ${round}: ${seen}, not ${expected}`);
      ends.set(expected, (ends.get(expected) ?? 0) + 1);
    }
  }
  t.deepEqual(differences, []);
  t.true(ends.size > 50, "many pages were reached");
  const reasons = [
    "no permission",
    "NotPresent",
    "ReservedBit",
    "IllegalLevel",
    "IllegalSize",
    "IllegalSkip",
  ];
  for (const reason of reasons) t.true((ends.get(reason) ?? 0) > 10, reason);
});

/** A guest's tables in pages that the host maps as they are, most of them writable. */
function nestedScene(random: Random): { scene: AmdScene; tables: Soup; first: Soup } {
  const scene = new AmdScene({ keeps: "nothing" });
  const { memory } = scene;
  const tables = new Soup(memory, SOUP, 3, amdItem);
  const first = new Soup(
    memory,
    0x400_0000,
    4,
    firstStageItem((draw) => tables.address(draw) & ~0xfffn),
  );
  tables.fill(random);
  first.fill(random);
  for (const frame of [0x900_0000, 0x900_1000, CR3_TABLE]) memory.addFrame(frame);
  // 0x400_0000 is index 32 of level 1 under index 0 of the root.
  memory.write64(tables.root, item(0x900_0000, 2));
  memory.write64(0x900_0000 + 32 * 8, item(0x900_1000, 1));
  for (let index = 0; index < 8; index++)
    memory.write64(
      0x900_1000 + index * 8,
      item(0x400_0000 + index * 4096, 0, chance(random, 6) ? "r" : "rw"),
    );
  memory.write64(CR3_TABLE, BigInt(first.root) | 1n);
  const table = BigInt(CR3_TABLE);
  const q0 = (1n << 55n) | (((table >> 12n) & 7n) << 58n);
  scene.entry(DEVICE, { mode: 3, root: tables.root, more: [q0, ((table >> 15n) & 0xffffn) << 16n] });
  return { scene, tables, first };
}

test("two stages: the same page as the two-stage walker's, or none, and the bits of a write are set", (t) => {
  const random = Random.fromSeed("amd two stages");
  const differences: string[] = [];
  let translated = 0;
  for (let round = 0; round < 150; round++) {
    const { scene, tables, first } = nestedScene(random);
    const walker = new TwoStageWalker(guest, host, asWalkersSee(scene.memory));
    walker.setRoots({ low: first.root, high: 0, mode: 4 }, { low: tables.root, high: 0, mode: 3 });
    for (let probe = 0; probe < 10; probe++) {
      const iova = signed(first.address(random));
      const isWrite = chance(random, 2);
      const result = walker.walk(low(iova), high(iova), isWrite ? Access.write : Access.read);
      const expected = result === WalkResult.Translated ? outputOf(walker) : "fault";
      const outcome = scene.unit.dma(DEVICE, iova, 1, isWrite, { pasid: 0 });
      const seen = outcome.kind === "fault" ? "fault" : describe(outcome);
      if (seen !== expected) differences.push(`round ${round}: ${seen}, not ${expected}`);
      if (expected === "fault") continue;
      translated++;
      walker.walk(low(iova), high(iova));
      const wanted = isWrite ? 0x60 : 0x20;
      if ((walker.stage1.rawLow & wanted) !== wanted) differences.push(`round ${round}: no marks`);
    }
  }
  t.deepEqual(differences, []);
  t.true(translated > 50, `${translated}`);
});

/** Addresses are hexadecimal; every reason has other letters. */
function isFault(seen: string): boolean {
  return !/^[0-9a-f]+$/.test(seen);
}

function signed(iova: bigint): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(48, iova));
}

test("a unit that keeps nothing answers as memory says, whatever changes", (t) => {
  const random = Random.fromSeed("amd keeps nothing");
  const { scene, soup } = soupScene(4, { keeps: "nothing" });
  soup.fill(random);
  for (let step = 0; step < 400; step++) {
    soup.change(random);
    const iova = soup.address(random);
    const now = describe(scene.unit.translateUncached(DEVICE, iova, false));
    if (scene.seen(iova) !== now) t.fail(`step ${step}: ${iova.toString(16)}`);
  }
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

test("what a cache changes for a device is in the list, and a full invalidation empties it", (t) => {
  for (const cachesNotPresent of [false, true]) {
    const random = Random.fromSeed(`amd caches ${cachesNotPresent}`);
    const { scene, soup } = soupScene(4, { cachesNotPresent });
    soup.fill(random);
    let differences = 0;
    for (let step = 0; step < 600; step++) {
      if (chance(random, 3)) soup.change(random);
      if (chance(random, 6)) scene.invalidate(7, low(soup.address(random) & ~0xfffn) | random.below(4));
      const iova = soup.address(random);
      const isWrite = chance(random, 2);
      const now = describe(scene.unit.translateUncached(DEVICE, iova, isWrite));
      const seen = scene.seen(iova, isWrite);
      // Of a miss that is remembered only that it is one counts, not why.
      const isReason = cachesNotPresent && isFault(seen) && isFault(now);
      if (seen !== now && !isReason) {
        differences++;
        const listed = scene.unit.cachedDisagreements();
        const inside = listed.some((one) => iova >= one.iova && iova < one.iova + one.sizeBytes);
        if (!inside) t.fail(`step ${step}: ${iova.toString(16)} differs and is not listed`);
      }
      if (step % 100 === 99) {
        scene.invalidate(7, 0xffff_f003 | 0, 0x7fff_ffff);
        t.deepEqual(scene.unit.cachedDisagreements(), []);
      }
    }
    t.true(differences > 50, `${differences}`);
  }
});
