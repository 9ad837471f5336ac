/** Every configuration that is tested with has a root that its walker accepts, tiny ones included. */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import { configurationName, configurations } from "../models/configurations.js";
import { rootBitsLg2, shapeOf } from "../models/shape.js";
import { bits, HandMadeTables } from "./hand-made-tables.js";

/** The mode that names the configuration's top level, by each architecture's formula. */
function modeOf({ format, topLevel, vaWidthLg2, granuleLg2 = 12, lpa2 }: Configuration): number {
  const tsz = 64 - vaWidthLg2;
  switch (format) {
    case "vtd-second-stage":
      return topLevel - 1;
    case "riscv64":
    case "riscv64-guest":
      return topLevel + 6;
    case "riscv32":
    case "riscv32-guest":
      return 8;
    case "armv8-stage1":
    case "arm-lpae-stage1":
      return tsz;
    case "armv8-stage2":
    case "arm-lpae-stage2": {
      // SL0 counts ARM's levels down: from 2 with 4 KiB, from 3 with the others; SL2 names level −1 of LPA2.
      const armLevel = 3 - topLevel;
      if (lpa2 === true && armLevel < 0) return tsz | (1 << 8);
      const startLevel = granuleLg2 === 12 ? (armLevel === 3 ? 3 : 2 - armLevel) : 3 - armLevel;
      return tsz | (startLevel << 6);
    }
    case "mali":
      return 3;
    case "arm-short":
      return 0;
    default:
      return topLevel + 1;
  }
}

/** As aligned as the widest root is large. */
const ROOT = 0x10_0000n;

for (const configuration of configurations) {
  test(`${configurationName(configuration)}: the walk begins at the configured top, where its input ends`, (t) => {
    const { topLevel, vaWidthLg2, signExtended, growingTop, upperHalf } = configuration;
    const rootBytes = 2 ** (rootBitsLg2(configuration, topLevel) + shapeOf(configuration).itemBytesLg2);
    const tables = new HandMadeTables(configuration)
      .root(ROOT, modeOf(configuration))
      .table(ROOT, {}, Math.max(rootBytes, 4096));
    const first = upperHalf === true ? bits(63, vaWidthLg2) : 0n;
    t.deepEqual(tables.walk(first), { result: "NotPresent", level: topLevel });
    t.deepEqual(
      tables.sweep().map(({ what, level }) => [what, level]),
      [["table", topLevel]],
    );
    const last = first | bits(signExtended ? vaWidthLg2 - 2 : vaWidthLg2 - 1, 0);
    if (!growingTop) t.is(tables.walk(last).result, "NotPresent");
    if (vaWidthLg2 < 64) t.is(tables.walk((last + 1n) % (1n << 64n)).result, "NotCanonical");
    if (signExtended) t.is(tables.walk(bits(63, vaWidthLg2 - 1)).result, "NotPresent");
    // Of ARM's modes 15 is a width that there may be: 49 bits.
    for (const mode of [-1, configuration.format.startsWith("armv8") ? 5 : 15])
      t.is(tables.root(ROOT, mode).walk(first).result, "IllegalRoot");
  });
}
