/**
 * Whatever is mapped, unmapped, given away and flushed: devices find what their domain maps, no cache of any unit holds
 * what memory does not say any more, and no table is freed while some unit can still walk it.
 */
import test from "ava";
import { Status } from "../impl/common.js";
import type { IommuDomain } from "../impl/iommu/domain.js";
import { DEFAULT_CAPABILITY } from "../models/iommu/intel/registers.js";
import { Random } from "../models/random.js";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const DEVICES = [
  { id: deviceId(0, 0x08), phantomStride: 1, atsQueueDepth: 4 },
  { id: deviceId(1, 0x00), unity: [{ firstDfn: 0x3_0000, lastDfn: 0x3_0001, access: READ_WRITE }] },
  { id: deviceId(2, 0x90), aliases: [0x300] },
] as const;
const FEW_IDS = 7n;
const CACHING_MODE = 1n << 7n;

const kinds = [
  { name: "AMD", scene: () => amdScene() },
  { name: "VT-d", scene: () => intelScene() },
  { name: "VT-d by registers", scene: () => intelScene({ unit: { withoutQueue: true } }), ats: false },
  {
    name: "VT-d with few ids, in caching mode",
    scene: () => intelScene({ hardware: { capability: (DEFAULT_CAPABILITY & ~FEW_IDS) | CACHING_MODE } }),
  },
  { name: "VT-d in scalable mode", scene: () => scalableScene() },
];

/** Steps per kind; each checks every cache. */
const STEPS = 250;
/** What a request draws its place and its length from: edges of 2 MiB pages, and whole ones. */
const PLACES = [0, 1, 0x1ff, 0x200, 0x201, 0x3ff, 0x400, 0x5ff];
const LENGTHS = [1, 2, 0x1ff, 0x200, 0x400];
const FRAMES = [0x1_0000, 0x1_0200, 0x1_0201];

for (const { name, scene, ats: mayCache = true } of kinds) {
  test(`${name}: ${STEPS} steps`, (t) => {
    const { memory, hardware, queues, system } = scene();
    const random = Random.fromSeed(name);
    const domains = [1, 2].map((id) => ({
      domain: system.createDomain({ id }),
      pages: new Map<number, number>(),
    }));
    for (const device of DEVICES) t.is(system.addDevice(device), Status.OK);
    const early: string[] = [];
    memory.observer = {
      stored: () => {},
      storedPair: () => {},
      allocated: () => {},
      quarantined: () => {},
      published: () => {},
      released: (word) => {
        const address = Number(memory.addressOf(word));
        if (hardware.usesFrame(address)) early.push(address.toString(16));
      },
    };
    const pick = <T>(items: readonly T[]): T => items[random.below(items.length)];

    const change = () => {
      const { domain, pages } = pick(domains);
      const [dfn, length, mfn] = [pick(PLACES), pick(LENGTHS), pick(FRAMES)];
      if (random.below(2) === 0) domain.legacyUnmap(dfn, length);
      else domain.legacyMap(dfn, mfn, length, READ_WRITE);
      const isMapped = domain.lookup(dfn) !== undefined;
      for (let page = 0; page < length; page++) {
        if (isMapped) pages.set(dfn + page, mfn + page);
        else pages.delete(dfn + page);
      }
    };
    const move = () => {
      const { id } = pick(DEVICES);
      t.is(
        random.below(3) === 0 ? system.quarantine(id) : system.assign(id, pick(domains).domain),
        Status.OK,
      );
    };
    const pagesOf = (owner: IommuDomain | undefined) => domains.find(({ domain }) => domain === owner)?.pages;
    const access = () => {
      const device = pick(DEVICES);
      const requester = (device.id.bus << 8) | device.id.devfn;
      const dfn = pick(PLACES) + random.below(2);
      const owner = system.ownerOf(device.id);
      const mfn = pagesOf(owner)?.get(dfn);
      const ats = mayCache && "atsQueueDepth" in device && owner !== undefined && random.below(2) === 0;
      const found = seen(hardware.dma(requester, BigInt(dfn) * PAGE, 4, true, { ats }));
      if (mfn === undefined) t.regex(found, /^fault/);
      else t.is(found, `0x${(mfn * 4096).toString(16)}`);
    };

    for (let step = 0; step < STEPS; step++) {
      const kind = random.below(10);
      if (kind < 4) change();
      else if (kind < 5) move();
      else if (kind < 6) queues.runFreeing(0);
      else access();
      t.deepEqual(hardware.cachedDisagreements(), []);
      if (step % 50 === 49) system.readFaults();
    }
    t.true(queues.freedFrames > 0);
    t.deepEqual(early, []);
    t.deepEqual(hardware.misuses(), []);
  });
}
