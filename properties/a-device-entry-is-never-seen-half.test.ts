/**
 * While a device changes hands, hardware finds its old tables or its new ones at every single store; where the platform
 * has no 128-bit exchange also nothing, never everything. Its unity ranges are there all the time.
 */
import test from "ava";
import { Status, TableMemory } from "../impl/common.js";
import { UnitError } from "../impl/iommu/unit-error.js";
import { exchangeWithinThread } from "../impl/iommu/unit-memory.js";
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

const GPU = {
  id: deviceId(2, 0x08),
  unity: [{ firstDfn: 0x30, lastDfn: 0x31, access: READ_WRITE }],
};
const REQUESTER = 0x208;

const PLACES = [0x10n, 0x20n, 0x40n, 0x30n];
const FIRST_PAGES = ["0x1000000", "", "", "0x30000"];
const SECOND_PAGES = ["", "0x2000000", "", "0x30000"];
const UNITY_PAGES = ["", "", "", "0x30000"];

/** A unit of each kind with two domains and the hardware domain in passthrough; and what refuses a read and why. */
interface Kind {
  readonly name: string;
  readonly scene: (
    exchanges: boolean,
  ) => ReturnType<typeof amdScene | typeof intelScene | typeof scalableScene>;
  /** The fault where tables lead to nothing, and the one where nothing leads to tables. */
  readonly absent: string;
  readonly blocked: string;
  readonly needsExchange: boolean;
  /** What is found of a device that nothing leads to. */
  readonly unknown: readonly string[];
}

const unitOf = (exchanges: boolean) => (exchanges ? {} : { unit: { exchange128: undefined } });
const kinds: readonly Kind[] = [
  {
    name: "AMD",
    scene: (exchanges) => amdScene(unitOf(exchanges)),
    absent: "fault 2",
    blocked: "fault 2",
    needsExchange: true,
    unknown: ["fault 2"],
  },
  {
    name: "VT-d",
    scene: (exchanges) => intelScene(unitOf(exchanges)),
    absent: "fault 6",
    blocked: "fault 2",
    needsExchange: true,
    // Neither a root entry nor a context entry.
    unknown: ["fault 1", "fault 2"],
  },
  {
    name: "VT-d in scalable mode",
    scene: (exchanges) => scalableScene(unitOf(exchanges)),
    absent: "fault 121",
    blocked: "fault 65",
    needsExchange: false,
    unknown: ["fault 57", "fault 65"],
  },
];

for (const { name, scene, absent, blocked, needsExchange, unknown } of kinds) {
  const state = (pages: readonly string[]) => pages.map((page) => page || absent).join(", ");
  const [first, second, unity] = [FIRST_PAGES, SECOND_PAGES, UNITY_PAGES].map(state);
  const nothing = PLACES.map(() => blocked).join(", ");

  /** Every state that the hardware finds at the four places while `change` runs, before and after it. */
  const statesOf = ({ memory, hardware }: ReturnType<Kind["scene"]>, change: () => void) => {
    const states = new Set<string>();
    const find = (dfn: bigint) => seen(hardware.translateUncached(REQUESTER, dfn * PAGE, false));
    const look = () => states.add(PLACES.map(find).join(", "));
    look();
    const stop = afterEachStore(memory, look);
    change();
    stop();
    look();
    return [...states];
  };

  const owners = (exchanges: boolean) => {
    const made = scene(exchanges);
    const domains = [1, 2].map((id) => made.system.createDomain({ id }));
    made.system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
    domains[0].legacyMap(0x10, 0x1000, 1, READ_WRITE);
    domains[1].legacyMap(0x20, 0x2000, 1, READ_WRITE);
    return { made, domains };
  };

  test(`${name}: with a 128-bit exchange there is nothing between the owners`, (t) => {
    const { made, domains } = owners(true);
    const { system } = made;
    t.is(system.addDevice(GPU), Status.OK);
    const moves: readonly (readonly [() => Status, string, string])[] = [
      [() => system.assign(GPU.id, domains[0]), unity, first],
      [() => system.assign(GPU.id, domains[1]), first, second],
      [() => system.quarantine(GPU.id), second, unity],
    ];
    for (const [move, before, after] of moves) {
      const states = statesOf(made, () => t.is(move(), Status.OK));
      t.deepEqual(states, [before, after]);
    }
  });

  test(`${name}: without it the device is ${needsExchange ? "blocked in between, not let through" : "the same"}`, (t) => {
    const { made, domains } = owners(false);
    t.is(made.system.addDevice(GPU), Status.OK);
    t.is(made.system.assign(GPU.id, domains[0]), Status.OK);
    const states = statesOf(made, () => t.is(made.system.assign(GPU.id, domains[1]), Status.OK));
    t.deepEqual(states, needsExchange ? [first, nothing, second] : [first, second]);
  });

  test(`${name}: whenever the entry is read, it leads to one owner's tables under this owner's number`, (t) => {
    for (const exchanges of [true, false]) {
      const { made, domains } = owners(exchanges);
      const { hardware, memory, system } = made;
      const neighbour = { id: deviceId(2, 0x10) };
      // No table is cached for it of the domain that has no page there.
      const far = 2n ** 27n;
      domains[1].legacyMap(Number(far), 0x3000, 1, READ_WRITE);
      const plain = { id: GPU.id };
      for (const device of [plain, neighbour]) t.is(system.addDevice(device), Status.OK);
      t.is(system.assign(neighbour.id, domains[0]), Status.OK);
      const look = () => {
        hardware.evict(REQUESTER);
        for (const place of [...PLACES, far]) hardware.dma(REQUESTER, place * PAGE, 4, false);
        // What the one that moves has the unit cache is nothing to its former domain.
        t.not(seen(hardware.dma(0x210, far * PAGE, 4, false)), "0x3000000");
      };
      const stop = afterEachStore(memory, look);
      for (const domain of domains) t.is(system.assign(plain.id, domain), Status.OK);
      t.is(system.quarantine(plain.id), Status.OK);
      stop();
      domains[0].legacyUnmap(0x10, 1);
      domains[1].legacyUnmap(0x20, 1);
      t.deepEqual(hardware.cachedDisagreements(), []);
    }
  });

  test(`${name}: nobody's device without unity ranges becomes visible with one store`, (t) => {
    const { made, domains } = owners(true);
    const plain = { id: GPU.id };
    t.is(made.system.addDevice(plain), Status.OK);
    const states = statesOf(made, () => t.is(made.system.assign(plain.id, domains[0]), Status.OK));
    t.is(states.at(-1), state(["0x1000000", "", "", ""]));
    const before = states.slice(0, -1).flatMap((found) => found.split(", "));
    t.deepEqual([...new Set(before)], [...unknown]);
  });
}

for (const [name, scene] of [
  ["AMD", amdScene],
  ["VT-d", intelScene],
] as const) {
  test(`${name}: an entry that somebody else changed is left alone, and said`, (t) => {
    let isOurs = true;
    const { memory, system, hardware } = scene({
      unit: { exchange128: (...args) => isOurs && exchangeWithinThread(...args) },
    });
    const domains = [1, 2].map((id) => system.createDomain({ id }));
    domains[0].legacyMap(0x10, 0x1000, 1, READ_WRITE);
    t.is(system.addDevice({ id: GPU.id }), Status.OK);
    t.is(system.assign(GPU.id, domains[0]), Status.OK);
    isOurs = false;
    const stop = afterEachStore(memory, () => t.fail("something was stored"));
    t.throws(() => system.assign(GPU.id, domains[1]), { instanceOf: UnitError, message: /CHANGED/ });
    stop();
    t.is(seen(hardware.dma(REQUESTER, 0x10n * PAGE, 4, true)), "0x1000000");
  });
}

test("the exchange compares all that it replaces", (t) => {
  const memory = new TableMemory({ capacityBytes: 4096 });
  memory.words.set([1, 2, 3, 4]);
  for (const expected of [
    [0, 2, 3, 4],
    [1, 0, 3, 4],
    [1, 2, 0, 4],
    [1, 2, 3, 0],
  ] as const) {
    t.false(exchangeWithinThread(memory, 0, expected, [9, 9, 9, 9]));
  }
  t.true(exchangeWithinThread(memory, 0, [1, 2, 3, 4], [5, 6, 7, 8]));
  t.deepEqual([...memory.words.subarray(0, 5)], [5, 6, 7, 8, 0]);
});
