/** The model of the VT-d unit in scalable mode: PASIDs, both stages, nesting, and what each invalidation reaches. */
import test from "ava";
import { VtdUnitDevice } from "../models/iommu/index.js";
import { CAP, DEVICE, describe, LEAVES, ROOTS, SPARE, TABLES, VtdScene } from "./iommu-model-intel-scene.js";

const IOVA = 0x4000_5000n;
const SCALABLE_CONTEXTS = 0x50_0000;
const DIRECTORY = 0x50_1000;
const PASIDS = 0x50_2000;
/** First-stage tables of levels 3 to 0. */
const FIRST = [0x51_0000, 0x51_1000, 0x51_2000, 0x51_3000] as const;
/** Directory entry 2, entry 5 of its table. */
const PASID = 2 * 64 + 5;
const PRESENT = 7n;
const FIRST_STAGE = 1n;
const SECOND_STAGE = 2n;
const NESTED = 3n;
const PASS_THROUGH = 4n;

interface PasidOptions {
  readonly domain?: number;
  readonly low?: bigint;
}

class ScalableScene extends VtdScene {
  constructor(capability = CAP) {
    // QI, DT, PT, SC, IOTLB at 0x100, NEST, PASID, SMTS, SSADS, SSTS, FSTS.
    const extended = [0n, 1n, 2n, 6n, 7n, 26n, 40n, 43n, 45n, 46n, 47n];
    const extendedCapability = extended.reduce((word, bit) => word | (1n << bit), 0x10n << 8n);
    super({ capability, extendedCapability });
    const { memory } = this;
    for (const frame of [SCALABLE_CONTEXTS, DIRECTORY, PASIDS, ...FIRST]) memory.addFrame(frame);
    memory.write64(ROOTS + 2 * 16, BigInt(SCALABLE_CONTEXTS) | 1n);
    this.scalableContext(DEVICE);
    memory.write64(DIRECTORY + 2 * 8, BigInt(PASIDS) | 1n);
    this.map(0x7777_0003n);
    this.mapFirst(0x8888_0000n);
    this.start(BigInt(ROOTS) | (1n << 10n));
  }

  /** P, PASIDE, a directory of 2^7 entries; RID_PASID = PASID. */
  scalableContext(device: number, more = 8n): void {
    const at = SCALABLE_CONTEXTS + (device & 0x7f) * 32;
    this.memory.write64(at, BigInt(DIRECTORY) | 1n | more);
    this.memory.write64(at + 8, BigInt(PASID));
  }

  pasid(type: bigint, { domain = 7, low = 0n }: PasidOptions = {}): void {
    const at = PASIDS + 5 * 64;
    this.memory.write64(at, BigInt(TABLES[0]) | (2n << 2n) | (type << 6n) | 1n | low);
    this.memory.write64(at + 8, BigInt(domain));
    this.memory.write64(at + 16, BigInt(FIRST[0]));
  }

  mapFirst(page: bigint): void {
    this.memory.write64(FIRST[0], BigInt(FIRST[1]) | PRESENT);
    this.memory.write64(FIRST[1] + 8, BigInt(FIRST[2]) | PRESENT);
    this.memory.write64(FIRST[2], BigInt(FIRST[3]) | PRESENT);
    this.memory.write64(FIRST[3] + 40, page | PRESENT);
  }

  /** PASID-based IOTLB: all of the PASID, or one page of it. */
  invalidatePasid(domain: number, pasid: number, page?: bigint): void {
    const granularity = page === undefined ? 2n : 3n;
    const low = 6n | (granularity << 4n) | (BigInt(domain) << 16n) | (BigInt(pasid) << 32n);
    this.descriptor(low, page ?? 0n);
  }

  /** PASID cache, PASID-selective. */
  invalidateEntry(domain: number, pasid: number): void {
    this.descriptor(0x17n | (BigInt(domain) << 16n) | (BigInt(pasid) << 32n), 0n);
  }

  with(pasid: number | undefined, isWrite = false): string {
    return this.seen(IOVA, isWrite, DEVICE, { pasid });
  }
}

test("each translation type, with a PASID and with the context's own", (t) => {
  const expected = [
    [FIRST_STAGE, "88880000"],
    [SECOND_STAGE, "77770000"],
    [PASS_THROUGH, "40005000"],
  ] as const;
  for (const [type, page] of expected) {
    const scene = new ScalableScene();
    scene.pasid(type);
    t.is(scene.with(PASID), page);
    t.is(scene.with(undefined), page);
    t.is(scene.with(PASID + 1), "the PASID entry is not present");
  }
});

test("functions from 128 up are in the upper half of the root entry", (t) => {
  const scene = new ScalableScene();
  scene.pasid(SECOND_STAGE);
  t.is(scene.seen(IOVA, false, 0x0299), "the root entry is not present");
  scene.memory.write64(ROOTS + 2 * 16 + 8, BigInt(SCALABLE_CONTEXTS) | 1n);
  t.is(scene.seen(IOVA, false, 0x0299), "77770000");
});

test("nested: the guest's addresses and its tables' go through the second stage", (t) => {
  const scene = nestedScene();
  t.is(scene.with(PASID), "99990000");
  scene.memory.write64(SPARE + 511 * 8, 0n);
  // The second stage was named; what was nested above it goes with it.
  scene.invalidatePages(7, 0x1_ffff_f000n);
  t.is(scene.with(PASID), "a second-stage entry does not permit the access");
});

/** The second stage maps the first-stage tables as they are, and the page of 0x1_ffff_f000. */
function nestedScene(): ScalableScene {
  const scene = new ScalableScene();
  scene.pasid(NESTED);
  scene.mapFirst(0x1_ffff_f000n);
  const { memory } = scene;
  const low = 0x60_0000;
  const pages = 0x60_1000;
  const high = 0x60_2000;
  for (const frame of [low, pages, high]) memory.addFrame(frame);
  memory.write64(TABLES[1], BigInt(low) | 3n);
  memory.write64(low + 2 * 8, BigInt(pages) | 3n);
  for (let index = 0; index < 512; index++)
    memory.write64(pages + index * 8, BigInt(0x40_0000 + index * 4096) | 3n);
  memory.write64(TABLES[1] + 7 * 8, BigInt(high) | 3n);
  memory.write64(high + 511 * 8, BigInt(SPARE) | 3n);
  memory.write64(SPARE + 511 * 8, 0x9999_0003n);
  return scene;
}

test("accessed and dirty bits: always in the first stage, in the second where the entry says so", (t) => {
  const scene = new ScalableScene();
  scene.pasid(FIRST_STAGE);
  scene.with(PASID, true);
  t.is(scene.memory.read64(FIRST[0]) & 0x60n, 0x20n);
  t.is(scene.memory.read64(FIRST[3] + 40) & 0x60n, 0x60n);
  const second = new ScalableScene();
  second.pasid(SECOND_STAGE);
  second.with(PASID, true);
  t.is(second.memory.read64(LEAVES + 40), 0x7777_0003n);
  const marking = new ScalableScene();
  marking.pasid(SECOND_STAGE, { low: 1n << 9n });
  marking.with(PASID);
  t.is(marking.memory.read64(TABLES[0]) & 0x300n, 0x100n);
  t.is(marking.memory.read64(LEAVES + 40), 0x7777_0103n);
  marking.with(PASID, true);
  t.is(marking.memory.read64(LEAVES + 40), 0x7777_0303n);
});

test("the extended accessed bit is set where the PASID entry enables it", (t) => {
  for (const [bit, expected] of [
    [0n, 0n],
    [1n << 7n, 1n << 10n],
  ] as const) {
    const scene = new ScalableScene();
    scene.pasid(FIRST_STAGE);
    scene.memory.write64(PASIDS + 5 * 64 + 16, BigInt(FIRST[0]) | bit);
    scene.with(PASID);
    for (const at of [FIRST[0], FIRST[3] + 40]) t.is(scene.memory.read64(at) & 0x420n, 0x20n | expected);
  }
});

test("first-stage addresses are canonical or a fault", (t) => {
  const scene = new ScalableScene();
  scene.pasid(FIRST_STAGE);
  const seen = (iova: bigint) => scene.seen(iova, false, DEVICE, { pasid: PASID });
  t.is(seen(0x8000_0000_0000n), "the address is not canonical");
  scene.memory.write64(FIRST[0] + 511 * 8, BigInt(FIRST[1]) | PRESENT);
  t.is(seen(0xffff_ff80_4000_5000n), "88880000");
});

test("first-stage permissions: supervisor pages are no device's", (t) => {
  const scene = new ScalableScene();
  scene.pasid(FIRST_STAGE);
  scene.memory.write64(FIRST[3] + 40, 0x8888_0003n);
  t.is(scene.with(PASID), "no read permission");
  scene.memory.write64(FIRST[3] + 40, 0x8888_0005n);
  scene.invalidatePasid(7, PASID, IOVA);
  t.is(scene.with(PASID), "88880000");
  t.is(scene.with(PASID, true), "no write permission");
});

test("a PASID entry stays until its cache is invalidated, its pages until theirs are", (t) => {
  const scene = new ScalableScene();
  scene.pasid(FIRST_STAGE);
  scene.with(PASID);
  t.true(scene.unit.usesFrame(FIRST[0]));
  t.true(scene.unit.usesFrame(PASIDS));
  scene.pasid(SECOND_STAGE, { domain: 9 });
  scene.invalidateEntry(9, PASID);
  scene.invalidateEntry(7, PASID + 1);
  t.is(scene.with(PASID), "88880000");
  t.is(scene.unit.cachedDisagreements()[0].cache, "guest entry");
  scene.invalidateEntry(7, PASID);
  t.is(scene.with(PASID), "77770000");
  // The first-stage page of the old domain is still there.
  t.true(scene.unit.usesFrame(0x8888_0000));
  scene.invalidatePasid(7, PASID);
  t.false(scene.unit.usesFrame(0x8888_0000));
  t.deepEqual(scene.unit.cachedDisagreements(), []);
});

test("a context entry of scalable mode has no domain: device-selective and global invalidations reach it", (t) => {
  for (const [low, isKept] of [
    [0x21n, true],
    [0x31n | (BigInt(DEVICE + 1) << 32n), true],
    [0x31n | (5n << 16n) | (BigInt(DEVICE) << 32n), false],
    [0x11n, false],
  ] as const) {
    const scene = new ScalableScene();
    scene.pasid(FIRST_STAGE);
    scene.with(PASID);
    scene.scalableContext(DEVICE, 0n);
    scene.descriptor(low, 0n);
    t.is(
      scene.unit.cachedDisagreements().some(({ cache }) => cache === "device entry"),
      isKept,
      low.toString(16),
    );
  }
});

test("PASID cache: of a domain, of everything", (t) => {
  for (const [low, isKept] of [
    [0x07n | (9n << 16n), true],
    [0x07n | (7n << 16n), false],
    [0x37n, false],
  ] as const) {
    const scene = new ScalableScene();
    scene.pasid(FIRST_STAGE);
    scene.with(PASID);
    scene.pasid(PASS_THROUGH);
    scene.descriptor(low, 0n);
    t.is(
      scene.unit.cachedDisagreements().some(({ cache }) => cache === "guest entry"),
      isKept,
    );
  }
});

test("PASID-based invalidations reach first-stage pages alone, by domain, PASID and address", (t) => {
  const scene = new ScalableScene();
  scene.pasid(FIRST_STAGE);
  scene.with(PASID);
  scene.mapFirst(0x1000n);
  scene.invalidatePages(7, IOVA);
  scene.invalidatePasid(8, PASID, IOVA);
  scene.invalidatePasid(7, PASID + 1, IOVA);
  scene.invalidatePasid(7, PASID, IOVA + 0x1000n);
  t.is(scene.with(PASID), "88880000");
  scene.invalidatePasid(7, PASID, IOVA);
  t.is(scene.with(PASID), "1000");
  scene.mapFirst(0x2000n);
  scene.invalidateDomain(7);
  t.is(scene.with(PASID), "2000");
  // With the hint the pointers to tables stay.
  scene.memory.write64(FIRST[2], BigInt(SPARE) | PRESENT);
  scene.memory.write64(SPARE + 40, 0x3000n | PRESENT);
  scene.invalidatePasid(7, PASID, IOVA | 0x40n);
  t.is(scene.with(PASID), "2000");
  scene.invalidatePasid(7, PASID, IOVA);
  t.is(scene.with(PASID), "3000");
});

test("the devices' TLBs with a PASID have a descriptor of their own", (t) => {
  const scene = new ScalableScene();
  scene.scalableContext(DEVICE, 8n | 4n);
  scene.pasid(FIRST_STAGE);
  const ats = () => scene.seen(IOVA, true, DEVICE, { pasid: PASID, ats: true });
  const forget = (pasid: number, high: bigint) =>
    scene.descriptor(8n | (BigInt(DEVICE) << 16n) | (BigInt(pasid) << 32n), high);
  t.is(ats(), "88880000");
  scene.mapFirst(0x1000n);
  scene.invalidatePasid(7, PASID);
  scene.descriptor(3n | (BigInt(DEVICE) << 32n), IOVA);
  forget(PASID + 1, IOVA);
  t.is(ats(), "88880000");
  forget(PASID, IOVA);
  t.is(ats(), "1000");
  scene.mapFirst(0x2000n);
  scene.invalidatePasid(7, PASID);
  forget(0, 0x7fff_ffff_ffff_f801n);
  t.is(ats(), "2000");
});

test("faults of scalable mode, and the record with its PASID", (t) => {
  const entry = PASIDS + 5 * 64;
  const cases: readonly (readonly [number, (scene: ScalableScene) => void])[] = [
    [0x39, ({ memory }) => memory.write64(ROOTS + 32, 0n)],
    [0x3a, ({ memory }) => memory.write64(ROOTS + 32, BigInt(SCALABLE_CONTEXTS) | 3n)],
    [0x40, ({ memory }) => memory.write64(ROOTS + 32, 0x999_0001n)],
    [0x41, ({ memory }) => memory.write64(SCALABLE_CONTEXTS + 0x19 * 32, 0n)],
    [0x42, (scene) => scene.scalableContext(DEVICE, 8n | (1n << 5n))],
    [0x45, (scene) => scene.scalableContext(DEVICE, 0n)],
    [0x50, ({ memory }) => memory.write64(SCALABLE_CONTEXTS + 0x19 * 32, 0x999_0009n)],
    [0x51, ({ memory }) => memory.write64(DIRECTORY + 16, 0n)],
    [0x52, ({ memory }) => memory.write64(DIRECTORY + 16, BigInt(PASIDS) | 5n)],
    [0x58, ({ memory }) => memory.write64(DIRECTORY + 16, 0x999_0001n)],
    [0x59, ({ memory }) => memory.write64(entry, 0n)],
    [0x5b, (scene) => scene.pasid(5n)],
    [0x5b, (scene) => scene.pasid(SECOND_STAGE, { low: 1n << 2n })],
    [0x70, ({ memory }) => memory.write64(FIRST[0], 0x999_0007n)],
    [0x71, ({ memory }) => memory.write64(FIRST[0], 0n)],
    [0x72, ({ memory }) => memory.write64(FIRST[0], BigInt(FIRST[1]) | PRESENT | 0x80n)],
  ];
  for (const [code, spoil] of cases) {
    const scene = new ScalableScene();
    scene.pasid(FIRST_STAGE);
    spoil(scene);
    t.is(scene.unit.dma(DEVICE, IOVA, 1, false, { pasid: PASID }).kind, "fault", code.toString(16));
    const [low, high] = scene.record(0);
    t.is(low, IOVA);
    const fields = (1n << 63n) | (1n << 62n) | (BigInt(PASID) << 40n) | (BigInt(code) << 32n) | (1n << 31n);
    t.is(high, fields | BigInt(DEVICE), code.toString(16));
  }
});

test("faults of tables that cannot be read are recorded even where an entry keeps its faults silent", (t) => {
  for (const [directory, isLogged] of [
    [BigInt(DIRECTORY), false],
    [0x999_0000n, true],
  ] as const) {
    const scene = new ScalableScene();
    scene.memory.write64(SCALABLE_CONTEXTS + 0x19 * 32, directory | 0xbn);
    scene.with(PASID);
    t.is(scene.unit.faults()[0].isLogged, isLogged);
  }
});

test("a unit in legacy mode refuses a PASID, and a mode that blocks refuses everything", (t) => {
  const scene = new VtdScene();
  scene.context(DEVICE);
  t.is(
    scene.seen(IOVA, false, DEVICE, { pasid: 1 }),
    "the request has a PASID and the unit is in legacy mode",
  );
  scene.start(BigInt(ROOTS) | (3n << 10n));
  const blocking = new ScalableScene();
  blocking.start(BigInt(ROOTS) | (3n << 10n));
  t.regex(blocking.with(PASID), /mode that blocks/);
});

test("descriptors of 32 bytes: the upper half is reserved", (t) => {
  const scene = new ScalableScene();
  const { unit, memory } = scene;
  const queue = 0x23_0000;
  memory.addFrame(queue);
  unit.write32(0x18, 1 << 31);
  unit.write64(0x90, BigInt(queue) | (1n << 11n));
  unit.write32(0x88, 0);
  unit.write32(0x18, (1 << 31) | (1 << 26));
  memory.write64(queue, 0x25n | (1n << 32n));
  memory.write64(queue + 8, 0x22_0000n);
  unit.write32(0x88, 32);
  t.is(memory.read32(0x22_0000), 1);
  memory.write64(queue + 32, 0x25n | (2n << 32n));
  memory.write64(queue + 40, 0x22_0000n);
  memory.write64(queue + 56, 1n);
  unit.write32(0x88, 64);
  t.is(unit.read32(0x34) & 0x10, 0x10);
  t.is(memory.read32(0x22_0000), 1);
});

test("a unit as it is made by default translates", (t) => {
  const { memory } = new ScalableScene();
  const unit = new VtdUnitDevice(memory);
  t.is(describe(unit.dma(DEVICE, IOVA, 1, false)), "40005000");
  t.is((unit.read64(0x08) >> 40n) & 0xffn, 7n);
});
