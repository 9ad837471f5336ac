/** A driver in front of a unit that moves the tail of its log before the entry is in memory: no event is lost or read twice. */
import test from "ava";
import { amdScene, deviceId, PAGE } from "./iommu-scene.js";

const REQUESTER = 0x10a;

test("events that arrive late are read whole, in order, over several laps of the log", (t) => {
  const { hardware, system, unit } = amdScene({ hardware: { lateEvents: true } });
  system.addDevice({ id: deviceId(1, 0x0a) });
  const domain = system.createDomain({ id: 5 });
  system.assign(deviceId(1, 0x0a), domain);
  for (let page = 0; page < 600; page++) {
    hardware.dma(REQUESTER, BigInt(page) * PAGE, 4, true);
    if (page % 7 !== 6) continue;
    const { events, overflowed } = unit.readEvents();
    const addresses = events.map(({ addressLow }) => addressLow >>> 12);
    t.false(overflowed);
    t.deepEqual(
      addresses,
      [6, 5, 4, 3, 2, 1, 0].map((back) => page - back),
    );
  }
});
