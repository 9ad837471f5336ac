/**
 * While a device changes hands, hardware finds its old tables or its new ones at every single store; where the platform
 * has no 128-bit exchange also nothing, never everything. Its unity ranges are there all the time.
 */
import test from "ava";
import { Status, type TableMemory } from "../impl/index.js";
import { amdScene, deviceId, PAGE, READ_WRITE, type SceneOptions, seen } from "./iommu-scene.js";

const GPU = {
  id: deviceId(2, 0x08),
  unity: [{ firstDfn: 0x30, lastDfn: 0x31, access: READ_WRITE }],
};
const REQUESTER = 0x208;

/** Calls after every store that a unit's driver makes, once all of its bits are in memory. */
function afterEachStore(memory: TableMemory, look: () => void): () => void {
  memory.observer = {
    stored: look,
    storedPair: look,
    allocated: () => {},
    quarantined: () => {},
    released: () => {},
    published: () => {},
  };
  return () => {
    memory.observer = undefined;
  };
}

/** What is found while `change` runs: at a page of the first domain, of the second, of the hardware domain, of unity. */
function statesWhile(
  memory: TableMemory,
  find: (dfn: bigint) => string,
  change: () => void,
): ReadonlySet<string> {
  const states = new Set<string>();
  const look = () => states.add([0x10n, 0x20n, 0x40n, 0x30n].map(find).join(", "));
  look();
  const stop = afterEachStore(memory, look);
  change();
  stop();
  look();
  return states;
}

const FIRST = "0x1000000, fault 2, fault 2, 0x30000";
const SECOND = "fault 2, 0x2000000, fault 2, 0x30000";
const QUARANTINED = "fault 2, fault 2, fault 2, 0x30000";
const BLOCKED = "fault 2, fault 2, fault 2, fault 2";

function amdOwners(options: SceneOptions) {
  const scene = amdScene(options);
  const { system, hardware } = scene;
  const first = system.createDomain({ id: 1 });
  const second = system.createDomain({ id: 2 });
  system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
  first.legacyMap(0x10, 0x1000, 1, READ_WRITE);
  second.legacyMap(0x20, 0x2000, 1, READ_WRITE);
  const find = (dfn: bigint) => seen(hardware.translateUncached(REQUESTER, dfn * PAGE, false));
  return { ...scene, find, first, second };
}

test("AMD: with a 128-bit exchange there is nothing between the owners", (t) => {
  const { memory, system, find, first, second } = amdOwners({});
  t.is(system.addDevice(GPU), Status.OK);
  const moves: readonly (readonly [() => Status, string, string])[] = [
    [() => system.assign(GPU.id, first), QUARANTINED, FIRST],
    [() => system.assign(GPU.id, second), FIRST, SECOND],
    [() => system.quarantine(GPU.id), SECOND, QUARANTINED],
  ];
  for (const [move, before, after] of moves) {
    const states = statesWhile(memory, find, () => t.is(move(), Status.OK));
    t.deepEqual([...states].sort(), [before, after].sort());
  }
});

test("AMD: without it the device is blocked in between, and never let through", (t) => {
  const { memory, system, find, first, second } = amdOwners({ unit: { exchange128: undefined } });
  t.is(system.addDevice(GPU), Status.OK);
  t.is(system.assign(GPU.id, first), Status.OK);
  const states = statesWhile(memory, find, () => t.is(system.assign(GPU.id, second), Status.OK));
  t.deepEqual([...states].sort(), [FIRST, SECOND, BLOCKED].sort());
});

test("AMD: nobody's device without unity ranges becomes visible with its last store", (t) => {
  const { memory, system, find, first } = amdOwners({});
  const plain = { id: GPU.id };
  t.is(system.addDevice(plain), Status.OK);
  const states = statesWhile(memory, find, () => t.is(system.assign(plain.id, first), Status.OK));
  t.deepEqual([...states], [BLOCKED, "0x1000000, fault 2, fault 2, fault 2"]);
});
