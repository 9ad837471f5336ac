/** A device that changes hands reaches its new owner's memory and nothing else; its phantom functions and aliases too. */
import test from "ava";
import { Status } from "../impl/index.js";
import { amdScene, deviceId, PAGE, READ_WRITE, seen } from "./iommu-scene.js";

const NIC = { id: deviceId(1, 0x00), phantomStride: 4, aliases: [0x0220], atsQueueDepth: 8 } as const;
const REQUESTERS = [0x100, 0x104, 0x220];

test("AMD: nothing of the former owner's is reached under any id, from any cache", (t) => {
  const { hardware, system } = amdScene();
  const [first, second] = [system.createDomain({ id: 1 }), system.createDomain({ id: 2 })];
  first.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  second.legacyMap(0x20, 0x2000, 1, READ_WRITE);
  const reads = (dfn: bigint) => REQUESTERS.map((id) => seen(hardware.dma(id, dfn * PAGE, 4, false)));

  t.is(system.addDevice(NIC), Status.OK);
  t.deepEqual(reads(0x10n), ["fault 2", "fault 2", "fault 2"]);
  t.is(system.assign(NIC.id, first), Status.OK);
  t.deepEqual(reads(0x10n), ["0x1000000", "0x1000000", "0x1000000"]);
  t.is(seen(hardware.dma(0x100, 0x10n * PAGE, 4, false, { ats: true })), "0x1000000");
  t.is(system.assign(NIC.id, second), Status.OK);
  t.deepEqual(hardware.cachedDisagreements(), []);
  t.deepEqual(reads(0x10n), ["fault 2", "fault 2", "fault 2"]);
  t.deepEqual(reads(0x20n), ["0x2000000", "0x2000000", "0x2000000"]);
  t.is(seen(hardware.dma(0x100, 0x20n * PAGE, 4, false, { ats: true })), "0x2000000");
  t.is(system.quarantine(NIC.id), Status.OK);
  t.deepEqual(reads(0x20n), ["fault 2", "fault 2", "fault 2"]);
  t.deepEqual(hardware.cachedDisagreements(), []);
  t.deepEqual(hardware.misuses(), []);
});
