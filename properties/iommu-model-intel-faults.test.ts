/** What the model of the VT-d unit records, what it loses, and what it shows of errors in the queue. */
import test from "ava";
import { NonCoherentMemory, SparsePhysicalMemory } from "../models/iommu/index.js";
import {
  CAP,
  CONTEXTS,
  DEVICE,
  DONE,
  LEAVES,
  OTHER_DEVICE,
  ROOTS,
  TABLES,
  VtdScene,
  WRITE_BUFFER,
} from "./iommu-model-intel-scene.js";

const IOVA = 0x4000_5000n;
const FAULT = 1n << 63n;
const READ = 1n << 62n;

function mapped(options = {}): VtdScene {
  const scene = new VtdScene(options);
  scene.context(DEVICE);
  scene.map(0x7777_0003n);
  return scene;
}

test("every fault of legacy mode has the manual's reason", (t) => {
  const context = CONTEXTS + (DEVICE & 0xff) * 16;
  const root = ROOTS + 32;
  const cases: readonly (readonly [number, (scene: VtdScene) => void])[] = [
    [0x1, ({ memory }) => memory.write64(root, 0n)],
    [0x2, ({ memory }) => memory.write64(context, 0n)],
    [0x3, (scene) => scene.context(DEVICE, { width: 3 })],
    [0x3, (scene) => scene.context(DEVICE, { type: 3 })],
    [0x4, (scene) => scene.context(DEVICE, { width: 1, root: TABLES[1] })],
    [0x6, ({ memory }) => memory.write64(TABLES[1] + 8, 0n)],
    [0x7, ({ memory }) => memory.write64(TABLES[1] + 8, 0x999_0003n)],
    [
      0x8,
      ({ unit }) => {
        unit.write64(0x20, 0x999_0000n);
        unit.write32(0x18, (1 << 31) | (1 << 30) | (1 << 26));
      },
    ],
    [0x9, ({ memory }) => memory.write64(root, 0x999_0001n)],
    [0xa, ({ memory }) => memory.write64(root, BigInt(CONTEXTS) | 3n)],
    [0xb, (scene) => scene.context(DEVICE, { low: 1n << 4n })],
    [0xb, (scene) => scene.context(DEVICE, { high: 1n << 24n })],
    [0xb, (scene) => scene.context(DEVICE, { high: 1n << 40n })],
    [0xb, (scene) => scene.context(DEVICE, { low: 1n << 52n })],
    [0xc, ({ memory }) => memory.write64(TABLES[1] + 8, BigInt(TABLES[2]) | 3n | (1n << 62n))],
  ];
  for (const [code, spoil] of cases) {
    const scene = mapped();
    spoil(scene);
    const iova = code === 4 ? 0x80_0000_0000n : IOVA;
    t.is(scene.unit.dma(DEVICE, iova + 0x123n, 1, false).kind, "fault", code.toString(16));
    t.deepEqual(scene.record(0), [iova, FAULT | READ | (BigInt(code) << 32n) | BigInt(DEVICE)]);
  }
});

test("permissions: a write to what is read-only, a read of what is write-only", (t) => {
  const scene = mapped();
  scene.map(0x7777_0001n);
  scene.seen(IOVA, true);
  scene.map(0x7777_0002n);
  scene.invalidatePages(7, IOVA);
  scene.seen(IOVA);
  t.is(scene.seen(IOVA, true), "77770000");
  t.deepEqual(scene.record(0), [IOVA, FAULT | (5n << 32n) | BigInt(DEVICE)]);
  t.deepEqual(scene.record(1), [IOVA, FAULT | READ | (6n << 32n) | BigInt(DEVICE)]);
});

test("an entry can keep its faults out of the records", (t) => {
  const scene = mapped();
  scene.context(DEVICE, { low: 2n });
  scene.seen(IOVA + 0x1000n);
  t.is(scene.unit.read32(0x34), 0);
  t.false(scene.unit.faults()[0].isLogged);
});

test("records are taken in turn; one that waits for software loses faults until PFO is cleared", (t) => {
  const { unit } = mapped();
  const miss = (page: number) => unit.dma(DEVICE, BigInt(page) << 12n, 1, false);
  for (let page = 0; page < 8; page++) miss(page);
  // Pending, first record 0.
  t.is(unit.read32(0x34), 0x2);
  miss(8);
  t.is(unit.read32(0x34), 0x3);
  // Software takes the first three away; nothing new is recorded yet.
  for (let index = 0; index < 3; index++) unit.write32(0x20c + index * 16, 1 << 31);
  miss(9);
  t.is(unit.read64(0x200), 0n);
  unit.write32(0x34, 1);
  miss(10);
  t.is(unit.read64(0x200), 10n << 12n);
  for (let index = 0; index < 8; index++) unit.write32(0x20c + index * 16, 1 << 31);
  t.is(unit.read32(0x34) & 3, 0);
  miss(11);
  // The index of the first pending record.
  t.is(unit.read32(0x34), 0x102);
  t.is(unit.read64(0x210), 11n << 12n);
  t.deepEqual(
    unit
      .faults()
      .filter(({ isLogged }) => !isLogged)
      .map(({ address }) => address),
    [8n << 12n, 9n << 12n],
  );
});

test("a fault event waits while it is masked", (t) => {
  const scene = mapped();
  t.is(scene.unit.read32(0x38), 0x8000_0000);
  scene.seen(0n);
  t.is(scene.unit.read32(0x38), 0xc000_0000);
  scene.unit.write32(0x38, 0);
  t.is(scene.unit.read32(0x38), 0);
  // Masked again, it waits again, until nothing is left to report.
  scene.unit.write32(0x20c, 1 << 31);
  scene.unit.write32(0x38, 1 << 31);
  scene.seen(0n);
  t.is(scene.unit.read32(0x38), 0xc000_0000);
  scene.unit.write32(0x21c, 1 << 31);
  t.is(scene.unit.read32(0x38), 0x8000_0000);
});

test("a tail beyond the queue is a queue error, and an event until it is cleared", (t) => {
  const scene = new VtdScene();
  scene.unit.write32(0x88, 4096);
  t.is(scene.unit.read32(0x34) & 0x10, 0x10);
  t.is(scene.unit.read32(0x38), 0xc000_0000);
  scene.unit.write32(0x88, 0);
  scene.unit.write32(0x34, 0x10);
  t.is(scene.unit.read32(0x38), 0x8000_0000);
});

test("a queue that is turned off and on begins at its first descriptor", (t) => {
  const scene = new VtdScene();
  scene.wait(1);
  t.is(scene.unit.read32(0x80), 16);
  scene.unit.write32(0x18, 1 << 31);
  t.is(scene.unit.read32(0x80), 0);
  // Translation is on, the root table is set.
  t.is(scene.unit.read32(0x1c), 0xc000_0000);
});

test("a queue that no memory backs is a queue error", (t) => {
  const scene = new VtdScene();
  scene.unit.write32(0x18, 1 << 31);
  scene.unit.write64(0x90, 0x999_0000n);
  scene.unit.write32(0x18, (1 << 31) | (1 << 26));
  scene.unit.write32(0x88, 16);
  t.is(scene.unit.read32(0x34) & 0x10, 0x10);
  t.is(scene.unit.read32(0x80), 0);
});

test("a device that does not answer aborts the wait behind it, and stops the queue", (t) => {
  const scene = mapped();
  scene.unit.silence(OTHER_DEVICE);
  scene.descriptor(3n | (BigInt(OTHER_DEVICE) << 32n), 0x7fff_ffff_ffff_f001n);
  scene.wait(1);
  scene.wait(2);
  t.is(scene.memory.read32(DONE), 0);
  t.is(scene.unit.read32(0x34) & 0x40, 0x40);
  t.is(scene.unit.read32(0xb4), OTHER_DEVICE);
  t.is(scene.unit.read32(0x80), 32);
  scene.unit.write32(0x34, 0x40);
  t.is(scene.memory.read32(DONE), 2);
});

test("an answer that nobody asked for stops the queue until it is cleared", (t) => {
  const scene = mapped();
  scene.unit.answerUnasked(DEVICE);
  scene.wait(1);
  t.is(scene.memory.read32(DONE), 0);
  t.is(scene.unit.read32(0xb4), DEVICE << 16);
  scene.unit.write32(0x34, 0x20);
  t.is(scene.memory.read32(DONE), 1);
});

test("a device's TLB forgets in the sizes of the worked examples", (t) => {
  const scene = mapped();
  scene.context(DEVICE, { type: 1 });
  for (let index = 0; index < 512; index++)
    scene.memory.write64(LEAVES + index * 8, BigInt(index * 4096) | 3n);
  const pages = [5n, 6n, 7n, 9n, 511n].map((index) => 0x4000_0000n + index * 0x1000n);
  const keeps = () => {
    for (const page of pages) scene.seen(page, true, DEVICE, { ats: true });
    return () => [...scene.unit.cachedDisagreements()].filter(({ cache }) => cache === "device TLB").length;
  };
  const stale = keeps();
  for (let index = 0; index < 512; index++) scene.memory.write64(LEAVES + index * 8, 0n);
  scene.invalidateDomain(7);
  t.is(stale(), 5);
  const forget = (high: bigint, device = DEVICE) => scene.descriptor(3n | (BigInt(device) << 32n), high);
  forget(0x4000_5000n, OTHER_DEVICE);
  t.is(stale(), 5);
  forget(0x4000_5000n);
  t.is(stale(), 4);
  // Two pages: bit 12 clear.
  forget(0x4000_6001n);
  t.is(stale(), 2);
  // 2 MiB: bits 19:12 set, bit 20 clear.
  forget(0x400f_f001n);
  t.is(stale(), 0);
});

test("what is written back goes line by line", (t) => {
  const { memory } = new VtdScene();
  const tables = new NonCoherentMemory(memory, 64);
  tables.stored(LEAVES, 1);
  tables.stored(LEAVES + 64, 2);
  tables.cleaned(LEAVES + 60, 4);
  t.deepEqual([tables.read32(LEAVES), tables.read32(LEAVES + 64)], [0, 2]);
  tables.stored(LEAVES, 1);
  tables.stored(LEAVES + 124, 3);
  tables.cleaned(LEAVES + 60, 8);
  t.deepEqual(
    [LEAVES, LEAVES + 64, LEAVES + 124].map((at) => tables.read32(at)),
    [0, 0, 0],
  );
});

test("a frame of zeroes that was handed out shows garbage until it is written back", (t) => {
  const { memory } = new VtdScene();
  const tables = new NonCoherentMemory(memory);
  tables.zeroed(LEAVES, 0x5ead_beef);
  t.is(tables.read32(LEAVES + 4092), 0x5ead_beef);
  t.is(tables.read32(LEAVES + 4096 - 8192), 0);
  tables.cleaned(LEAVES, 4096);
  t.is(tables.read32(LEAVES + 4092), 0);
  t.false(tables.contains(0x999_0000));
});

/** A unit that reads tables through `NonCoherentMemory`, and a driver that stores as a CPU does. */
function incoherent(capability: bigint) {
  const memory = new SparsePhysicalMemory();
  const tables = new NonCoherentMemory(memory);
  return { tables, scene: new VtdScene({ capability, tables }, memory) };
}

test("stores wait in the write buffer until it is flushed, by command or by an invalidation", (t) => {
  const { tables, scene } = incoherent(CAP | WRITE_BUFFER);
  scene.context(DEVICE);
  scene.map(0x7777_0003n);
  const store = (word: bigint) => {
    tables.stored(LEAVES + 40, scene.memory.read32(LEAVES + 40));
    scene.memory.write64(LEAVES + 40, word);
  };
  store(0x1003n);
  t.is(scene.seen(IOVA), "77770000");
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), "1000");
  scene.invalidatePages(7, IOVA);
  store(0x2003n);
  scene.unit.write32(0x18, (1 << 31) | (1 << 26) | (1 << 27));
  t.is(scene.unit.read32(0x1c) & (1 << 27), 0);
  t.is(scene.seen(IOVA), "2000");
});

test("without a write buffer neither a flush nor an invalidation writes anything back", (t) => {
  const { tables, scene } = incoherent(CAP);
  scene.context(DEVICE);
  scene.map(0x7777_0003n);
  tables.stored(LEAVES + 40, 0x1003);
  scene.unit.write32(0x18, (1 << 31) | (1 << 26) | (1 << 27));
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), "1000");
  tables.cleaned(LEAVES + 40, 8);
  scene.invalidatePages(7, IOVA);
  t.is(scene.seen(IOVA), "77770000");
});
