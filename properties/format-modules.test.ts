/** The compiler holds every module of impl/formats to the one interface; this list is how it meets them. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { STAMPS } from "../build/stamps.js";
import * as amdv1 from "../impl/formats/amdv1.js";
import * as armShort from "../impl/formats/arm-short.js";
import * as armv8 from "../impl/formats/armv8.js";
import * as dart1 from "../impl/formats/dart1.js";
import * as dart2 from "../impl/formats/dart2.js";
import type { Format } from "../impl/formats/format.js";
import * as mali from "../impl/formats/mali.js";
import * as riscv32 from "../impl/formats/riscv32.js";
import * as riscv64 from "../impl/formats/riscv64.js";
import * as vtdSecondStage from "../impl/formats/vtd-second-stage.js";
import * as x86_64 from "../impl/formats/x86-64.js";
import * as x86Pae32 from "../impl/formats/x86-pae32.js";

const formats: readonly Format[] = [
  amdv1,
  armShort,
  armv8,
  dart1,
  dart2,
  mali,
  riscv32,
  riscv64,
  vtdSecondStage,
  x86_64,
  x86Pae32,
];

test("every module of impl/formats is a format, and is called as its file", (t) => {
  const files = readdirSync(fileURLToPath(new URL("../impl/formats/", import.meta.url)));
  const modules = files.filter((file) => file.endsWith(".js") && file !== "format.js");
  t.deepEqual(
    formats.map(({ name }) => `${name}.js`),
    modules.sort(),
  );
});

/** The widest root is that of the short descriptor, as MediaTek has it: as wide as 64 tables of the level below. */
const WIDE_ROOT_LG2 = 6;

for (const stamp of STAMPS.filter(({ variant, shipped }) => variant === "plain" && shipped)) {
  test(`${stamp.name}: its constants fit together`, (t) => {
    const format = formats.find(({ name }) => name === stamp.format);
    const constant = (name: keyof Format) => Number(stamp.constants[name] ?? format?.[name]);
    const granuleLg2 = constant("granuleLg2");
    const tableBitsLg2 = constant("tableBitsLg2");
    const itemWords = constant("itemWords");
    const topLevelMax = constant("topLevelMax");
    t.true(itemWords === 1 || itemWords === 2);
    t.is(2 ** constant("frameLg2"), 4 * itemWords * 2 ** tableBitsLg2);
    t.true(constant("topLevelMin") <= topLevelMax && constant("leafLevelMax") <= topLevelMax);
    const rootBitsLg2 = constant("vaWidthMaxLg2") - granuleLg2 - tableBitsLg2 * topLevelMax;
    const most = constant("wideRoot") === 1 ? tableBitsLg2 + WIDE_ROOT_LG2 : tableBitsLg2;
    t.true(rootBitsLg2 > 0 && rootBitsLg2 <= most, `the root has 2^${rootBitsLg2} items`);
  });
}

test("every module is in a shipped stamp", (t) => {
  const stamped = new Set(STAMPS.filter(({ shipped }) => shipped).map(({ format }) => format));
  t.deepEqual([...stamped].sort(), formats.map(({ name }) => name).sort());
});
