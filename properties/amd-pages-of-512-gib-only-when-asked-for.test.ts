/** AMD: pages of 512 GiB, which an erratum forbids, are used where a system asks for them and nowhere else. */
import test from "ava";
import { Status } from "../impl/common.js";
import type { AmdSystemOptions } from "../impl/iommu/amd/system.js";
import { amdScene, deviceId, PAGE, READ_WRITE, seen } from "./iommu-scene.js";

const DEVICE = { id: deviceId(1, 0) };
const REQUESTER = 0x100;
const PAGES_1G = 2 ** 18;
const PAGES_512G = 2 ** 27;

function machine(system: Partial<AmdSystemOptions>) {
  const scene = amdScene({ system });
  const domain = scene.system.createDomain({ id: 1 });
  if (scene.system.addDevice(DEVICE) !== Status.OK) throw new Error("no device");
  if (scene.system.assign(DEVICE.id, domain) !== Status.OK) throw new Error("no domain");
  const at = (dfn: number) => seen(scene.hardware.dma(REQUESTER, BigInt(dfn) * PAGE, 4, true));
  return { ...scene, domain, at };
}

for (const [title, options, orders] of [
  ["by default there are none", {}, [0, 9, 18]],
  ["asked for, there are", { pagesOf512G: true }, [0, 9, 18, 27]],
  ["three levels have none", { pagesOf512G: true, addressBits: 39 }, [0, 9, 18]],
  ["without superpages there are none", { pagesOf512G: true, superpages: false }, [0]],
] as const) {
  test(title, (t) => t.deepEqual([...machine(options).domain.orders], orders));
}

for (const addressBits of [48, 52]) {
  test(`${addressBits} bits: one is mapped, split by a page that goes, and found by devices`, (t) => {
    const { domain, hardware, at } = machine({ pagesOf512G: true, addressBits });
    const tables = domain.tableCount;
    domain.legacyMap(PAGES_512G, 2 * PAGES_512G, PAGES_512G, READ_WRITE);
    t.is(domain.tableCount - tables, addressBits === 48 ? 0 : 1);
    t.is(at(PAGES_512G), "0x10000000000");
    t.is(at(2 * PAGES_512G - 1), "0x17ffffff000");
    t.regex(at(2 * PAGES_512G), /^fault/);
    domain.legacyUnmap(PAGES_512G + 5, 1);
    t.is(domain.shatters, 3);
    t.deepEqual([at(PAGES_512G + 4), at(PAGES_512G + 6)], ["0x10000004000", "0x10000006000"]);
    t.regex(at(PAGES_512G + 5), /^fault/);
    t.deepEqual(hardware.cachedDisagreements(), []);
  });

  test(`${addressBits} bits: 512 of 1 GiB become one below the root, and stay what they are in it`, (t) => {
    const { domain, system, at } = machine({ pagesOf512G: true, addressBits });
    for (let page = 0; page < 512; page++) {
      const dfn = PAGES_512G + page * PAGES_1G;
      domain.legacyMap(dfn, dfn, PAGES_1G, READ_WRITE);
    }
    t.is([...system.dump(domain)].length - 1, addressBits === 48 ? 512 : 1);
    t.is(at(2 * PAGES_512G - 1), "0xfffffff000");
  });
}
