/** Every configuration that is tested with has a root that its walker accepts, tiny ones included. */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import { configurationName, configurations } from "../models/configurations.js";
import { bits, HandMadeTables } from "./hand-made-tables.js";

/** The mode that names the configuration's top level, by each architecture's formula. */
function modeOf({ format, topLevel }: Configuration): number {
  switch (format) {
    case "vtd-second-stage":
      return topLevel - 1;
    case "riscv64":
      return topLevel + 6;
    case "riscv32":
      return 8;
    default:
      return topLevel + 1;
  }
}

for (const configuration of configurations) {
  test(`${configurationName(configuration)}: the walk begins at the configured top, where its input ends`, (t) => {
    const { topLevel, vaWidthLg2, signExtended, growingTop } = configuration;
    const tables = new HandMadeTables(configuration).root(0x1000n, modeOf(configuration)).table(0x1000n, {});
    t.deepEqual(tables.walk(0n), { result: "NotPresent", level: topLevel });
    t.deepEqual(
      tables.sweep().map(({ what, level }) => [what, level]),
      [["table", topLevel]],
    );
    const last = bits(signExtended ? vaWidthLg2 - 2 : vaWidthLg2 - 1, 0);
    if (!growingTop) t.is(tables.walk(last).result, "NotPresent");
    if (vaWidthLg2 < 64) t.is(tables.walk(last + 1n).result, "NotCanonical");
    if (signExtended) t.is(tables.walk(bits(63, vaWidthLg2 - 1)).result, "NotPresent");
    for (const mode of [-1, 15]) t.is(tables.root(0x1000n, mode).walk(0n).result, "IllegalRoot");
  });
}
