/** Firmware's left-overs, devices that are not where they should be, flushes that fail twice: what drivers do then. */
import test from "ava";
import { PageTableError, Status } from "../impl/common.js";
import { GuestCr3Table } from "../impl/iommu/amd/guest-cr3.js";
import { AmdPaging } from "../impl/iommu/amd/paging.js";
import { AmdUnit } from "../impl/iommu/amd/unit.js";
import { IommuDomain } from "../impl/iommu/domain.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { setUpHardwareDomain } from "../impl/iommu/hardware-domain.js";
import { DomainIds } from "../impl/iommu/intel/domain-ids.js";
import { describeFault } from "../impl/iommu/intel/fault-records.js";
import { entryLines } from "../impl/iommu/intel/fault-walk.js";
import { RegisterInvalidator } from "../impl/iommu/intel/invalidator.js";
import { PasidTables, ScalableRootTable } from "../impl/iommu/intel/pasid-table.js";
import { capabilitiesOf } from "../impl/iommu/intel/registers.js";
import { RootTable } from "../impl/iommu/intel/root-table.js";
import { UnitMemory } from "../impl/iommu/unit-memory.js";
import { AmdIommuDevice, VtdUnitDevice } from "../models/iommu/index.js";
import { createScene, READ_WRITE, withMethods } from "./domain-scene.js";
import {
  amdScene,
  deviceId,
  intelScene,
  newMemory,
  physicalMemory,
  processes,
  scalableScene,
  seen,
} from "./iommu-scene.js";

const DISK = { id: deviceId(2, 0x10) };
const STATUS = 0x2020;
/** Source: 48882, IOMMU Status Register (MMIO offset 2020h). */
const EVENT_LOG_RUN = 1 << 3;
const COMMAND_BUFFER_RUN = 1 << 4;

test("AMD: a unit that firmware left running gets its rings once it has stopped", (t) => {
  const memory = newMemory();
  const hardware = new AmdIommuDevice(physicalMemory(memory));
  const relax = processes(hardware);
  let left = 8;
  // Whichever is waited for first, the other runs on.
  const running = () => (left > 4 ? COMMAND_BUFFER_RUN : 0) | (left > 0 ? EVENT_LOG_RUN : 0);
  const registers = {
    read32: (offset: number) => hardware.read32(offset) | (offset === STATUS ? running() : 0),
    read64: (offset: number) => hardware.read64(offset),
    write32: (offset: number, value: number) => hardware.write32(offset, value),
    write64: (offset: number, value: bigint) => hardware.write64(offset, value),
  };
  const unit = AmdUnit.create({
    memory,
    registers,
    lastRequester: 0x3ff,
    relax: () => {
      if (left === 0) relax();
      else left--;
    },
  });
  unit?.enable();
  t.is(left, 0);
  t.deepEqual(hardware.misuses(), []);
  t.regex(seen(hardware.dma(0x210, 0x5000n, 4, true)), /^fault/);
});

test("AMD: a requester beyond the device table is refused, whatever is asked of it", (t) => {
  const { unit } = amdScene();
  const far = { id: deviceId(4, 0) };
  for (const call of [() => unit.block(far), () => unit.passThrough(far), () => unit.entryOf(0x400)]) {
    t.throws(call);
  }
  t.false(unit.entryOf(0x3ff).passesThrough);
});

test("a PASID that never was set is cleared without a trace", (t) => {
  const memory = newMemory();
  const table = GuestCr3Table.create(new UnitMemory({ memory }), 2);
  const live = memory.liveFrames;
  table?.clear(0x300);
  t.is(table?.get(0x300), undefined);
  t.is(memory.liveFrames, live);
});

test("VT-d: an id that nobody has is released without a trace", (t) => {
  for (const reservesZero of [false, true]) {
    const ids = new DomainIds(4, reservesZero);
    const first = ids.acquire(7);
    ids.release(9);
    t.is(ids.of(7), first);
    t.is(ids.of(9), undefined);
    ids.release(7);
    t.is(ids.of(7), undefined);
    t.is(ids.acquire(8), first);
  }
});

test("VT-d: a unit that the system does not have is no place for a device", (t) => {
  const { unit: foreign } = intelScene();
  const { system } = intelScene({ system: { unitOf: () => foreign, quarantine: "scratch-page" } });
  t.throws(() => system.addDevice(DISK), { instanceOf: PageTableError, code: "INVALID_ARGUMENT" });
});

test("VT-d: a PASID with second-stage tables, and a PASID's pages, are forgotten", (t) => {
  const { hardware, unit, system } = scalableScene({ system: { quarantine: "scratch-page" } });
  t.is(system.addDevice(DISK), Status.OK);
  const root = system.createDomain({ id: 3 });
  root.legacyMap(5, 0x700, 1, READ_WRITE);
  t.is(unit.attachPasid(DISK, 4, { stage: "none", levels: 4, domainId: 40 }), Status.OK);
  t.is(
    unit.attachPasid(DISK, 5, { stage: "second", root: 0x1_0000_0000, levels: 4, domainId: 41 }),
    Status.OK,
  );
  unit.flushPasidPages(40, 4);
  unit.flushPasidPages(40, 4, { dfn: 8, order: 3 });
  unit.detachPasid(DISK, 5);
  unit.detachPasid(DISK, 5);
  unit.detachPasid(DISK, 4);
  t.deepEqual(hardware.misuses(), []);
  t.deepEqual(hardware.cachedDisagreements(), []);
});

test("a flush that fails for each range of a batch is told of once, by its first status", (t) => {
  const scene = createScene();
  scene.domain.beginBatch();
  // No table leaves the tree, so that range by range is flushed.
  scene.domain.legacyMap(1, 0x10, 1, READ_WRITE);
  scene.domain.legacyMap(1, 0x20, 1, READ_WRITE);
  scene.domain.legacyMap(2, 0x10, 1, READ_WRITE);
  scene.flushStatus = Status.HARDWARE_STOPPED;
  const ranges = [1, 2].map((first) => ({ first, last: first }));
  const before = scene.told.length;
  t.is(scene.domain.endBatch(ranges), Status.HARDWARE_STOPPED);
  t.true(scene.told.length > before);
  t.true(scene.domain.isCrashed);
});

test("the hardware domain's unmapping goes on after two errors, and names the first", (t) => {
  const failing = [Status.OUT_OF_MEMORY, Status.PARTIAL_ENTRY];
  const { domain } = createScene({
    isHardware: true,
    wrap: (paging) => withMethods(paging, { unmapPage: () => failing.shift() ?? Status.OK }),
  });
  t.is(domain.tryUnmap(1, 3, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.deepEqual(failing, []);
  t.is(domain.donePages, 3);
});

test("a domain that dies drops what is mapped, and says nothing of what fails", (t) => {
  const lines: string[] = [];
  const { domain } = createScene({
    log: (line) => lines.push(line),
    wrap: (paging) => withMethods(paging, { unmapPage: () => Status.OUT_OF_MEMORY }),
  });
  t.is(domain.tryUnmap(1, 1, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.is(lines.length, 1);
  t.false(domain.isDying);
  domain.die();
  t.true(domain.isDying);
  t.is(domain.tryMap(1, 1, 1, READ_WRITE, { flags: 0 }), Status.OK);
  t.is(domain.lookup(1), undefined);
  t.is(domain.tryUnmap(1, 1, { flags: 0 }), Status.OUT_OF_MEMORY);
  t.is(lines.length, 1);
});

test("a domain without tables counts none", (t) => {
  const { domain } = createScene({ isHardware: true, translatedBy: "nothing" });
  t.deepEqual([domain.shatters, domain.coalesces], [0, 0]);
});

test("the hardware domain's set-up warns of a flush that failed", (t) => {
  const scene = createScene({ isHardware: true, strict: true });
  scene.flushStatus = Status.HARDWARE_STOPPED;
  const layout = { memory: [], own: [], denied: [], readOnly: [{ first: 1, last: 2 }] };
  const { warnings, pages } = setUpHardwareDomain(scene.domain, layout);
  t.is(pages, 2);
  t.deepEqual(warnings, [{ first: 0, last: 0xf_ffff, status: Status.HARDWARE_STOPPED }]);
});

test("CPUs that are not there wait for nothing; the one that runs is not dead", (t) => {
  const { queues } = createScene();
  t.deepEqual([queues.isScheduled(5), queues.waiting(5)], [false, 0]);
  queues.downPrepare(0);
  t.throws(() => queues.dead(0), { code: "INVALID_ARGUMENT" });
});

test("domains are made as their options say, or not at all", (t) => {
  const translatedBy = { translatedBy: "magic" };
  t.throws(() => Reflect.apply(createScene, undefined, [translatedBy]), { code: "INVALID_OPTION" });
  for (const { system } of [amdScene(), intelScene()]) {
    t.throws(() => system.createDomain({ id: 1, translatedBy: "passthrough" }), { code: "INVALID_OPTION" });
  }
});

test("what a wait throws that is no refusal of the hardware's reaches whoever flushed", (t) => {
  const memory = newMemory();
  const amd = new AmdIommuDevice(physicalMemory(memory), { waits: true });
  const vtd = new VtdUnitDevice(physicalMemory(memory), { waits: true });
  let isBroken = false;
  const relaxing = (hardware: AmdIommuDevice | VtdUnitDevice) => () => {
    if (isBroken) throw new TypeError("the platform's");
    processes(hardware)();
  };
  const systems = [
    amdScene({ memory, made: amd, unit: { relax: relaxing(amd) } }).system,
    intelScene({ memory, made: vtd, unit: { relax: relaxing(vtd) } }).system,
  ];
  for (const system of systems) {
    t.is(system.addDevice(DISK), Status.OK);
    const domain = system.createDomain({ id: 1 });
    t.is(system.assign(DISK.id, domain), Status.OK);
    domain.legacyMap(1, 2, 1, READ_WRITE);
    isBroken = true;
    t.throws(() => domain.legacyUnmap(1, 1), { instanceOf: TypeError });
    isBroken = false;
  }
});

/** A fault of a device at an address, as the unit's records have it. */
function faultOf({ id }: typeof DISK) {
  return { reason: 5, source: (id.bus << 8) | id.devfn, isRead: true, pasid: undefined, dfn: 0x10 };
}

test("VT-d: a device that passes through by now has no way to show", (t) => {
  for (const made of [intelScene(), scalableScene()]) {
    t.is(made.unit.passThrough(DISK, 9), Status.OK);
    t.regex(made.unit.describe(faultOf(DISK)).at(-1) ?? "", /no translation|no second stage/);
  }
});

test("VT-d: tables of more levels than there are have no way to show", (t) => {
  const entries = { rootEntry: [1, 0, 0, 0], context: [1, 0, 7, 0] } as const;
  const lines = entryLines(() => undefined, 0x210, entries, 0x10);
  t.is(lines.at(-1), "9 levels are not supported");
});

test("VT-d: an interrupt request in scalable mode has no way either", (t) => {
  const { unit } = scalableScene();
  const lines = unit.describe({ ...faultOf(DISK), reason: 0x22, dfn: 0x123 * 2 ** 36 });
  t.is(lines.length, 2);
  t.regex(lines[0], /^interrupt request .* index 0x123$/);
});

test("VT-d: what never had a table is cleared without one", (t) => {
  const memory = newMemory();
  const unitMemory = new UnitMemory({ memory });
  const tables = [RootTable.create(unitMemory), ScalableRootTable.create(unitMemory)];
  const pasids = PasidTables.create(unitMemory, 2);
  const live = memory.liveFrames;
  for (const table of tables) {
    table?.clear(0x210);
    t.is(table?.read(0x210), undefined);
  }
  pasids?.clear(0x41);
  t.is(memory.liveFrames, live);
});

test("VT-d: registers that do nothing for an invalidation are not taken for one that did", (t) => {
  const hardware = new VtdUnitDevice(physicalMemory(newMemory()), {});
  const capabilities = capabilitiesOf(hardware);
  const silent = { read32: () => 0, read64: () => 0n, write32: () => {}, write64: () => {} };
  const invalidator = new RegisterInvalidator(silent, capabilities, () => t.fail("nothing is under way"));
  const refused = t.throws(() => invalidator.iotlb({ of: "everything" }), { name: "UnitError" });
  t.regex(refused?.message ?? "", /everything/);
  const unsupported = t.throws(() => invalidator.other(), { name: "UnitError" });
  t.regex(unsupported?.message ?? "", /no queue/);
});

test("VT-d: a fault whose reason has no name is described by its number", (t) => {
  const fault = { reason: 0x1f, source: 0x210, isRead: true, pasid: undefined, dfn: 5 };
  const [what, why] = describeFault(fault, 0, 0);
  t.regex(what, /^DMA read .* address 0x5000$/);
  t.is(why, "reason 1f: a reason of no name (unit 0)");
});

test("a domain that can make no hardware forget is refused, and one without tables has no leaves", (t) => {
  const memory = newMemory();
  const paging = new AmdPaging({ memory, freeQueue: new CpuFreeQueues(memory), levels: 4 });
  t.deepEqual([...paging.table.leaves()], []);
  const options = { id: 1, pageSizes: 0x1000n, paging, flush: JSON.parse("{}") };
  t.throws(() => new IommuDomain(options), { instanceOf: PageTableError, message: /flush/ });
});

test("the table of each level on the way to a page is the one that the item above leads to", (t) => {
  const memory = newMemory();
  const paging = new AmdPaging({ memory, freeQueue: new CpuFreeQueues(memory), levels: 4 });
  const dfn = 0x8_0604;
  t.is(paging.mapPage(dfn, 7, 0, READ_WRITE, { flags: 0 }), Status.OK);
  const { table } = paging;
  t.is(table.tableAt(dfn, 3), table.root);
  for (let level = 3; level > 0; level--) {
    const above = Number((table.tableAt(dfn, level) ?? 0n) - memory.base) / 4;
    const item = above + 2 * ((dfn >> (9 * level)) & 0x1ff);
    const [low, high] = memory.words.subarray(item, item + 2);
    const next = BigInt(high & 0xf_ffff) * 2n ** 32n + BigInt((low & ~0xfff) >>> 0);
    t.is(table.tableAt(dfn, level - 1), next, `level ${level}`);
  }
  t.is(table.tableAt(dfn + 0x4_0000, 0), undefined);
});
