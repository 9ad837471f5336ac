/** The set of frames as few ranges, against a plain set. */
import test from "ava";
import { RangeSet } from "../impl/iommu/index.js";
import { Random } from "../models/random.js";

const SEED = "ranges-1";
const FRAMES = 48;

test(`adding and removing gives what a plain set has, in as few ranges as there can be (seed ${SEED})`, (t) => {
  const random = Random.fromSeed(SEED);
  for (let program = 0; program < 200; program++) {
    const set = new RangeSet();
    const plain = new Set<number>();
    for (let step = 0; step < 20; step++) {
      const first = random.below(FRAMES);
      const last = first + random.below(Math.min(12, FRAMES - first));
      const isAdding = random.below(2) === 0;
      if (isAdding) set.add(first, last);
      else set.remove(first, last);
      for (let frame = first; frame <= last; frame++) {
        if (isAdding) plain.add(frame);
        else plain.delete(frame);
      }
      const probe = random.below(FRAMES);
      const probeLast = probe + random.below(5);
      const touches = [0, 1, 2, 3, 4].some(
        (offset) => probe + offset <= probeLast && plain.has(probe + offset),
      );
      t.is(set.overlaps(probe, probeLast), touches);
      t.is(set.has(probe), plain.has(probe));
      t.is(set.size, plain.size);
      const listed = set.ranges.flatMap((range) =>
        Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index),
      );
      t.deepEqual(
        listed,
        [...plain].sort((a, b) => a - b),
      );
      for (const [index, range] of set.ranges.entries()) {
        const next = set.ranges[index + 1];
        t.true(range.first <= range.last && (next === undefined || next.first > range.last + 1));
      }
    }
  }
});

test("ranges that overlap or touch become one, given in any order", (t) => {
  const set = new RangeSet([
    { first: 20, last: 29 },
    { first: 0, last: 9 },
    { first: 10, last: 19 },
    { first: 31, last: 31 },
  ]);
  t.deepEqual(set.ranges, [
    { first: 0, last: 29 },
    { first: 31, last: 31 },
  ]);
  set.removeAll([
    { first: 5, last: 6 },
    { first: 28, last: 40 },
  ]);
  t.deepEqual(set.ranges, [
    { first: 0, last: 4 },
    { first: 7, last: 27 },
  ]);
});
