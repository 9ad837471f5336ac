/**
 * What every format says of items and widths, whether or not a stamp asks: where a format has no dirty bit, no mark or
 * one width only, the answers must still fit together.
 */
import test from "ava";
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
import { Random } from "../models/index.js";

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

/** No bit, every bit, each bit alone, and some of them. */
function someWords(seed: string): readonly number[] {
  const random = Random.fromSeed(seed);
  const single = Array.from({ length: 32 }, (_, bit) => 1 << bit);
  return [0, -1, ...single, ...Array.from({ length: 32 }, () => random.int32())];
}

for (const format of formats) {
  const { name, isDirty, dirtied, cleaned, isMarkedClean, markedClean } = format;
  test(`${name}: what was cleaned is not dirty, and that it was dirty is all that is forgotten`, (t) => {
    const words = someWords(name);
    for (const [index, low] of words.entries()) {
      const high = words[words.length - 1 - index];
      t.false(isDirty(cleaned(low), high));
      t.is(cleaned(dirtied(low, high)), cleaned(low));
      t.is(cleaned(cleaned(low)), cleaned(low));
      t.is(dirtied(dirtied(low, high), high), dirtied(low, high));
    }
  });

  test(`${name}: a marked item is known as one, and is otherwise what it was`, (t) => {
    const words = someWords(name);
    const marks = words.map((word) => markedClean(word) & ~word).filter((mark) => mark !== 0);
    t.true(new Set(marks).size <= 1);
    for (const word of words) {
      t.true(isMarkedClean(markedClean(word)));
      t.is(markedClean(word) & word, word);
      t.is(isMarkedClean(word), markedClean(word) === word);
    }
  });

  test(`${name}: a width has a top that reaches it, or none`, (t) => {
    const { granuleLg2, tableBitsLg2, topLevelMin, topLevelMax, vaWidthMaxLg2, rootLevelFor } = format;
    const reached = Array.from({ length: vaWidthMaxLg2 + 1 }, (_, width) => rootLevelFor(width, 32, 0));
    t.true(reached[vaWidthMaxLg2] >= topLevelMin || format.wideRoot);
    for (const [width, level] of reached.entries()) {
      if (level < 0) continue;
      t.true(level <= topLevelMax, `${width} bits: level ${level}`);
      if (!format.wideRoot) t.true(granuleLg2 + tableBitsLg2 * (level + 1) >= Math.min(width, vaWidthMaxLg2));
    }
  });
}

test("a width that no level has is refused by the formats whose width names the top", (t) => {
  for (const { name, granuleLg2, rootLevelFor } of [dart1, dart2, mali, riscv32, riscv64, armShort]) {
    t.is(rootLevelFor(granuleLg2, 32, 0), -1, name);
  }
  t.is(dart2.rootLevelFor(64, 64, 0), -1);
  t.not(x86Pae32.conflictOf(31, 52, 0, true), "");
});
