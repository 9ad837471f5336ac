// The short questions that the engine's loops ask of an item agree with `kindOf`, on items of every kind.
import test from "ava";
import * as amdv1 from "../impl/formats/amdv1.js";
import * as armShort from "../impl/formats/arm-short.js";
import * as armv8 from "../impl/formats/armv8.js";
import * as dart1 from "../impl/formats/dart1.js";
import * as dart2 from "../impl/formats/dart2.js";
import { EntryKind, type Format } from "../impl/formats/format.js";
import * as mali from "../impl/formats/mali.js";
import * as riscv32 from "../impl/formats/riscv32.js";
import * as riscv64 from "../impl/formats/riscv64.js";
import * as vtdSecondStage from "../impl/formats/vtd-second-stage.js";
import * as x86 from "../impl/formats/x86-64.js";
import * as x86Pae32 from "../impl/formats/x86-pae32.js";
import { Random } from "../models/index.js";

const formats: readonly Format[] = [
  amdv1,
  x86,
  x86Pae32,
  vtdSecondStage,
  riscv64,
  riscv32,
  armv8,
  mali,
  armShort,
  dart1,
  dart2,
];
const ITEMS = 20_000;

for (const format of formats) {
  test(`${format.name}: isEmpty, isTable, the present bits and the plain leaf's mask say what kindOf says`, (t) => {
    const random = Random.fromSeed(`shortcuts ${format.name}`);
    const word = () => (random.below(2 ** 16) << 16) | random.below(2 ** 16);
    const seen = new Set<string>();
    for (let n = 0; n < ITEMS; n++) {
      const level = random.below(format.topLevelMax + 1);
      const low = word();
      const high = format.itemWords === 2 ? word() : 0;
      const kind = format.kindOf(low, level);
      const item = `level ${level}, words ${low}, ${high}`;
      if (format.isEmpty(low) !== (kind === EntryKind.Empty)) t.fail(`isEmpty: ${item}`);
      if (format.isEmpty(low) !== ((low & format.presentBits) === 0)) t.fail(`presentBits: ${item}`);
      if (level > 0 && format.isTable(low, level) !== (kind === EntryKind.Table)) t.fail(`isTable: ${item}`);
      const plain =
        (low & format.plainLeafMask(level)) === format.plainLeafBits(level) &&
        (high & format.contiguousHigh) === 0;
      if (plain && (kind !== EntryKind.Leaf || format.contiguousLg2Of(low, high, level) !== 0)) {
        t.fail(`plain leaf: ${item}`);
      }
      seen.add(`${kind}${plain ? " plain" : ""}`);
    }
    t.true(
      seen.has(`${EntryKind.Leaf} plain`) && seen.has(`${EntryKind.Table}`) && seen.has("0"),
      "all kinds came",
    );
  });
}
