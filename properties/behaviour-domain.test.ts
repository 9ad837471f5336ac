/** What a domain promises, as examples: growth, every page size, left-behind tables, collisions, two regressions. */
import { Random } from "../models/random.js";
import { levelOfSize, Reference } from "../reference/index.js";
import { type Example, everyConfiguration } from "./behaviour.js";

const KiB = 1n << 10n;
const MiB = 1n << 20n;
const GiB = 1n << 30n;

everyConfiguration(
  "the top grows one level at a time, up to the highest, and old translations hold",
  (t, example) => {
    const { configuration, pageBytes, table, end } = example;
    let { topLevel } = configuration;
    let reach = 1n << BigInt(example.itemLg2(topLevel + 1));
    example.map(0n, 0n, pageBytes);
    const mapped = [0n];
    while (reach < end) {
      t.is(table.lookup(reach), undefined, "a lookup does not grow the top");
      t.is(table.unmap(reach, pageBytes), 0n, "nor does an unmap");
      t.is(table.topLevel, topLevel);
      example.map(reach - pageBytes, 0n, pageBytes, 3, pageBytes);
      t.is(table.topLevel, topLevel, "the last page that the top reaches needs no growth");
      example.map(reach, 0n, pageBytes, 3, pageBytes);
      topLevel++;
      t.is(table.topLevel, topLevel, "the first page beyond needs one level more");
      mapped.push(reach);
      for (const iova of mapped) t.is(example.translate(t, iova), 0n);
      t.is(table.unmap(reach - pageBytes, pageBytes), pageBytes);
      reach = 1n << BigInt(example.itemLg2(topLevel + 1));
    }
    t.true(mapped.length > 1 || reach >= end);
    for (const iova of mapped) t.is(table.unmap(iova, pageBytes), pageBytes);
    t.is(table.topLevel, topLevel, "it never shrinks");
    t.deepEqual(example.sizesOfEntries(), []);
  },
  ({ growingTop }) => growingTop,
);

everyConfiguration(
  "the top grows over several levels at once",
  (t, example) => {
    const { pageBytes, table, end } = example;
    example.map(0n, pageBytes, pageBytes);
    const frames = example.memory.liveFrames;
    example.map(end - pageBytes, 0n, pageBytes);
    t.true(1n << BigInt(example.itemLg2(table.topLevel + 1)) >= end);
    t.is(example.translate(t, 0n), pageBytes);
    t.is(example.translate(t, end - 1n), pageBytes - 1n);
    t.true(example.memory.liveFrames > frames);
  },
  ({ growingTop }) => growingTop,
);

everyConfiguration(
  "the top grows for a leaf of a level above it, though it reaches the address",
  (t, example) => {
    const { configuration, table, sizesLg2, end } = example;
    const { oaWidthLg2, encryptionBit } = configuration;
    for (let { topLevel } = configuration; ; topLevel++) {
      const reachLg2 = example.itemLg2(topLevel + 1);
      if (1n << BigInt(reachLg2) >= end || reachLg2 > Math.min(oaWidthLg2, encryptionBit ?? 64)) break;
      // Small pages alone would fill more tables than the example's memory has.
      if (!sizesLg2.includes(reachLg2) && reachLg2 - largest(sizesLg2, reachLg2) > 16) break;
      const reach = 1n << BigInt(reachLg2);
      t.is(table.topLevel, topLevel);
      example.map(0n, 0n, reach);
      // Without a page of that very size, the pages of the present top do.
      const isLeafAbove = sizesLg2.includes(reachLg2);
      t.is(table.topLevel, isLeafAbove ? topLevel + 1 : topLevel);
      t.is(example.walk(0n).sizeLg2, isLeafAbove ? reachLg2 : largest(sizesLg2, reachLg2));
      t.is(example.translate(t, reach - 1n), reach - 1n);
      t.is(table.unmap(0n, reach), reach);
      if (isLeafAbove) continue;
      example.map(reach, 0n, example.pageBytes);
      table.unmap(reach, example.pageBytes);
    }
    t.pass();
  },
  ({ growingTop }) => growingTop,
);

function largest(sizesLg2: readonly number[], below: number): number {
  return Math.max(...sizesLg2.filter((lg2) => lg2 < below));
}

everyConfiguration("each page size maps, exists once, translates and unmaps to nothing", (t, example) => {
  const { sizesLg2, table } = example;
  for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
    const size = 1n << BigInt(lg2);
    for (const iova of example.inputsFor(lg2)) {
      const pa = example.outputsFor(lg2)[2];
      example.map(iova, pa, size);
      t.deepEqual(example.sizesOfEntries(), [[iova, lg2]]);
      for (const offset of [0n, size >> 1n, size - 1n])
        t.is(example.translate(t, iova + offset), pa + offset);
      if (iova > example.start) t.is(example.translate(t, iova - 1n), undefined);
      if (iova + size < example.end) t.is(example.translate(t, iova + size), undefined);
      t.is(table.unmap(iova, size), size);
      t.deepEqual(example.sizesOfEntries(), []);
      t.is(example.translate(t, iova), undefined);
      t.is(table.unmap(iova, size), 0n);
    }
  }
});

everyConfiguration(
  "a larger page replaces the tables that small pages left behind",
  (t, example) => {
    const { configuration, sizesLg2, pageBytes, table, memory } = example;
    const lowest = levelOfSize(configuration, sizesLg2[0]);
    for (const lg2 of sizesLg2.filter((size) => example.fits(size))) {
      const level = levelOfSize(configuration, lg2);
      if (level === lowest) continue;
      const size = 1n << BigInt(lg2);
      const iova = example.inputsFor(lg2)[1] ?? 0n;
      const other = iova + size - pageBytes;
      example.map(iova, 0n, pageBytes, 3, pageBytes);
      example.map(other, 0n, pageBytes, 3, pageBytes);
      t.throws(() => example.map(iova, 0n, size, 3, size), { code: "ADDRESS_IN_USE" });
      t.is(table.unmap(other, pageBytes), pageBytes);
      t.throws(() => example.map(iova, 0n, size, 3, size), { code: "ADDRESS_IN_USE" });
      t.is(table.unmap(iova, pageBytes), pageBytes);
      // Neither unmap covered a table, so all of them are still there, and empty.
      const left = memory.liveFrames;
      const { journal } = example.subject;
      journal.begin();
      example.map(iova, 0n, size, 3, size);
      t.deepEqual(example.sizesOfEntries(), [[iova, lg2]]);
      // Each of the two small pages had a way of its own below the large one, of which a single item has the first table.
      const isSingleItem = lg2 === example.itemLg2(level);
      t.is(left - memory.liveFrames, 2 * (level - lowest) - (isSingleItem ? 1 : 0), `2^${lg2}`);
      t.is(memory.quarantinedFrames, 0, "what was replaced was invalidated before the call returned");
      t.true(journal.invalidations.length > 0);
      t.is(example.translate(t, iova + size - 1n), size - 1n);
      t.is(table.unmap(iova, size), size);
    }
  },
  ({ freeing }) => freeing !== "empty",
);

everyConfiguration(
  "unmapping the start of a large page removes it whole, and nothing more",
  (t, example) => {
    const { sizesLg2, pageBytes, table, start } = example;
    for (const lg2 of sizesLg2.slice(1)) {
      const size = 1n << BigInt(lg2);
      const neighbour = start + size;
      if (2n * size > example.span) continue;
      example.map(start, 0n, size, 3, size);
      example.map(neighbour, 0n, size, 3, size);
      t.is(table.unmap(start + pageBytes, pageBytes), 0n, "inside the page nothing begins");
      t.is(table.unmap(start, pageBytes), size);
      t.deepEqual(example.sizesOfEntries(), [[neighbour, lg2]]);
      t.is(example.translate(t, neighbour - 1n), undefined);
      t.is(example.translate(t, neighbour), 0n);
      t.is(table.unmap(neighbour, pageBytes), size);
      t.deepEqual(example.sizesOfEntries(), []);
    }
  },
  ({ partialUnmap }) => partialUnmap === undefined,
);

everyConfiguration("random maps collide exactly where something is mapped", (t, example) => {
  const { configuration, table } = example;
  const random = Random.fromSeed(`${configuration.format}/${configuration.name}`);
  const mapped: [first: bigint, end: bigint, pa: bigint][] = [];
  let collisions = 0;
  for (let round = 0; round < 300; round++) {
    const [iova, length] = randomRange(example, random);
    const pa = BigInt(random.below(256)) * example.pageBytes;
    const inTheWay = mapped.filter(([first, end]) => first < iova + length && iova < end);
    const status = codeOf(() => example.map(iova, pa, length));
    t.is(status, inTheWay.length === 0 ? "OK" : "ADDRESS_IN_USE");
    const { mappedBytes } = table;
    if (inTheWay.length === 0) {
      t.is(mappedBytes, length);
    } else {
      collisions++;
      // What was mapped before the collision stays, and ends before whatever is in the way.
      t.true(
        inTheWay.every(([first, end]) =>
          first <= iova && iova < end ? mappedBytes === 0n : iova + mappedBytes <= first,
        ),
      );
    }
    if (mappedBytes > 0n) mapped.push([iova, iova + mappedBytes, pa]);
    for (const [first, end, to] of mapped.slice(-8)) {
      t.is(table.lookup(first), to);
      t.is(example.translate(t, end - 1n), to + end - 1n - first);
    }
    if (round % 3 === 2 && mapped.length > 0) {
      const [[first, end]] = mapped.splice(random.below(mapped.length), 1);
      t.is(table.unmap(first, end - first), end - first);
    }
  }
  t.true(collisions > 10 && collisions < 290, `${collisions} collisions`);
  for (const [first, end] of mapped) t.is(table.unmap(first, end - first), end - first);
  t.deepEqual(example.sizesOfEntries(), []);
});

/** Up to 64 pages, aligned to a random power of two, in a part of the space that is small enough to meet in. */
function randomRange({ pageBytes, start, span }: Example, random: Random): [iova: bigint, length: bigint] {
  const pages = Number(span / pageBytes < 4096n ? span / pageBytes : 4096n);
  const first = random.below(pages) & (-1 << random.below(4));
  const most = Math.min(pages - first, 64, pages >> 2);
  const count = 1 + random.below(Math.max(most, 1));
  return [start + BigInt(first) * pageBytes, BigInt(Math.min(count, pages - first)) * pageBytes];
}

function codeOf(attempt: () => void): unknown {
  try {
    attempt();
    return "OK";
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
}

everyConfiguration(
  "regression: 0xfef80000 to 0xfef9ffff, across which the sign of the low word does not matter",
  (t, example) => {
    const { table } = example;
    const [first, length] = [0xfef8_0000n, 128n * KiB];
    example.map(first, first, length);
    for (let offset = 0n; offset < length; offset += 4n * KiB)
      t.is(example.translate(t, first + offset), first + offset);
    t.is(example.translate(t, first - 1n), undefined);
    t.is(example.translate(t, first + length), undefined);
    t.is(table.unmap(first, length), length);
    t.deepEqual(example.sizesOfEntries(), []);
  },
  ({ vaWidthLg2, signExtended, upperHalf, oaWidthLg2, pageSizes, tiny }) =>
    tiny === undefined &&
    upperHalf !== true &&
    vaWidthLg2 >= (signExtended ? 33 : 32) &&
    oaWidthLg2 >= 32 &&
    (pageSizes & 0x1_ffffn) !== 0n,
);

everyConfiguration(
  "regression: 14 pages of 2 MiB, 3 of 1 GiB and 3 of 2 MiB are exactly 20 entries",
  (t, example) => {
    const { table } = example;
    const sizes = (4n * KiB) | (2n * MiB) | GiB;
    const [before, middle, after] = [14n * 2n * MiB, 3n * GiB, 3n * 2n * MiB];
    const first = example.start + GiB - before;
    const length = before + middle + after;
    example.map(first, 2n * GiB - before, length, 3, sizes);
    const entries = example.sizesOfEntries();
    t.deepEqual(
      entries.map(([, lg2]) => lg2),
      [...Array(14).fill(21), ...Array(3).fill(30), ...Array(3).fill(21)],
    );
    t.is(example.translate(t, first + length - 1n), 2n * GiB - before + length - 1n);
    t.is(table.unmap(first, length), length);
    t.deepEqual(example.sizesOfEntries(), []);
  },
  (configuration) => {
    const { vaWidthLg2, oaWidthLg2, encryptionBit, tiny } = configuration;
    const both = (2n * MiB) | GiB;
    const offersBoth = (new Reference(configuration).pageSizes & both) === both;
    return tiny === undefined && encryptionBit !== 32 && vaWidthLg2 > 33 && oaWidthLg2 > 33 && offersBoth;
  },
);
