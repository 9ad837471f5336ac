/**
 * A domain without hardware, driven as iommufd's self-test drives its mock: what it is, maps of every alignment,
 * dirty bitmaps of every grain, and an allocation that fails wherever one is made. The format is AMD's with a page of
 * 2 KiB, so that the page of the host and the page of the tables differ.
 *
 *   node examples/mock-domain/mock-domain.mjs
 */
import assert from "node:assert/strict";
import { amdv1Mock, DirtyBitmap, PageTableError, Prot, TableMemory } from "genpt";

const PAGE = 2048n;
const READ_WRITE = Prot.read | Prot.write;

/** A fresh domain; `invalidated` counts what the hardware would have been told to forget. */
function createDomain() {
  const memory = new TableMemory({ capacityBytes: 1 << 20 });
  const domain = { memory, invalidated: 0, table: undefined };
  domain.table = amdv1Mock.create({ memory, topLevel: 2, invalidate: () => domain.invalidated++ });
  return domain;
}

/** What a driver would program: the root, the mode, and the sizes of pages. */
function hardwareInfo() {
  const { table } = createDomain();
  const { mode, registers } = table.hwInfo();
  const sizes = Array.from({ length: 64 }, (_, lg2) => lg2).filter(
    (lg2) => (table.pageSizes >> BigInt(lg2)) & 1n,
  );
  assert.equal(sizes[0], 11);
  return `mode ${mode}, ${Object.keys(registers).length} fields, ${sizes.length} page sizes from 2^${sizes[0]}`;
}

/** Every start within 32 pages, every length up to 32 pages, and every offset between input and output. */
function everyAlignment() {
  const { table, memory } = createDomain();
  let maps = 0;
  for (let start = 0n; start < 32n; start += 1n) {
    for (let pages = 1n; pages <= 32n; pages += 3n) {
      const [iova, pa, length] = [start * PAGE, (start + pages) * PAGE, pages * PAGE];
      table.map(iova, pa, length, READ_WRITE);
      assert.equal(table.lookup(iova), pa);
      assert.equal(table.lookup(iova + length - 1n), pa + length - 1n);
      assert.equal(table.lookup(iova + length), undefined);
      assert.equal(table.unmap(iova, length), length);
      maps++;
    }
  }
  // A table that an unmap did not cover stays for the next map; all go with the domain.
  table.destroy();
  assert.equal(memory.liveFrames, 0);
  return `${maps} maps, every table freed`;
}

/** Writes of a device, read back as bitmaps whose bits stand for 1 KiB up to 4 MiB. */
function everyGrain() {
  const length = 1n << 23n;
  const written = [0n, 5n * PAGE + 17n, 1n << 20n, length - 1n];
  let bits = 0;
  for (let grainLg2 = 10; grainLg2 <= 22; grainLg2++) {
    const { table } = createDomain();
    // Pages of the smallest size only: the grain of dirty state is the page's.
    table.map(0n, 0n, length, READ_WRITE, PAGE);
    for (const iova of written) table.setDirty(iova);
    const bitmap = new DirtyBitmap(0n, length, grainLg2);
    table.readAndClearDirty(0n, length, bitmap.record);
    for (const iova of written) assert.ok(bitmap.isDirty(iova));
    const grain = 1n << BigInt(grainLg2);
    const pages = new Set(written.map((iova) => iova / PAGE));
    const touched = new Set();
    for (const page of pages) {
      for (let at = page * PAGE; at < (page + 1n) * PAGE; at += 1n << 10n) touched.add(at / grain);
    }
    assert.equal(bitmap.dirtyStretches, touched.size);
    const again = new DirtyBitmap(0n, length, grainLg2);
    table.readAndClearDirty(0n, length, again.record);
    assert.equal(again.dirtyStretches, 0);
    bits += bitmap.dirtyStretches;
  }
  return `${bits} dirty bits in 13 grains, none the second time`;
}

/** The n-th allocation fails, for every n: what was mapped before is said, taken back, and nothing is lost. */
function everyAllocationFails() {
  for (let nth = 1; ; nth++) {
    const { table, memory } = createDomain();
    memory.failNextAllocation(nth);
    try {
      table.map(0x1f_f800n, 0n, 1n << 22n, READ_WRITE, PAGE);
      return `${nth - 1} allocations, each failed once`;
    } catch (error) {
      assert.ok(error instanceof PageTableError);
      assert.equal(error.errno, "ENOMEM");
      const { mappedBytes } = error;
      if (mappedBytes > 0n) assert.equal(table.unmap(0x1f_f800n, mappedBytes), mappedBytes);
      table.destroy();
      assert.equal(memory.liveFrames, 0);
    }
  }
}

console.log(`hardware info:          ${hardwareInfo()}`);
console.log(`every alignment:        ${everyAlignment()}`);
console.log(`dirty bitmaps:          ${everyGrain()}`);
console.log(`failing allocations:    ${everyAllocationFails()}`);
