/** A request with a PASID is translated by the tables of that PASID, and by none once these are taken away. */
import test from "ava";
import { Status, type TableMemory, vtdSecondStage, x86_64 } from "../impl/index.js";
import { GuestCr3Table } from "../impl/iommu/amd/guest-cr3.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { DEFAULT_CAPABILITY } from "../models/iommu/intel/registers.js";
import { afterEachStore, amdScene, deviceId, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const DEVICE = { id: deviceId(1, 0x00), atsQueueDepth: 4 };
const REQUESTER = 0x100;
const DOMAIN = 9;
const IOVA = 0x7_0000_0000n;
/** PASIDs of the first and of later tables; 0 is that of requests without one. */
const PASIDS = [0, 1, 63, 64, 0x1ff, 0x1fff];

/** x86-64 tables that map one page, as a register names their root. */
function guestTables(memory: TableMemory, output: number): number {
  const table = x86_64.create({ memory });
  table.map(IOVA, BigInt(output), PAGE, READ_WRITE);
  return Number(table.hwInfo().root);
}

/** PASIDs of the commands in the ring that name guest pages, ascending. */
function guestInvalidations(
  memory: TableMemory,
  hardware: { read64(offset: number): bigint },
): readonly number[] {
  const ring = Number((hardware.read64(0x8) & 0xf_ffff_ffff_f000n) - memory.base) / 4;
  const commands = Array.from({ length: 256 }, (_, index) =>
    memory.words.subarray(ring + 4 * index, ring + 4 * index + 4),
  );
  const named = commands.filter(([, d1, d2]) => d1 >>> 28 === 3 && (d2 & 4) !== 0).map(([d0]) => d0);
  return [...new Set(named)].sort((a, b) => a - b);
}

for (const levels of [2, 3]) {
  test(`AMD: a table of guest CR3s of ${levels} levels`, (t) => {
    const { memory, hardware, unit } = amdScene();
    const table = GuestCr3Table.create(unit.memory, levels);
    if (table === undefined) throw new Error("no memory");
    const frames = memory.liveFrames;
    for (const pasid of PASIDS) {
      t.is(table.set(pasid, guestTables(memory, 0x100_0000 + pasid * 4096)), Status.OK);
    }
    t.is(table.set(table.pasids, 0), Status.INVALID_ARGUMENT);
    const guest = { cr3s: table, guestLevels: 4, withoutPasid: true };
    unit.attach(DEVICE, { root: 0, levels: 0, domainId: DOMAIN, ats: true, guest });
    const at = (pasid: number | undefined, ats = false) =>
      seen(hardware.dma(REQUESTER, IOVA, 4, true, { pasid, ats }));
    for (const pasid of PASIDS) {
      const place = `0x${(0x100_0000 + pasid * 4096).toString(16)}`;
      t.deepEqual([at(pasid), at(pasid, true)], [place, place]);
    }
    t.is(at(undefined), "0x1000000");
    t.regex(at(2), /^fault/);

    table.clear(64);
    unit.flushGuestPages(DOMAIN, 64, 0, "all", [DEVICE]);
    t.is(table.get(64), undefined);
    t.regex(at(64), /^fault/);
    t.is(at(63), "0x103f000");
    t.deepEqual(hardware.cachedDisagreements(), []);

    unit.block(DEVICE);
    t.deepEqual(guestInvalidations(memory, hardware), [0, 1, 63, 64, 511, 8191]);
    t.regex(at(1), /^fault/);
    t.deepEqual(hardware.cachedDisagreements(), []);
    t.deepEqual(hardware.misuses(), []);
    const used = memory.liveFrames;
    table.destroy();
    // The root and, per level below, the tables that the PASIDs needed.
    t.is(used - memory.liveFrames, levels === 2 ? 3 : 4);
    t.true(memory.liveFrames >= frames - 1);
  });
}

test("AMD: a request without a PASID is PASID 0's only where the entry says so", (t) => {
  for (const withoutPasid of [true, false]) {
    const { memory, hardware, unit } = amdScene();
    const table = GuestCr3Table.create(unit.memory, 2);
    if (table === undefined) throw new Error("no memory");
    t.is(table.set(0, guestTables(memory, 0x100_0000)), Status.OK);
    const guest = { cr3s: table, guestLevels: 4, withoutPasid };
    unit.attach(DEVICE, { root: 0, levels: 0, domainId: DOMAIN, ats: true, guest });
    const at = (pasid: number | undefined) => seen(hardware.dma(REQUESTER, IOVA, 4, true, { pasid }));
    t.is(at(0), "0x1000000");
    t.is(at(undefined) === "0x1000000", withoutPasid, at(undefined));
  }
});

test("AMD: a device that does not forget a PASID's pages is told of", (t) => {
  const { memory, hardware, unit } = amdScene();
  const table = GuestCr3Table.create(unit.memory, 2);
  if (table === undefined) throw new Error("no memory");
  t.is(table.set(1, guestTables(memory, 0x100_0000)), Status.OK);
  const guest = { cr3s: table, guestLevels: 4, withoutPasid: false };
  unit.attach(DEVICE, { root: 0, levels: 0, domainId: DOMAIN, ats: true, guest });
  t.is(seen(hardware.dma(REQUESTER, IOVA, 4, true, { pasid: 1, ats: true })), "0x1000000");
  t.notThrows(() => unit.flushGuestPages(DOMAIN, 1, 0, "all", [DEVICE]));
  hardware.silence(REQUESTER);
  t.throws(() => unit.flushGuestPages(DOMAIN, 1, 0, "all", [DEVICE]), { instanceOf: UnitError });
});

for (const capability of [DEFAULT_CAPABILITY, DEFAULT_CAPABILITY | (1n << 7n)]) {
  const mode = capability === DEFAULT_CAPABILITY ? "" : ", in caching mode";
  test(`VT-d: first-stage tables of PASIDs${mode}`, (t) => {
    const { memory, hardware, unit, system } = scalableScene({ hardware: { capability } });
    const domain = system.createDomain({ id: DOMAIN });
    domain.legacyMap(0x10, 0x2000, 1, READ_WRITE);
    system.addDevice(DEVICE);
    t.is(system.assign(DEVICE.id, domain), Status.OK);
    const domainId = system.idOf(unit, DOMAIN) ?? -1;
    const at = (pasid: number | undefined, ats = false) =>
      seen(hardware.dma(REQUESTER, IOVA, 4, true, { pasid, ats }));
    for (const pasid of PASIDS.slice(1)) {
      t.regex(at(pasid), /^fault/);
      const root = guestTables(memory, 0x100_0000 + pasid * 4096);
      t.is(unit.attachPasid(DEVICE, pasid, { stage: "first", root, levels: 4, domainId }), Status.OK);
      const place = `0x${(0x100_0000 + pasid * 4096).toString(16)}`;
      t.deepEqual([at(pasid), at(pasid, true)], [place, place]);
    }
    t.is(unit.attachPasid(DEVICE, 0, { stage: "none", levels: 4, domainId }), Status.INVALID_ARGUMENT);
    t.is(seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true)), "0x2000000");

    // An entry is seen whole or not at all.
    const states = new Set<string>();
    const look = () => {
      states.add(seen(hardware.translateUncached(REQUESTER, IOVA, true, { pasid: 2 })));
    };
    const stop = afterEachStore(memory, look);
    const second = guestTables(memory, 0x444_0000);
    t.is(unit.attachPasid(DEVICE, 2, { stage: "first", root: second, levels: 4, domainId }), Status.OK);
    stop();
    look();
    t.deepEqual([...states], ["fault 89", "0x4440000"]);

    // Another process under the same PASID, then none.
    const root = guestTables(memory, 0x555_0000);
    t.is(unit.attachPasid(DEVICE, 64, { stage: "first", root, levels: 4, domainId }), Status.OK);
    t.deepEqual([at(64), at(64, true)], ["0x5550000", "0x5550000"]);
    t.deepEqual(hardware.cachedDisagreements(), []);
    unit.detachPasid(DEVICE, 64);
    t.regex(at(64), /^fault/);
    t.is(at(63), "0x103f000");
    t.deepEqual(hardware.cachedDisagreements(), []);

    t.is(system.quarantine(DEVICE.id), Status.OK);
    t.deepEqual(hardware.cachedDisagreements(), []);
    for (const pasid of PASIDS.slice(1)) t.regex(at(pasid), /^fault/);
    t.deepEqual(hardware.misuses(), []);
  });
}

test("VT-d: DMA while a PASID is taken away fills no cache again, the device's own neither", (t) => {
  const { memory, hardware, unit, system } = scalableScene();
  const domain = system.createDomain({ id: DOMAIN });
  system.addDevice(DEVICE);
  t.is(system.assign(DEVICE.id, domain), Status.OK);
  const secondStage = vtdSecondStage.create({ memory });
  secondStage.map(IOVA, 0x666_0000n, PAGE, READ_WRITE);
  const roots = {
    first: guestTables(memory, 0x555_0000),
    second: Number(secondStage.hwInfo().root),
  };
  for (const stage of ["first", "second"] as const) {
    const look = () =>
      [false, true].map((ats) => seen(hardware.dma(REQUESTER, IOVA, 4, true, { pasid: 7, ats })));
    const translation = { stage, root: roots[stage], levels: 4, domainId: 0x77 } as const;
    t.is(unit.attachPasid(DEVICE, 7, translation), Status.OK);
    t.regex(look().join(" "), /^0x\w+ 0x\w+$/);
    const stop = afterEachStore(memory, look);
    unit.detachPasid(DEVICE, 7);
    stop();
    t.regex(look().join(", "), /^fault \d+, fault \d+$/);
    // Its tables are gone, and so is what was cached of them.
    t.false(hardware.usesFrame(roots[stage]));
    t.false(hardware.usesFrame(stage === "first" ? 0x555_0000 : 0x666_0000));
    t.deepEqual(hardware.cachedDisagreements(), []);
  }
});
