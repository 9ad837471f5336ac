/**
 * Devices of a domain in passthrough: memory answers at its own addresses, on the way there and back the device is
 * never refused for longer than the call lasts, and a unit that cannot pass DMA through says so by name.
 */
import test from "ava";
import { Status } from "../impl/common.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { DEFAULT_EXTENDED_CAPABILITY } from "../models/iommu/intel/registers.js";
import { amdScene, deviceId, intelScene, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const GPU = { id: deviceId(2, 0x08) };
const REQUESTER = 0x208;
const PASS_THROUGH = 1n << 6n;

const kinds = [
  { name: "AMD", scene: (unit: object) => amdScene({ unit, system: { quarantine: "scratch-page" } }) },
  { name: "VT-d", scene: (unit: object) => intelScene({ unit, system: { quarantine: "scratch-page" } }) },
  {
    name: "VT-d, scalable mode",
    scene: (unit: object) => scalableScene({ unit, system: { quarantine: "scratch-page" } }),
  },
] as const;

for (const { name, scene } of kinds) {
  for (const exchanges of [true, false]) {
    test(`${name}, ${exchanges ? "with" : "without"} a 128-bit exchange: from tables to none and back`, (t) => {
      const { hardware, system } = scene(exchanges ? {} : { exchange128: undefined });
      const at = () => seen(hardware.dma(REQUESTER, 0x5000n, 4, true));
      const first = system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
      const guest = system.createDomain({ id: 1 });
      guest.legacyMap(5, 0x700, 1, READ_WRITE);
      t.deepEqual([...system.dump(first)], ["domain 0: no translation"]);
      t.is(system.addDevice(GPU), Status.OK);
      const scratch = at();
      for (let turn = 0; turn < 2; turn++) {
        t.is(system.assign(GPU.id, first), Status.OK);
        t.is(at(), "0x5000");
        t.is(system.assign(GPU.id, guest), Status.OK);
        t.is(at(), "0x700000");
      }
      t.is(system.assign(GPU.id, first), Status.OK);
      t.is(at(), "0x5000");
      system.destroyDomain(first);
      t.is(at(), scratch);
      t.is(system.ownerOf(GPU.id), undefined);
      t.deepEqual(hardware.cachedDisagreements(), []);
      t.deepEqual(hardware.misuses(), []);
    });
  }

  test(`${name}: from a device that is blocked`, (t) => {
    const { hardware, system } = scene({});
    const first = system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
    const blocked = system.createDomain({ id: 1, translatedBy: "nothing" });
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.assign(GPU.id, blocked), Status.INVALID_ARGUMENT);
    t.is(system.assign(GPU.id, first), Status.OK);
    system.removeDevice(GPU.id);
    t.regex(seen(hardware.dma(REQUESTER, 0x5000n, 4, true)), /^fault/);
    t.is(system.addDevice(GPU), Status.OK);
    t.is(system.assign(GPU.id, first), Status.OK);
    t.is(seen(hardware.dma(REQUESTER, 0x5000n, 4, true)), "0x5000");
  });
}

for (const scene of [intelScene, scalableScene]) {
  test(`${scene.name}: a unit that passes nothing through`, (t) => {
    const { hardware, system } = scene({
      hardware: { extendedCapability: DEFAULT_EXTENDED_CAPABILITY & ~PASS_THROUGH },
    });
    const first = system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
    t.is(system.addDevice(GPU), Status.OK);
    const error = t.throws(() => system.assign(GPU.id, first), { instanceOf: UnitError });
    t.is(error.code, "UNSUPPORTED");
    t.is(system.ownerOf(GPU.id), undefined);
    t.regex(seen(hardware.dma(REQUESTER, 0x5000n, 4, true)), /^fault/);
  });
}
