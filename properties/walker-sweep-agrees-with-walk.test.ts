/** A walker's sweep and its walks are one opinion, on tables full of garbage as on good ones. */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import { rootBitsLg2, shapeOf } from "../models/shape.js";
import { configurationOf, HandMadeTables } from "./hand-made-tables.js";

const SEEDS = 12;
const FRAMES = 6;
const BASE = 0x12_3450_0000n;

/** The place of a table's address in an item, and what makes an item a pointer for a format. */
interface Case {
  readonly configuration: Configuration;
  readonly mode: number;
  readonly address: (table: bigint) => bigint;
  /** Bits that random items are likely to have, so that walks come far. */
  readonly likely: readonly bigint[];
}

const amdNextLevels = Array.from({ length: 8 }, (_, next) => (3n << 61n) | 1n | (BigInt(next) << 9n));
const tiny = { tableBitsLg2: 3, contiguousLg2: 2 };
/** A page, a block, and both with the contiguous bit. */
const armLeaves = [0x743n, 0x741n, 0x743n | (1n << 52n), 0x741n | (1n << 52n)];
const cases: Record<string, Case> = {
  amdv1: {
    configuration: configurationOf("amdv1", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 5 }),
    mode: 6,
    address: (table) => table,
    likely: amdNextLevels,
  },
  "amdv1 narrow": {
    configuration: configurationOf("amdv1", {
      vaWidthLg2: 41,
      oaWidthLg2: 52,
      topLevel: 3,
      encryptionBit: 47,
    }),
    mode: 4,
    address: (table) => table,
    likely: amdNextLevels,
  },
  "amdv1 mock": {
    configuration: configurationOf("amdv1-mock", { vaWidthLg2: 56, oaWidthLg2: 51, topLevel: 4 }),
    mode: 5,
    address: (table) => table << 1n,
    likely: amdNextLevels,
  },
  "amdv1 tiny": {
    configuration: configurationOf("amdv1", { vaWidthLg2: 24, oaWidthLg2: 52, topLevel: 3, tiny }),
    mode: 4,
    address: (table) => table,
    likely: amdNextLevels,
  },
  "x86-64": {
    configuration: configurationOf("x86-64", {
      vaWidthLg2: 57,
      oaWidthLg2: 46,
      topLevel: 4,
      signExtended: true,
    }),
    mode: 5,
    address: (table) => table,
    likely: [0x27n, 0xe7n, 0x25n],
  },
  "x86-64 tiny": {
    configuration: configurationOf("x86-64", { vaWidthLg2: 23, oaWidthLg2: 52, topLevel: 3, tiny }),
    mode: 4,
    address: (table) => table,
    likely: [0x27n, 0xe7n],
  },
  "vtd-second-stage": {
    configuration: configurationOf("vtd-second-stage", { vaWidthLg2: 42, oaWidthLg2: 46, topLevel: 3 }),
    mode: 2,
    address: (table) => table,
    likely: [3n, 0x83n, 1n],
  },
  riscv64: {
    configuration: configurationOf("riscv64", {
      vaWidthLg2: 48,
      oaWidthLg2: 56,
      topLevel: 3,
      signExtended: true,
      svnapot: true,
    }),
    mode: 9,
    address: (table) => table >> 2n,
    likely: [1n, 0xdfn, (1n << 63n) | 0x20dfn],
  },
  "riscv64 tiny": {
    configuration: configurationOf("riscv64", {
      vaWidthLg2: 21,
      oaWidthLg2: 56,
      topLevel: 2,
      signExtended: true,
      svnapot: true,
      tiny,
    }),
    mode: 8,
    address: (table) => table >> 2n,
    likely: [1n, 0xdfn, (1n << 63n) | 0x8dfn],
  },
  riscv32: {
    configuration: configurationOf("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 }),
    mode: 8,
    address: (table) => table >> 2n,
    likely: [1n, 0xdfn, 0xffn],
  },
  "armv8 stage 1, 4K with LPA2": {
    configuration: configurationOf("armv8-stage1", {
      granuleLg2: 12,
      vaWidthLg2: 52,
      oaWidthLg2: 52,
      topLevel: 4,
      lpa2: true,
      dirtyTracking: true,
    }),
    mode: 12,
    address: (table) => table,
    likely: [3n, ...armLeaves],
  },
  "armv8 stage 1, 16K, upper half, a root of two items": {
    configuration: configurationOf("armv8-stage1", {
      granuleLg2: 14,
      vaWidthLg2: 48,
      oaWidthLg2: 48,
      topLevel: 3,
      upperHalf: true,
    }),
    mode: 16,
    address: (table) => table,
    likely: [3n, ...armLeaves],
  },
  "armv8 stage 2, 4K, four tables side by side": {
    configuration: configurationOf("armv8-stage2", {
      granuleLg2: 12,
      vaWidthLg2: 41,
      oaWidthLg2: 42,
      topLevel: 2,
    }),
    mode: (64 - 41) | (1 << 6),
    address: (table) => table,
    likely: [3n, 0x6d7n, 0x6d5n, 0x655n | (1n << 52n)],
  },
  "LPAE stage 1, a root of four items": {
    configuration: configurationOf("arm-lpae-stage1", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 }),
    mode: 32,
    address: (table) => table,
    likely: [3n, ...armLeaves],
  },
  "armv8 stage 2 tiny": {
    configuration: configurationOf("armv8-stage2", {
      granuleLg2: 12,
      vaWidthLg2: 22,
      oaWidthLg2: 48,
      topLevel: 2,
      tiny,
    }),
    mode: (64 - 22) | (1 << 6),
    address: (table) => table,
    likely: [3n, 0x6d7n, 0x6d5n, 0x655n | (1n << 52n)],
  },
  mali: {
    configuration: configurationOf("mali", { vaWidthLg2: 41, oaWidthLg2: 40, topLevel: 3 }),
    mode: 3,
    address: (table) => table,
    likely: [3n, 3n, 0x2c1n],
  },
};

/** A small generator of 32-bit numbers; the seed is in the test's title. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Frames of random items: one third empty, the others likely words, some with a random bit turned. */
function garbage({ configuration, mode, address, likely }: Case, seed: number): HandMadeTables {
  const next = generator(seed);
  const base = configuration.format === "riscv32" ? 0x5000_0000n : BASE;
  const { tableBitsLg2, itemBytesLg2, wideRoot } = shapeOf(configuration);
  const rootItems = wideRoot ? 2 ** rootBitsLg2(configuration, configuration.topLevel) : 2 ** tableBitsLg2;
  const tableItems = 2 ** tableBitsLg2;
  const frameBytes = Math.max(4096, Math.max(rootItems, tableItems) << itemBytesLg2);
  const frame = (n: number) => base + BigInt(n) * BigInt(frameBytes);
  const tables = new HandMadeTables(configuration).root(frame(0), mode);
  for (let n = 0; n < FRAMES; n++) {
    const items: Record<number, bigint> = {};
    const count = n === 0 ? Math.max(rootItems, tableItems) : tableItems;
    for (let index = 0; index < count; index++) {
      const choice = next() % 12;
      if (choice < 4) continue;
      // A leaf is aligned only with the low address bits clear; a pointer leads to one of the frames.
      const place = choice < 8 ? address(frame(next() % (FRAMES + 1))) : address(BigInt(next() % 64) << 30n);
      const turned = choice % 4 === 0 ? 1n << BigInt(next() % 64) : 0n;
      items[index] = (likely[next() % likely.length] | place) ^ turned;
    }
    tables.table(frame(n), items, frameBytes);
  }
  return tables;
}

function randomAddress({ signExtended, upperHalf, vaWidthLg2 }: Configuration, next: () => number): bigint {
  const random = (BigInt(next()) << 32n) | BigInt(next());
  if (signExtended) return BigInt.asUintN(64, BigInt.asIntN(vaWidthLg2, random));
  const inside = BigInt.asUintN(vaWidthLg2, random);
  return upperHalf ? inside - (1n << BigInt(vaWidthLg2)) + (1n << 64n) : inside;
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

for (const [name, one] of Object.entries(cases)) {
  test(`${name}: every item that a sweep reports is what a walk of its address meets, seeds 1 to ${SEEDS}`, (t) => {
    const found = new Set<string>();
    const wrong: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const tables = garbage(one, seed);
      for (const item of tables.sweep()) {
        found.add(item.what);
        if (item.what === "table") continue;
        const seen = tables.walk(item.va);
        const expected = item.what === "leaf" ? "Translated" : item.what;
        const samePage = item.what !== "leaf" || seen.page?.sizeLg2 === item.sizeLg2;
        if (seen.result !== expected || seen.level !== item.level || !samePage) {
          wrong.push(
            `seed ${seed}, ${item.what} level ${item.level} va ${hex(item.va)}: walk says ${seen.result}`,
          );
        }
      }
    }
    t.deepEqual(wrong, []);
    t.true(found.has("leaf") && found.has("OutsideMemory") && found.size >= 4, [...found].join(" "));
  });

  test(`${name}: every random walk ends at an item that the sweep reported, seeds 1 to ${SEEDS}`, (t) => {
    let translated = 0;
    const wrong: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const tables = garbage(one, seed);
      const swept = tables.sweep();
      const leaves = swept.filter((item) => item.what === "leaf");
      const known = new Set(swept.map((item) => `${item.what} ${item.level} ${hex(item.address)}`));
      const next = generator(seed + 1000);
      for (let i = 0; i < 500; i++) {
        // Every other address lies in the first 64 KiB of a leaf, for few random ones would translate.
        const near = i % 2 === 0 ? leaves.at(next() % (leaves.length + 1)) : undefined;
        const va =
          near === undefined ? randomAddress(one.configuration, next) : near.va ^ BigInt(next() % 65536);
        const { result, level } = tables.walk(va);
        if (result === "Translated") translated++;
        if (result === "NotPresent" || result === "IllegalSkip") continue;
        const item = (BigInt(tables.walker.itemHigh >>> 0) << 32n) | BigInt(tables.walker.itemLow >>> 0);
        const key = `${result === "Translated" ? "leaf" : result} ${level} ${hex(item)}`;
        if (!known.has(key)) wrong.push(`seed ${seed}, ${hex(va)}: ${key}`);
      }
    }
    t.deepEqual(wrong, []);
    t.true(translated > SEEDS);
  });
}

test("tables that all point to one another are swept in bounded time, each entered once a level", (t) => {
  const { configuration, mode } = cases["x86-64"];
  const tables = new HandMadeTables(configuration).root(BASE, mode);
  const everywhere = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [index, BASE | 0x27n]));
  tables.table(BASE, everywhere);
  const swept = tables.sweep();
  t.is(swept.filter((item) => item.what === "table").length, 1 + 4 * 512);
  t.is(swept.filter((item) => item.what === "leaf").length, 512);
});

test("a sweep leaves the last walk's result as it was", (t) => {
  const tables = garbage(cases["x86-64"], 1);
  const leaf = tables.sweep().find((item) => item.what === "leaf");
  const before = tables.walk(leaf?.va ?? 0n);
  const { oaLow, oaHigh, itemLow, itemHigh, rawLow, rawHigh, sizeLg2 } = tables.walker;
  tables.sweep();
  t.is(before.result, "Translated");
  t.like(tables.walker, { oaLow, oaHigh, itemLow, itemHigh, rawLow, rawHigh, sizeLg2 });
});
