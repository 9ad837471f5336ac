/** A domain's devices may be behind units with fewer levels, fewer ids, other page sizes: each finds the same pages. */
import test from "ava";
import { PageTableError, Status } from "../impl/common.js";
import { AmdSystem } from "../impl/iommu/amd/system.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { DomainIds } from "../impl/iommu/intel/domain-ids.js";
import { IntelSystem } from "../impl/iommu/intel/system.js";
import { IntelUnit } from "../impl/iommu/intel/unit.js";
import { exchangeWithinThread } from "../impl/iommu/unit-memory.js";
import { AmdIommuDevice, VtdUnitDevice } from "../models/iommu/index.js";
import { DEFAULT_CAPABILITY, DEFAULT_EXTENDED_CAPABILITY } from "../models/iommu/intel/registers.js";
import {
  amdScene,
  amdUnit,
  deviceId,
  intelScene,
  newMemory,
  PAGE,
  physicalMemory,
  processes,
  READ_WRITE,
  scalableScene,
  seen,
} from "./iommu-scene.js";

const FOUR_LEVELS = 4n << 8n;
const IDS = 7n;
const PAGES_1G = 1n << 35n;
const SNOOP_CONTROL = 1n << 7n;
const REQUESTER = 0x100;

/** Units of one segment each. */
function intelUnits(capabilities: readonly bigint[], extendedCapability = DEFAULT_EXTENDED_CAPABILITY) {
  const memory = newMemory();
  const hardware = capabilities.map(
    (capability) => new VtdUnitDevice(physicalMemory(memory), { capability, extendedCapability }),
  );
  const units = hardware.map((device, segment) => {
    const relax = processes(device);
    const unit = IntelUnit.create({
      memory,
      registers: device,
      relax,
      exchange128: exchangeWithinThread,
      segment,
    });
    if (unit === undefined) throw new Error("no memory");
    unit.enable();
    return unit;
  });
  const queues = new CpuFreeQueues(memory);
  const system = new IntelSystem({ memory, freeQueue: queues, units });
  return { memory, hardware, units, queues, system };
}

const device = (segment: number) => ({ id: deviceId(1, 0, segment) });

test("VT-d: a unit of 3 levels begins where item 0 of the root leads to, and keeps it whatever is unmapped", (t) => {
  const { hardware, queues, system, units } = intelUnits([
    DEFAULT_CAPABILITY,
    DEFAULT_CAPABILITY & ~FOUR_LEVELS,
  ]);
  const domain = system.createDomain({ id: 1 });
  // Far from address 0: this alone makes no table for it.
  domain.legacyMap(2 ** 30, 0x5000, 1, READ_WRITE);
  for (const segment of [0, 1]) {
    t.is(system.addDevice(device(segment)), Status.OK);
    t.is(system.assign(deviceId(1, 0, segment), domain), Status.OK);
  }
  const [wide, narrow] = units.map((unit) => unit.contextOf(REQUESTER)?.[0] ?? 0);
  t.not(wide, narrow);
  const at = (dfn: bigint) => hardware.map((unit) => seen(unit.dma(REQUESTER, dfn * PAGE, 4, true)));
  for (let round = 0; round < 3; round++) {
    domain.legacyMap(0x200, 0x1000, 0x400, READ_WRITE);
    t.deepEqual(at(0x3ffn), ["0x11ff000", "0x11ff000"]);
    t.deepEqual(at(2n ** 30n), ["0x5000000", "fault 4"]);
    domain.legacyUnmap(0x200, 0x400);
    t.deepEqual(at(0x3ffn), ["fault 5", "fault 5"]);
    queues.runFreeing(0);
  }
  for (const unit of hardware) t.deepEqual(unit.cachedDisagreements(), []);
});

test("VT-d: a page size counts where every unit has it, and snooping is forced where every unit can", (t) => {
  const { hardware, system } = intelUnits([DEFAULT_CAPABILITY, DEFAULT_CAPABILITY & ~PAGES_1G]);
  const domain = system.createDomain({ id: 1 });
  t.deepEqual([...domain.orders], [0, 9]);
  domain.legacyMap(0x4_0000, 0x4_0000, 0x4_0000, READ_WRITE);
  for (const segment of [0, 1]) {
    system.addDevice(device(segment));
    system.assign(deviceId(1, 0, segment), domain);
    t.is(seen(hardware[segment].dma(REQUESTER, 0x4_0200n * PAGE, 4, true)), "0x40200000");
  }
  const plain = intelUnits([DEFAULT_CAPABILITY], DEFAULT_EXTENDED_CAPABILITY & ~SNOOP_CONTROL);
  const other = plain.system.createDomain({ id: 1 });
  plain.system.addDevice(device(0));
  plain.system.assign(deviceId(1, 0), other);
  other.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  t.is(seen(plain.hardware[0].dma(REQUESTER, 0x10n * PAGE, 4, true)), "0x1000000");
});

test("VT-d: a unit with 16 ids serves 16 domains, and the next once one has left", (t) => {
  const { hardware, system } = intelScene({ hardware: { capability: DEFAULT_CAPABILITY & ~IDS } });
  const ids = Array.from({ length: 17 }, (_, index) => index);
  const domains = ids.map((id) => system.createDomain({ id: id + 100 }));
  const places = ids.map((index) => deviceId(1, index * 8));
  const unity = [{ firstDfn: 0x80, lastDfn: 0x80, access: READ_WRITE }];
  for (const id of places.slice(0, 16)) t.is(system.addDevice({ id }), Status.OK);
  const reads = (index: number) => seen(hardware.dma(0x100 + index * 8, 0x10n * PAGE, 4, true));
  for (const index of ids) domains[index].legacyMap(0x10, 0x1000 + index, 1, READ_WRITE);
  for (const index of ids.slice(0, 15)) t.is(system.assign(places[index], domains[index]), Status.OK);
  // In quarantine it has an id for its unity range.
  t.is(system.addDevice({ id: places[16], unity }), Status.OK);
  t.is(system.assign(places[15], domains[15]), Status.NO_DOMAIN_ID);
  t.is(system.ownerOf(places[15]), undefined);
  t.is(reads(15), "fault 2");
  t.is(system.assign(places[16], domains[16]), Status.NO_DOMAIN_ID);
  t.is(domains[16].lookup(0x80), undefined);
  t.is(reads(16), "fault 5");
  t.is(reads(3), "0x1003000");
  t.is(system.quarantine(places[3]), Status.OK);
  t.is(system.assign(places[16], domains[16]), Status.OK);
  // All ids are taken, but the one that waits for its quarantine.
  t.is(system.assign(places[15], domains[15]), Status.NO_DOMAIN_ID);
  t.is(system.quarantine(places[16]), Status.OK);
  t.is(seen(hardware.dma(0x100 + 16 * 8, 0x80n * PAGE, 4, true)), "0x80000");
  t.is(system.assign(places[16], domains[16]), Status.OK);
  // The id is another's now, and nothing of the former one's is left under it.
  t.is(reads(16), "0x1010000");
  t.is(reads(3), "fault 2");
  t.deepEqual(hardware.cachedDisagreements(), []);
  system.removeDevice(places[16]);
  t.is(system.assign(places[15], domains[15]), Status.OK);
  t.is(system.assign(places[3], domains[3]), Status.OK);
});

test("VT-d: ids are the domains' own where there are enough, and never 0 in caching mode", (t) => {
  const all = new DomainIds(2 ** 16, false);
  t.deepEqual([all.acquire(5), all.acquire(0), all.of(5), all.of(6)], [5, 0, 5, undefined]);
  const caching = new DomainIds(2 ** 16, true);
  t.deepEqual([caching.acquire(5), caching.acquire(0)], [0xfffa, 0xffff]);
  t.is(caching.acquire(0xffff), undefined);
  const few = new DomainIds(16, true);
  t.deepEqual(
    Array.from({ length: 16 }, (_, domain) => few.acquire(1000 + domain)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, undefined],
  );
  few.release(1004);
  t.deepEqual([few.of(1004), few.acquire(7), few.of(7)], [undefined, 5, 5]);
  t.is(few.acquire(7), 5);
  few.release(7);
  t.is(few.of(7), 5);
});

test("AMD: units of two segments, each with its devices, hear of every flush", (t) => {
  const memory = newMemory();
  const hardware = [0, 1].map(() => new AmdIommuDevice(physicalMemory(memory)));
  const units = hardware.map((unit, segment) => amdUnit(memory, unit, { segment }));
  const system = new AmdSystem({ memory, freeQueue: new CpuFreeQueues(memory), units });
  const domain = system.createDomain({ id: 1 });
  for (const segment of [0, 1]) {
    t.is(system.addDevice(device(segment)), Status.OK);
    t.is(system.assign(deviceId(1, 0, segment), domain), Status.OK);
  }
  domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  const at = () => hardware.map((unit) => seen(unit.dma(REQUESTER, 0x10n * PAGE, 4, true)));
  t.deepEqual(at(), ["0x1000000", "0x1000000"]);
  domain.legacyUnmap(0x10, 1);
  t.deepEqual(at(), ["fault 2", "fault 2"]);
  t.is(system.addDevice(device(0)), Status.INVALID_ARGUMENT);
  t.throws(() => system.addDevice(device(7)), { instanceOf: PageTableError });
  t.deepEqual(
    system.readFaults().map(({ lines }) => lines.length > 0),
    [true, true],
  );
});

test("rings and tables of any size that the hardware knows", (t) => {
  for (const lg2 of [8, 11, 15]) {
    const { hardware, system, unit } = amdScene({
      unit: { commandsLg2: lg2, eventsLg2: lg2, lastRequester: 0xffff },
    });
    t.is(system.addDevice({ id: deviceId(0xff, 0xff) }), Status.OK);
    t.is(seen(hardware.dma(0xffff, 0n, 4, false)), "fault 2");
    for (let flush = 0; flush < 2 ** lg2; flush++) unit.flushPages(1, flush, 0);
    t.deepEqual(hardware.misuses(), []);
    t.is(system.readFaults()[0].lines.length, 2);
  }
  for (const queuePagesLg2 of [0, 3, 7]) {
    const { hardware, unit } = intelScene({ unit: { queuePagesLg2 } });
    for (let flush = 0; flush < 2 ** (queuePagesLg2 + 8); flush++) unit.flushPages(1, flush, 0, true);
    t.deepEqual([hardware.misuses(), hardware.faults()], [[], []]);
  }
  for (const directoryLg2 of [7, 14]) {
    const { unit, hardware } = scalableScene({ unit: { directoryLg2 } });
    const id = deviceId(1, 0);
    t.is(unit.attach({ id }, { root: 0, levels: 4, domainId: 1 }), Status.OK);
    const last = 2 ** (directoryLg2 + 6) - 1;
    t.is(unit.attachPasid({ id }, last, { stage: "none", levels: 4, domainId: 1 }), Status.OK);
    t.is(seen(hardware.dma(0x100, 0x5000n, 4, true, { pasid: last })), "0x5000");
    t.is(
      unit.attachPasid({ id }, last + 1, { stage: "none", levels: 4, domainId: 1 }),
      Status.INVALID_ARGUMENT,
    );
  }
  for (const make of [
    () => amdScene({ unit: { commandsLg2: 7 } }),
    () => amdScene({ unit: { eventsLg2: 16 } }),
    () => amdScene({ unit: { lastRequester: 0x1_0000 } }),
    () => intelScene({ unit: { queuePagesLg2: 8 } }),
    () => scalableScene({ unit: { directoryLg2: 6 } }),
  ]) {
    t.throws(make, { instanceOf: PageTableError, message: /INVALID_OPTION/ });
  }
});

test("a unit that somebody used before forgets everything when it is enabled", (t) => {
  const amd = amdScene();
  const vtd = intelScene();
  const scalable = scalableScene();
  const lead = ({ system, hardware }: typeof amd | typeof vtd | typeof scalable, dfn: number) => {
    const domain = system.createDomain({ id: 1 });
    system.addDevice(device(0));
    system.assign(deviceId(1, 0), domain);
    domain.legacyMap(dfn, 0x1000, 1, READ_WRITE);
    return seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true));
  };
  for (const scene of [amd, vtd, scalable]) t.is(lead(scene, 0x10), "0x1000000");
  for (const scene of [
    amdScene({ memory: amd.memory, made: amd.hardware }),
    intelScene({ memory: vtd.memory, made: vtd.hardware }),
    scalableScene({ memory: scalable.memory, made: scalable.hardware }),
  ]) {
    t.regex(seen(scene.hardware.dma(REQUESTER, 0x10n * PAGE, 4, true)), /^fault/);
    // The same id, the same device, another page.
    t.regex(lead(scene, 0x20), /^fault/);
    t.deepEqual(scene.hardware.cachedDisagreements(), []);
    t.deepEqual(scene.hardware.misuses(), []);
  }
});
