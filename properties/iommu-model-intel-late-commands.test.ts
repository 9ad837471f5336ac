/** Drivers in front of a unit that takes its time with every register command: they look before they go on. */
import test from "ava";
import { deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const DEVICE = deviceId(1, 0x0a);
const REQUESTER = 0x10a;
const LATE = { lateCommands: true };

const kinds = [
  { name: "queue", scene: () => intelScene({ hardware: LATE }) },
  { name: "registers", scene: () => intelScene({ hardware: LATE, unit: { withoutQueue: true } }) },
  { name: "scalable mode", scene: () => scalableScene({ hardware: LATE }) },
];

for (const { name, scene } of kinds) {
  test(`${name}: nothing is given before the last command is done, and a flush has flushed when it returns`, (t) => {
    const { hardware, system } = scene();
    const domain = system.createDomain({ id: 5 });
    system.addDevice({ id: DEVICE });
    system.assign(DEVICE, domain);
    for (let page = 1; page <= 20; page++) {
      const iova = BigInt(page) * PAGE;
      domain.legacyMap(page, page + 0x100, 1, READ_WRITE);
      t.is(seen(hardware.dma(REQUESTER, iova, 4, true)), `0x${(page + 0x100).toString(16)}000`);
      domain.legacyUnmap(page, 1);
      t.is(hardware.dma(REQUESTER, iova, 4, true).kind, "fault");
      t.deepEqual(hardware.cachedDisagreements(), []);
    }
    t.deepEqual(hardware.misuses(), []);
    t.is(hardware.read32(0x1c) >>> 31, 1);
  });
}
