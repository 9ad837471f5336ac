/**
 * A flush is the commands that it needs and a wait, and returns when the hardware has done them: not before, not when
 * the hardware stopped, not after a while.
 */
import test from "ava";
import { Status, type TableMemory } from "../impl/common.js";
import { FlushFlag } from "../impl/iommu/flush.js";
import type { RegisterAccess } from "../impl/iommu/hardware.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { AmdIommuDevice, VtdUnitDevice } from "../models/iommu/index.js";
import {
  amdScene,
  amdUnit,
  deviceId,
  intelScene,
  newMemory,
  PAGE,
  physicalMemory,
  READ_WRITE,
  seen,
} from "./iommu-scene.js";

const COMMAND_BASE = 0x0008;
const COMMAND_TAIL = 0x2008;
const COMMAND_HEAD = 0x2000;
const DEVICE = { id: deviceId(1, 0) };
const CACHING = { id: deviceId(1, 0), atsQueueDepth: 8 };

/** The registers of a unit, and each command at the moment when the hardware is told of it. */
function listeningRegisters(
  memory: TableMemory,
  hardware: AmdIommuDevice,
  hears: (words: Int32Array) => void,
): RegisterAccess {
  return {
    read32: (offset) => hardware.read32(offset),
    write32: (offset, value) => hardware.write32(offset, value),
    read64: (offset) => hardware.read64(offset),
    write64: (offset, value) => {
      if (offset === COMMAND_TAIL && value !== hardware.read64(COMMAND_TAIL)) {
        const base = Number(hardware.read64(COMMAND_BASE) & 0xf_ffff_ffff_f000n);
        const word = (base + Number(hardware.read64(COMMAND_TAIL)) - Number(memory.base)) / 4;
        hears(memory.words.subarray(word, word + 4));
      }
      hardware.write64(offset, value);
    },
  };
}

/** A scene whose commands are heard, named by their opcodes; 1 is a wait. */
function heardScene(options: { waits?: boolean; units?: number; features?: bigint } = {}) {
  const memory = newMemory();
  const heard: string[] = [];
  const count = options.units ?? 1;
  const hardware = Array.from(
    { length: count },
    () =>
      new AmdIommuDevice(physicalMemory(memory), {
        waits: options.waits,
        extendedFeatures: options.features,
      }),
  );
  const units = hardware.map((device, index) => {
    const registers = listeningRegisters(memory, device, ([, d1, d2]) => {
      const size = d2 & 3;
      heard.push(`${index}:${d1 >>> 28}${d1 >>> 28 === 3 || d1 >>> 28 === 4 ? `/${size}` : ""}`);
    });
    return amdUnit(memory, device, { registers });
  });
  const scene = amdScene({ memory, system: { units } });
  heard.length = 0;
  return { ...scene, hardware, heard };
}

test("nothing owed is no command, and what was added needs none", (t) => {
  const { system, heard } = heardScene();
  const domain = system.createDomain({ id: 1 });
  t.is(domain.flush(0x10, 1, 0), Status.OK);
  t.is(domain.flush(0x10, 0, FlushFlag.modified), Status.OK);
  t.is(domain.flush(0x10, 1, FlushFlag.added), Status.OK);
  t.is(domain.flushAll(0), Status.OK);
  t.is(domain.flushAll(FlushFlag.added), Status.OK);
  t.deepEqual(heard, []);
});

const sizes: readonly (readonly [dfn: number, pages: number, flags: number, command: string])[] = [
  [0x10, 1, FlushFlag.modified, "3/0"],
  [0x10, 2, FlushFlag.modified | FlushFlag.added, "3/3"],
  [0x200, 0x200, FlushFlag.modified, "3/3"],
  [0x10, 1, FlushFlag.modified | FlushFlag.all, "3/3"],
];
for (const [dfn, pages, flags, command] of sizes) {
  test(`${pages} pages from ${dfn}, flags ${flags}: every unit hears it and a wait`, (t) => {
    const { system, heard } = heardScene({ units: 2 });
    const domain = system.createDomain({ id: 1 });
    t.is(domain.flush(dfn, pages, flags), Status.OK);
    t.deepEqual(heard, [`0:${command}`, "0:1", `1:${command}`, "1:1"]);
  });
}

test("hardware that remembers what is not mapped hears of what was added", (t) => {
  const scene = amdScene({ hardware: { cachesNotPresent: true }, system: { cachesNotPresent: true } });
  const domain = scene.system.createDomain({ id: 1 });
  scene.system.addDevice(DEVICE);
  scene.system.assign(DEVICE.id, domain);
  t.is(seen(scene.hardware.dma(0x100, 0x10n * PAGE, 4, false)), "fault 2");
  domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  t.is(seen(scene.hardware.dma(0x100, 0x10n * PAGE, 4, false)), "0x1000000");
});

test("a flush returns with an empty ring, however slow the hardware, over many laps of it", (t) => {
  const { system, hardware } = heardScene({ waits: true });
  const domain = system.createDomain({ id: 1 });
  for (let lap = 0; lap < 600; lap++) {
    t.is(domain.flush(lap, 1, FlushFlag.modified), Status.OK);
    t.is(hardware[0].read64(COMMAND_HEAD), hardware[0].read64(COMMAND_TAIL));
  }
  t.deepEqual(hardware[0].misuses(), []);
  t.deepEqual(hardware[0].faults(), []);
});

test("a full ring is waited for: without one command for everything, every entry and domain has its own", (t) => {
  const memory = newMemory();
  const hardware = new AmdIommuDevice(physicalMemory(memory), { waits: true, extendedFeatures: 0n });
  let fullest = 0;
  const opcodes = [0, 0, 0, 0, 0];
  const registers = listeningRegisters(memory, hardware, ([, d1]) => {
    opcodes[d1 >>> 28]++;
    const used = Number(hardware.read64(COMMAND_TAIL)) - Number(hardware.read64(COMMAND_HEAD));
    fullest = Math.max(fullest, ((used + 4096) % 4096) / 16);
  });
  amdUnit(memory, hardware, { registers });
  t.deepEqual(opcodes, [0, 1, 1024, 65536, 0]);
  // One place is never used, and the last command's place was free when it was sent.
  t.is(fullest, 254);
  t.deepEqual(hardware.misuses(), []);
});

test("a ring that stopped is an error, not a flush", (t) => {
  const memory = newMemory();
  const hardware = new AmdIommuDevice(physicalMemory(memory));
  let spoils = false;
  const registers = listeningRegisters(memory, hardware, (words) => {
    if (spoils && words[1] >>> 28 === 3) words[1] |= 0xf << 28;
  });
  const lines: string[] = [];
  const unit = amdUnit(memory, hardware, { registers });
  const { system } = amdScene({ memory, system: { units: [unit], log: (line) => lines.push(line) } });
  const domain = system.createDomain({ id: 1 });
  spoils = true;
  t.is(domain.flush(0x10, 1, FlushFlag.modified), Status.HARDWARE_STOPPED);
  t.true(domain.isCrashed);
  t.regex(lines[0], /STOPPED: the command buffer/);
  t.regex(system.readFaults()[0].lines[0], /^ILLEGAL_COMMAND_ERROR /);
});

test("a driver that gives up waiting has not flushed", (t) => {
  const memory = newMemory();
  const hardware = new AmdIommuDevice(physicalMemory(memory), { waits: true });
  let patience = Number.POSITIVE_INFINITY;
  const relax = () => {
    if (patience-- === 0) throw new RangeError("no patience left");
    if (patience > 1000) hardware.process(1);
  };
  const unit = amdUnit(memory, hardware, { relax });
  patience = 100;
  t.throws(() => unit.flushPages(1, 0, "all"), { instanceOf: RangeError });
  t.throws(
    () => {
      hardware.write64(0x18, 0n);
      unit.flushPages(1, 0, "all");
    },
    { instanceOf: UnitError, message: /STOPPED/ },
  );
});

for (const compat of [false, true]) {
  test(`a device's TLB ${compat ? "keeps pages of a range, as deployed" : "forgets all of a range"}`, (t) => {
    const { system, hardware } = amdScene({ unit: { compat } });
    const domain = system.createDomain({ id: 1 });
    t.is(system.addDevice(CACHING), Status.OK);
    t.is(system.assign(CACHING.id, domain), Status.OK);
    domain.legacyMap(0x200, 0x1000, 0x10, READ_WRITE);
    const places = [0x200n, 0x20fn].map((dfn) => dfn * PAGE);
    for (const iova of places) hardware.dma(0x100, iova, 4, false, { ats: true });
    domain.legacyUnmap(0x200, 0x10);
    const stale = hardware.cachedDisagreements().map(({ cache }) => cache);
    t.deepEqual(stale, compat ? ["device TLB", "device TLB"] : []);
  });
}

for (const vendor of ["AMD", "VT-d"] as const) {
  test(`${vendor}: a wait that was given up and is done later ends no other flush`, (t) => {
    const memory = newMemory();
    const made =
      vendor === "AMD"
        ? new AmdIommuDevice(physicalMemory(memory), { waits: true })
        : new VtdUnitDevice(physicalMemory(memory), { waits: true });
    let isStuck = false;
    const relax = () => {
      if (isStuck) throw new Error("stuck");
      made.process(1);
    };
    const { system } =
      made instanceof AmdIommuDevice
        ? amdScene({ memory, made, unit: { relax } })
        : intelScene({ memory, made, unit: { relax } });
    const domain = system.createDomain({ id: 1 });
    t.is(system.addDevice(DEVICE), Status.OK);
    t.is(system.assign(DEVICE.id, domain), Status.OK);
    isStuck = true;
    t.throws(() => domain.flush(0x10, 1, FlushFlag.modified), { message: "stuck" });
    isStuck = false;
    t.is(domain.flush(0x20, 1, FlushFlag.modified), Status.OK);
    // Nothing is left to do.
    t.is(made.process(100), 0);
  });
}
