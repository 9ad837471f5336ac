/**
 * The way of a refused DMA is printed item by item as memory has them when it is printed, whatever they were when the
 * DMA was refused; and what is printed is not changed by it.
 */
import test from "ava";
import { amdScene, deviceId, intelScene, PAGE, READ_WRITE, scalableScene, seen } from "./iommu-scene.js";

const DEVICE = { id: deviceId(1, 0x0a) };
const REQUESTER = 0x10a;
const DFN = 0x1_2345;
const MIB2 = 512;
const ADDRESS = 0xf_ffff_ffff_f000n;

/** A unit of each kind, and what of a report's lines leads to the root of the page tables. */
const kinds = [
  { name: "AMD", scene: () => amdScene(), root: /root 0x([0-9a-f]+),/, isFrame: true },
  { name: "VT-d", scene: () => intelScene(), root: /^context\[0a\] = [0-9a-f]{16}_([0-9a-f]{16})$/ },
  { name: "VT-d in scalable mode", scene: () => scalableScene(), root: /^pasid = ([0-9a-f]{16})$/ },
];

for (const { name, scene, root, isFrame = false } of kinds) {
  test(`${name}: every line is an item of memory, from the root to where the way ends now`, (t) => {
    const { memory, hardware, system } = scene();
    const domain = system.createDomain({ id: 5 });
    domain.legacyMap(DFN + 1, 0xabcde, 1, READ_WRITE);
    system.addDevice(DEVICE);
    system.assign(DEVICE.id, domain);
    const pairs = new BigUint64Array(memory.words.buffer);
    const itemAt = (address: bigint) => pairs[Number(address - memory.base) / 8];
    const faultsOnce = () => {
      t.regex(seen(hardware.dma(REQUESTER, BigInt(DFN) * PAGE, 4, true)), /^fault/);
    };

    const changes: readonly (readonly [change: () => void, levels: number])[] = [
      [() => {}, 4],
      [() => domain.legacyMap(DFN, 0x5_5555, 1, 1), 4],
      [() => domain.legacyMap(DFN - (DFN % MIB2), MIB2, MIB2, READ_WRITE), 3],
      [() => domain.legacyUnmap(DFN - (DFN % MIB2), MIB2), 2],
    ];
    faultsOnce();
    for (const [change, levels] of changes) {
      change();
      const lines = system.readFaults().flatMap((report) => report.lines);
      const start = lines.flatMap((line) => root.exec(line)?.slice(1) ?? [])[0];
      let table = BigInt(`0x${start}`) * (isFrame ? PAGE : 1n);
      const items = lines.flatMap((line) => [
        ...line.matchAll(/^[Ll]([1-4])\[([0-9a-f]{3})\] = ([0-9a-f]{16})/g),
      ]);
      t.is(items.length, levels, lines.join("\n"));
      for (const [step, [, level, index, raw]] of items.entries()) {
        t.is(Number(level), 4 - step);
        t.is(Number.parseInt(index, 16), Math.floor(DFN / MIB2 ** (3 - step)) % MIB2);
        const item = itemAt((table & ADDRESS) + BigInt(Number.parseInt(index, 16)) * 8n);
        t.is(BigInt(`0x${raw}`), item);
        table = item & ADDRESS;
      }
      // For the next round; a page that may be reached by now is refused no more.
      domain.legacyUnmap(DFN, 1);
      faultsOnce();
    }
  });
}

for (const [name, scene] of [
  ["VT-d", intelScene],
  ["VT-d in scalable mode", scalableScene],
] as const) {
  test(`${name}: printing changes nothing`, (t) => {
    const { memory, hardware, system } = scene();
    const domain = system.createDomain({ id: 5 });
    domain.legacyMap(DFN + 1, 0xabcde, 1, READ_WRITE);
    system.addDevice(DEVICE);
    system.assign(DEVICE.id, domain);
    hardware.dma(REQUESTER, BigInt(DFN) * PAGE, 4, true);
    const before = memory.words.slice();
    t.true(system.readFaults().flatMap((report) => report.lines).length > 4);
    t.is(Buffer.compare(Buffer.from(before.buffer), Buffer.from(memory.words.buffer)), 0);
  });
}
