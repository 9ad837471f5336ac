/**
 * A device that nobody owns reaches the ranges that firmware asked for, 1:1, and else nothing, or a page of its own; over
 * tables with exactly the levels that its unit walks.
 */
import test from "ava";
import { Status } from "../impl/common.js";
import type { SystemDevice } from "../impl/iommu/device-system.js";
import { DEFAULT_CAPABILITY } from "../models/iommu/intel/registers.js";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const READ = 1;
const GPU: SystemDevice = {
  id: deviceId(2, 0x08),
  unity: [
    { firstDfn: 0x1ff, lastDfn: 0x200, access: READ_WRITE },
    { firstDfn: 0x7ff_0000, lastDfn: 0x7ff_0000, access: READ },
  ],
};
const OTHER: SystemDevice = { id: deviceId(2, 0x10) };
const REQUESTER = 0x208;
const FOUR_LEVELS = 4n << 8n;

type Quarantine = "none" | "basic" | "scratch-page";
const kinds = [
  { name: "AMD, 4 levels", scene: (quarantine: Quarantine) => amdScene({ system: { quarantine } }) },
  {
    name: "AMD, 5 levels",
    scene: (quarantine: Quarantine) => amdScene({ system: { quarantine, addressBits: 52 } }),
  },
  { name: "VT-d, 4 levels", scene: (quarantine: Quarantine) => intelScene({ system: { quarantine } }) },
  {
    name: "VT-d, 3 levels",
    scene: (quarantine: Quarantine) =>
      intelScene({ system: { quarantine }, hardware: { capability: DEFAULT_CAPABILITY & ~FOUR_LEVELS } }),
  },
  {
    name: "VT-d, scalable mode",
    scene: (quarantine: Quarantine) => scalableScene({ system: { quarantine } }),
  },
] as const;

for (const { name, scene } of kinds) {
  test(`${name}, basic: unity ranges as they are asked for, nothing else`, (t) => {
    const { hardware, system } = scene("basic");
    t.is(system.addDevice(GPU), Status.OK);
    const at = (dfn: bigint, isWrite = true) => seen(hardware.dma(REQUESTER, dfn * PAGE, 4, isWrite));
    t.deepEqual([at(0x1ffn), at(0x200n), at(0x7ff_0000n, false)], ["0x1ff000", "0x200000", "0x7ff0000000"]);
    for (const [dfn, isWrite] of [[0x1fen], [0x201n], [0n], [0x7ff_0000n, true], [0x700_0000n]] as const) {
      t.regex(at(dfn, isWrite), /^fault/);
    }
    t.deepEqual(hardware.misuses(), []);
  });

  test(`${name}, scratch page: all else is one page of the device's own, empty for each new owner`, (t) => {
    const { memory, hardware, system } = scene("scratch-page");
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.addDevice(OTHER), Status.OK);
    const at = (dfn: bigint, requester = REQUESTER) => seen(hardware.dma(requester, dfn * PAGE, 4, true));
    const scratch = at(0n);
    t.regex(scratch, /^0x1/);
    const places = [0x1fen, 0x201n, 0x7fe_ffffn, 0x7ff_0001n, 0x7ff_ffffn];
    t.deepEqual(new Set(places.map((dfn) => at(dfn))), new Set([scratch]));
    t.deepEqual([at(0x1ffn), at(0x200n)], ["0x1ff000", "0x200000"]);
    t.not(at(0n, 0x210), scratch);

    const word = (Number(scratch) - Number(memory.base)) / 4;
    memory.words[word] = 0x5ec_4e7;
    const domain = system.createDomain({ id: 1 });
    t.is(system.assign(GPU.id, domain), Status.OK);
    t.is(system.quarantine(GPU.id), Status.OK);
    t.is(memory.words[word], 0);
    t.is(at(0n), scratch);
    t.deepEqual(hardware.cachedDisagreements(), []);
    t.deepEqual(hardware.misuses(), []);
  });

  test(`${name}, none: the device goes back to the hardware domain, which keeps the unity ranges`, (t) => {
    const { hardware, system } = scene("none");
    const first = system.createDomain({ id: 0, isHardware: true, strict: true });
    const guest = system.createDomain({ id: 1 });
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.assign(GPU.id, first), Status.OK);
    t.is(system.assign(GPU.id, guest), Status.OK);
    t.is(seen(hardware.dma(REQUESTER, 0x1ffn * PAGE, 4, true)), "0x1ff000");
    t.is(guest.lookup(0x1ff)?.mfn, 0x1ff);
    t.is(first.lookup(0x1ff)?.mfn, 0x1ff);
    t.is(system.quarantine(GPU.id), Status.OK);
    t.is(system.ownerOf(GPU.id), first);
    t.is(guest.lookup(0x1ff), undefined);
    t.is(seen(hardware.dma(REQUESTER, 0x1ffn * PAGE, 4, true)), "0x1ff000");
  });
}

test("an error keeps the device where it was, and nothing of it in the domain that it did not reach", (t) => {
  const { hardware, system } = amdScene();
  const domain = system.createDomain({ id: 1 });
  const clashing = {
    id: deviceId(2, 0x20),
    unity: [{ firstDfn: 0x1fe, lastDfn: 0x1ff, access: READ_WRITE }],
  };
  t.is(system.addDevice(GPU), Status.OK);
  t.is(system.addDevice(clashing), Status.OK);
  t.is(system.assign(clashing.id, domain), Status.OK);
  t.is(system.assign(GPU.id, domain), Status.ADDRESS_IN_USE);
  t.is(system.ownerOf(GPU.id), undefined);
  t.is(domain.lookup(0x200), undefined);
  t.is(seen(hardware.dma(REQUESTER, 0x200n * PAGE, 4, true)), "0x200000");
  const far = { id: deviceId(2, 0x28), unity: [{ firstDfn: 2 ** 36, lastDfn: 2 ** 36, access: READ_WRITE }] };
  t.is(system.addDevice(far), Status.IOVA_OUT_OF_RANGE);
});

test("a domain that ends leaves its devices quarantined, and their unity ranges where they are", (t) => {
  const { memory, hardware, system } = intelScene();
  t.is(system.addDevice(GPU), Status.OK);
  const live = memory.liveFrames;
  const domain = system.createDomain({ id: 1 });
  t.is(system.assign(GPU.id, domain), Status.OK);
  domain.legacyMap(0x4000, 0x9000, 600, READ_WRITE);
  t.is(seen(hardware.dma(REQUESTER, 0x4000n * PAGE, 4, true)), "0x9000000");
  system.destroyDomain(domain);
  t.is(system.ownerOf(GPU.id), undefined);
  t.regex(seen(hardware.dma(REQUESTER, 0x4000n * PAGE, 4, true)), /^fault/);
  t.is(seen(hardware.dma(REQUESTER, 0x200n * PAGE, 4, true)), "0x200000");
  t.is(memory.liveFrames, live);
  t.deepEqual(hardware.cachedDisagreements(), []);
});

test("the last domain that ends leaves its devices to nobody, whatever the mode", (t) => {
  for (const quarantine of ["none", "basic", "scratch-page"] as const) {
    const { hardware, system } = amdScene({ system: { quarantine } });
    const last = system.createDomain({ id: 0, isHardware: true, strict: true });
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.assign(GPU.id, last), Status.OK);
    last.legacyMap(0x4000, 0x9000, 1, READ_WRITE);
    t.is(seen(hardware.dma(REQUESTER, 0x4000n * PAGE, 4, true)), "0x9000000");
    system.destroyDomain(last);
    t.is(system.ownerOf(GPU.id), undefined);
    t.not(seen(hardware.dma(REQUESTER, 0x4000n * PAGE, 4, true)), "0x9000000");
    t.is(seen(hardware.dma(REQUESTER, 0x200n * PAGE, 4, true)), "0x200000");
    system.removeDevice(GPU.id);
    t.is(seen(hardware.dma(REQUESTER, 0x200n * PAGE, 4, true)), "fault 2");
    t.deepEqual(hardware.cachedDisagreements(), []);
  }
});
