/** What a format promises, as examples: sizes, levels, addresses, permissions, dirty state and software bits. */
import test from "ava";
import { PageTableSubject } from "../fuzz/lockstep/subject.js";
import * as geometry from "../impl/engine/geometry.js";
import { highestSizeUpTo, largestSizeLg2, nextLargerSizeLg2, wholePages } from "../impl/engine/page-size.js";
import * as amdv1 from "../impl/formats/amdv1.js";
import type { Format } from "../impl/formats/format.js";
import * as riscv32 from "../impl/formats/riscv32.js";
import * as riscv64 from "../impl/formats/riscv64.js";
import * as vtdSecondStage from "../impl/formats/vtd-second-stage.js";
import * as x86_64 from "../impl/formats/x86-64.js";
import { PageTableError } from "../impl/index.js";
import { configurations } from "../models/configurations.js";
import { createWalker, Pointer, SparseMemory } from "../models/walkers/index.js";
import { levelOfSize, Reference } from "../reference/index.js";
import { type Example, everyConfiguration, joined, words } from "./behaviour.js";
import { tracksDirty } from "./tracks-dirty.js";

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

everyConfiguration("pages grow as soon as a larger size applies, and no earlier", (t, example) => {
  const { sizesLg2, pageBytes, end } = example;
  for (const [index, smallLg2] of sizesLg2.slice(0, -1).entries()) {
    const largeBytes = 1n << BigInt(sizesLg2[index + 1]);
    const from = largeBytes - (1n << BigInt(smallLg2));
    if (2n * largeBytes > end || largeBytes / pageBytes > 4096n) break;
    // One small page before the boundary, one large page, one small page after it.
    const length = largeBytes + (2n << BigInt(smallLg2));
    if (from + length > end || (index + 2 < sizesLg2.length && length >= 1n << BigInt(sizesLg2[index + 2])))
      continue;
    example.map(from, from, length);
    t.deepEqual(
      example.sizesOfEntries(),
      bruteForce(from, from, length, sizesLg2),
      `2^${smallLg2} and larger`,
    );
    example.table.unmap(from, length);
    // The same, but the output address never agrees with the input address modulo the large page.
    const pa = from + (1n << BigInt(smallLg2));
    example.map(from, pa, length);
    t.deepEqual(example.sizesOfEntries(), bruteForce(from, pa, length, sizesLg2));
    example.table.unmap(from, length);
  }
});

/** At each point the largest size that divides both addresses and fits. */
function bruteForce(iova: bigint, pa: bigint, length: bigint, sizesLg2: readonly number[]) {
  const entries: [bigint, number][] = [];
  for (let done = 0n; done < length; ) {
    const fitting = sizesLg2.filter((lg2) => {
      const size = 1n << BigInt(lg2);
      return (iova + done) % size === 0n && (pa + done) % size === 0n && done + size <= length;
    });
    const lg2 = fitting[fitting.length - 1];
    entries.push([iova + done, lg2]);
    done += 1n << BigInt(lg2);
  }
  return entries;
}

/** The formats whose functions are the source's own; the mock is another stamp of AMDv1 and is seen in its domains. */
const formats: readonly Format[] = [amdv1, x86_64, vtdSecondStage, riscv64, riscv32];

for (const format of formats) {
  test(`${format.name}: a table pointer gives back its table and its level, to software and to hardware`, (t) => {
    const configuration = configurations.find((candidate) => candidate.format === format.name);
    if (configuration === undefined) return t.fail("no configuration");
    const walker = createWalker(configuration, new SparseMemory());
    const addressLg2 = Math.min(format.oaWidthMaxLg2, 52);
    const addresses = [0x1000n, 0x8000_0000n, 0xffff_f000n, (1n << BigInt(addressLg2)) - 0x1000n];
    for (let level = 1; level <= format.topLevelMax; level++) {
      for (const address of addresses) {
        const [addressLow, addressHigh] = words(address);
        const low = format.tableItemLow(addressLow, addressHigh, level, format.tableAttributesLow(0));
        const attributesHigh = format.tableAttributesHigh(0, 0);
        const high =
          format.itemWords === 2 ? format.tableItemHigh(addressLow, addressHigh, attributesHigh) : 0;
        t.is(format.kindOf(low, level), 1, "a table");
        t.is(format.tableLow(low) | 0, addressLow);
        t.is(walker.inspect(level, low, high), Pointer);
        t.is(joined(walker.oaLow, walker.oaHigh), address);
        t.is(walker.level, level - 1);
      }
    }
  });
}

everyConfiguration("hardware reaches every table where it was allocated, each once", (t, example) => {
  for (const iova of example.inputsFor(example.sizesLg2[0])) example.map(iova, 0n, example.pageBytes);
  const tables: bigint[] = [];
  example.walker().sweep({
    table: (_level, addressLow, addressHigh) => tables.push(joined(addressLow, addressHigh)),
    leaf: () => {},
    illegal: (fault) => t.fail(`an illegal item: ${fault}`),
  });
  t.is(new Set(tables).size, tables.length);
  t.is(tables.length, example.memory.liveFrames);
  t.true(tables.every((address) => example.memory.frameState(address) === "live"));
});

everyConfiguration("page sizes are offered, and are those of the models", (t, example) => {
  t.not(example.table.pageSizes, 0n);
  t.is(example.table.pageSizes, new Reference(example.configuration).pageSizes);
});

everyConfiguration("the sizes of each level are sane", (t, example) => {
  const { configuration, sizesLg2 } = example;
  const { format, oaWidthLg2, encryptionBit, tiny } = configuration;
  const isAmdv1 = format === "amdv1" || format === "amdv1-mock";
  const napotLg2 = format === "riscv64" ? example.itemLg2(0) + (tiny?.contiguousLg2 ?? 4) : -1;
  const leafLevels = isAmdv1 || format === "riscv64" ? 5 : 3;
  for (const lg2 of sizesLg2) {
    const level = levelOfSize(configuration, lg2);
    t.true(lg2 >= example.itemLg2(0) && level < leafLevels, `2^${lg2} at level ${level}`);
    // A size is that of a level, or a power of two between two levels where the format has entries of many items.
    t.true(lg2 === example.itemLg2(level) || isAmdv1 || lg2 === napotLg2, `2^${lg2}`);
    t.true(lg2 < oaWidthLg2 && lg2 <= (encryptionBit ?? 64), `2^${lg2} is too large for an output address`);
  }
  if (isAmdv1 && tiny === undefined) t.false(sizesLg2.includes(39), "hardware mistranslates 512 GiB");
});

everyConfiguration("the levels decode every input bit, each in one place", (t, example) => {
  const { configuration, sizesLg2, pageBytes } = example;
  const reachLg2 = Math.min(example.itemLg2(configuration.topLevel + 1), bitLength(example.end));
  const [firstLg2] = sizesLg2;
  const lowest = levelOfSize(configuration, firstLg2);
  for (let bit = firstLg2; bit < reachLg2; bit++) {
    const subject = new PageTableSubject(configuration, 1 << 16);
    subject.table.map(0n, 0n, pageBytes, 3, pageBytes);
    const tables = subject.liveFrames;
    t.is(tables, configuration.topLevel + 1 - lowest, "one table a level");
    // A page that differs in this bit alone shares every table above the bit's level, and none below it.
    const iova = 1n << BigInt(bit);
    subject.table.map(iova, pageBytes, pageBytes, 3, pageBytes);
    t.is(subject.liveFrames - tables, levelOfSize(configuration, bit) - lowest, `bit ${bit}`);
    t.is(subject.lookup(0n), 0n);
    t.is(subject.lookup(iova), pageBytes);
    for (let other = firstLg2; other < reachLg2; other++) {
      if (other !== bit) t.is(subject.lookup(iova ^ (1n << BigInt(other))), undefined);
    }
  }
});

function bitLength(powerOfTwo: bigint): number {
  return powerOfTwo.toString(2).length - 1;
}

everyConfiguration("the largest input address is never exceeded", (t, example) => {
  const { end, pageBytes, table } = example;
  const { signExtended, vaWidthLg2 } = example.configuration;
  example.map(end - pageBytes, 0n, pageBytes);
  t.is(example.translate(t, end - 1n), pageBytes - 1n);
  if (vaWidthLg2 === 64) return;
  for (const beyond of [
    end,
    end + pageBytes,
    end * 2n,
    ...(signExtended ? [ALL + 1n - end - pageBytes] : [1n << 63n]),
  ]) {
    if (beyond > ALL) continue;
    t.throws(() => example.map(beyond, 0n, pageBytes), { code: "IOVA_OUT_OF_RANGE" });
    t.is(table.lookup(beyond), undefined);
    t.is(table.unmap(beyond, pageBytes), 0n);
    t.is(example.walk(beyond).result, "NotCanonical");
  }
  t.throws(() => example.map(end - pageBytes, 0n, 2n * pageBytes), { code: "IOVA_OUT_OF_RANGE" });
  if (signExtended) {
    example.map(ALL + 1n - end, 0n, pageBytes);
    t.is(example.translate(t, ALL + 1n - end), 0n);
    example.map(ALL + 1n - pageBytes, 0n, pageBytes);
    t.is(example.translate(t, ALL), pageBytes - 1n);
  }
});

everyConfiguration("every item of every size decodes to its own output address", (t, example) => {
  const { table, sizesLg2 } = example;
  for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
    const size = 1n << BigInt(lg2);
    for (const iova of example.inputsFor(lg2)) {
      for (const pa of example.outputsFor(lg2)) {
        example.map(iova, pa, size, 3, size);
        // Every boundary at which an item, or a page of any smaller size, could begin.
        for (let offset = size >> 1n; offset > 0n; offset >>= 1n) {
          if (example.translate(t, iova + offset) !== pa + offset) t.fail(`2^${lg2} at ${iova} + ${offset}`);
        }
        t.is(example.translate(t, iova), pa);
        t.is(example.translate(t, iova + size - 1n), pa + size - 1n);
        const seen = example.walk(iova);
        t.is(seen.sizeLg2, lg2);
        t.is(table.unmap(iova, size), size);
      }
    }
  }
});

everyConfiguration("all permissions round-trip", (t, example) => {
  const { configuration, pageBytes, table } = example;
  for (let prot = 0; prot < 64; prot++) {
    const reference = new Reference(configuration);
    const outcome = reference.apply({ op: "map", iova: 0n, pa: 0n, length: pageBytes, prot });
    const code: string = outcome.op === "map" ? outcome.code : outcome.op;
    t.is(
      statusOf(() => table.map(0n, 0n, pageBytes, prot)),
      code,
      `prot ${prot}`,
    );
    const wanted = reference.translate(0n);
    const entries = [...table.entries()];
    t.is(entries.length, wanted === undefined ? 0 : 1);
    if (wanted === undefined) continue;
    const [entry] = entries;
    const seen = example.walk(0n);
    const { read, write } = wanted;
    t.like(entry, { read, write });
    t.like(seen, { read, write, execute: wanted.execute });
    // Whatever was asked for is granted.
    t.true((prot & 1) === 0 || read);
    t.true((prot & 2) === 0 || write);
    table.unmap(0n, pageBytes);
  }
});

function statusOf(attempt: () => void): string {
  try {
    attempt();
    return "OK";
  } catch (error) {
    return error instanceof PageTableError ? error.code : String(error);
  }
}

everyConfiguration(
  "dirtying any item of an entry dirties the entry, and cleaning cleans every item",
  (t, example) => {
    const { sizesLg2, table } = example;
    for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
      const size = 1n << BigInt(lg2);
      const items = itemsOf(example, lg2);
      const iova = example.inputsFor(lg2)[1] ?? 0n;
      example.map(iova, 0n, size, 3, size);
      for (const item of [...new Set([0, 1, items >> 1, items - 1])].filter((index) => index < items)) {
        const at = iova + (size / BigInt(items)) * BigInt(item);
        t.true(example.walker().deviceWrite(...words(at)));
        t.like([...table.entries(iova, 1n)][0], { dirty: true });
        t.deepEqual(dirtyOf(example, iova, 1n), [[iova, size]], `item ${item} of ${items}`);
        t.deepEqual(dirtyOf(example, 0n, example.end), []);
        t.false(example.walk(at).dirty);
        table.setDirty(at);
        t.true(example.walk(at).dirty);
        t.deepEqual(dirtyOf(example, iova + size - 1n, 1n), [[iova, size]]);
      }
      t.like([...table.entries(iova, 1n)][0], { dirty: false });
      table.unmap(iova, size);
    }
  },
  tracksDirty,
);

/** How many items an entry of this size has. */
function itemsOf(example: Example, lg2: number): number {
  const level = levelOfSize(example.configuration, lg2);
  return 1 << (lg2 - example.itemLg2(level));
}

function dirtyOf(example: Example, iova: bigint, length: bigint): [bigint, bigint][] {
  const dirty: [bigint, bigint][] = [];
  example.table.readAndClearDirty(iova, length, (first, bytes) => dirty.push([first, bytes]));
  return dirty;
}

const mask = (...ranges: readonly (readonly [high: number, low: number])[]) =>
  ranges.reduce((all, [high, low]) => all | ((2n << BigInt(high)) - (1n << BigInt(low))), 0n);

/** The bits that hardware ignores, by the manuals, in a leaf and in a table pointer. */
const softwareBits: Readonly<Record<string, { readonly leaf: bigint; readonly pointer: bigint }>> = {
  amdv1: { leaf: mask([4, 1], [8, 7], [63, 63]), pointer: mask([4, 1], [8, 6], [63, 63]) },
  "amdv1-mock": { leaf: mask([4, 1], [8, 7], [63, 63]), pointer: mask([4, 1], [8, 6], [63, 63]) },
  "x86-64": { leaf: mask([9, 9], [11, 11], [62, 52]), pointer: mask([9, 9], [11, 11], [62, 52]) },
  "vtd-second-stage": {
    leaf: mask([10, 10], [60, 52], [63, 63]),
    pointer: mask([10, 10], [60, 52], [63, 63]),
  },
  riscv64: { leaf: mask([9, 8]), pointer: mask([9, 8]) },
  riscv32: { leaf: mask([9, 8]), pointer: mask([9, 8]) },
};

everyConfiguration("software bits change nothing, on leaves, tables and empty items", (t, example) => {
  const { configuration, sizesLg2, table } = example;
  const bits = softwareBits[configuration.format];
  const seen = () => [example.walk(0n), table.lookup(0n), ...table.entries()];
  for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
    const size = 1n << BigInt(lg2);
    const pa = example.outputsFor(lg2)[1];
    example.map(0n, pa, size, 3, size);
    const before = seen();
    const [leaf, ...pointers] = itemsOnTheWay(example);
    const raw = readItem(example, leaf);
    writeItem(example, leaf, raw | bits.leaf);
    for (const pointer of pointers) writeItem(example, pointer, readItem(example, pointer) | bits.pointer);
    t.deepEqual(seen(), before, `2^${lg2}`);
    t.is(table.unmap(0n, size), size);
    if (levelOfSize(configuration, lg2) === configuration.topLevel) {
      // The root stays, so the item does: nothing of the mapping is left in it, and an empty item with bits is empty.
      t.is(readItem(example, leaf), 0n);
      writeItem(example, leaf, bits.leaf);
      t.is(example.translate(t, 0n), undefined);
      t.deepEqual([...table.entries()], []);
      example.map(0n, pa, size, 3, size);
      t.is(readItem(example, leaf), raw);
      table.unmap(0n, size);
    }
  }
});

/** The addresses of the items that translate input address 0: the leaf first, then the pointers up to the root. */
function itemsOnTheWay(example: Example): bigint[] {
  const tables: bigint[] = [];
  example.walker().sweep({
    table: (_level, low, high) => tables.unshift(joined(low, high)),
    leaf: () => {},
    illegal: () => {},
  });
  // Nothing else is mapped: of every table the first item is on the way.
  return tables;
}

function readItem(example: Example, address: bigint): bigint {
  const { words: memory, base } = example.subject;
  const word = Number((address - base) >> 2n);
  return joined(memory[word], example.configuration.format === "riscv32" ? 0 : memory[word + 1]);
}

function writeItem(example: Example, address: bigint, value: bigint): void {
  const { words: memory, base } = example.subject;
  const word = Number((address - base) >> 2n);
  const [low, high] = words(value);
  memory[word] = low;
  if (example.configuration.format !== "riscv32") memory[word + 1] = high;
}
