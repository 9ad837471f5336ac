/** The model of the AMD IOMMU against tables and commands that are encoded here word by word. */
import test from "ava";
import {
  AmdScene,
  COMMANDS,
  DEVICE,
  DONE,
  describe,
  item,
  LEAVES,
  MIDDLE,
  OTHER_DEVICE,
  OTHER_ROOT,
  ROOT,
} from "./iommu-model-amd-scene.js";

const IOVA = 0x4000_5000n;

function mapped(options = {}): AmdScene {
  const scene = new AmdScene(options);
  scene.entry(DEVICE);
  scene.map(item(0x7777_0000, 0));
  return scene;
}

test("a request is translated through three levels, each byte at its place", (t) => {
  const scene = mapped();
  t.is(scene.seen(IOVA + 0x123n), "77770123");
  t.is(scene.seen(IOVA + 0x123n, true), "77770123");
  t.deepEqual(scene.unit.faults(), []);
});

test("a request over a page boundary is answered in pieces, adjacent ones as one", (t) => {
  const scene = mapped();
  scene.memory.write64(LEAVES + 6 * 8, item(0x7777_1000, 0));
  scene.memory.write64(LEAVES + 7 * 8, item(0x1000, 0));
  t.is(describe(scene.unit.dma(DEVICE, IOVA + 0xff0n, 0x1020, false)), "77770ff0+4112 1000+16");
});

test("a unit that is off, and an entry that is not valid, let everything through", (t) => {
  const scene = mapped();
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "40005000");
  scene.unit.write64(0x18, 0n);
  t.is(scene.seen(IOVA), "40005000");
});

test("valid without a valid translation blocks, mode 0 passes what the entry permits", (t) => {
  const scene = new AmdScene();
  scene.memory.write64(0x10_0000 + DEVICE * 32, 1n);
  t.is(scene.seen(IOVA), "translation is not valid");
  scene.entry(OTHER_DEVICE, { mode: 0, rights: "r" });
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "40005000");
  t.is(scene.seen(IOVA, true, OTHER_DEVICE), "the device entry forbids it");
});

test("leaves of 2 MiB, 1 GiB and of a size in the address", (t) => {
  const scene = mapped();
  scene.memory.write64(MIDDLE + 8, item(0x1_0020_0000, 0));
  t.is(scene.seen(0x4020_0000n + 0x1_2345n), "100212345");
  scene.memory.write64(ROOT + 16, item(0x2_4000_0000, 0));
  t.is(scene.seen(0x8000_0000n + 0x123_4567n), "241234567");
  // 32 KiB: ones below bit 14 and a 0 there.
  for (let index = 8; index < 16; index++) scene.memory.write64(LEAVES + index * 8, item(0x9_3000, 7));
  t.is(scene.seen(0x4000_8000n + 0x7abcn), "97abc");
});

test("an entry that skips a level covers only the addresses whose skipped bits are 0", (t) => {
  const scene = mapped();
  scene.memory.write64(ROOT + 24, item(LEAVES, 1));
  t.is(scene.seen(0xc000_5000n), "77770000");
  t.is(scene.seen(0xc020_5000n), "IllegalSkip");
});

test("the interrupt window is not translated", (t) => {
  const scene = mapped();
  t.is(scene.seen(0xfee0_0000n, true), "interrupt");
  t.is(scene.seen(0xfeef_ffffn, true), "interrupt");
  t.is(scene.seen(0xfef0_0000n, true), "NotPresent");
});

test("the exclusion range passes for the devices that it counts for", (t) => {
  const scene = mapped();
  scene.unit.write64(0x28, 0x4000_6000n);
  scene.unit.write64(0x20, 0x4000_5000n | 1n);
  t.is(scene.seen(IOVA), "77770000");
  scene.entry(OTHER_DEVICE, { more: [0n, 1n << 39n] });
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "40005000");
  t.is(scene.seen(0x4000_6fffn, false, OTHER_DEVICE), "40006fff");
  t.is(scene.seen(0x4000_7000n, false, OTHER_DEVICE), "NotPresent");
  scene.unit.write64(0x20, 0x4000_5000n | 3n);
  t.is(scene.seen(IOVA), "40005000");
});

test("accessed and dirty bits are set as the entry asks, also after the leaf was cached", (t) => {
  const scene = mapped();
  t.is(scene.seen(IOVA, true), "77770000");
  t.is(scene.memory.read64(LEAVES + 40), item(0x7777_0000, 0));
  scene.entry(OTHER_DEVICE, { domain: 8, more: [3n << 7n] });
  scene.seen(IOVA, false, OTHER_DEVICE);
  t.is(scene.memory.read64(LEAVES + 40), item(0x7777_0000, 0) | 0x20n);
  scene.seen(IOVA, true, OTHER_DEVICE);
  t.is(scene.memory.read64(LEAVES + 40), item(0x7777_0000, 0) | 0x60n);
});

test("what is unmapped stays reachable until its page is invalidated, in the domain's name", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.memory.write64(LEAVES + 40, 0n);
  t.is(scene.seen(IOVA), "77770000");
  t.is(scene.unit.cachedDisagreements().length, 1);
  t.true(scene.unit.usesFrame(0x7777_0abc));
  scene.invalidate(8, 0x4000_5000);
  scene.invalidate(7, 0x4000_6000);
  t.is(scene.seen(IOVA), "77770000");
  scene.invalidate(7, 0x4000_5000);
  t.is(scene.seen(IOVA), "NotPresent");
  t.deepEqual(scene.unit.cachedDisagreements(), []);
  t.false(scene.unit.usesFrame(0x7777_0abc));
});

test("without the directory bit the pointers to tables stay, with it they go", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  // The table moves; its first item's page is remembered nowhere.
  scene.memory.addFrame(0x40_0000);
  scene.memory.write64(0x40_0000 + 40, item(0x5555_0000, 0));
  scene.memory.write64(MIDDLE, item(0x40_0000, 1));
  scene.invalidate(7, 0x4000_5000);
  t.is(scene.seen(IOVA), "77770000");
  t.true(scene.unit.usesFrame(LEAVES));
  t.deepEqual(
    scene.unit.cachedDisagreements().map(({ cache }) => cache),
    ["walk step", "leaf"],
  );
  // Order 9 of the examples: S and PDE, bits 19:12 set, bit 20 clear.
  scene.invalidate(7, 0x400f_f003);
  t.is(scene.seen(IOVA), "55550000");
  t.false(scene.unit.usesFrame(LEAVES));
});

test("the sizes of the worked examples: one page, 2 MiB, 1 GiB and everything", (t) => {
  const cases: readonly (readonly [number, number, readonly string[]])[] = [
    // What stays cached after the command, of four pages around 0x123_4567_8000.
    [0x4567_8000, 0x123, ["near", "far", "other"]],
    [0x456f_f003, 0x123, ["far", "other"]],
    [0x5fff_f003, 0x123, ["other"]],
    [0xffff_f003, 0x7fff_ffff, []],
  ];
  for (const [d2, d3, expected] of cases) {
    const scene = new AmdScene();
    scene.entry(DEVICE, { mode: 6 });
    const pages = {
      itself: 0x123_4567_8000n,
      near: 0x123_4567_9000n,
      far: 0x123_4580_0000n,
      other: 0x124_0000_0000n,
    };
    const frames: number[] = [];
    for (const [name, iova] of Object.entries(pages)) mapPage(scene, frames, iova, name.length);
    for (const iova of Object.values(pages)) t.not(scene.seen(iova), "NotPresent");
    unmapAll(scene, frames);
    scene.invalidate(7, d2, d3);
    const kept = Object.entries(pages).filter(([, iova]) => scene.seen(iova) !== "NotPresent");
    t.deepEqual(
      kept.map(([name]) => name),
      expected,
    );
  }
});

/** Builds what is missing of six levels down to a page. */
function mapPage(scene: AmdScene, frames: number[], iova: bigint, place: number): void {
  let table = ROOT;
  for (let level = 5; level >= 0; level--) {
    const entry = table + Number((iova >> BigInt(12 + 9 * level)) & 511n) * 8;
    if (level === 0) {
      scene.memory.write64(entry, item(place * 0x1000, 0));
    } else if (scene.memory.read64(entry) === 0n) {
      const frame = 0x100_0000 + frames.length * 4096;
      scene.memory.addFrame(frame);
      frames.push(frame);
      scene.memory.write64(entry, item(frame, level));
      table = frame;
    } else {
      table = Number(scene.memory.read64(entry) & 0xf_ffff_ffff_f000n);
    }
  }
}

/** Clears every leaf, and leaves the pointers. */
function unmapAll(scene: AmdScene, frames: readonly number[]): void {
  for (const frame of frames)
    for (let offset = 0; offset < 4096; offset += 8)
      if (((scene.memory.read64(frame + offset) >> 9n) & 7n) === 0n) scene.memory.write64(frame + offset, 0n);
}

test("a large leaf loses the part that is invalidated, and only that", (t) => {
  const scene = mapped();
  scene.memory.write64(MIDDLE + 8, item(0x1_0020_0000, 0));
  scene.seen(0x4020_0000n);
  scene.memory.write64(MIDDLE + 8, 0n);
  scene.invalidate(7, 0x4020_3000);
  t.is(scene.seen(0x4020_3000n), "NotPresent");
  t.is(scene.seen(0x4020_2000n), "100202000");
  t.is(scene.seen(0x403f_f000n), "1003ff000");
  t.is(scene.unit.cachedDisagreements().length, 9);
});

test("a leaf that became a table of like leaves is no disagreement, until one of them changes", (t) => {
  const scene = mapped();
  scene.memory.write64(MIDDLE + 8, item(0x1_0020_0000, 0));
  scene.seen(0x4020_0000n);
  scene.memory.addFrame(0x40_0000);
  for (let index = 0; index < 512; index++)
    scene.memory.write64(0x40_0000 + index * 8, item(0x1_0020_0000 + index * 4096, 0) | 0x1en);
  scene.memory.write64(MIDDLE + 8, item(0x40_0000, 1));
  t.deepEqual(scene.unit.cachedDisagreements(), []);
  scene.memory.write64(0x40_0000 + 511 * 8, item(0x1_003f_f000, 0, "r"));
  t.regex(scene.unit.cachedDisagreements()[0].sentence, /^0x403ff000 is cached with rights 3 and has 1$/);
});

test("the device entry stays as it was read until it is invalidated, and the old domain's pages beyond", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.memory.write64(OTHER_ROOT + 8, item(0x6_4000_0000, 0));
  scene.entry(DEVICE, { root: OTHER_ROOT, domain: 9 });
  t.is(scene.seen(IOVA), "77770000");
  t.is(scene.unit.cachedDisagreements()[0].cache, "device entry");
  t.true(scene.unit.usesFrame(ROOT));
  scene.invalidateEntry(DEVICE);
  t.is(scene.seen(IOVA), "640005000");
  t.false(scene.unit.usesFrame(ROOT));
  // Whoever is given domain 7 next meets the old pages.
  scene.entry(OTHER_DEVICE, { root: OTHER_ROOT });
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "77770000");
  t.is(scene.unit.cachedDisagreements().length, 3);
  scene.invalidate(7, 0xffff_f003 | 0, 0x7fff_ffff);
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "640005000");
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

test("rights that were taken away or given are seen only after the invalidation", (t) => {
  const scene = mapped();
  scene.map(item(0x7777_0000, 0, "r"));
  t.is(scene.seen(IOVA), "77770000");
  scene.map(item(0x7777_0000, 0));
  t.is(scene.seen(IOVA, true), "no permission");
  scene.invalidate(7, 0x4000_5000);
  t.is(scene.seen(IOVA, true), "77770000");
});

test("misses are remembered only where the unit says so", (t) => {
  for (const cachesNotPresent of [false, true]) {
    const scene = new AmdScene({ cachesNotPresent });
    scene.entry(DEVICE);
    t.is(scene.seen(IOVA), "NotPresent");
    scene.map(item(0x7777_0000, 0));
    t.is(scene.seen(IOVA), cachesNotPresent ? "NotPresent" : "77770000");
    t.is(scene.unit.cachedDisagreements().length, cachesNotPresent ? 1 : 0);
    scene.invalidate(7, 0x4000_5000);
    t.is(scene.seen(IOVA), "77770000");
  }
});

test("a unit that keeps nothing sees every change at once", (t) => {
  const scene = mapped({ keeps: "nothing" });
  scene.seen(IOVA);
  scene.map(item(0x1000, 0));
  t.is(scene.seen(IOVA), "1000");
  scene.entry(DEVICE, { mode: 0 });
  t.is(scene.seen(IOVA), "40005000");
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

test("a completion wait stores its data when it is reached, and the tail wraps", (t) => {
  const scene = new AmdScene({ waits: true });
  scene.command(DONE | 1, 1 << 28, 5, 6);
  t.is(scene.memory.read64(DONE), 0n);
  t.is(scene.unit.process(10), 1);
  t.is(scene.memory.read64(DONE), 0x6_0000_0005n);
  for (let count = 0; count < 300; count++) {
    scene.command(DONE | 1, 1 << 28, count, 0);
    scene.unit.process(1);
  }
  t.is(scene.memory.read64(DONE), 299n);
  t.is(scene.unit.read32(0x2000), (301 * 16) % 4096);
});

test("an illegal command stops the ring with an event, and nothing behind it is done", (t) => {
  for (const [d0, d1] of [
    [0, 0],
    [0, 9 << 28],
    [0x1_0000, 2 << 28],
    [1, 3 << 28],
    [0, 7 << 28],
  ]) {
    const scene = new AmdScene();
    scene.command(DONE | 1, 1 << 28, 1, 0);
    scene.command(d0, d1, 0, 0);
    scene.command(DONE | 1, 1 << 28, 2, 0);
    t.is(scene.memory.read64(DONE), 1n);
    t.is(scene.unit.read32(0x2000), 16);
    t.is(scene.unit.read32(0x2020) & 0x10, 0);
    t.deepEqual(scene.event(0), [0, 0x5000_0000, COMMANDS + 16, 0]);
    // The driver makes it harmless and starts the ring anew.
    scene.memory.write32(COMMANDS + 16, 0);
    scene.memory.write32(COMMANDS + 20, 2 << 28);
    scene.unit.write32(0x18, 0x000d);
    scene.unit.write32(0x18, 0x100d);
    t.is(scene.memory.read64(DONE), 2n);
  }
});
