/**
 * Bad input: each kind is refused with its code and errno, changes nothing that it does not report, and the next
 * operation works.
 */
import test, { type ExecutionContext } from "ava";
import {
  amdv1,
  amdv1Mock,
  type CommonOptions,
  type ErrorCode,
  type FormatEntry,
  PageTableError,
  riscv32,
  riscv64,
  Status,
  TableMemory,
  vtdSecondStage,
  x86_64,
} from "../impl/index.js";
import { observed } from "../impl/observed.js";
import { configurations } from "../models/configurations.js";
import { shapeOf } from "../models/shape.js";
import { type Example, everyConfiguration } from "./behaviour.js";

const READ = 1;
const WRITE = 2;
const READ_WRITE = 3;
const END = 1n << 64n;

const errnoOf: Record<ErrorCode, string> = {
  NO_PERMISSION: "EINVAL",
  PA_OUT_OF_RANGE: "ERANGE",
  READ_ONLY_REFUSED: "EINVAL",
  ZERO_LENGTH: "EINVAL",
  WRAPS: "EOVERFLOW",
  MISALIGNED: "ENXIO",
  IOVA_OUT_OF_RANGE: "ERANGE",
  ADDRESS_IN_USE: "EADDRINUSE",
  OUT_OF_MEMORY: "ENOMEM",
  NOT_SUPPORTED: "EOPNOTSUPP",
  NOT_MAPPED: "ENOENT",
  INVALID_ARGUMENT: "EINVAL",
  INVALID_OPTION: "EINVAL",
  UNSUPPORTED_OPTION: "EOPNOTSUPP",
  DESTROYED: "EINVAL",
  SMALLEST_PAGE_MISSING: "EPERM",
  NO_PAGE_SIZE: "ENODATA",
  WALK_FAILED: "EFAULT",
  PAGES_LEFT_BEHIND: "ENXIO",
  NEEDS_EXCLUSION: "EBUSY",
  PARTIAL_ENTRY: "EINVAL",
  HARDWARE_STOPPED: "EIO",
  NO_DOMAIN_ID: "ENOSPC",
};

/** The attempt is refused with this code, and its errno; says how much was mapped. */
function refused(t: ExecutionContext, code: ErrorCode, attempt: () => unknown, message = ""): bigint {
  const error = t.throws(attempt, { instanceOf: PageTableError, code }, message);
  t.is(error.errno, errnoOf[code], `${code} ${message}`);
  t.true(error.message.startsWith(`${code}: `), error.message);
  return error.mappedBytes;
}

/** A refused map: nothing is mapped, neither here nor by what came before, and the next map works. */
function mapRefused(
  t: ExecutionContext,
  example: Example,
  code: ErrorCode,
  [iova, pa, length, prot = READ_WRITE, pageSizes]: readonly [bigint, bigint, bigint, number?, bigint?],
): void {
  const { table, memory, pageBytes, start } = example;
  const before = [memory.liveFrames, table.topLevel, ...example.sizesOfEntries()];
  t.is(
    refused(t, code, () => table.map(iova, pa, length, prot, pageSizes)),
    0n,
  );
  t.is(table.tryMap(iova, pa, length, prot, pageSizes), Status[code]);
  t.is(table.mappedBytes, 0n);
  t.deepEqual([memory.liveFrames, table.topLevel, ...example.sizesOfEntries()], before);
  table.map(start, 0n, pageBytes, READ_WRITE);
  t.is(example.translate(t, start), 0n);
  t.is(table.unmap(start, pageBytes), pageBytes);
}

everyConfiguration("a length of zero is refused; unmapping nothing removes nothing", (t, example) => {
  const { table, pageBytes, start } = example;
  mapRefused(t, example, "ZERO_LENGTH", [start, 0n, 0n]);
  mapRefused(t, example, "ZERO_LENGTH", [start + pageBytes, pageBytes, 0n]);
  table.map(start, 0n, pageBytes, READ_WRITE);
  t.is(table.unmap(start, 0n), 0n);
  t.deepEqual([...table.entries(start, 0n)], []);
  t.is(example.translate(t, start), 0n);
});

everyConfiguration("what is not a multiple of the smallest page is refused", (t, example) => {
  const { pageBytes, table, sizesLg2, start } = example;
  for (const stray of [1n, pageBytes >> 1n, pageBytes - 1n]) {
    mapRefused(t, example, "MISALIGNED", [start + stray, 0n, pageBytes]);
    mapRefused(t, example, "MISALIGNED", [start, stray, pageBytes]);
    mapRefused(t, example, "MISALIGNED", [start, 0n, pageBytes + stray]);
    // A map beyond the space is called misaligned first.
    mapRefused(t, example, "MISALIGNED", [example.end === END ? stray : example.end + stray, 0n, pageBytes]);
  }
  // So is what no size is left for, when the call narrows the sizes.
  mapRefused(t, example, "MISALIGNED", [start, 0n, pageBytes, READ_WRITE, 0n]);
  if (sizesLg2.length > 1) {
    const larger = 1n << BigInt(sizesLg2[1]);
    mapRefused(t, example, "MISALIGNED", [start, 0n, larger + pageBytes, READ_WRITE, larger]);
  }
  table.map(start, 0n, pageBytes, READ_WRITE);
  const { partialUnmap = "whole" } = example.configuration;
  if (partialUnmap === "whole") {
    t.is(table.unmap(start + 1n, pageBytes), 0n, "an unmap that begins inside an entry");
    t.is(table.unmap(start, 1n), pageBytes, "an unmap that ends inside an entry");
  } else {
    const code = partialUnmap === "cut" ? "MISALIGNED" : "PARTIAL_ENTRY";
    t.throws(() => table.unmap(start + 1n, pageBytes), { code });
    t.throws(() => table.unmap(start, 1n), { code });
    t.is(table.unmap(start, pageBytes), pageBytes);
  }
});

everyConfiguration("a range outside of the input addresses is refused, at either end", (t, example) => {
  const { pageBytes, table, start, end } = example;
  const { vaWidthLg2, signExtended } = example.configuration;
  mapRefused(t, example, "WRAPS", [END - pageBytes, 0n, 2n * pageBytes]);
  t.is(table.unmap(END - pageBytes, 2n * pageBytes), 0n);
  if (vaWidthLg2 === 64) return;
  if (start > 0n) {
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [0n, 0n, pageBytes]);
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [start - pageBytes, 0n, pageBytes]);
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [start - pageBytes, 0n, 2n * pageBytes]);
    t.is(table.unmap(start - pageBytes, pageBytes), 0n);
    t.is(table.lookup(start - 1n), undefined);
    return;
  }
  mapRefused(t, example, "IOVA_OUT_OF_RANGE", [end, 0n, pageBytes]);
  mapRefused(t, example, "IOVA_OUT_OF_RANGE", [end - pageBytes, 0n, 2n * pageBytes]);
  t.is(table.unmap(end, pageBytes), 0n);
  t.is(table.lookup(end), undefined);
  if (signExtended) {
    const upper = END - end;
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [upper - pageBytes, 0n, pageBytes]);
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [upper - pageBytes, 0n, 2n * pageBytes]);
    // From the lower half through the hole into the upper one.
    t.is(
      table.tryMap(end - pageBytes, 0n, upper - end + 2n * pageBytes, READ_WRITE),
      Status.IOVA_OUT_OF_RANGE,
    );
  } else {
    mapRefused(t, example, "IOVA_OUT_OF_RANGE", [END - pageBytes, 0n, pageBytes]);
  }
});

everyConfiguration(
  "no permission at all is refused, and so is none to write where all must be writeable",
  (t, example) => {
    const { pageBytes, start } = example;
    for (const prot of [0, 4, 8, 16, 32, 60])
      mapRefused(t, example, "NO_PERMISSION", [start, 0n, pageBytes, prot]);
    // It is the first thing that is asked.
    mapRefused(t, example, "NO_PERMISSION", [start + 1n, END - 1n, 0n, 0]);
    if (example.configuration.forceWriteable) {
      mapRefused(t, example, "READ_ONLY_REFUSED", [start, 0n, pageBytes, READ]);
      mapRefused(t, example, "READ_ONLY_REFUSED", [start, 0n, 0n, READ]);
    } else {
      example.table.map(start, 0n, pageBytes, READ);
      // Where items hold no permissions, whatever is mapped can be written.
      t.is(example.walk(start).write, example.configuration.noPermissions === true);
      example.table.unmap(start, pageBytes);
    }
    example.table.map(start, 0n, pageBytes, WRITE);
    t.true(example.walk(start).write);
  },
);

everyConfiguration(
  "an output address that is too wide is refused, at its start and at its end",
  (t, example) => {
    const { start, sizesLg2 } = example;
    const { oaWidthLg2, encryptionBit } = example.configuration;
    const beyond = 1n << BigInt(oaWidthLg2);
    // The smallest page that reaches the last output address.
    const lastLg2 = sizesLg2.find((lg2) => example.outputEnd(lg2) === beyond) ?? sizesLg2[0];
    const pageBytes = 1n << BigInt(lastLg2);
    mapRefused(t, example, "PA_OUT_OF_RANGE", [start, beyond, pageBytes]);
    mapRefused(t, example, "PA_OUT_OF_RANGE", [start, END - pageBytes, pageBytes]);
    mapRefused(t, example, "PA_OUT_OF_RANGE", [start, beyond - pageBytes, 2n * pageBytes]);
    if (encryptionBit === undefined) {
      example.table.map(start, beyond - pageBytes, pageBytes, READ_WRITE);
      t.is(example.translate(t, start + pageBytes - 1n), beyond - 1n);
      return;
    }
    const bit = 1n << BigInt(encryptionBit);
    mapRefused(t, example, "PA_OUT_OF_RANGE", [start, bit, pageBytes]);
    mapRefused(t, example, "PA_OUT_OF_RANGE", [start, bit - pageBytes, 2n * pageBytes]);
    example.table.map(start, bit - pageBytes, pageBytes, READ_WRITE);
    t.is(example.translate(t, start + pageBytes - 1n), bit - 1n);
  },
);

everyConfiguration("what is mapped already is refused, with the prefix that was mapped", (t, example) => {
  const { pageBytes, table, start } = example;
  const third = start + 2n * pageBytes;
  table.map(third, 0n, pageBytes, READ_WRITE, pageBytes);
  const four = () => table.map(start, 0n, 4n * pageBytes, READ_WRITE, pageBytes);
  t.is(refused(t, "ADDRESS_IN_USE", four), 2n * pageBytes);
  t.is(table.mappedBytes, 2n * pageBytes);
  t.is(example.translate(t, start + pageBytes), pageBytes);
  t.is(example.translate(t, third), 0n);
  t.is(example.translate(t, third + pageBytes), undefined);
  const again = () => table.map(start + pageBytes, 0n, pageBytes, READ_WRITE);
  t.is(refused(t, "ADDRESS_IN_USE", again), 0n);
  t.is(table.unmap(start, 3n * pageBytes), 3n * pageBytes);
  table.map(start, 0n, 4n * pageBytes, READ_WRITE);
  t.is(example.translate(t, third + pageBytes), 3n * pageBytes);
});

everyConfiguration(
  "an allocation that fails in mid-map leaves the prefix, and the same map goes on from there",
  (t, example) => {
    const { pageBytes, table, memory, sizesLg2, start } = example;
    const tableBytes =
      1n << BigInt(example.itemLg2(Math.floor((sizesLg2[0] - example.itemLg2(0)) / bitsOf(example)) + 1));
    // Else there is but one table of small pages.
    t.true(2n * tableBytes <= example.span);
    const frames = memory.liveFrames;
    memory.failNextAllocation(1);
    t.is(
      refused(t, "OUT_OF_MEMORY", () => table.map(start, 0n, pageBytes, READ_WRITE, pageBytes)),
      0n,
    );
    t.is(memory.liveFrames, frames, "nothing was allocated");
    const [iova, length] = [start + tableBytes - pageBytes, 2n * pageBytes];
    table.map(start, 0n, pageBytes, READ_WRITE, pageBytes);
    memory.failNextAllocation(1);
    t.is(
      refused(t, "OUT_OF_MEMORY", () => table.map(iova, 0n, length, READ_WRITE, pageBytes)),
      pageBytes,
    );
    t.is(table.mappedBytes, pageBytes);
    t.is(example.translate(t, iova), 0n);
    t.is(example.translate(t, iova + pageBytes), undefined);
    table.map(iova + pageBytes, pageBytes, length - pageBytes, READ_WRITE, pageBytes);
    t.is(example.translate(t, iova + pageBytes), pageBytes);
    t.is(table.unmap(iova, length), length);
  },
);

/** Input bits that one level decodes. */
function bitsOf(example: Example): number {
  return example.itemLg2(1) - example.itemLg2(0);
}

/** Every entry, as whoever tries what it takes sees it. */
const formats: readonly FormatEntry<CommonOptions>[] = Object.values(observed);

/** A memory that every format can reach, with frames of every size. */
function newMemory(capacityBytes = 1 << 20): TableMemory {
  return new TableMemory({ base: 1n << 20n, capacityBytes, smallestFrameLg2: 5 });
}

for (const format of formats) {
  const create = () => {
    const memory = newMemory();
    return { memory, table: format.create({ memory }) };
  };

  test(`${format.name}: a memory that is exhausted in mid-map ends it; what was mapped stays, and unmapping helps`, (t) => {
    const { memory, table } = create();
    const granule = 1n << BigInt(table.granuleLg2);
    // An item for each word of the memory, the root's frame included, is more than there is.
    const length = granule * BigInt(memory.capacityBytes / 4);
    const mapped = refused(t, "OUT_OF_MEMORY", () => table.map(0n, 0n, length, READ_WRITE, granule));
    t.true(mapped > 0n && mapped < length);
    t.is(table.lookup(mapped - 1n), mapped - 1n);
    t.is(table.lookup(mapped), undefined);
    t.is([...table.entries()].length, Number(mapped / granule));
    t.is(
      refused(t, "OUT_OF_MEMORY", () => table.map(mapped, 0n, granule, READ_WRITE)),
      0n,
    );
    t.is(table.unmap(0n, mapped), mapped);
    table.map(mapped, 0n, granule, READ_WRITE);
    t.is(table.lookup(mapped), 0n);
    table.destroy();
    t.is(memory.liveFrames, 0);
  });

  test(`${format.name}: a memory without a frame for the root makes no table`, (t) => {
    const memory = newMemory(1 << 16);
    memory.failNextAllocation(1);
    refused(t, "OUT_OF_MEMORY", () => format.create({ memory }));
    t.is(memory.liveFrames, 0);
    t.is(format.create({ memory }).lookup(0n), undefined);
    // No root is smaller than 32 bytes.
    const roots = memory.capacityBytes / 32;
    const fill = () => {
      for (let root = 0; root < roots; root++) format.create({ memory });
    };
    refused(t, "OUT_OF_MEMORY", fill);
  });

  test(`${format.name}: arguments of the wrong type or beyond 64 bits are refused, and change nothing`, (t) => {
    const { memory, table } = create();
    const granule = 1n << BigInt(table.granuleLg2);
    table.map(0n, granule, granule, READ_WRITE);
    const state = () => [
      memory.liveFrames,
      memory.quarantinedFrames,
      table.lookup(0n),
      [...table.entries()].length,
    ];
    const before = state();
    const call = (method: unknown, ...given: readonly unknown[]) => {
      if (typeof method !== "function") throw new TypeError("no method");
      return () => Reflect.apply(method, table, given);
    };
    for (const bad of [
      0,
      4096,
      "0",
      null,
      true,
      {},
      Number.NaN,
      -1n,
      -granule,
      END,
      END + granule,
      1n << 80n,
    ]) {
      const name = `${typeof bad} ${String(bad)}`;
      const none = () => {};
      refused(t, "INVALID_ARGUMENT", call(table.map, bad, 0n, granule, READ_WRITE), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.map, granule, bad, granule, READ_WRITE), `pa ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.map, granule, 0n, bad, READ_WRITE), `length ${name}`);
      refused(
        t,
        "INVALID_ARGUMENT",
        call(table.map, granule, 0n, granule, READ_WRITE, bad),
        `pageSizes ${name}`,
      );
      refused(t, "INVALID_ARGUMENT", call(table.tryMap, bad, 0n, granule, READ_WRITE), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.unmap, bad, granule), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.lookup, bad), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.setDirty, bad), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.readAndClearDirty, bad, granule, none), `iova ${name}`);
      refused(t, "INVALID_ARGUMENT", () => [...call(table.entries, bad, granule)()], `iova ${name}`);
      // Of all 2^64 bytes there is a length, of nothing larger.
      if (bad === END) continue;
      refused(t, "INVALID_ARGUMENT", call(table.unmap, 0n, bad), `length ${name}`);
      refused(t, "INVALID_ARGUMENT", call(table.readAndClearDirty, 0n, bad, none), `length ${name}`);
      refused(t, "INVALID_ARGUMENT", () => [...call(table.entries, 0n, bad)()], `length ${name}`);
    }
    for (const prot of [Number.NaN, 1.5, "3", 3n, undefined, null, Number.POSITIVE_INFINITY, 2 ** 32 + 3]) {
      refused(t, "INVALID_ARGUMENT", call(table.map, granule, 0n, granule, prot), `prot ${String(prot)}`);
    }
    for (const prot of [64 | READ, 128 | WRITE, (1 << 30) | READ, -1]) {
      refused(t, "INVALID_ARGUMENT", call(table.map, granule, 0n, granule, prot), `prot ${prot}`);
      t.is(table.tryMap(granule, 0n, granule, prot), Status.INVALID_ARGUMENT);
    }
    refused(t, "INVALID_ARGUMENT", call(table.readAndClearDirty, 0n, granule, undefined), "no callback");
    t.deepEqual(state(), before);
    table.map(granule, 0n, granule, READ_WRITE);
    t.is(table.lookup(granule), 0n);
  });

  test(`${format.name}: options that the format does not have, or of the wrong kind, are refused`, (t) => {
    const memory = newMemory();
    const build = (options: unknown) => () => Reflect.apply(format.create, format, [options]);
    refused(t, "UNSUPPORTED_OPTION", build({ memory, colour: "green" }));
    refused(t, "UNSUPPORTED_OPTION", build({ memory, Memory: memory }));
    for (const bad of [undefined, null, {}, new ArrayBuffer(4096)])
      refused(t, "INVALID_OPTION", build({ memory: bad }));
    for (const bad of [undefined, null, 5]) refused(t, "INVALID_OPTION", build(bad));
    for (const bad of [0, -1, 53 + 8, 1.5, "40", 40n, Number.NaN]) {
      refused(t, "INVALID_OPTION", build({ memory, oaWidthLg2: bad }), `oaWidthLg2 ${bad}`);
    }
    for (const bad of [0n, 1n, 4096, "4096", -1n, END]) {
      refused(t, "INVALID_OPTION", build({ memory, pageSizes: bad }), `pageSizes ${bad}`);
    }
    for (const bad of ["none", 1, "toString", {}])
      refused(t, "INVALID_OPTION", build({ memory, gather: bad }));
    for (const bad of ["none", 1, null, {}]) refused(t, "INVALID_OPTION", build({ memory, invalidate: bad }));
    t.is(memory.liveFrames, 0, "no root was allocated on the way");
    t.notThrows(build({ memory, gather: undefined, pageSizes: undefined }));
  });

  test(`${format.name}: a destroyed table refuses everything`, (t) => {
    const { table, memory } = create();
    table.destroy();
    const destroyed = { instanceOf: PageTableError, code: "DESTROYED" };
    t.throws(() => table.map(0n, 0n, 4096n, READ_WRITE), destroyed);
    t.throws(() => table.tryMap(0n, 0n, 4096n, READ_WRITE), destroyed);
    t.throws(() => table.unmap(0n, 4096n), destroyed);
    t.throws(() => table.lookup(0n), destroyed);
    t.throws(() => [...table.entries()], destroyed);
    t.throws(() => table.readAndClearDirty(0n, 4096n, () => {}), destroyed);
    t.throws(() => table.setDirty(0n), destroyed);
    t.throws(() => table.hwInfo(), destroyed);
    t.throws(() => table.destroy(), destroyed);
    t.is(memory.liveFrames, 0);
  });
}

test("a top level that does not exist, or cannot cover the input width, is refused", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 16 });
  const build = (format: object, options: object) => () =>
    Reflect.apply(Reflect.get(format, "create"), format, [{ memory, ...options }]);
  // For AMDv1 and its mock the level is a value; other formats do not offer what they lack.
  for (const topLevel of [0, 6]) refused(t, "INVALID_OPTION", build(amdv1, { topLevel }));
  for (const topLevel of [0, 5]) refused(t, "INVALID_OPTION", build(amdv1Mock, { topLevel }));
  for (const topLevel of [2, 5]) refused(t, "UNSUPPORTED_OPTION", build(x86_64, { topLevel }));
  for (const topLevel of [1, 5]) refused(t, "UNSUPPORTED_OPTION", build(vtdSecondStage, { topLevel }));
  for (const topLevel of [-1, 8, 2.5, Number.NaN, "3"]) {
    for (const format of [amdv1, amdv1Mock, x86_64, vtdSecondStage]) {
      refused(t, "INVALID_OPTION", build(format, { topLevel }), `${format.name} ${topLevel}`);
    }
  }
  for (const format of [riscv64, riscv32]) refused(t, "UNSUPPORTED_OPTION", build(format, { topLevel: 2 }));

  refused(t, "UNSUPPORTED_OPTION", build(amdv1Mock, { topLevel: 2, vaWidthLg2: 39 }));
  refused(t, "UNSUPPORTED_OPTION", build(x86_64, { topLevel: 3, vaWidthLg2: 57, signExtended: false }));
  refused(t, "UNSUPPORTED_OPTION", build(vtdSecondStage, { topLevel: 2, vaWidthLg2: 48 }));
  // AMDv1's top grows to whatever the width needs.
  t.notThrows(build(amdv1, { topLevel: 1, vaWidthLg2: 64 }));
  // The other way round: a width that does not reach the top's second item, and half of a sign-extended space.
  refused(t, "UNSUPPORTED_OPTION", build(vtdSecondStage, { topLevel: 3, vaWidthLg2: 30 }));
  refused(t, "UNSUPPORTED_OPTION", build(x86_64, { topLevel: 3, vaWidthLg2: 47 }));
  for (const vaWidthLg2 of [38, 40, 56]) refused(t, "INVALID_OPTION", build(riscv64, { vaWidthLg2 }));
  for (const vaWidthLg2 of [0, 65, 1.5, Number.NaN]) {
    refused(t, "INVALID_OPTION", build(amdv1, { vaWidthLg2 }), `${vaWidthLg2}`);
  }
  for (const encryptionBit of [31, 52, 40.5]) refused(t, "INVALID_OPTION", build(amdv1, { encryptionBit }));
  refused(t, "UNSUPPORTED_OPTION", build(amdv1Mock, { encryptionBit: 47 }));
  refused(t, "INVALID_OPTION", build(x86_64, { signExtended: "yes" }));
  refused(t, "INVALID_OPTION", build(x86_64, { incoherent: true }));
  refused(t, "INVALID_OPTION", build(amdv1, { forceCoherence: 1 }));
});

everyConfiguration(
  "dirty state is refused where it is not tracked, where nothing is mapped and outside",
  (t, example) => {
    const { table, pageBytes, start, end, configuration } = example;
    const none = () => {};
    if (!shapeOf(configuration).tracksDirty) {
      // Before any argument is looked at.
      for (const length of [0n, pageBytes, END]) {
        refused(t, "NOT_SUPPORTED", () => table.readAndClearDirty(0n, length, none));
      }
      refused(t, "NOT_SUPPORTED", () => table.setDirty(0n));
      return;
    }
    refused(t, "NOT_MAPPED", () => table.setDirty(start));
    refused(t, "ZERO_LENGTH", () => table.readAndClearDirty(start, 0n, none));
    refused(t, "WRAPS", () => table.readAndClearDirty(END - pageBytes, 2n * pageBytes, none));
    if (end < END) {
      refused(t, "IOVA_OUT_OF_RANGE", () => table.setDirty(end));
      refused(t, "IOVA_OUT_OF_RANGE", () => table.readAndClearDirty(end, pageBytes, none));
      refused(t, "IOVA_OUT_OF_RANGE", () => table.readAndClearDirty(0n, end + pageBytes, none));
    }
    if (start > 0n) {
      refused(t, "IOVA_OUT_OF_RANGE", () => table.setDirty(start - 1n));
      refused(t, "IOVA_OUT_OF_RANGE", () => table.readAndClearDirty(start - pageBytes, 2n * pageBytes, none));
    }
    table.map(start, 0n, pageBytes, READ_WRITE);
    table.setDirty(start);
    const dirty: bigint[] = [];
    table.readAndClearDirty(start, end - start, (first) => dirty.push(first));
    t.deepEqual(dirty, [start]);
    if (!shapeOf(configuration).mapsDirty) return;
    // What may not be written has no dirty state: setting it is no error, and sets nothing.
    table.unmap(start, pageBytes);
    table.map(start, 0n, pageBytes, READ);
    table.setDirty(start);
    table.readAndClearDirty(start, pageBytes, (first) => dirty.push(first));
    t.deepEqual(dirty, [start]);
  },
);

test("there are configurations of every kind among those that are tested", (t) => {
  t.true(configurations.some(({ forceWriteable }) => forceWriteable));
  t.true(configurations.some(({ encryptionBit }) => encryptionBit !== undefined));
  t.true(configurations.some(({ signExtended }) => signExtended));
});
