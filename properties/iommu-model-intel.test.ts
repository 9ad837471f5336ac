/** The model of the VT-d unit in legacy mode, against tables and descriptors that are encoded here word by word. */
import test from "ava";
import {
  CACHING,
  CAP,
  DEVICE,
  DONE,
  describe,
  ECAP,
  LEAVES,
  OTHER_DEVICE,
  OTHER_ROOT,
  SPARE,
  TABLES,
  VtdScene,
} from "./iommu-model-intel-scene.js";

const IOVA = 0x4000_5000n;
const PAGE = 0x7777_0000n;
const NO_READ = "no read permission";

function mapped(options = {}): VtdScene {
  const scene = new VtdScene(options);
  scene.context(DEVICE);
  scene.map(PAGE | 3n);
  return scene;
}

test("a request is translated through four levels, each byte at its place", (t) => {
  const scene = mapped();
  t.is(scene.seen(IOVA + 0x123n), "77770123");
  t.is(scene.seen(IOVA + 0x123n, true), "77770123");
  t.is(describe(scene.unit.dma(DEVICE, IOVA + 0xff0n, 0x20, false)), NO_READ);
  t.is(scene.unit.faults()[0].address, 0x4000_6000n);
});

test("markers, ignored bits and superpages of both sizes", (t) => {
  const scene = mapped();
  scene.map(PAGE | 3n | (0xfn << 52n) | (1n << 63n) | (1n << 11n));
  t.is(scene.seen(IOVA), "77770000");
  scene.memory.write64(TABLES[2] + 8, 0x1_0020_0083n);
  t.is(scene.seen(0x4021_2345n), "100212345");
  scene.memory.write64(TABLES[1] + 16, 0x2_4000_0083n);
  t.is(scene.seen(0x8123_4567n), "241234567");
});

test("translation off passes everything; the interrupt window is written only", (t) => {
  const scene = mapped();
  t.is(scene.seen(0xfee0_1000n, true), "interrupt");
  t.is(scene.seen(0xfee0_1000n), "the interrupt window cannot be read");
  scene.unit.write32(0x18, 1 << 26);
  t.is(scene.seen(IOVA), "40005000");
});

test("pass-through, and what blocks translated requests", (t) => {
  const scene = mapped();
  scene.context(OTHER_DEVICE, { type: 2 });
  t.is(scene.seen(IOVA, true, OTHER_DEVICE), "40005000");
  const blocked = "the context entry blocks requests of this type";
  t.is(scene.seen(IOVA, false, DEVICE, { translated: true }), blocked);
  t.is(scene.seen(IOVA, false, DEVICE, { ats: true }), blocked);
  scene.context(0x0221, { type: 1 });
  t.is(scene.seen(IOVA, false, 0x0221, { translated: true }), "40005000");
  t.is(scene.seen(IOVA, false, 0x0221, { ats: true }), "77770000");
});

test("what is unmapped stays reachable until its page is invalidated, in the domain's name", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.memory.write64(LEAVES + 40, 0n);
  scene.invalidatePages(8, IOVA);
  scene.invalidatePages(7, IOVA + 0x1000n);
  t.is(scene.seen(IOVA), "77770000");
  t.is(scene.unit.cachedDisagreements().length, 1);
  t.true(scene.unit.usesFrame(0x7777_0abc));
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), NO_READ);
  t.deepEqual(scene.unit.cachedDisagreements(), []);
  t.false(scene.unit.usesFrame(0x7777_0abc));
});

test("with the invalidation hint the pointers to tables stay, without it they go", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.memory.write64(SPARE + 40, 0x5555_0003n);
  scene.memory.write64(TABLES[2], BigInt(SPARE) | 3n);
  scene.invalidatePages(7, IOVA | 0x40n);
  t.is(scene.seen(IOVA), "77770000");
  t.true(scene.unit.usesFrame(LEAVES));
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), "55550000");
  t.false(scene.unit.usesFrame(LEAVES));
});

test("an address mask names 2^mask pages, and no more", (t) => {
  const scene = mapped();
  for (let index = 0; index < 512; index++)
    scene.memory.write64(LEAVES + index * 8, BigInt(index * 4096) | 3n);
  const pages = Array.from({ length: 512 }, (_, index) => 0x4000_0000n + BigInt(index) * 4096n);
  for (const page of pages) scene.seen(page);
  for (let index = 0; index < 512; index++) scene.memory.write64(LEAVES + index * 8, 0n);
  // Bits below the mask are not looked at.
  scene.invalidatePages(7, 0x4000_b000n, 3n);
  const gone = pages.filter((page) => scene.seen(page) === NO_READ);
  t.deepEqual(gone, pages.slice(8, 16));
});

test("domain-selective and global invalidations", (t) => {
  const scene = mapped();
  scene.context(OTHER_DEVICE, { domain: 8 });
  scene.seen(IOVA);
  scene.seen(IOVA, false, OTHER_DEVICE);
  scene.map(0x1003n);
  scene.invalidateDomain(8);
  t.is(scene.seen(IOVA), "77770000");
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "1000");
  scene.descriptor(0x12n, 0n);
  t.is(scene.seen(IOVA), "1000");
});

test("a context entry stays until it is invalidated with the domain that it had", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.memory.write64(OTHER_ROOT, BigInt(TABLES[1]) | 3n);
  scene.context(DEVICE, { root: OTHER_ROOT, domain: 9 });
  t.is(scene.unit.cachedDisagreements()[0].cache, "device entry");
  scene.invalidateContext(DEVICE, 9);
  t.true(scene.unit.usesFrame(TABLES[0]));
  scene.invalidateContext(DEVICE, 7);
  t.false(scene.unit.cachedDisagreements().some(({ cache }) => cache === "device entry"));
  scene.map(0x1003n);
  t.is(scene.seen(IOVA), "1000");
  // The old domain's pages are still there, for whoever has the number next.
  scene.context(OTHER_DEVICE);
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "77770000");
});

test("function masks, domain-selective and global context invalidations", (t) => {
  const scene = mapped();
  const devices = [0x0219, 0x021b, 0x021d, 0x0211];
  const left = () => scene.unit.cachedDisagreements().map(({ device }) => device);
  const again = () => {
    for (const device of devices) scene.context(device);
    scene.descriptor(0x11n, 0n);
    for (const device of devices) scene.seen(IOVA, false, device);
    for (const device of devices) scene.context(device, { type: 1 });
  };
  const cases: readonly (readonly [() => void, readonly number[]])[] = [
    [() => scene.invalidateContext(0x0219, 7), [0x021b, 0x021d, 0x0211]],
    [() => scene.invalidateContext(0x0219, 7, 1), [0x021b, 0x0211]],
    [() => scene.invalidateContext(0x0219, 7, 2), [0x0211]],
    [() => scene.invalidateContext(0x0219, 7, 3), [0x0211]],
    [() => scene.descriptor(0x21n | (7n << 16n), 0n), []],
    [() => scene.descriptor(0x21n | (6n << 16n), 0n), devices],
    [() => scene.descriptor(0x11n, 0n), []],
  ];
  for (const [invalidate, expected] of cases) {
    again();
    invalidate();
    t.deepEqual(left(), expected);
  }
});

test("without caching mode nothing that is absent or in error is remembered", (t) => {
  const scene = new VtdScene();
  t.is(scene.seen(IOVA), "the context entry is not present");
  scene.context(DEVICE);
  t.is(scene.seen(IOVA), NO_READ);
  scene.map(PAGE | 3n);
  t.is(scene.seen(IOVA), "77770000");
});

test("in caching mode both are, the context entry under domain 0", (t) => {
  const scene = new VtdScene({ capability: CAP | CACHING });
  t.is(scene.seen(IOVA), "the context entry is not present");
  scene.context(DEVICE);
  t.is(scene.seen(IOVA), "the context entry is not present");
  scene.invalidateContext(DEVICE, 7);
  t.is(scene.seen(IOVA), "the context entry is not present");
  scene.invalidateContext(DEVICE, 0);
  t.is(scene.seen(IOVA), NO_READ);
  scene.map(PAGE | 3n);
  t.is(scene.seen(IOVA), NO_READ);
  t.is(scene.unit.cachedDisagreements()[0].cache, "not present");
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), "77770000");
});

test("a new root table counts from the set-root command on, and caches stay", (t) => {
  const scene = mapped();
  scene.seen(IOVA);
  scene.unit.write64(0x20, BigInt(SPARE));
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "the context entry is not present");
  scene.unit.write32(0x18, (1 << 31) | (1 << 26) | (1 << 30));
  t.is(scene.unit.read32(0x1c), ((1 << 31) | (1 << 26) | (1 << 30)) >>> 0);
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "the root entry is not present");
  t.is(scene.seen(IOVA), "77770000");
  t.is(scene.unit.cachedDisagreements()[0].cache, "device entry");
  t.deepEqual(scene.unit.misuses(), []);
});

test("two global commands at once are a misuse", (t) => {
  const scene = new VtdScene();
  scene.unit.write32(0x18, 1 << 30);
  t.is(scene.unit.misuses().length, 1);
});

test("late commands are done, and show it, when the unit comes to them", (t) => {
  const scene = new VtdScene({ lateCommands: true });
  const { unit } = scene;
  // The scene gave three commands without looking; the last one waits.
  t.is(unit.misuses().length, 2);
  t.is(scene.seen(IOVA), "40005000");
  t.is(unit.process(1), 1);
  t.is(scene.seen(IOVA), "the context entry is not present");
  unit.write32(0x18, (1 << 31) | (1 << 26) | (1 << 27));
  t.not(unit.read32(0x1c) & (1 << 27), 0);
  unit.process(1);
  t.is(unit.read32(0x1c) & (1 << 27), 0);
  unit.write32(0x18, (1 << 31) | (1 << 26) | (1 << 30));
  t.is(unit.read32(0x1c) & (1 << 30), 0);
  unit.process(1);
  t.is(unit.read32(0x1c) & (1 << 30), 1 << 30);
  unit.write32(0x18, 1 << 31);
  unit.process(1);
  scene.context(DEVICE);
  scene.map(PAGE | 3n);
  scene.seen(IOVA);
  scene.map(0x1003n);
  unit.write64(0x108, (1n << 63n) | (1n << 60n));
  t.is(unit.read64(0x108) >> 63n, 1n);
  t.is(scene.seen(IOVA), "77770000");
  t.is(unit.process(1), 1);
  t.is(unit.read64(0x108) >> 63n, 0n);
  t.is(scene.seen(IOVA), "1000");
});

test("invalidation by registers does the same, and says what it did", (t) => {
  const scene = mapped();
  const { unit, memory } = scene;
  scene.seen(IOVA);
  unit.write64(0x28, 1n << 63n);
  t.is(unit.misuses().at(-1), "an invalidation register was written while the queue is on");
  unit.write32(0x18, 1 << 31);
  memory.write64(LEAVES + 40, 0n);
  unit.write64(0x100, IOVA);
  unit.write64(0x108, (1n << 63n) | (3n << 60n) | (7n << 32n));
  t.is(unit.read64(0x108), (3n << 60n) | (3n << 57n) | (7n << 32n));
  t.is(scene.seen(IOVA), NO_READ);
  // Nothing is done for a mask that is too large.
  unit.write64(0x100, 19n);
  unit.write64(0x108, (1n << 63n) | (3n << 60n) | (7n << 32n));
  t.is((unit.read64(0x108) >> 57n) & 3n, 0n);
  scene.context(DEVICE, { domain: 9 });
  unit.write64(0x28, (1n << 63n) | (3n << 61n) | (BigInt(DEVICE) << 16n) | 7n);
  t.is(unit.read64(0x28), (3n << 61n) | (3n << 59n) | (BigInt(DEVICE) << 16n) | 7n);
  t.false(unit.cachedDisagreements().some(({ cache }) => cache === "device entry"));
});

test("a wait stores its word after everything before it; the queue wraps", (t) => {
  const scene = new VtdScene({ waits: true });
  for (let count = 1; count <= 300; count++) {
    scene.wait(count);
    t.is(scene.memory.read32(DONE), count - 1);
    t.is(scene.unit.process(1), 1);
  }
  t.is(scene.memory.read32(DONE), 300);
  t.is(scene.unit.read32(0x80), (300 * 16) % 4096);
});

test("an invalid descriptor stops the queue until software has mended it", (t) => {
  const invalid: readonly (readonly [bigint, bigint])[] = [
    [0n, 0n],
    [0x9n, 0n],
    [0x01n, 0n],
    [0x11n, 1n],
    [0x02n, 0n],
    [0x32n, 19n],
    [0x105n, 0n],
    [0x200n, 0n],
    [0x27n, 0n],
  ];
  for (const [low, high] of invalid) {
    const scene = new VtdScene();
    scene.wait(1);
    scene.descriptor(low, high);
    scene.wait(2);
    t.is(scene.memory.read32(DONE), 1, `${low.toString(16)}`);
    t.is(scene.unit.read32(0x34) & 0x10, 0x10);
    t.is(scene.unit.read32(0x80), 16);
    scene.memory.write64(0x20_0010, 0x12n);
    scene.memory.write64(0x20_0018, 0n);
    t.is(scene.memory.read32(DONE), 1);
    scene.unit.write32(0x34, 0x10);
    t.is(scene.memory.read32(DONE), 2);
    t.is(scene.unit.read32(0x34) & 0x10, 0);
  }
});

test("a queue without page-selective invalidation refuses it", (t) => {
  const scene = new VtdScene({ capability: CAP & ~(1n << 39n), extendedCapability: ECAP });
  scene.invalidatePages(7, IOVA);
  t.is(scene.unit.read32(0x34) & 0x10, 0x10);
});
