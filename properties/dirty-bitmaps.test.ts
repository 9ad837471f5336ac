/** Dirty pages come out as bitmaps of any grain, over ranges that start and end anywhere. */
import test from "ava";
import fc from "fast-check";
import { amdv1Mock, DirtyBitmap, PageTableError, TableMemory } from "../impl/index.js";

const ALL = 1n << 64n;

/** What a bitmap has to say, bit by bit. */
function bitsOf(
  iova: bigint,
  lengthBytes: bigint,
  grainLg2: number,
  dirty: readonly (readonly [bigint, bigint])[],
) {
  const grain = 1n << BigInt(grainLg2);
  const bits: boolean[] = [];
  for (let from = iova; from < iova + lengthBytes; from += grain) {
    const end = from + grain < iova + lengthBytes ? from + grain : iova + lengthBytes;
    bits.push(dirty.some(([first, length]) => first < end && first + length > from));
  }
  return bits;
}

test("a bit is set exactly where a dirty range touches its stretch", (t) => {
  const range = fc.tuple(fc.bigInt(0n, 3000n), fc.bigInt(1n, 1500n));
  const property = fc.property(
    fc.bigInt(0n, 2000n),
    fc.bigInt(1n, 2000n),
    fc.integer({ min: 0, max: 9 }),
    fc.array(range, { maxLength: 4 }),
    (iova, lengthBytes, grainLg2, dirty) => {
      const bitmap = new DirtyBitmap(iova, lengthBytes, grainLg2);
      for (const [first, length] of dirty) bitmap.record(first, length);
      const wanted = bitsOf(iova, lengthBytes, grainLg2, dirty);
      const grain = 1n << BigInt(grainLg2);
      const said = wanted.map((_, index) => bitmap.isDirty(iova + BigInt(index) * grain));
      t.deepEqual(said, wanted);
      t.is(bitmap.dirtyStretches, wanted.filter(Boolean).length);
      // Nothing is set behind the last bit.
      t.is(bitmap.words.length, Math.ceil(wanted.length / 32));
    },
  );
  fc.assert(property, { seed: 7, numRuns: 300 });
});

test("a bitmap ends with the address space, and its grain may be half of it", (t) => {
  const bitmap = new DirtyBitmap(ALL - 0x1000n, 0x1000n, 63);
  bitmap.record(ALL - 1n, 1n);
  t.deepEqual([...bitmap.words], [1]);
  const whole = new DirtyBitmap(0n, ALL, 63);
  whole.record(0n, ALL);
  t.deepEqual([...whole.words], [3]);
});

test("what no bitmap can be is refused", (t) => {
  for (const [iova, lengthBytes, grainLg2] of [
    [0n, 0n, 12],
    [-1n, 1n, 12],
    [ALL - 1n, 2n, 12],
    [0n, ALL, 12],
    [0n, 0x1000n, 64],
    [0n, 0x1000n, -1],
    [0n, 0x1000n, 11.5],
  ] as const) {
    const error = t.throws(() => new DirtyBitmap(iova, lengthBytes, grainLg2), {
      instanceOf: PageTableError,
    });
    t.is(error.code, "INVALID_ARGUMENT");
  }
});

test("a table's dirty pages are read and cleared over ranges that start and end anywhere", (t) => {
  const page = 2048n;
  for (const grainLg2 of [11, 12, 16, 21]) {
    const table = amdv1Mock.create({ memory: new TableMemory({ capacityBytes: 1 << 20 }) });
    table.map(0n, 0n, 0x40_0000n, 3);
    table.map(0x40_0000n, 0x40_0000n, 0x8000n, 3, page);
    for (const iova of [0x1_2345n, 0x40_0800n, 0x40_7fffn]) table.setDirty(iova);
    const read = (clear: boolean) => {
      const bitmap = new DirtyBitmap(0x1234n, 0x40_6000n, grainLg2);
      table.readAndClearDirty(bitmap.iova, bitmap.lengthBytes, bitmap.record, { clear });
      return bitmap;
    };
    const before = read(false);
    const cleared = read(true);
    t.deepEqual(cleared.words, before.words, "reading alone changes nothing");
    t.true(cleared.isDirty(0x1_2345n));
    t.true(cleared.isDirty(0x40_0900n));
    t.is(read(false).dirtyStretches, 0);
    // The last page lies behind the range: it is dirty still.
    const rest = new DirtyBitmap(0x40_7800n, page, 11);
    table.readAndClearDirty(rest.iova, rest.lengthBytes, rest.record);
    t.is(rest.dirtyStretches, 1);
  }
});
