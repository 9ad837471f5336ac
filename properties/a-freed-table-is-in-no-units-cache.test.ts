/**
 * A domain whose devices are behind several units: a table is freed only after every one of them was told to forget
 * it, and none of them finds by it what was mapped before.
 */
import test from "ava";
import { Status, type TableMemory } from "../impl/common.js";
import { AmdSystem } from "../impl/iommu/amd/system.js";
import { CpuFreeQueues } from "../impl/iommu/free-queues.js";
import { IntelSystem } from "../impl/iommu/intel/system.js";
import { IntelUnit } from "../impl/iommu/intel/unit.js";
import { exchangeWithinThread } from "../impl/iommu/unit-memory.js";
import { AmdIommuDevice, type IommuHardware, VtdUnitDevice } from "../models/iommu/index.js";
import { Random } from "../models/random.js";
import {
  amdUnit,
  deviceId,
  newMemory,
  PAGE,
  physicalMemory,
  processes,
  READ_WRITE,
  seen,
} from "./iommu-scene.js";

const STEPS = 150;
const SEGMENTS = [0, 1, 2];
const REQUESTER = 0x100;
/** Far from the tables. */
const FRAMES = 0x80_0000;
const PLACES = [0, 0x1ff, 0x200, 0x3ff, 0x4_0000, 0x4_0200];
const LENGTHS = [1, 3, 0x200, 0x400, 0x4_0000];

interface Machine {
  readonly memory: TableMemory;
  readonly queues: CpuFreeQueues;
  readonly hardware: readonly IommuHardware[];
  readonly system: AmdSystem | IntelSystem;
}

function amdMachine(): Machine {
  const memory = newMemory();
  const queues = new CpuFreeQueues(memory);
  const hardware = SEGMENTS.map(() => new AmdIommuDevice(physicalMemory(memory)));
  const units = hardware.map((device, segment) => amdUnit(memory, device, { segment }));
  return { memory, queues, hardware, system: new AmdSystem({ memory, freeQueue: queues, units }) };
}

function intelMachine(): Machine {
  const memory = newMemory();
  const queues = new CpuFreeQueues(memory);
  const hardware = SEGMENTS.map(() => new VtdUnitDevice(physicalMemory(memory)));
  const units = hardware.map((registers, segment) => {
    const relax = processes(registers);
    const unit = IntelUnit.create({ memory, registers, relax, exchange128: exchangeWithinThread, segment });
    if (unit === undefined) throw new Error("no memory for the unit");
    unit.enable();
    return unit;
  });
  return { memory, queues, hardware, system: new IntelSystem({ memory, freeQueue: queues, units }) };
}

for (const [name, machine] of [
  ["AMD", amdMachine],
  ["VT-d", intelMachine],
] as const) {
  test(`${name}: three units, ${STEPS} steps`, (t) => {
    const { memory, queues, hardware, system } = machine();
    const random = Random.fromSeed(name);
    const domain = system.createDomain({ id: 1 });
    for (const segment of SEGMENTS) {
      const id = deviceId(1, 0, segment);
      t.is(system.addDevice({ id }), Status.OK);
      t.is(system.assign(id, domain), Status.OK);
    }
    const early: string[] = [];
    memory.observer = {
      stored: () => {},
      storedPair: () => {},
      allocated: () => {},
      quarantined: () => {},
      published: () => {},
      released: (word) => {
        const address = Number(memory.addressOf(word));
        for (const [unit, device] of hardware.entries()) {
          if (device.usesFrame(address)) early.push(`unit ${unit}: 0x${address.toString(16)}`);
        }
      },
    };
    const pick = (numbers: readonly number[]) => numbers[random.below(numbers.length)];
    for (let step = 0; step < STEPS; step++) {
      const dfn = pick(PLACES);
      const pages = pick(LENGTHS);
      if (random.below(2) === 0) domain.legacyUnmap(dfn, pages);
      else domain.legacyMap(dfn, FRAMES + dfn, pages, READ_WRITE);
      queues.runFreeing(0);
      for (const place of PLACES) {
        const page = domain.lookup(place);
        for (const unit of hardware) {
          const found = seen(unit.dma(REQUESTER, BigInt(place) * PAGE, 4, true));
          if (page === undefined) t.regex(found, /^fault/);
          else t.is(found, `0x${(page.mfn * 4096).toString(16)}`);
        }
      }
      for (const unit of hardware) t.deepEqual(unit.cachedDisagreements(), []);
      t.deepEqual(early, []);
    }
    t.true(queues.freedFrames > 20);
  });
}
