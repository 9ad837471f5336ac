/** A device that changes hands reaches its new owner's memory and nothing else; its phantom functions and aliases too. */
import test from "ava";
import { Status } from "../impl/common.js";
import { DEFAULT_CAPABILITY } from "../models/iommu/intel/registers.js";
import {
  afterEachStore,
  amdScene,
  deviceId,
  intelScene,
  PAGE,
  READ_WRITE,
  scalableScene,
  seen,
} from "./iommu-scene.js";

const NIC = { id: deviceId(1, 0x00), phantomStride: 4, aliases: [0x0220], atsQueueDepth: 8 } as const;
const REQUESTERS = [0x100, 0x104, 0x220];
/** CAP of a unit that tells 16 domains apart and remembers what is not present. */
const FEW_IDS = 7n;
const CACHING_MODE = 1n << 7n;

/** A unit of each kind, what it says of a device without tables, and of an address without a page. */
const kinds = [
  { name: "AMD", scene: () => amdScene(), blocked: "fault 2", absent: "fault 2" },
  { name: "VT-d", scene: () => intelScene(), blocked: "fault 1", absent: "fault 6" },
  {
    name: "VT-d by registers",
    scene: () => intelScene({ unit: { withoutQueue: true } }),
    blocked: "fault 1",
    absent: "fault 6",
    ats: false,
  },
  {
    name: "VT-d with few ids, in caching mode",
    scene: () => intelScene({ hardware: { capability: (DEFAULT_CAPABILITY & ~FEW_IDS) | CACHING_MODE } }),
    blocked: "fault 1",
    absent: "fault 6",
  },
  { name: "VT-d in scalable mode", scene: () => scalableScene(), blocked: "fault 57", absent: "fault 121" },
  {
    name: "VT-d in scalable and caching mode",
    scene: () => scalableScene({ hardware: { capability: DEFAULT_CAPABILITY | CACHING_MODE } }),
    blocked: "fault 57",
    absent: "fault 121",
  },
];

for (const { name, scene, blocked, absent, ats = true } of kinds) {
  test(`${name}: nothing of the former owner's is reached under any id, from any cache`, (t) => {
    const { hardware, system } = scene();
    const [first, second] = [system.createDomain({ id: 1 }), system.createDomain({ id: 2 })];
    first.legacyMap(0x10, 0x1000, 1, READ_WRITE);
    second.legacyMap(0x20, 0x2000, 1, READ_WRITE);
    const device = ats ? NIC : { ...NIC, atsQueueDepth: undefined };
    const reads = (dfn: bigint) =>
      new Set(REQUESTERS.map((id) => seen(hardware.dma(id, dfn * PAGE, 4, false))));
    const request = (dfn: bigint) => seen(hardware.dma(0x100, dfn * PAGE, 4, false, { ats }));

    t.is(system.addDevice(device), Status.OK);
    t.true(reads(0x10n).has(blocked));
    t.is(system.assign(NIC.id, first), Status.OK);
    t.deepEqual([...reads(0x10n)], ["0x1000000"]);
    t.is(request(0x10n), "0x1000000");
    t.is(system.assign(NIC.id, second), Status.OK);
    t.deepEqual(hardware.cachedDisagreements(), []);
    t.deepEqual([...reads(0x10n)], [absent]);
    t.deepEqual([...reads(0x20n)], ["0x2000000"]);
    t.is(request(0x20n), "0x2000000");
    t.is(system.quarantine(NIC.id), Status.OK);
    t.false([...reads(0x20n)].some((state) => state.startsWith("0x")));
    t.deepEqual(hardware.cachedDisagreements(), []);
    t.deepEqual(hardware.misuses(), []);
  });

  test(`${name}: DMA while a device changes hands fills no cache again with the former owner's`, (t) => {
    const { hardware, memory, system } = scene();
    const [first, second] = [system.createDomain({ id: 1 }), system.createDomain({ id: 2 })];
    first.legacyMap(0x10, 0x1000, 1, READ_WRITE);
    second.legacyMap(0x10, 0x2000, 1, READ_WRITE);
    const device = ats ? NIC : { ...NIC, atsQueueDepth: undefined };
    const reads = () => REQUESTERS.map((id) => seen(hardware.dma(id, 0x10n * PAGE, 4, false)));
    const request = () => seen(hardware.dma(0x100, 0x10n * PAGE, 4, false, { ats }));
    t.is(system.addDevice(device), Status.OK);
    t.is(system.assign(NIC.id, first), Status.OK);
    const stop = afterEachStore(memory, () => [...reads(), request()]);
    t.is(system.assign(NIC.id, second), Status.OK);
    stop();
    t.deepEqual([...reads(), request()], Array<string>(4).fill("0x2000000"));
    // No flush of the former owner's reaches the unit any more.
    first.legacyUnmap(0x10, 1);
    t.deepEqual(hardware.cachedDisagreements(), []);
    t.deepEqual(hardware.misuses(), []);
  });

  test(`${name}: a domain with the id of one that is gone finds nothing of it`, (t) => {
    const { hardware, system } = scene();
    const device = { id: NIC.id };
    const at = (dfn: bigint) => seen(hardware.dma(0x100, dfn * PAGE, 4, true));
    t.is(system.addDevice(device), Status.OK);
    for (const [dfn, mfn] of [
      [0x10, 0x1000],
      [0x20, 0x2000],
    ] as const) {
      const domain = system.createDomain({ id: 1 });
      domain.legacyMap(dfn, mfn, 1, READ_WRITE);
      t.is(system.assign(NIC.id, domain), Status.OK);
      t.is(at(BigInt(dfn)), `0x${mfn.toString(16)}000`);
      t.false(at(BigInt(0x30 - dfn)).startsWith("0x"));
      system.destroyDomain(domain);
      t.deepEqual(hardware.cachedDisagreements(), []);
    }
  });
}
