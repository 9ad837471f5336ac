/** What the model of the AMD IOMMU reports, where, and when not; and what the log does when it is full. */
import test from "ava";
import {
  AmdScene,
  COMMANDS,
  DEVICE,
  DEVICE_TABLE,
  DONE,
  EVENTS,
  item,
  LEAVES,
  OTHER_DEVICE,
  ROOT,
} from "./iommu-model-amd-scene.js";

const IOVA = 0x4000_5000n;
const ENTRY = DEVICE_TABLE + DEVICE * 32;

/** Domain 7, one page read-only. */
function readOnly(): AmdScene {
  const scene = new AmdScene();
  scene.entry(DEVICE);
  scene.map(item(0x7777_0000, 0, "r"));
  return scene;
}

test("an IO_PAGE_FAULT holds device, domain, flags and address", (t) => {
  const scene = readOnly();
  scene.seen(IOVA + 0x1008n);
  scene.seen(0x8_4000_6010n, true);
  scene.seen(IOVA + 0x18n, true);
  t.deepEqual(scene.event(0), [DEVICE, 0x2000_0007, 0x4000_6008, 0]);
  t.deepEqual(scene.event(1), [DEVICE, 0x2020_0007, 0x4000_6010, 8]);
  // Present, write, no permission.
  t.deepEqual(scene.event(2), [DEVICE, 0x2070_0007, 0x4000_5018, 0]);
  t.is(scene.unit.read32(0x2018), 48);
  t.true(scene.unit.faults().every(({ isLogged, code }) => isLogged && code === 2));
});

test("a late event moves the tail first, and is in memory with the next step or the next event", (t) => {
  const scene = new AmdScene({ lateEvents: true });
  scene.entry(DEVICE);
  scene.seen(IOVA);
  t.is(scene.unit.read32(0x2018), 16);
  t.deepEqual(scene.event(0), [0, 0, 0, 0]);
  t.is(scene.unit.process(1), 1);
  t.deepEqual(scene.event(0), [DEVICE, 0x2000_0007, 0x4000_5000, 0]);
  t.is(scene.unit.process(1), 0);
  scene.seen(IOVA);
  scene.seen(IOVA);
  t.is(scene.event(1)[0], DEVICE);
  t.is(scene.event(2)[0], 0);
});

test("malformed items are present and have a reserved bit", (t) => {
  const items: readonly (readonly [bigint, string])[] = [
    [item(0x7777_0000, 0) | (1n << 52n), "ReservedBit"],
    [item(0x7777_0000, 5), "IllegalLevel"],
    [item(0x7777_0000 | 0xf_f000, 7), "IllegalSize"],
  ];
  for (const [word, reason] of items) {
    const scene = new AmdScene();
    scene.entry(DEVICE);
    scene.map(word);
    t.is(scene.seen(IOVA), reason);
    t.is(scene.event(0)[1], 0x2090_0007);
  }
});

test("tables that no memory backs are hardware errors", (t) => {
  const scene = readOnly();
  scene.memory.write64(ROOT + 8, item(0x999_0000, 2));
  t.is(scene.seen(IOVA), "a page table is not backed by memory");
  t.is(scene.event(0)[1], 0x4000_0007);
  scene.unit.write64(0x00, 0x999_0000n | 0xfn);
  t.is(scene.seen(IOVA, false, OTHER_DEVICE), "the device table is not backed by memory");
  t.is(scene.event(1)[1] >>> 28, 3);
});

test("illegal device table entries, and devices beyond the table", (t) => {
  const cases: readonly (readonly [number, bigint])[] = [
    [0, 1n << 2n],
    [0, 1n << 63n],
    [8, 1n << 42n],
    [0, 7n << 9n],
    [0, 2n << 7n],
    [0, (1n << 55n) | (3n << 56n)],
  ];
  for (const [offset, bits] of cases) {
    const scene = readOnly();
    scene.memory.write64(ENTRY + offset, scene.memory.read64(ENTRY + offset) | bits);
    t.is(scene.unit.dma(DEVICE, IOVA, 1, false).kind, "fault", bits.toString(16));
    t.is(scene.event(0)[1] >>> 28, 1);
    // Nothing of an entry that is not valid counts.
    scene.memory.write64(ENTRY, scene.memory.read64(ENTRY) & ~1n);
    scene.invalidateEntry(DEVICE);
    t.is(scene.seen(IOVA), "40005000");
  }
  const scene = readOnly();
  scene.unit.write64(0x00, BigInt(DEVICE_TABLE));
  t.is(scene.seen(IOVA, false, 127), "40005000");
  t.is(scene.seen(IOVA, false, 128), "the device table has no entry for the device");
});

test("a mode with more levels than the unit has is illegal", (t) => {
  const scene = new AmdScene({ extendedFeatures: 0n });
  scene.entry(DEVICE, { mode: 5 });
  t.is(scene.seen(IOVA), "the mode has more levels than the unit");
});

test("suppression: all page faults, or all but the first until the entry is invalidated", (t) => {
  for (const [bit, expected] of [
    [33n, 2],
    [34n, 0],
  ] as const) {
    const scene = new AmdScene();
    scene.entry(DEVICE, { more: [0n, 1n << bit] });
    for (let count = 0; count < 3; count++) scene.seen(IOVA);
    scene.invalidateEntry(DEVICE);
    scene.seen(IOVA);
    t.is(scene.unit.read32(0x2018) / 16, expected);
    t.is(scene.unit.faults().length, 4);
  }
});

test("requests that a device without ATS may not make are invalid", (t) => {
  const scene = readOnly();
  t.regex(scene.seen(IOVA, false, DEVICE, { translated: true }), /may not use/);
  t.is(scene.event(0)[1], 0x8000_0007);
  scene.entry(OTHER_DEVICE, { more: [0n, 1n << 32n] });
  t.is(scene.seen(0x123n, true, OTHER_DEVICE, { translated: true }), "123");
});

test("the interrupt window cannot be read", (t) => {
  const scene = readOnly();
  t.is(scene.seen(0xfee0_0010n), "the interrupt window cannot be read");
  t.is(scene.event(0)[1] >>> 28, 8);
});

test("a log that is full loses events until it is cleared and enabled anew", (t) => {
  const scene = new AmdScene();
  scene.entry(DEVICE);
  scene.unit.write32(0x18, 0x100d);
  for (let count = 0; count < 300; count++) scene.seen(BigInt(count) << 12n);
  t.is(scene.unit.faults().filter(({ isLogged }) => isLogged).length, 255);
  t.is(scene.unit.read32(0x2018), 255 * 16);
  // Overflow and an interrupt are pending, the ring of commands runs, the log does not.
  t.is(scene.unit.read32(0x2020), 0x13);
  scene.unit.write32(0x2010, 255 * 16);
  scene.seen(IOVA);
  t.is(scene.unit.read32(0x2018), 255 * 16);
  // Enabling it while the overflow is pending does not help.
  scene.unit.write32(0x18, 0x1009);
  scene.unit.write32(0x18, 0x100d);
  scene.seen(IOVA);
  t.is(scene.unit.read32(0x2018), 255 * 16);
  scene.unit.write32(0x18, 0x1009);
  scene.unit.write32(0x2020, 0x3);
  scene.unit.write32(0x18, 0x100d);
  t.is(scene.unit.read32(0x2020), 0x18);
  scene.seen(IOVA);
  t.is(scene.unit.read32(0x2018), 0);
  t.is(scene.memory.read32(EVENTS + 255 * 16), DEVICE);
});

test("a ring or a store address without memory is a hardware error, and stops the ring", (t) => {
  const scene = new AmdScene();
  scene.command(0x999_0001, 1 << 28, 1, 0);
  t.deepEqual(scene.event(0), [0, 0x6000_0000, COMMANDS, 0]);
  t.is(scene.unit.read32(0x2020) & 0x10, 0);
  scene.unit.write32(0x18, 0x000d);
  scene.unit.write64(0x08, 0x999_0000n | (8n << 56n));
  t.is(scene.unit.read32(0x2008), 0);
  scene.unit.write32(0x18, 0x100d);
  scene.unit.write32(0x2008, 16);
  t.deepEqual(scene.event(1), [0, 0x6000_0000, 0x999_0000, 0]);
});

test("what the driver must not do while the rings run is a misuse", (t) => {
  const scene = new AmdScene();
  const { unit } = scene;
  unit.write64(0x08, BigInt(COMMANDS) | (8n << 56n));
  unit.write32(0x2000, 16);
  unit.write32(0x2018, 16);
  unit.write64(0x10, BigInt(EVENTS) | (8n << 56n));
  unit.write32(0x2008, 4096);
  t.is(unit.read32(0x2000), 0);
  t.deepEqual(
    [...new Set(unit.misuses())],
    [
      "the command buffer base was written while the ring runs",
      "the command head was written while the ring runs",
      "the event tail was written while the log runs",
      "the event log base was written while the log runs",
      "the command tail was written beyond the ring",
    ],
  );
});

test("INVALIDATE_IOMMU_ALL empties every cache of the unit, not the devices' own", (t) => {
  const scene = readOnly();
  scene.entry(OTHER_DEVICE, { more: [0n, 1n << 32n] });
  scene.seen(IOVA);
  scene.seen(IOVA, false, OTHER_DEVICE, { ats: true });
  scene.map(item(0x1000, 0));
  scene.command(0, 8 << 28, 0, 0);
  t.is(scene.seen(IOVA), "1000");
  t.is(scene.seen(IOVA, false, OTHER_DEVICE, { ats: true }), "77770000");
  t.deepEqual(
    scene.unit.cachedDisagreements().map(({ cache, device }) => [cache, device]),
    [["device TLB", OTHER_DEVICE]],
  );
  t.true(scene.unit.usesFrame(0x7777_0000));
});

test("a device's TLB forgets by INVALIDATE_IOTLB_PAGES, in the size that the command says", (t) => {
  const scene = new AmdScene();
  scene.entry(DEVICE, { more: [0n, 1n << 32n] });
  scene.map(item(0x7777_0000, 0));
  scene.memory.write64(LEAVES + 48, item(0x7777_1000, 0));
  const ats = { ats: true };
  const both = () => [scene.seen(IOVA, true, DEVICE, ats), scene.seen(IOVA + 0x1000n, true, DEVICE, ats)];
  t.deepEqual(both(), ["77770000", "77771000"]);
  scene.map(item(0x1000, 0));
  scene.memory.write64(LEAVES + 48, item(0x2000, 0));
  scene.invalidate(7, 0x400f_f003);
  t.deepEqual(both(), ["77770000", "77771000"]);
  scene.command(DEVICE | (4 << 24), (4 << 28) | DEVICE, 0x4000_5000, 0);
  t.deepEqual(both(), ["1000", "77771000"]);
  scene.command(DEVICE | (4 << 24), (4 << 28) | DEVICE, 0x400f_f001, 0);
  t.deepEqual(both(), ["1000", "2000"]);
});

test("a device that does not answer is reported, and the ring goes on", (t) => {
  const scene = new AmdScene();
  scene.entry(DEVICE, { more: [0n, 1n << 32n] });
  scene.unit.silence(DEVICE);
  scene.command(DEVICE, (4 << 28) | DEVICE, 0x4000_5000, 0);
  scene.command(DONE | 1, 1 << 28, 1, 0);
  t.is(scene.event(0)[0], DEVICE);
  t.is(scene.event(0)[1] >>> 28, 7);
  t.is(scene.memory.read32(DONE), 1);
});
