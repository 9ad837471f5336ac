/**
 * A device that caches translations itself and does not answer when it is told to forget them: the flush says so, and
 * nobody is told that it is done.
 */
import test from "ava";
import { Status } from "../impl/common.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const CACHING = { id: deviceId(1, 0), atsQueueDepth: 4 };
const OTHER = { id: deviceId(1, 8), atsQueueDepth: 4 };
const PLAIN = { id: deviceId(1, 16) };
const REQUESTER = 0x100;

const kinds = [
  { name: "AMD", scene: () => amdScene() },
  { name: "VT-d", scene: () => intelScene() },
  { name: "VT-d in scalable mode", scene: () => scalableScene() },
] as const;

for (const { name, scene } of kinds) {
  /** A device that has cached a page, and says nothing from here on. */
  const silenced = () => {
    const made = scene();
    const { hardware, system } = made;
    const domain = system.createDomain({ id: 1 });
    for (const device of [CACHING, PLAIN]) must(system.addDevice(device));
    must(system.assign(CACHING.id, domain));
    domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
    const at = () => seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true, { ats: true }));
    if (at() !== "0x1000000") throw new Error("the device does not reach its page");
    hardware.silence(REQUESTER);
    return { ...made, domain, at };
  };

  test(`${name}: a flush that the device does not answer is none, and stops the domain`, (t) => {
    const { domain, hardware } = silenced();
    t.throws(() => domain.legacyUnmap(0x10, 1), { code: "HARDWARE_STOPPED" });
    t.true(domain.isCrashed);
    t.true(hardware.cachedDisagreements().some(({ cache }) => cache === "device TLB"));
  });

  test(`${name}: a silent device does not go to another owner as if it had forgotten`, (t) => {
    const { system } = silenced();
    const next = system.createDomain({ id: 2 });
    t.throws(() => system.assign(CACHING.id, next), { instanceOf: UnitError });
  });
}

test("AMD: other domains are flushed, and what is no time-out in the log fails nothing", (t) => {
  const { hardware, system } = amdScene();
  const [first, second] = [system.createDomain({ id: 1 }), system.createDomain({ id: 2 })];
  for (const device of [CACHING, OTHER]) t.is(system.addDevice(device), Status.OK);
  t.is(system.assign(CACHING.id, first), Status.OK);
  t.is(system.assign(OTHER.id, second), Status.OK);
  for (const domain of [first, second]) domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  hardware.silence(REQUESTER);
  t.throws(() => first.legacyUnmap(0x10, 1), { code: "HARDWARE_STOPPED" });
  t.is(seen(hardware.dma(0x108, 0n, 4, false)), "fault 2");
  // The time-out of the other device is in the log still.
  second.legacyUnmap(0x10, 1);
  t.false(second.isCrashed);
  const lines = system.readFaults()[0].lines.filter((line) => !/^(L|0000)/.test(line));
  t.deepEqual(
    lines.map((line) => line.split(/[ :]/)[0]),
    ["IOTLB_INV_TIMEOUT", "IO_PAGE_FAULT"],
  );
});

test("AMD: a silent device is taken from its owner all the same: what it has translated itself is refused", (t) => {
  const { hardware, system } = amdScene();
  const domain = system.createDomain({ id: 1 });
  t.is(system.addDevice(CACHING), Status.OK);
  t.is(system.assign(CACHING.id, domain), Status.OK);
  domain.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  t.is(seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true, { ats: true })), "0x1000000");
  hardware.silence(REQUESTER);
  t.is(system.quarantine(CACHING.id), Status.OK);
  t.is(system.ownerOf(CACHING.id), undefined);
  t.regex(seen(hardware.dma(REQUESTER, 0x1000n * PAGE, 4, true, { translated: true })), /^fault/);
  t.regex(seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true, { ats: true })), /^fault/);
  // Whose device it is next must not meet what it kept.
  const next = system.createDomain({ id: 2 });
  t.throws(() => system.assign(CACHING.id, next), { instanceOf: UnitError });
});

function must(status: Status): void {
  if (status !== Status.OK) throw new Error(`status ${status}`);
}
