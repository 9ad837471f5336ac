/** What the engine computes with words and page sizes, against bigint and brute force. */
import test from "ava";
import * as geometry from "../impl/engine/geometry.js";
import { highestSizeUpTo, largestSizeLg2, nextLargerSizeLg2, wholePages } from "../impl/engine/page-size.js";
import { configurations } from "../models/configurations.js";
import { Reference } from "../reference/index.js";
import { joined, words } from "./behaviour.js";

const ALL = (1n << 64n) - 1n;

/** Words at which sign, carry and emptiness change. */
const edges = [0, 1, 2, 0x7fff_ffff, -0x8000_0000, -1, -2, 0x1234_5678, -0x1234_5678, 0x0001_0000];

test("shifts and masks agree with 64-bit arithmetic, for every count and at every edge", (t) => {
  for (const low of edges) {
    for (const high of edges) {
      const value = joined(low, high);
      for (let by = 0; by < 64; by++) {
        const shifted = BigInt.asIntN(32, value >> BigInt(by));
        if (BigInt(geometry.shiftRightLow(low, high, by)) !== shifted) t.fail(`${value} >> ${by}`);
      }
    }
  }
  for (const value of [0, 1, 3, 511, 0x7fff_ffff]) {
    for (let by = 0; by < 64; by++) {
      const [low, high] = words(BigInt.asUintN(64, BigInt(value) << BigInt(by)));
      t.is(geometry.shiftLeftLow(value, by), low, `${value} << ${by}`);
      t.is(geometry.shiftLeftHigh(value, by), high, `${value} << ${by}`);
    }
  }
  for (let lg2 = 0; lg2 < 64; lg2++) {
    const mask = joined(geometry.offsetMaskLow(lg2), geometry.offsetMaskHigh(lg2));
    t.is(mask, (1n << BigInt(lg2)) - 1n, `the offsets of 2^${lg2}`);
  }
});

test("comparing and counting zeros, at every edge", (t) => {
  const numbers = edges.flatMap((low) => edges.map((high) => [low, high] as const));
  for (const [low, high] of numbers) {
    for (const [otherLow, otherHigh] of numbers) {
      const isBelow = joined(low, high) < joined(otherLow, otherHigh);
      if (geometry.below(low, high, otherLow, otherHigh) !== isBelow)
        t.fail(`${low} ${high} ${otherLow} ${otherHigh}`);
    }
  }
  t.is(geometry.trailingZeros(0, 0), 64);
  for (let bit = 0; bit < 64; bit++) {
    t.is(geometry.trailingZeros(...words(1n << BigInt(bit))), bit);
    t.is(geometry.trailingZeros(...words(ALL - (1n << BigInt(bit)) + 1n)), bit, `ones from bit ${bit} up`);
  }
});

const sizesOf = (mask: bigint) =>
  Array.from({ length: 64 }, (_, n) => n).filter((n) => ((mask >> BigInt(n)) & 1n) === 1n);

/** The masks that domains use, and those that none should: none, all, one size each, every second. */
const masks = [
  ...new Set([
    ...configurations.map((configuration) => new Reference(configuration).pageSizes),
    ...[0n, ALL, 0x5555_5555_5555_5555n, 0xaaaa_aaaa_aaaa_aaaan],
    ...Array.from({ length: 64 }, (_, n) => 1n << BigInt(n)),
  ]),
];

/** Numbers with a lowest and a highest bit of every place. */
const remainders = Array.from({ length: 64 }, (_, n) => [1n << BigInt(n), (2n << BigInt(n)) - 1n]).flat();

test("the best page size is that of a brute force, over alignments, lengths and size masks", (t) => {
  for (const mask of masks) {
    const sizes = sizesOf(mask);
    for (let alignmentLg2 = 0; alignmentLg2 <= 64; alignmentLg2++) {
      // Whatever stands above the lowest set bit of the addresses does not matter.
      for (const prefix of [0n, ALL]) {
        const alignment = BigInt.asUintN(
          64,
          (prefix << BigInt(alignmentLg2 + 1)) | (1n << BigInt(alignmentLg2)),
        );
        for (const remaining of remainders) {
          const fitting = sizes.filter((n) => n <= alignmentLg2 && 1n << BigInt(n) <= remaining);
          const best = largestSizeLg2(...words(mask), ...words(alignment), ...words(remaining));
          if (best !== (fitting.at(-1) ?? -1)) t.fail(`${mask} ${alignment} ${remaining}: ${best}`);
        }
      }
    }
  }
  t.is(largestSizeLg2(-1, -1, 0, 0, -1, -1), 63, "address 0 is aligned to everything");
  t.is(largestSizeLg2(0, 0, 0, 0, -1, -1), -1, "no size is allowed");
});

test("the next larger and the highest size up to a limit are those of a brute force", (t) => {
  for (const mask of masks) {
    const sizes = sizesOf(mask);
    for (let lg2 = 0; lg2 < 64; lg2++) {
      t.is(nextLargerSizeLg2(...words(mask), lg2), sizes.find((n) => n > lg2) ?? 64);
      t.is(highestSizeUpTo(...words(mask), lg2), sizes.filter((n) => n <= lg2).at(-1) ?? -1);
    }
  }
  t.pass();
});

test("how many whole pages fit what remains, up to a limit", (t) => {
  for (const remaining of remainders) {
    for (let lg2 = 0; lg2 < 64; lg2++) {
      for (const limit of [1, 16, 512, 0x4000_0000]) {
        const whole = remaining >> BigInt(lg2);
        const expected = whole < BigInt(limit) ? Number(whole) : limit;
        const given = wholePages(...words(remaining), lg2, limit);
        if (given !== expected) t.fail(`${remaining} in 2^${lg2}, at most ${limit}: ${given}`);
      }
    }
  }
  t.is(wholePages(-1, -1, 63, 512), 1);
});
