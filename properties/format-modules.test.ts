/** The compiler holds every module of impl/formats to the one interface; this list is how it meets them. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import * as amdv1 from "../impl/formats/amdv1.js";
import * as dart1 from "../impl/formats/dart1.js";
import * as dart2 from "../impl/formats/dart2.js";
import type { Format } from "../impl/formats/format.js";
import * as riscv32 from "../impl/formats/riscv32.js";
import * as riscv64 from "../impl/formats/riscv64.js";
import * as vtdSecondStage from "../impl/formats/vtd-second-stage.js";
import * as x86_64 from "../impl/formats/x86-64.js";

const formats: readonly Format[] = [amdv1, dart1, dart2, riscv32, riscv64, vtdSecondStage, x86_64];

test("every module of impl/formats is a format, and is called as its file", (t) => {
  const files = readdirSync(fileURLToPath(new URL("../impl/formats/", import.meta.url)));
  const modules = files.filter((file) => file.endsWith(".js") && file !== "format.js");
  t.deepEqual(
    formats.map(({ name }) => `${name}.js`),
    modules.sort(),
  );
});

for (const format of formats) {
  test(`${format.name}: its constants fit together`, (t) => {
    const { granuleLg2, tableBitsLg2, frameLg2, itemWords, topLevelMin, topLevelMax, leafLevelMax } = format;
    t.true(itemWords === 1 || itemWords === 2);
    t.is(2 ** frameLg2, 4 * itemWords * 2 ** tableBitsLg2);
    t.true(topLevelMin <= topLevelMax && leafLevelMax <= topLevelMax);
    const reachLg2 = granuleLg2 + tableBitsLg2 * (topLevelMax + 1);
    t.true(format.vaWidthMaxLg2 <= reachLg2 && format.vaWidthMaxLg2 > reachLg2 - tableBitsLg2);
  });
}
