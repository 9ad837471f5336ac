/**
 * Units, devices, domains and PASIDs, with their first, second, third … allocation failing, until none fails any more.
 * What failed is refused by name, and done again it costs exactly what it costs where nothing fails: no frame is lost.
 */
import test, { type ExecutionContext } from "ava";
import { PageTableError, Status, type TableMemory } from "../impl/common.js";
import { GuestCr3Table } from "../impl/iommu/amd/guest-cr3.js";
import { AmdUnit } from "../impl/iommu/amd/unit.js";
import type { SystemDevice } from "../impl/iommu/device-system.js";
import { ScalableUnit } from "../impl/iommu/intel/scalable-unit.js";
import { IntelUnit } from "../impl/iommu/intel/unit.js";
import { UnitMemory } from "../impl/iommu/unit-memory.js";
import { NO_FRAME } from "../impl/memory/frame-books.js";
import { AmdIommuDevice, VtdUnitDevice } from "../models/iommu/index.js";
import { DEFAULT_CAPABILITY } from "../models/iommu/intel/registers.js";
import {
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

/** More allocations than any of these makes. */
const FAILURES_AT_MOST = 64;
const FOUR_LEVELS = 4n << 8n;
const DEVICE: SystemDevice = {
  id: deviceId(2, 0x08),
  phantomStride: 4,
  atsQueueDepth: 4,
  unity: [
    { firstDfn: 0x1ff, lastDfn: 0x200, access: READ_WRITE },
    { firstDfn: 0x4_0000, lastDfn: 0x4_0000, access: READ_WRITE },
  ],
};
const SCRATCH = { system: { quarantine: "scratch-page" } } as const;
const THREE_LEVELS = { hardware: { capability: DEFAULT_CAPABILITY & ~FOUR_LEVELS } };

interface Attempt {
  readonly memory: TableMemory;
  /** False: refused for want of memory. Anything else that goes wrong throws. */
  act(): boolean;
}

function isDone(status: Status): boolean {
  if (status !== Status.OK && status !== Status.OUT_OF_MEMORY) throw new Error(`status ${status}`);
  return status === Status.OK;
}

function checkEveryFailure(t: ExecutionContext, prepare: () => Attempt, fewest: number): void {
  const clean = prepare();
  t.true(clean.act());
  for (let nth = 1; nth <= FAILURES_AT_MOST; nth++) {
    const { memory, act } = prepare();
    memory.failNextAllocation(nth);
    const isEnough = act();
    memory.failNextAllocation(0);
    if (!isEnough) t.true(act(), `after allocation ${nth} failed`);
    t.is(memory.liveFrames, clean.memory.liveFrames, `after allocation ${nth} failed`);
    if (!isEnough) continue;
    t.true(nth > fewest, `${nth - 1} allocations`);
    return;
  }
  t.fail("the allocations do not end");
}

const systems = [
  { name: "AMD", scene: () => amdScene(SCRATCH) },
  { name: "VT-d", scene: () => intelScene(SCRATCH) },
  { name: "VT-d, 3 levels", scene: () => intelScene({ ...SCRATCH, ...THREE_LEVELS }) },
  { name: "VT-d, scalable mode", scene: () => scalableScene(SCRATCH) },
] as const;

for (const { name, scene } of systems) {
  test(`${name}: a device is added`, (t) => {
    const prepare = () => {
      const { memory, system } = scene();
      return { memory, act: () => isDone(system.addDevice(DEVICE)) };
    };
    checkEveryFailure(t, prepare, 6);
  });

  test(`${name}: a device is assigned, and is nobody's until it is`, (t) => {
    const prepare = () => {
      const { memory, queues, system } = scene();
      system.addDevice(DEVICE);
      const domain = system.createDomain({ id: 1 });
      const act = () => {
        const done = isDone(system.assign(DEVICE.id, domain));
        t.is(system.ownerOf(DEVICE.id), done ? domain : undefined);
        // What a failed attempt mapped and took back waits for an idle CPU.
        while (queues.isScheduled(0)) queues.runFreeing(0);
        return done;
      };
      return { memory, act };
    };
    checkEveryFailure(t, prepare, 3);
  });
}

test("VT-d, 3 levels: a domain is made", (t) => {
  const prepare = () => {
    const { memory, system } = intelScene(THREE_LEVELS);
    const act = () => {
      try {
        system.createDomain({ id: 1 });
        return true;
      } catch (error) {
        t.true(error instanceof PageTableError && error.code === "OUT_OF_MEMORY");
        return false;
      }
    };
    return { memory, act };
  };
  checkEveryFailure(t, prepare, 1);
});

test("AMD: a unit is made", (t) => {
  const prepare = () => {
    const memory = newMemory();
    const hardware = new AmdIommuDevice(physicalMemory(memory));
    const options = { memory, registers: hardware, relax: processes(hardware), lastRequester: 0x3ff };
    return { memory, act: () => AmdUnit.create(options) !== undefined };
  };
  checkEveryFailure(t, prepare, 3);
});

for (const Unit of [IntelUnit, ScalableUnit]) {
  test(`VT-d: an ${Unit.name} is made`, (t) => {
    const prepare = () => {
      const memory = newMemory();
      const hardware = new VtdUnitDevice(physicalMemory(memory));
      const options = { memory, registers: hardware, relax: processes(hardware) };
      return { memory, act: () => Unit.create(options) !== undefined };
    };
    checkEveryFailure(t, prepare, 1);
  });
}

test("AMD: a table of guest CR3s is made, and a PASID set", (t) => {
  const prepare = () => {
    const memory = newMemory();
    let table: GuestCr3Table | undefined;
    const act = () => {
      table ??= GuestCr3Table.create(new UnitMemory({ memory }), 3);
      if (table === undefined) return false;
      const done = isDone(table.set(0x54321, 0x7000));
      t.deepEqual([...table.present()], done ? [0x54321] : []);
      t.is(table.get(0x54321), done ? 0x7000 : undefined);
      return done;
    };
    return { memory, act };
  };
  checkEveryFailure(t, prepare, 2);
});

test("VT-d: a PASID is attached", (t) => {
  const prepare = () => {
    const { memory, unit, system } = scalableScene();
    system.addDevice(DEVICE);
    const first = { stage: "first", root: 0x5000, levels: 4, domainId: 9 } as const;
    return { memory, act: () => isDone(unit.attachPasid(DEVICE, 77, first)) };
  };
  checkEveryFailure(t, prepare, 0);
});

/** Takes every frame that is left. */
function exhaust(memory: TableMemory): void {
  const hog = new UnitMemory({ memory });
  while (hog.allocate() !== NO_FRAME);
}

const plainDevice: SystemDevice = { id: deviceId(2, 0x10) };

for (const { name, scene } of [
  { name: "AMD", scene: amdScene },
  { name: "VT-d", scene: intelScene },
] as const) {
  test(`${name}: a domain without any table takes no device`, (t) => {
    const { memory, system } = scene({});
    system.addDevice(plainDevice);
    const domain = system.createDomain({ id: 1 });
    exhaust(memory);
    t.is(system.assign(plainDevice.id, domain), Status.OUT_OF_MEMORY);
    t.is(system.ownerOf(plainDevice.id), undefined);
  });

  test(`${name}: unity ranges inside larger pages stay when there is no memory to split those, and that is said`, (t) => {
    const { memory, hardware, system } = scene({});
    system.addDevice(DEVICE);
    const domain = system.createDomain({ id: 1 });
    t.is(system.assign(DEVICE.id, domain), Status.OK);
    const owed = { flags: 0 };
    for (const [first, pages] of [
      [0, 0x1ff],
      [0x201, 0x1ff],
      [0x4_0001, 0x1ff],
    ])
      domain.map(first, first, pages, READ_WRITE, owed);
    // All of it in pages of 2 MiB: the root, the table below it, and one for each GiB.
    t.is(domain.tableCount, 4);
    domain.flushAll(owed.flags);
    exhaust(memory);
    t.is(system.quarantine(DEVICE.id), Status.PAGES_LEFT_BEHIND);
    t.is(system.ownerOf(DEVICE.id), undefined);
    t.is(domain.lookup(0x4_0000)?.mfn, 0x4_0000);
    t.regex(seen(hardware.dma(0x208, 0x4000_1000n, 4, true)), /^fault/);
  });

  test(`${name}: a device of a domain that ends is blocked where the hardware domain finds no memory for it`, (t) => {
    const { memory, hardware, system } = scene({ system: { quarantine: "none" } });
    system.addDevice(plainDevice);
    system.createDomain({ id: 0, isHardware: true });
    const domain = system.createDomain({ id: 1 });
    t.is(system.assign(plainDevice.id, domain), Status.OK);
    domain.map(5, 5, 1, READ_WRITE, { flags: 0 });
    exhaust(memory);
    system.destroyDomain(domain);
    t.is(system.ownerOf(plainDevice.id), undefined);
    t.regex(seen(hardware.dma(0x210, 0x5000n, 4, true)), /^fault/);
  });
}
