/** Requests that no unit, system or domain can serve: each is refused by its own name, and changes nothing. */
import test from "ava";
import { PageTableError, Status, TableMemory } from "../impl/common.js";
import { amdEntry } from "../impl/iommu/amd/entry.js";
import { AmdPaging } from "../impl/iommu/amd/paging.js";
import { AmdSystem } from "../impl/iommu/amd/system.js";
import { AmdUnit } from "../impl/iommu/amd/unit.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { IntelPaging } from "../impl/iommu/intel/paging.js";
import { ScalableUnit } from "../impl/iommu/intel/scalable-unit.js";
import { IntelSystem } from "../impl/iommu/intel/system.js";
import { IntelUnit } from "../impl/iommu/intel/unit.js";
import { QuarantineTable } from "../impl/iommu/quarantine-table.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { UnitMemory } from "../impl/iommu/unit-memory.js";
import type { DeviceId } from "../impl/iommu/vendor.js";
import { AmdIommuDevice, type PhysicalMemory, VtdUnitDevice } from "../models/iommu/index.js";
import { DEFAULT_CAPABILITY, DEFAULT_EXTENDED_CAPABILITY } from "../models/iommu/intel/registers.js";
import {
  afterEachStore,
  amdScene,
  deviceId,
  intelScene,
  newMemory,
  physicalMemory,
  processes,
  READ_WRITE,
  scalableScene,
  seen,
} from "./iommu-scene.js";

const WRITE = 2;
const GPU = { id: deviceId(2, 0x08), unity: [{ firstDfn: 0x100, lastDfn: 0x100, access: READ_WRITE }] };
const DISK = { id: deviceId(2, 0x10) };
const REQUESTER = 0x208;
const SNOOPS = 1n;
const SCALABLE_MODE = 1n << 43n;
const LEVELS_3_AND_4 = 6n << 8n;
const ID_COUNT = 7n;

function refusalOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof PageTableError || error instanceof UnitError) return error.code;
    throw error;
  }
}

const kinds = [
  { name: "AMD", scene: amdScene },
  { name: "VT-d", scene: intelScene },
  { name: "VT-d, scalable mode", scene: scalableScene },
] as const;

for (const { name, scene } of kinds) {
  test(`${name}: domains and devices that a system does not know, or has no place for`, (t) => {
    const { system } = scene();
    const domain = system.createDomain({ id: 7 });
    for (const id of [7, -1, 0x8000, Number.NaN]) {
      t.is(
        refusalOf(() => system.createDomain({ id })),
        "INVALID_ARGUMENT",
      );
    }
    const foreign = scene().system.createDomain({ id: 1 });
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.addDevice(GPU), Status.INVALID_ARGUMENT);
    const calls = [
      () => system.assign(GPU.id, foreign),
      () => system.destroyDomain(foreign),
      () => system.ownerOf(DISK.id),
      () => system.assign(DISK.id, domain),
      () => system.addDevice({ id: deviceId(2, 0x18, 1) }),
    ];
    for (const call of calls) t.is(refusalOf(call), "INVALID_ARGUMENT");
    t.is(system.ownerOf(GPU.id), undefined);
    t.is(system.quarantine(GPU.id), Status.OK);
  });

  test(`${name}: only the devices of the domain that ends are taken from their owner`, (t) => {
    const { hardware, system } = scene();
    const [first, second] = [1, 2].map((id) => system.createDomain({ id }));
    t.deepEqual([system.addDevice(GPU), system.addDevice(DISK)], [Status.OK, Status.OK]);
    t.deepEqual([system.assign(GPU.id, first), system.assign(DISK.id, second)], [Status.OK, Status.OK]);
    second.legacyMap(9, 0x900, 1, READ_WRITE);
    system.destroyDomain(first);
    t.is(system.ownerOf(GPU.id), undefined);
    t.is(system.ownerOf(DISK.id), second);
    t.is(seen(hardware.dma(0x210, 0x9000n, 4, true)), "0x900000");
  });

  test(`${name}: a unity range to be written only is not read`, (t) => {
    const { hardware, system } = scene();
    const device = { ...GPU, unity: [{ firstDfn: 0x100, lastDfn: 0x100, access: WRITE }] };
    t.is(system.addDevice(device), Status.OK);
    t.is(seen(hardware.dma(REQUESTER, 0x10_0000n, 4, true)), "0x100000");
    t.regex(seen(hardware.dma(REQUESTER, 0x10_0000n, 4, false)), /^fault/);
  });

  test(`${name}: a mistake of the platform's is no refusal, and reaches whoever called`, (t) => {
    const { memory, system } = scene();
    t.is(system.addDevice(GPU), Status.OK);
    const domain = system.createDomain({ id: 1 });
    const stop = afterEachStore(memory, () => {
      throw new TypeError("the platform's");
    });
    t.throws(() => system.assign(GPU.id, domain), { instanceOf: TypeError });
    stop();
    t.is(system.ownerOf(GPU.id), undefined);
  });

  test(`${name}: tables in a memory that the driver does not read are named as not readable`, (t) => {
    const { memory, tables, physical } = twoMemories();
    const vtdScene = scene === scalableScene ? scalableScene : intelScene;
    const options = { memory, system: { memory: tables } };
    const { hardware, system } =
      scene === amdScene
        ? amdScene({ ...options, made: new AmdIommuDevice(physical) })
        : vtdScene({ ...options, made: new VtdUnitDevice(physical) });
    const domain = system.createDomain({ id: 1 });
    t.is(system.addDevice(DISK), Status.OK);
    t.is(system.assign(DISK.id, domain), Status.OK);
    const [header, table, ...more] = system.dump(domain);
    t.regex(header, /^domain 1: 4 levels, root 0x9/);
    t.regex(table, /^ {2}table 0x9\w* of level 4 is not readable$/);
    t.deepEqual(more, []);
    t.regex(seen(hardware.dma(0x210, 0x9000n, 4, true)), /^fault/);
    const lines = system.readFaults().flatMap((report) => report.lines);
    t.regex(lines.join("\n"), /is not readable$/);
  });
}

/** The hardware reaches both memories; its driver is told of the first. */
function twoMemories() {
  const memory = newMemory();
  const tables = new TableMemory({ base: 0x9_0000_0000n, capacityBytes: 1 << 20 });
  const [near, far] = [memory, tables].map(physicalMemory);
  const of = (address: number) => (near.contains(address) ? near : far);
  const physical: PhysicalMemory = {
    contains: (address) => of(address).contains(address),
    read32: (address) => of(address).read32(address),
    write32: (address, value) => of(address).write32(address, value),
  };
  return { memory, tables, physical };
}

test("a device whose quarantine finds no memory is blocked, and its owner has it no more", (t) => {
  const { memory, hardware, system } = scalableScene({ system: { quarantine: "scratch-page" } });
  t.is(system.addDevice(DISK), Status.OK);
  for (const end of ["quarantine", "destroy"] as const) {
    const domain = system.createDomain({ id: 1 });
    t.is(system.assign(DISK.id, domain), Status.OK);
    memory.failNextAllocation(1);
    if (end === "quarantine") t.is(system.quarantine(DISK.id), Status.OUT_OF_MEMORY);
    else system.destroyDomain(domain);
    t.is(system.ownerOf(DISK.id), undefined);
    t.regex(seen(hardware.dma(0x210, 0x9000n, 4, true)), /^fault/);
    if (end === "quarantine") system.destroyDomain(domain);
  }
  t.deepEqual(hardware.misuses(), []);
});

test("VT-d: a unit with 16 ids has none for the 17th", (t) => {
  const system = { quarantine: "scratch-page" } as const;
  const scene = intelScene({ system, hardware: { capability: DEFAULT_CAPABILITY & ~ID_COUNT } });
  const devices = Array.from({ length: 17 }, (_, at) => ({ id: deviceId(1, at) }));
  const live: number[] = [];
  const statuses = devices.map((device) => {
    const status = scene.system.addDevice(device);
    live.push(scene.memory.liveFrames);
    return status;
  });
  t.deepEqual(statuses, [...Array(16).fill(Status.OK), Status.NO_DOMAIN_ID]);
  t.is(live[16], live[15]);
  const domain = scene.system.createDomain({ id: 1 });
  t.is(scene.system.assign(devices[0].id, domain), Status.NO_DOMAIN_ID);
  t.is(scene.system.ownerOf(devices[0].id), undefined);
  scene.system.removeDevice(devices[15].id);
  t.is(scene.system.assign(devices[0].id, domain), Status.OK);
});

test("systems without units, or with units that lack what is asked for", (t) => {
  const memory = newMemory();
  const freeQueue = new CpuFreeQueues(memory);
  const { unit: amd } = amdScene();
  const { unit: deaf } = intelScene({
    hardware: { extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~SNOOPS },
    unit: { writeBack: () => {} },
    system: { incoherent: () => {} },
  });
  const calls = [
    () => new AmdSystem({ memory, freeQueue, units: [] }),
    () => new AmdSystem({ memory, freeQueue, units: [amd], addressBits: 80 }),
    () => new IntelSystem({ memory, freeQueue, units: [] }),
    () => new IntelSystem({ memory, freeQueue, units: [deaf] }),
  ];
  for (const call of calls) t.is(refusalOf(call), "INVALID_OPTION");
});

test("a device is behind the unit that the system is told", (t) => {
  for (const scene of [amdScene, intelScene]) {
    const asked: number[] = [];
    const unitOf = ({ devfn }: DeviceId) => {
      asked.push(devfn);
      return undefined;
    };
    const { hardware, system } = scene({ system: { unitOf } });
    t.is(
      refusalOf(() => system.addDevice(DISK)),
      "INVALID_ARGUMENT",
    );
    t.deepEqual(asked, [0x10]);
    t.regex(seen(hardware.dma(0x210, 0n, 4, true)), /^fault/);
  }
});

test("units that a driver cannot run", (t) => {
  const memory = newMemory();
  const create = (Unit: typeof IntelUnit | typeof ScalableUnit, hardware: object, options = {}) => {
    const device = new VtdUnitDevice(physicalMemory(memory), hardware);
    return refusalOf(() => Unit.create({ memory, registers: device, relax: processes(device), ...options }));
  };
  t.is(create(IntelUnit, { capability: DEFAULT_CAPABILITY & ~LEVELS_3_AND_4 }), "UNSUPPORTED");
  const deaf = { extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~SNOOPS };
  t.is(create(IntelUnit, deaf), "UNSUPPORTED");
  t.is(create(IntelUnit, deaf, { writeBack: () => {} }), undefined);
  t.is(create(IntelUnit, {}, { queuePagesLg2: 8 }), "INVALID_OPTION");
  t.is(
    create(ScalableUnit, { extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~SCALABLE_MODE }),
    "UNSUPPORTED",
  );
  t.is(create(ScalableUnit, {}, { withoutQueue: true }), "UNSUPPORTED");
  t.is(create(ScalableUnit, {}, { directoryLg2: 40 }), "INVALID_OPTION");
  const { hardware: registers } = amdScene({ memory });
  const relax = () => {};
  t.is(
    refusalOf(() => AmdUnit.create({ memory, registers, relax, lastRequester: 0x1_0000 })),
    "INVALID_OPTION",
  );
});

test("page tables of a shape that no unit walks", (t) => {
  const memory = newMemory();
  const common = { memory, freeQueue: new CpuFreeQueues(memory) };
  for (const levels of [1, 7]) {
    t.is(
      refusalOf(() => new AmdPaging({ ...common, levels })),
      "INVALID_OPTION",
    );
  }
  for (const pageSizes of [0x20_0000n, 0x3000n, 0n]) {
    t.is(
      refusalOf(() => new AmdPaging({ ...common, levels: 4, pageSizes })),
      "INVALID_OPTION",
    );
  }
  const far = { firstDfn: 2 ** 27, lastDfn: 2 ** 27, access: READ_WRITE };
  const unitMemory = new UnitMemory({ memory });
  const before = memory.liveFrames;
  const shape = { memory: unitMemory, codec: amdEntry, levels: 3, scratchPage: false };
  t.is(QuarantineTable.create({ ...shape, unity: [far] }), undefined);
  t.is(memory.liveFrames, before);
});

test("tables of which no page sizes are said have those of every unit", (t) => {
  const memory = newMemory();
  const common = { memory, freeQueue: new CpuFreeQueues(memory) };
  for (const levels of [2, 3, 4]) {
    const owed = { flags: 0 };
    const tables = [new AmdPaging({ ...common, levels })];
    for (const paging of tables) {
      t.is(paging.mapPage(0x200, 0x400, 9, READ_WRITE, owed), Status.OK);
      t.is(paging.lookupPage(0x3ff)?.mfn, 0x5ff);
      const huge = paging.mapPage(0x4_0000, 0x4_0000, 18, READ_WRITE, owed);
      t.is(huge, levels > 2 ? Status.OK : Status.INVALID_ARGUMENT);
      paging.destroy();
    }
  }
  const vtd = new IntelPaging({ ...common, levels: 4, minLevels: 4, forcesSnooping: false });
  t.is(vtd.mapPage(0x4_0000, 0x4_0000, 18, READ_WRITE, { flags: 0 }), Status.OK);
});
