/** A domain's tables as a person reads them: each leaf is one line, whatever its size. */
import test from "ava";
import type { IommuDomain } from "../impl/iommu/domain.js";
import { amdScene, intelScene, READ_WRITE } from "./iommu-scene.js";

for (const [name, scene] of [
  ["AMD", amdScene],
  ["VT-d", intelScene],
] as const) {
  const dumped = () => {
    const made = scene();
    const domain = made.system.createDomain({ id: 7 });
    return { ...made, domain };
  };
  const lines = (system: { dump(domain: IommuDomain): Iterable<string> }, domain: IommuDomain) =>
    [...system.dump(domain)].map((line) => line.replace(/root 0x[0-9a-f]+/, "root …"));

  test(`${name}: 4 KiB, 2 MiB and 1 GiB pages, by address`, (t) => {
    const { system, domain } = dumped();
    domain.legacyMap(0x8_0000, 0x4_0000, 0x4_0000, READ_WRITE);
    domain.legacyMap(0x200, 0x400, 0x200, 1);
    domain.legacyMap(0x1ff, 0xabcde, 1, 2);
    t.deepEqual(lines(system, domain), [
      "domain 7: 4 levels, root …",
      "        dfn 000001ff mfn 000abcde -w",
      "      dfn 00000200 mfn 00000400 r-",
      "    dfn 00080000 mfn 00040000 rw",
    ]);
    t.deepEqual(
      [...system.dumpAll()].map((line) => line.replace(/root 0x[0-9a-f]+/, "root …")),
      lines(system, domain),
    );
  });

  test(`${name}: what a superpage becomes when a page of it goes`, (t) => {
    const { system, domain } = dumped();
    domain.legacyMap(0x200, 0x400, 0x200, READ_WRITE);
    domain.legacyUnmap(0x205, 1);
    const [, ...leaves] = lines(system, domain);
    t.is(leaves.length, 511);
    t.is(new Set(leaves).size, 511);
    t.true(leaves.every((line) => /^ {8}dfn 00000[23][0-9a-f]{2} mfn 00000[45][0-9a-f]{2} rw$/.test(line)));
    t.false(leaves.some((line) => line.includes("dfn 00000205")));
  });

  test(`${name}: domains without tables, and the hardware domain's, which are not asked for`, (t) => {
    const { system, domain } = dumped();
    const hardware = system.createDomain({ id: 0, isHardware: true, translatedBy: "passthrough" });
    const sharing = system.createDomain({ id: 8, translatedBy: "shared-tables" });
    t.deepEqual(lines(system, hardware), ["domain 0: no translation"]);
    t.deepEqual(lines(system, sharing), ["domain 8: shares tables"]);
    if (name === "AMD") t.deepEqual(lines(system, domain), ["domain 7: 4 levels, no root"]);
    t.false([...system.dumpAll()].some((line) => line.startsWith("domain 0")));
  });
}

test("AMD: a pointer that skips a level is named, and what is below it left out", (t) => {
  const { memory, system } = amdScene();
  const domain = system.createDomain({ id: 7 });
  domain.legacyMap(0x1ff, 0xabcde, 1, READ_WRITE);
  domain.legacyMap(0x8_0000, 0x4_0000, 0x4_0000, READ_WRITE);
  const [header] = system.dump(domain);
  const root = Number(header.split("root ")[1]);
  const level3 = memory.words[(root - Number(memory.base)) / 4] & -4096;
  const word = ((level3 >>> 0) - (Number(memory.base) % 2 ** 32)) / 4;
  memory.words[word] = (memory.words[word] & ~0xe00) | 0x200;
  t.deepEqual([...system.dump(domain)].slice(1), [
    "    dfn 00000000 is no pointer to level 2",
    "    dfn 00080000 mfn 00040000 rw",
  ]);
});
