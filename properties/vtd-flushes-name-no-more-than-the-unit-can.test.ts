/**
 * A VT-d unit is asked for pages where it can name them, else for the domain; each request has a wait of its own, and
 * what a unit does not remember, it is not asked to forget.
 */
import test from "ava";
import { Status, type TableMemory } from "../impl/common.js";
import { FlushFlag } from "../impl/iommu/flush.js";
import type { RegisterAccess } from "../impl/iommu/hardware.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { ReplacingTable } from "../impl/stamps/vtd-second-stage-replacing.observed.stamp.js";
import { NonCoherentMemory, VtdUnitDevice, type VtdUnitOptions } from "../models/iommu/index.js";
import { DEFAULT_CAPABILITY, DEFAULT_EXTENDED_CAPABILITY } from "../models/iommu/intel/registers.js";
import { deviceId, intelScene, newMemory, PAGE, physicalMemory, READ_WRITE, seen } from "./iommu-scene.js";

const QUEUE_HEAD = 0x80;
const QUEUE_TAIL = 0x88;
const QUEUE_ADDRESS = 0x90;
const DEVICE = { id: deviceId(1, 0) };
const WRITE_BUFFER = 1n << 4n;
const CACHING_MODE = 1n << 7n;
const PAGE_SELECTIVE = 1n << 39n;
const COHERENT = 1n;
const QUEUE = 1n << 1n;

/** The registers of a unit, and each descriptor at the moment when the hardware is told of it. */
function listeningRegisters(
  memory: TableMemory,
  hardware: VtdUnitDevice,
  hears: (words: Int32Array) => void,
): RegisterAccess {
  return {
    read32: (offset) => hardware.read32(offset),
    write32: (offset, value) => hardware.write32(offset, value),
    read64: (offset) => hardware.read64(offset),
    write64: (offset, value) => {
      if (offset === QUEUE_TAIL && value !== hardware.read64(QUEUE_TAIL)) {
        const base = Number(hardware.read64(QUEUE_ADDRESS) & 0xf_ffff_ffff_f000n);
        const word = (base + Number(hardware.read64(QUEUE_TAIL)) - Number(memory.base)) / 4;
        hears(memory.words.subarray(word, word + 4));
      }
      hardware.write64(offset, value);
    },
  };
}

const TYPES = ["", "context", "iotlb", "device-tlb", "interrupts", "wait"];

/** A domain with a device; what the unit hears is `iotlb domain`, `iotlb page 9`, `wait` and so on. */
function heardScene(hardwareOptions: VtdUnitOptions = {}) {
  const memory = newMemory();
  const hardware = new VtdUnitDevice(physicalMemory(memory), hardwareOptions);
  const heard: string[] = [];
  const registers = listeningRegisters(memory, hardware, ([low, , address]) => {
    const scope = ["", "all", "domain", "page"][(low >>> 4) & 3];
    const order = scope === "page" ? ` ${address & 0x3f}` : "";
    heard.push(TYPES[low & 0xf] + ((low & 0xf) === 2 ? ` ${scope}${order}` : ""));
  });
  const scene = intelScene({ memory, unit: { registers }, made: hardware });
  const domain = scene.system.createDomain({ id: 1 });
  scene.system.addDevice(DEVICE);
  scene.system.assign(DEVICE.id, domain);
  heard.length = 0;
  return { ...scene, hardware, heard, domain };
}

const { added, modified, all } = FlushFlag;
const ranges: readonly (readonly [dfn: number, pages: number, flags: number, heard: string])[] = [
  [0x10, 1, modified, "iotlb page 0"],
  [0x200, 0x200, modified | added, "iotlb page 9"],
  [0x4_0000, 0x4_0000, modified, "iotlb page 18"],
  [0x8_0000, 0x8_0000, modified, "iotlb domain"],
  [0x10, 3, modified, "iotlb domain"],
  [0x11, 2, modified, "iotlb domain"],
  [0x10, 1, modified | all, "iotlb domain"],
  [0x10, 3, added, "iotlb domain"],
];
for (const [dfn, pages, flags, command] of ranges) {
  test(`${pages} pages from ${dfn}, flags ${flags}: ${command}, and a wait`, (t) => {
    const { domain, heard } = heardScene();
    t.is(domain.flush(dfn, pages, flags), Status.OK);
    t.deepEqual(heard, [command, "wait"]);
  });
}

test("what was not there before is remembered in caching mode only", (t) => {
  const plain = heardScene();
  t.is(plain.domain.flush(0x10, 1, added), Status.OK);
  t.is(plain.domain.flush(0x10, 0, modified), Status.OK);
  t.is(plain.domain.flush(0x10, 1, 0), Status.OK);
  t.deepEqual(plain.heard, []);
  const caching = heardScene({ capability: DEFAULT_CAPABILITY | CACHING_MODE });
  t.is(seen(caching.hardware.dma(0x100, 0x10n * PAGE, 4, false)), "fault 6");
  caching.domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  t.deepEqual(caching.heard, ["iotlb page 0", "wait"]);
  t.is(seen(caching.hardware.dma(0x100, 0x10n * PAGE, 4, false)), "0x1000000");
});

test("a unit that cannot name pages is asked for the domain", (t) => {
  const { domain, heard } = heardScene({ capability: DEFAULT_CAPABILITY & ~PAGE_SELECTIVE });
  t.is(domain.flush(0x10, 1, modified), Status.OK);
  t.deepEqual(heard, ["iotlb domain", "wait"]);
});

test("a unit without a device of the domain is not asked", (t) => {
  const { system, domain, heard } = heardScene();
  system.quarantine(DEVICE.id);
  heard.length = 0;
  t.is(domain.flush(0x10, 1, modified), Status.OK);
  t.deepEqual(heard, []);
});

test("a flush returns with an empty queue, however slow the hardware, over many laps of it", (t) => {
  const { domain, hardware } = heardScene({ waits: true });
  for (let lap = 0; lap < 600; lap++) {
    t.is(domain.flush(lap, 1, modified), Status.OK);
    t.is(hardware.read64(QUEUE_HEAD), hardware.read64(QUEUE_TAIL));
  }
  t.deepEqual(hardware.misuses(), []);
});

test("a queue with an error is no flush", (t) => {
  const memory = newMemory();
  const hardware = new VtdUnitDevice(physicalMemory(memory));
  let spoils = false;
  const registers = listeningRegisters(memory, hardware, (words) => {
    if (spoils) words[0] |= 0xf;
  });
  const { system } = intelScene({ memory, unit: { registers }, made: hardware });
  const domain = system.createDomain({ id: 1 });
  system.addDevice(DEVICE);
  system.assign(DEVICE.id, domain);
  spoils = true;
  t.is(domain.flush(0x10, 1, modified), Status.HARDWARE_STOPPED);
  t.true(domain.isCrashed);
});

test("a unit without a queue is asked by its registers, if its version has them, and is given its time", (t) => {
  const extendedCapability = DEFAULT_EXTENDED_CAPABILITY & ~QUEUE;
  const { hardware, system } = intelScene({ hardware: { extendedCapability, lateCommands: true } });
  const domain = system.createDomain({ id: 1 });
  system.addDevice(DEVICE);
  system.assign(DEVICE.id, domain);
  for (const pages of [1, 512, 3]) {
    domain.legacyMap(0x200, 0x1000, pages, READ_WRITE);
    t.is(seen(hardware.dma(0x100, 0x200n * PAGE, 4, false)), "0x1000000");
    domain.legacyUnmap(0x200, pages);
    t.is(seen(hardware.dma(0x100, 0x200n * PAGE, 4, false)), "fault 6");
  }
  t.deepEqual(hardware.cachedDisagreements(), []);
  t.deepEqual(hardware.misuses(), []);
  t.throws(() => intelScene({ hardware: { extendedCapability, version: 0x60 } }), {
    instanceOf: UnitError,
    message: /UNSUPPORTED/,
  });
});

/** A unit that sees a store only once it was written back, or once the write buffer was flushed. */
function incoherentScene(hardwareOptions: VtdUnitOptions, writesBack: boolean) {
  const memory = newMemory();
  const first = Number(memory.base);
  const tables = new NonCoherentMemory(physicalMemory(memory));
  memory.observer = {
    stored: (word, old) => tables.stored(first + word * 4, old),
    storedPair: (word, oldLow, oldHigh) => {
      tables.stored(first + word * 4, oldLow);
      tables.stored(first + word * 4 + 4, oldHigh);
    },
    allocated: (word, frameLg2) => tables.zeroed(first + word * 4, -1, 2 ** frameLg2),
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
  const hardware = new VtdUnitDevice(physicalMemory(memory), { ...hardwareOptions, tables });
  const writeBack = (address: number, bytes: number) => {
    if (writesBack) tables.cleaned(address, bytes);
  };
  const incoherent = (address: bigint, bytes: number) => writeBack(Number(address), bytes);
  return intelScene({
    memory,
    unit: { writeBack },
    system: { incoherent, Table: ReplacingTable },
    made: hardware,
  });
}

const incoherent: readonly (readonly [string, VtdUnitOptions, boolean])[] = [
  ["does not snoop", { extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~COHERENT }, true],
  ["buffers writes", { capability: DEFAULT_CAPABILITY | WRITE_BUFFER }, false],
  [
    "buffers writes and takes its time",
    { capability: DEFAULT_CAPABILITY | WRITE_BUFFER, lateCommands: true },
    false,
  ],
];
for (const [what, options, writesBack] of incoherent) {
  test(`a unit that ${what} sees every table that a call has returned`, (t) => {
    const { hardware, system } = incoherentScene(options, writesBack);
    const [first, second] = [system.createDomain({ id: 1 }), system.createDomain({ id: 2 })];
    system.addDevice({ ...DEVICE, unity: [{ firstDfn: 0x30, lastDfn: 0x30, access: READ_WRITE }] });
    const at = (dfn: bigint) => seen(hardware.dma(0x100, dfn * PAGE, 4, true));
    t.is(at(0x30n), "0x30000");
    t.is(system.assign(DEVICE.id, first), Status.OK);
    for (const [dfn, mfn, pages] of [
      [0x200, 0x1000, 0x200],
      [0x10, 0x2000, 1],
    ] as const) {
      first.legacyMap(dfn, mfn, pages, READ_WRITE);
      t.is(at(BigInt(dfn)), `0x${mfn.toString(16)}000`);
    }
    first.legacyUnmap(0x205, 1);
    t.deepEqual([at(0x204n), at(0x205n)], ["0x1004000", "fault 5"]);
    t.is(system.assign(DEVICE.id, second), Status.OK);
    t.deepEqual([at(0x10n), at(0x30n)], ["fault 5", "0x30000"]);
    t.deepEqual(hardware.misuses(), []);
  });
}
