/** What a format promises, as examples: sizes, levels, addresses, permissions, dirty state and software bits. */
import test from "ava";
import { capacityFor, PageTableSubject } from "../fuzz/lockstep/subject.js";
import { PageTableError } from "../impl/common.js";
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
import type { Configuration, FormatName } from "../models/configuration.js";
import { configurationName, configurations } from "../models/configurations.js";
import { shapeOf } from "../models/shape.js";
import { createWalker, Pointer, SparseMemory } from "../models/walkers/index.js";
import { levelOfSize, Reference } from "../reference/index.js";
import { type Example, everyConfiguration, joined, words } from "./behaviour.js";

const ALL = (1n << 64n) - 1n;

everyConfiguration("pages grow as soon as a larger size applies, and no earlier", (t, example) => {
  const { sizesLg2, pageBytes, start, span, end } = example;
  for (const [index, smallLg2] of sizesLg2.slice(0, -1).entries()) {
    const largeBytes = 1n << BigInt(sizesLg2[index + 1]);
    const from = start + largeBytes - (1n << BigInt(smallLg2));
    if (2n * largeBytes > span || largeBytes / pageBytes > 4096n) break;
    // One small page before the boundary, one large page, one small page after it.
    const length = largeBytes + (2n << BigInt(smallLg2));
    if (from + length > end || (index + 2 < sizesLg2.length && length >= 1n << BigInt(sizesLg2[index + 2])))
      continue;
    const near = from - start;
    example.map(from, near, length);
    t.deepEqual(
      example.sizesOfEntries(),
      bruteForce(from, near, length, sizesLg2),
      `2^${smallLg2} and larger`,
    );
    example.table.unmap(from, length);
    // The same, but the output address never agrees with the input address modulo the large page.
    const pa = near + (1n << BigInt(smallLg2));
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

/** The formats whose functions are the source's own, as their first configuration has them. */
const formats: readonly (readonly [Format, string])[] = [
  [amdv1, "amdv1/top1-va64"],
  [x86_64, "x86-64/nosign-57"],
  [x86Pae32, "x86-pae32/oa36"],
  [vtdSecondStage, "vtd-second-stage/5l"],
  [riscv64, "riscv64/sv57"],
  [riscv32, "riscv32/sv32"],
  [armv8, "armv8-stage1/4k_ias48_oas48"],
  [mali, "mali/ias48_oas40"],
  [armShort, "arm-short/all"],
  [dart1, "dart1/16k_ias36_oas36"],
  [dart2, "dart2/16k_ias42_oas42"],
];

for (const [format, name] of formats) {
  test(`${name}: a table pointer gives back its table and its level, to software and to hardware`, (t) => {
    const configuration = configurations.find((candidate) => configurationName(candidate) === name);
    if (configuration === undefined) return t.fail(`no configuration ${name}`);
    const walker = createWalker(configuration, new SparseMemory());
    const end = 1n << BigInt(Math.min(format.tableReachLg2(0), 52));
    const frame = 1n << BigInt(format.frameLg2);
    const addresses = [frame, 0x8000_0000n, 0x1_0000_0000n - frame, end - frame];
    for (let level = 1; level <= configuration.topLevel; level++) {
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

/** log2 of the contiguous sizes that the manuals define, for configurations that are not tiny. */
function contiguousSizesOf({ format, granuleLg2 = 12, svnapot }: Configuration): readonly number[] {
  switch (format) {
    case "armv8-stage1":
    case "armv8-stage2":
      return granuleLg2 === 12 ? [16, 25, 34] : granuleLg2 === 14 ? [21, 30] : [21, 34];
    case "arm-lpae-stage1":
    case "arm-lpae-stage2":
      return [16, 25, 34];
    case "arm-short":
      return [16, 24];
    default:
      return svnapot ? [16] : [];
  }
}

/** The highest level of leaves, where the manual has fewer than its tables have levels. */
function leafLevelMaxOf({ format, granuleLg2 = 12, lpa2, oaWidthLg2, topLevel }: Configuration): number {
  if (format.startsWith("dart")) return 0;
  if (format.startsWith("riscv")) return topLevel;
  if (format === "arm-short" || format === "x86-pae32") return 1;
  if (format === "amdv1") return 4;
  if (format === "amdv1-mock") return 3;
  if (granuleLg2 === 12) return lpa2 === true ? 3 : 2;
  return lpa2 === true || (granuleLg2 === 16 && oaWidthLg2 > 48) ? 2 : 1;
}

everyConfiguration("the sizes of each level are those of the manual", (t, example) => {
  const { configuration, sizesLg2 } = example;
  const { format, oaWidthLg2, encryptionBit, tiny, topLevel, growingTop, pageSizes } = configuration;
  const isAmdv1 = format === "amdv1" || format === "amdv1-mock";
  const contiguous = contiguousSizesOf(configuration);
  for (const lg2 of sizesLg2) {
    const level = levelOfSize(configuration, lg2);
    t.true(lg2 >= example.itemLg2(0) && level <= leafLevelMaxOf(configuration), `2^${lg2} at level ${level}`);
    // A size is that of a level, or a power of two between two levels where the format has entries of many items.
    const isRun =
      tiny === undefined ? contiguous.includes(lg2) : lg2 === example.itemLg2(level) + tiny.contiguousLg2;
    t.true(lg2 === example.itemLg2(level) || isAmdv1 || isRun, `2^${lg2}`);
    t.true(lg2 < oaWidthLg2 && lg2 <= (encryptionBit ?? 64), `2^${lg2} is too large for an output address`);
  }
  if (isAmdv1 && tiny === undefined) t.false(sizesLg2.includes(39), "hardware mistranslates 512 GiB");
  if (isAmdv1 || growingTop || tiny !== undefined) return;
  // Whatever the manual has, the output width holds and the domain allows is there.
  const top = Math.min(topLevel, leafLevelMaxOf(configuration));
  const plain = Array.from({ length: top + 1 }, (_, level) => example.itemLg2(level));
  const runs = contiguous.filter((lg2) => levelOfSize(configuration, lg2) <= top);
  const wanted = [...plain, ...runs].filter(
    (lg2) => lg2 < oaWidthLg2 && (pageSizes & (1n << BigInt(lg2))) !== 0n,
  );
  t.deepEqual(
    sizesLg2,
    wanted.filter((lg2) => lg2 <= (encryptionBit ?? 64)).sort((one, other) => one - other),
  );
});

everyConfiguration("the levels decode every input bit, each in one place", (t, example) => {
  const { configuration, sizesLg2, pageBytes, start } = example;
  const { topLevel } = configuration;
  const spanLg2 = bitLength(example.span);
  const reachLg2 = shapeOf(configuration).wideRoot
    ? spanLg2
    : Math.min(example.itemLg2(topLevel + 1), spanLg2);
  const [firstLg2] = sizesLg2;
  const lowest = levelOfSize(configuration, firstLg2);
  for (let bit = firstLg2; bit < reachLg2; bit++) {
    const subject = new PageTableSubject(configuration, capacityFor(configuration, 16));
    subject.table.map(start, 0n, pageBytes, 3, pageBytes);
    const tables = subject.liveFrames;
    t.is(tables, topLevel + 1 - lowest, "one table a level");
    // A page that differs in this bit alone shares every table above the bit's level, and none below it.
    const iova = start + (1n << BigInt(bit));
    subject.table.map(iova, pageBytes, pageBytes, 3, pageBytes);
    // The root decodes whatever is left.
    const level = Math.min(levelOfSize(configuration, bit), topLevel);
    t.is(subject.liveFrames - tables, level - lowest, `bit ${bit}`);
    t.is(subject.lookup(start), 0n);
    t.is(subject.lookup(iova), pageBytes);
    for (let other = firstLg2; other < reachLg2; other++) {
      if (other !== bit) t.is(subject.lookup(iova ^ (1n << BigInt(other))), undefined);
    }
  }
});

function bitLength(powerOfTwo: bigint): number {
  return powerOfTwo.toString(2).length - 1;
}

everyConfiguration("the ends of the input addresses are never exceeded", (t, example) => {
  const { start, end, pageBytes, table } = example;
  const { signExtended, vaWidthLg2 } = example.configuration;
  example.map(end - pageBytes, 0n, pageBytes);
  t.is(example.translate(t, end - 1n), pageBytes - 1n);
  if (vaWidthLg2 === 64) return;
  const below = [0n, start - 2n * pageBytes, start - pageBytes];
  const above = [end, end + pageBytes, end * 2n, signExtended ? ALL + 1n - end - pageBytes : 1n << 63n];
  for (const beyond of start > 0n ? below : above) {
    if (beyond > ALL) continue;
    t.throws(() => example.map(beyond, 0n, pageBytes), { code: "IOVA_OUT_OF_RANGE" });
    t.is(table.lookup(beyond), undefined);
    t.is(table.unmap(beyond, pageBytes), 0n);
    t.is(example.walk(beyond).result, "NotCanonical");
  }
  const over = (start > 0n ? start : end) - pageBytes;
  t.throws(() => example.map(over, 0n, 2n * pageBytes), { code: "IOVA_OUT_OF_RANGE" });
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
  const { configuration, pageBytes, table, start } = example;
  for (let prot = 0; prot < 64; prot++) {
    const reference = new Reference(configuration);
    const outcome = reference.apply({ op: "map", iova: start, pa: 0n, length: pageBytes, prot });
    const code: string = outcome.op === "map" ? outcome.code : outcome.op;
    t.is(
      statusOf(() => table.map(start, 0n, pageBytes, prot)),
      code,
      `prot ${prot}`,
    );
    const wanted = reference.translate(start);
    const entries = [...table.entries()];
    t.is(entries.length, wanted === undefined ? 0 : 1);
    if (wanted === undefined) continue;
    const [entry] = entries;
    const seen = example.walk(start);
    const { read, write } = wanted;
    t.like(entry, { read, write });
    t.like(seen, { read, write, execute: wanted.execute });
    // Whatever was asked for is granted.
    t.true((prot & 1) === 0 || read);
    t.true((prot & 2) === 0 || write);
    table.unmap(start, pageBytes);
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
      const iova = example.inputsFor(lg2)[1] ?? example.start;
      example.map(iova, 0n, size, 3, size);
      // Where hardware sets a page's write permission when it is written, what is fresh counts as written.
      const fresh: [bigint, bigint][] = shapeOf(example.configuration).mapsDirty ? [[iova, size]] : [];
      t.deepEqual(dirtyOf(example, example.start, example.span), fresh);
      for (const item of [...new Set([0, 1, items >> 1, items - 1])].filter((index) => index < items)) {
        const at = iova + (size / BigInt(items)) * BigInt(item);
        t.true(example.walker().deviceWrite(...words(at)));
        t.like([...table.entries(iova, 1n)][0], { dirty: true });
        t.deepEqual(dirtyOf(example, iova, 1n), [[iova, size]], `item ${item} of ${items}`);
        t.deepEqual(dirtyOf(example, example.start, example.span), []);
        t.false(example.walk(at).dirty);
        table.setDirty(at);
        t.true(example.walk(at).dirty);
        t.deepEqual(dirtyOf(example, iova + size - 1n, 1n), [[iova, size]]);
      }
      t.like([...table.entries(iova, 1n)][0], { dirty: false });
      table.unmap(iova, size);
    }
  },
  (configuration) => shapeOf(configuration).tracksDirty,
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

interface SoftwareBits {
  readonly leaf: bigint;
  readonly pointer: bigint;
}

const amdv1Bits = { leaf: mask([4, 1], [8, 7], [63, 63]), pointer: mask([4, 1], [8, 6], [63, 63]) };
const x86Bits = { leaf: mask([9, 9], [11, 11], [62, 52]), pointer: mask([9, 9], [11, 11], [62, 52]) };
const riscvBits = { leaf: mask([9, 8]), pointer: mask([9, 8]) };
const armBits = { leaf: mask([58, 55]), pointer: mask([58, 52]) };
/** Every bit has a meaning, or nobody has said that it has none. */
const noBits = { leaf: 0n, pointer: 0n };

/** The bits that hardware ignores, by the manuals, in a leaf and in a table pointer. */
const softwareBits: Readonly<Record<FormatName, SoftwareBits>> = {
  amdv1: amdv1Bits,
  "amdv1-mock": amdv1Bits,
  "x86-64": x86Bits,
  "x86-pae": x86Bits,
  // Bits 62:52 are reserved here.
  "x86-pae32": { leaf: mask([9, 9], [11, 11]), pointer: mask([9, 9], [11, 11]) },
  "vtd-second-stage": {
    leaf: mask([10, 10], [60, 52], [63, 63]),
    pointer: mask([10, 10], [60, 52], [63, 63]),
  },
  riscv64: riscvBits,
  riscv32: riscvBits,
  "riscv64-guest": riscvBits,
  "riscv32-guest": riscvBits,
  "armv8-stage1": armBits,
  "armv8-stage2": armBits,
  "arm-lpae-stage1": armBits,
  "arm-lpae-stage2": armBits,
  mali: armBits,
  "arm-short": noBits,
  dart1: noBits,
  dart2: noBits,
};

everyConfiguration(
  "software bits change nothing, on leaves, tables and empty items",
  (t, example) => {
    const { configuration, sizesLg2, table, start } = example;
    const bits = softwareBits[configuration.format];
    const seen = () => [example.walk(start), table.lookup(start), ...table.entries()];
    for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
      const size = 1n << BigInt(lg2);
      const pa = example.outputsFor(lg2)[1];
      example.map(start, pa, size, 3, size);
      const before = seen();
      const [leaf, ...pointers] = itemsOnTheWay(example);
      const raw = readItem(example, leaf);
      writeItem(example, leaf, raw | bits.leaf);
      for (const pointer of pointers) writeItem(example, pointer, readItem(example, pointer) | bits.pointer);
      t.deepEqual(seen(), before, `2^${lg2}`);
      t.is(table.unmap(start, size), size);
      if (levelOfSize(configuration, lg2) === configuration.topLevel) {
        // The root stays, so the item does: nothing of the mapping is left in it, and an empty item with bits is empty.
        t.is(readItem(example, leaf), 0n);
        writeItem(example, leaf, bits.leaf);
        t.is(example.translate(t, start), undefined);
        t.deepEqual([...table.entries()], []);
        example.map(start, pa, size, 3, size);
        t.is(readItem(example, leaf), raw);
        table.unmap(start, size);
      }
    }
  },
  ({ format }) => softwareBits[format].leaf !== 0n,
);

/** The addresses of the items that translate the first input address: the leaf first, then the pointers up to the root. */
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
  return joined(memory[word], hasHighWord(example) ? memory[word + 1] : 0);
}

function writeItem(example: Example, address: bigint, value: bigint): void {
  const { words: memory, base } = example.subject;
  const word = Number((address - base) >> 2n);
  const [low, high] = words(value);
  memory[word] = low;
  if (hasHighWord(example)) memory[word + 1] = high;
}

function hasHighWord({ configuration }: Example): boolean {
  return shapeOf(configuration).itemBytesLg2 === 3;
}
