/** Random tables: the model walks as the strict walkers do, and what its caches change is always in its list. */
import test from "ava";
import { Random } from "../models/random.js";
import { Access, createWalker, TwoStageWalker, WalkResult } from "../models/walkers/index.js";
import { configurationOf } from "./hand-made-tables.js";
import { CACHING, CAP, DEVICE, describe, VtdScene } from "./iommu-model-intel-scene.js";
import { asWalkersSee, chance, firstStageItem, high, low, Soup, vtdItem } from "./iommu-model-soup.js";

const SOUP = 0x100_0000;
const second = configurationOf("vtd-second-stage", {
  vaWidthLg2: 48,
  oaWidthLg2: 52,
  topLevel: 3,
  forceCoherence: true,
});
const first = configurationOf("x86-64", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 3, signExtended: true });

function soupScene(levels: number, options = {}): { scene: VtdScene; soup: Soup } {
  const scene = new VtdScene(options);
  const soup = new Soup(scene.memory, SOUP, levels, vtdItem);
  scene.context(DEVICE, { root: soup.root, width: levels - 2 });
  return { scene, soup };
}

function outputOf({ oaLow, oaHigh }: { oaLow: number; oaHigh: number }): string {
  return ((BigInt(oaHigh >>> 0) << 32n) | BigInt(oaLow >>> 0)).toString(16);
}

test("second stage: the same page, or the same kind of fault, as the walker's", (t) => {
  const random = Random.fromSeed("vtd second stage");
  const differences: string[] = [];
  const ends = new Map<string, number>();
  for (let round = 0; round < 100; round++) {
    const levels = 3 + (round % 2);
    const { scene, soup } = soupScene(levels);
    soup.fill(random);
    const walker = createWalker(second, asWalkersSee(scene.memory));
    walker.setRoot(low(BigInt(soup.root)), high(BigInt(soup.root)), levels - 2);
    for (let probe = 0; probe < 20; probe++) {
      const iova = soup.address(random);
      const isWrite = chance(random, 2);
      const result = walker.walk(low(iova), high(iova));
      const permission = isWrite ? "no write permission" : "no read permission";
      const isAllowed = isWrite ? walker.write : walker.read;
      const expected =
        result === WalkResult.Translated && isAllowed
          ? outputOf(walker)
          : result === WalkResult.Translated || result === WalkResult.NotPresent
            ? permission
            : result === WalkResult.OutsideMemory
              ? "a page table is not backed by memory"
              : "a reserved bit is set in a page table entry";
      const seen = describe(scene.unit.translateUncached(DEVICE, iova, isWrite));
      if (seen !== expected) differences.push(`round ${round}: ${seen}, not ${expected}`);
      ends.set(expected, (ends.get(expected) ?? 0) + 1);
    }
  }
  t.deepEqual(differences, []);
  t.true(ends.size > 50, "many pages were reached");
  t.is([...ends.keys()].filter((end) => end.includes(" ")).length, 4, "every kind of fault was met");
});

const SCALABLE_CONTEXTS = 0x50_0000;
const DIRECTORY = 0x50_1000;
const PASIDS = 0x50_2000;

/** A first stage in pages that the second maps as they are, most of them writable; PASID 1, domain 7. */
function nestedScene(random: Random, keeps: "everything" | "nothing") {
  const bits = [0n, 1n, 2n, 6n, 7n, 26n, 40n, 43n, 46n, 47n];
  const extendedCapability = bits.reduce((word, bit) => word | (1n << bit), 0x10n << 8n);
  const scene = new VtdScene({ extendedCapability, keeps });
  const { memory } = scene;
  const under = new Soup(memory, SOUP, 3, vtdItem);
  const above = new Soup(
    memory,
    0x400_0000,
    4,
    firstStageItem((draw) => under.address(draw) & ~0xfffn),
  );
  under.fill(random);
  above.fill(random);
  for (const frame of [SCALABLE_CONTEXTS, DIRECTORY, PASIDS, 0x900_0000, 0x900_1000]) memory.addFrame(frame);
  memory.write64(under.root, 0x900_0003n);
  // 0x400_0000 is index 32 of level 1 under index 0 of the root.
  memory.write64(0x900_0000 + 32 * 8, 0x900_1003n);
  for (let index = 0; index < 8; index++)
    memory.write64(0x900_1000 + index * 8, BigInt(0x400_0000 + index * 4096) | (chance(random, 6) ? 1n : 3n));
  memory.write64(0x10_0000 + 2 * 16, BigInt(SCALABLE_CONTEXTS) | 1n);
  memory.write64(SCALABLE_CONTEXTS + (DEVICE & 0x7f) * 32, BigInt(DIRECTORY) | 9n);
  memory.write64(DIRECTORY, BigInt(PASIDS) | 1n);
  memory.write64(PASIDS + 64, BigInt(under.root) | (1n << 2n) | (3n << 6n) | 1n);
  memory.write64(PASIDS + 72, 7n);
  memory.write64(PASIDS + 80, BigInt(above.root));
  scene.start(0x10_0000n | (1n << 10n));
  return { scene, under, above };
}

const canonical = (iova: bigint) => BigInt.asUintN(64, BigInt.asIntN(48, iova));

test("nested: the same page as the two-stage walker's, or none", (t) => {
  const random = Random.fromSeed("vtd nested");
  const differences: string[] = [];
  let translated = 0;
  for (let round = 0; round < 150; round++) {
    const { scene, under, above } = nestedScene(random, "nothing");
    const walker = new TwoStageWalker(first, second, asWalkersSee(scene.memory));
    walker.setRoots({ low: above.root, high: 0, mode: 4 }, { low: under.root, high: 0, mode: 1 });
    for (let probe = 0; probe < 10; probe++) {
      const iova = canonical(above.address(random));
      const isWrite = chance(random, 2);
      const result = walker.walk(low(iova), high(iova), isWrite ? Access.write : Access.read);
      const expected = result === WalkResult.Translated ? outputOf(walker) : "fault";
      const outcome = scene.unit.dma(DEVICE, iova, 1, isWrite, { pasid: 1 });
      const seen = outcome.kind === "fault" ? "fault" : describe(outcome);
      if (seen !== expected) differences.push(`round ${round}: ${seen}, not ${expected}`);
      if (expected !== "fault") translated++;
    }
  }
  t.deepEqual(differences, []);
  t.true(translated > 50, `${translated}`);
});

test("nested: what a cache changes is in the list, and the domain's invalidation empties it", (t) => {
  const random = Random.fromSeed("vtd nested caches");
  let differences = 0;
  for (let round = 0; round < 20; round++) {
    const { scene, under, above } = nestedScene(random, "everything");
    for (let step = 0; step < 60; step++) {
      if (chance(random, 3)) (chance(random, 2) ? above : under).change(random);
      const iova = canonical(above.address(random));
      const now = describe(scene.unit.translateUncached(DEVICE, iova, false, { pasid: 1 }));
      if (scene.seen(iova, false, DEVICE, { pasid: 1 }) === now) continue;
      differences++;
      if (scene.unit.cachedDisagreements().length === 0) t.fail(`round ${round} step ${step}: not listed`);
    }
    scene.invalidateDomain(7);
    t.deepEqual(scene.unit.cachedDisagreements(), []);
  }
  t.true(differences > 20, `${differences}`);
});

test("what a cache changes for a device is in the list, and a domain's invalidation empties it", (t) => {
  for (const capability of [CAP, CAP | CACHING]) {
    const random = Random.fromSeed(`vtd caches ${capability}`);
    const { scene, soup } = soupScene(4, { capability });
    soup.fill(random);
    let differences = 0;
    for (let step = 0; step < 600; step++) {
      if (chance(random, 3)) soup.change(random);
      if (chance(random, 6))
        scene.invalidatePages(7, soup.address(random) & ~0xfffn, BigInt(pickMask(random)));
      const iova = soup.address(random);
      const isWrite = chance(random, 2);
      const now = describe(scene.unit.translateUncached(DEVICE, iova, isWrite));
      const seen = scene.seen(iova, isWrite);
      // Of a miss that is remembered only that it is one counts, not why.
      const isReason = capability !== CAP && isFault(seen) && isFault(now);
      if (seen !== now && !isReason) {
        differences++;
        const listed = scene.unit.cachedDisagreements();
        const inside = listed.some((one) => iova >= one.iova && iova < one.iova + one.sizeBytes);
        if (!inside) t.fail(`step ${step}: ${iova.toString(16)} differs and is not listed`);
      }
      if (step % 100 === 99) {
        scene.invalidateDomain(7);
        t.deepEqual(scene.unit.cachedDisagreements(), []);
      }
    }
    t.true(differences > 50, `${differences}`);
  }
});

/** One page, or one of two sizes of table; with or without the invalidation hint. */
function pickMask(random: Random): number {
  return [0, 9, 18, 0x40][random.below(4)];
}

/** Addresses are hexadecimal; every reason has blanks. */
function isFault(seen: string): boolean {
  return seen.includes(" ");
}
