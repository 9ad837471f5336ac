/** Guest CR3 tables and guest page tables in the model of the AMD IOMMU, alone and above the host's tables. */
import test from "ava";
import { AmdScene, DEVICE, EVENTS, item, LEAVES, ROOT } from "./iommu-model-amd-scene.js";

const IOVA = 0x4000_5000n;
/** Guest CR3 table (two levels of it; the upper has bits in all three pieces of the entry's field), and guest page tables of levels 3 to 0. */
const CR3_TABLE = 0x9_8050_5000;
const CR3_LOW = 0x50_1000;
const GUEST = [0x51_0000, 0x51_1000, 0x51_2000, 0x51_3000] as const;
const OTHER_GUEST = 0x52_0000;
/** Index 1 of the upper, 3 of the lower level. */
const PASID = 512 + 3;
const PRESENT = 7n;

/** A guest entry: GV, GLX = 1 (two levels), the table's address in its three pieces; GIOV for requests without PASID. */
function guestScene(options: { readonly mode?: number; readonly giov?: boolean } = {}): AmdScene {
  const scene = new AmdScene();
  for (const frame of [CR3_TABLE, CR3_LOW, ...GUEST, OTHER_GUEST]) scene.memory.addFrame(frame);
  const table = BigInt(CR3_TABLE);
  const q0 = (1n << 55n) | (1n << 56n) | (((table >> 12n) & 7n) << 58n) | (options.giov ? 1n << 54n : 0n);
  const q1 = (((table >> 15n) & 0xffffn) << 16n) | ((table >> 31n) << 43n);
  scene.entry(DEVICE, { mode: options.mode ?? 0, root: options.mode ? ROOT : 0, more: [q0, q1] });
  scene.memory.write64(CR3_TABLE + 8, BigInt(CR3_LOW) | 1n);
  scene.memory.write64(CR3_LOW + 24, BigInt(GUEST[0]) | 1n);
  scene.memory.write64(GUEST[0], BigInt(GUEST[1]) | PRESENT);
  scene.memory.write64(GUEST[1] + 8, BigInt(GUEST[2]) | PRESENT);
  scene.memory.write64(GUEST[2], BigInt(GUEST[3]) | PRESENT);
  scene.memory.write64(GUEST[3] + 40, 0x4000_5000n | PRESENT);
  return scene;
}

const seen = (scene: AmdScene, isWrite = false, pasid = PASID) =>
  scene.seen(IOVA, isWrite, DEVICE, { pasid });

test("a request with a PASID takes the guest's tables, one without it the host's", (t) => {
  const scene = guestScene();
  scene.memory.write64(GUEST[3] + 40, 0x9999_9000n | PRESENT);
  t.is(seen(scene), "99999000");
  t.is(scene.seen(IOVA), "40005000");
  t.is(seen(scene, false, 3), "the guest CR3 entry is not valid");
  t.is(seen(scene, false, 2 ** 18), "the guest CR3 entry is not valid");
  // Guest flag, the PASID where the domain stands otherwise.
  t.is(scene.memory.read32(EVENTS + 4) >>> 0, 0x2001_0003);
});

test("with GIOV requests without a PASID take entry 0", (t) => {
  const scene = guestScene({ giov: true });
  t.is(scene.seen(IOVA), "the guest CR3 entry is not valid");
  scene.memory.write64(CR3_TABLE, BigInt(CR3_LOW) | 1n);
  scene.memory.write64(CR3_LOW, BigInt(GUEST[0]) | 1n);
  scene.memory.write64(GUEST[3] + 40, 0x9999_9000n | PRESENT);
  t.is(scene.seen(IOVA), "99999000");
});

test("accessed bits on the way and the dirty bit of the leaf are set", (t) => {
  const scene = guestScene();
  t.is(seen(scene), "40005000");
  t.is(scene.memory.read64(GUEST[0]) & 0x60n, 0x20n);
  t.is(scene.memory.read64(GUEST[3] + 40) & 0x60n, 0x20n);
  t.is(seen(scene, true), "40005000");
  t.is(scene.memory.read64(GUEST[3] + 40) & 0x60n, 0x60n);
  t.is(scene.memory.read64(GUEST[2]) & 0x60n, 0x20n);
});

test("guest invalidations name domain and PASID; all of a PASID also drops its CR3", (t) => {
  const scene = guestScene();
  seen(scene);
  scene.memory.write64(GUEST[3] + 40, 0x1000n | PRESENT);
  scene.invalidate(7, 0xffff_f003 | 0, 0x7fff_ffff);
  t.is(seen(scene), "40005000");
  scene.command(PASID + 1, (3 << 28) | 7, 0x4000_5004, 0);
  t.is(seen(scene), "40005000");
  scene.command(PASID, (3 << 28) | 7, 0x4000_5004, 0);
  t.is(seen(scene), "1000");
  scene.memory.write64(OTHER_GUEST, BigInt(GUEST[1]) | PRESENT);
  scene.memory.write64(CR3_LOW + 24, BigInt(OTHER_GUEST) | 1n);
  t.deepEqual(
    scene.unit.cachedDisagreements().map(({ cache, pasid }) => [cache, pasid]),
    [["guest entry", PASID]],
  );
  t.true(scene.unit.usesFrame(GUEST[0]));
  scene.command(PASID, (3 << 28) | 8, 0xffff_f007 | 0, 0x7fff_ffff);
  scene.command(PASID, (3 << 28) | 7, 0xffff_f005 | 0, 0x7fff_ffff);
  t.true(scene.unit.usesFrame(GUEST[0]));
  scene.command(PASID, (3 << 28) | 7, 0xffff_f007 | 0, 0x7fff_ffff);
  t.false(scene.unit.usesFrame(GUEST[0]));
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

/** Host tables of three levels that map the guest's tables and 0x4000_5000 as they are, but for one page. */
function nestedScene(): AmdScene {
  const scene = guestScene({ mode: 3 });
  scene.map(item(0x7777_0000, 0));
  const low = 0x60_0000;
  const pages = 0x60_1000;
  scene.memory.addFrame(low);
  scene.memory.addFrame(pages);
  scene.memory.write64(ROOT, item(low, 2));
  scene.memory.write64(low + 2 * 8, item(pages, 1));
  for (let index = 0; index < 512; index++)
    scene.memory.write64(pages + index * 8, item(0x40_0000 + index * 4096, 0));
  return scene;
}

test("above the host's tables, the guest's addresses are translated too, its tables' as well", (t) => {
  const scene = nestedScene();
  t.is(seen(scene, true), "77770000");
  scene.memory.write64(LEAVES + 40, item(0x1000, 0));
  t.is(seen(scene), "77770000");
  // The host's page was named; what was nested above it cannot be found by that name, and goes.
  scene.invalidate(7, 0x4000_5000);
  t.is(seen(scene), "1000");
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

test("a guest's table that the host does not map is a fault of the host's", (t) => {
  const scene = nestedScene();
  // Frame 0x511 of the host's low pages.
  scene.memory.write64(0x60_1000 + 0x111 * 8, 0n);
  t.is(seen(scene), "NotPresent");
  t.is(scene.memory.read32(EVENTS + 4) >>> 0, 0x2000_0007);
});

test("a guest's table that the host does not let be written cannot be marked accessed", (t) => {
  const scene = nestedScene();
  scene.memory.write64(0x60_1000 + 0x111 * 8, item(0x51_1000, 0, "r"));
  t.is(seen(scene), "no permission");
  scene.memory.write64(GUEST[1] + 8, BigInt(GUEST[2]) | PRESENT | 0x20n);
  scene.invalidate(7, 0x0051_1000);
  t.is(seen(scene), "77770000");
});

test("the guest's own refusal comes before the host is asked for the page", (t) => {
  const scene = nestedScene();
  scene.memory.write64(GUEST[3] + 40, 0x4000_6005n);
  t.is(seen(scene, true), "no permission");
  t.is(scene.memory.read32(EVENTS + 4) >>> 0, 0x2071_0203);
  t.is(seen(scene), "NotPresent");
  t.is(scene.memory.read32(EVENTS + 20) >>> 0, 0x2000_0007);
});

test("a nested leaf is marked dirty by the first write after a read, and believed from then on", (t) => {
  const scene = nestedScene();
  t.is(seen(scene), "77770000");
  t.is(scene.memory.read64(GUEST[3] + 40) & 0x40n, 0n);
  t.is(seen(scene, true), "77770000");
  t.is(scene.memory.read64(GUEST[3] + 40) & 0x40n, 0x40n);
  scene.memory.write64(GUEST[3] + 40, 0n);
  t.is(seen(scene, true), "77770000");
});
