/** A machine whose units claim pages that they do not have is run without superpages: no domain and no quarantine has one. */
import test from "ava";
import { Status } from "../impl/common.js";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const MIB2 = 512;
const DEVICE = {
  id: deviceId(1, 0),
  unity: [{ firstDfn: 4 * MIB2, lastDfn: 6 * MIB2 - 1, access: READ_WRITE }],
};
const REQUESTER = 0x100;

const kinds = [
  { name: "AMD", scene: (superpages: boolean) => amdScene({ system: { superpages } }) },
  { name: "VT-d", scene: (superpages: boolean) => intelScene({ system: { superpages } }) },
  {
    name: "VT-d in scalable mode",
    scene: (superpages: boolean) => scalableScene({ system: { superpages } }),
  },
] as const;

for (const { name, scene } of kinds) {
  test(`${name}: superpages that units claim and do not have are switched off for all of a system`, (t) => {
    for (const superpages of [true, false]) {
      const { hardware, system } = scene(superpages);
      const domain = system.createDomain({ id: 1 });
      t.deepEqual([...domain.orders], superpages ? [0, 9, 18] : [0]);
      t.is(system.addDevice(DEVICE), Status.OK);
      t.is(seen(hardware.dma(REQUESTER, BigInt(5 * MIB2) * PAGE, 4, true)), "0xa00000");
      t.is(system.assign(DEVICE.id, domain), Status.OK);
      for (let page = 0; page < MIB2; page++) domain.legacyMap(page, page, 1, READ_WRITE);
      domain.legacyMap(MIB2, MIB2, MIB2, READ_WRITE);
      t.is(seen(hardware.dma(REQUESTER, BigInt(2 * MIB2 - 1) * PAGE, 4, true)), "0x3ff000");
      const leaves = [...system.dump(domain)].length - 1;
      t.is(leaves, superpages ? 2 + 2 : 4 * MIB2);
    }
  });
}
