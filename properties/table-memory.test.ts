/** Table memory: frames of every size, free lists, quarantine, and windows onto memory that exists already. */
import test from "ava";
import { amdv1, type MemoryObserver, riscv32, TableMemory, vtdSecondStage } from "../impl/index.js";
import { NO_FRAME } from "../impl/memory/table-memory.js";

const KiB = 1024;
const GiB = 2 ** 30;
const READ_WRITE = 3;

/** Frees frames one by one, in order, as a sync does. */
function free(memory: TableMemory, ...frames: readonly number[]): void {
  for (const word of frames) {
    memory.quarantine(word, NO_FRAME);
    memory.releaseList(word);
  }
}

/** The bytes of a frame: first and last address. */
const bytesOf = (memory: TableMemory, word: number, frameLg2: number): readonly [bigint, bigint] => {
  const first = memory.addressOf(word);
  return [first, first + (1n << BigInt(frameLg2)) - 1n];
};

for (const base of [0n, 0x1000n, 0x3_7000n, 0x1_0000_0000n, 0xffff_f000n, 0xf_ffff_f000_0000n]) {
  test(`frames of every size are aligned to it and never overlap, from 0x${base.toString(16)} on`, (t) => {
    const memory = new TableMemory({ base, capacityBytes: 4096 * KiB, smallestFrameLg2: 5 });
    const frames: (readonly [bigint, bigint])[] = [];
    // Small and large in turn, so that alignment always leaves something between them.
    for (const frameLg2 of [5, 12, 5, 18, 6, 14, 5, 12, 12, 16, 5, 18, 7, 5, 13, 18, 12, 5]) {
      const word = memory.allocate(frameLg2);
      t.not(word, NO_FRAME);
      const frame = bytesOf(memory, word, frameLg2);
      t.is(frame[0] % (1n << BigInt(frameLg2)), 0n, `a frame of 2^${frameLg2} at ${frame[0].toString(16)}`);
      t.true(frames.every(([first, last]) => frame[1] < first || frame[0] > last));
      t.true(frame[0] >= base && frame[1] < base + 4096n * 1024n);
      t.is(memory.frameState(frame[0]), "live");
      frames.push(frame);
    }
    t.is(memory.liveFrames, frames.length);
  });
}

test("what alignment skips is handed out for smaller frames", (t) => {
  const memory = new TableMemory({ base: 0n, capacityBytes: 512 * KiB, smallestFrameLg2: 12 });
  memory.allocate(12);
  t.is(memory.addressOf(memory.allocate(18)), 256n * 1024n);
  // 63 frames of 4 KiB were skipped; all of the memory is used in the end.
  const addresses = new Set(Array.from({ length: 63 }, () => memory.addressOf(memory.allocate(12))));
  t.is(addresses.size, 63);
  t.true([...addresses].every((address) => address >= 4096n && address < 256n * 1024n));
  t.is(memory.allocate(12), NO_FRAME);
});

test("a memory hands out all that it has, then refuses, and goes on once something is free", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  const frames = Array.from({ length: 16 }, () => memory.allocate(12));
  t.is(new Set(frames).size, 16);
  t.is(memory.allocate(12), NO_FRAME);
  t.is(memory.liveFrames, 16);
  free(memory, frames[5]);
  t.is(memory.allocate(12), frames[5]);
  t.is(memory.allocate(12), NO_FRAME);
});

test("each size has its own free list, and the frame freed last is used first", (t) => {
  const memory = new TableMemory({ capacityBytes: 1024 * KiB, smallestFrameLg2: 5 });
  const small = [memory.allocate(5), memory.allocate(5)];
  const large = [memory.allocate(14), memory.allocate(14)];
  free(memory, ...small, ...large);
  t.is(memory.liveFrames, 0);
  t.deepEqual([memory.allocate(14), memory.allocate(14)], [large[1], large[0]]);
  t.deepEqual([memory.allocate(5), memory.allocate(5)], [small[1], small[0]]);
});

test("a large free frame is split when nothing smaller is left", (t) => {
  const memory = new TableMemory({ base: 0n, capacityBytes: 256 * KiB, smallestFrameLg2: 10 });
  const whole = memory.allocate(18);
  free(memory, whole);
  const parts = [10, 12, 16, 17, 11, 12].map((frameLg2) => ({ frameLg2, word: memory.allocate(frameLg2) }));
  for (const { frameLg2, word } of parts) {
    t.not(word, NO_FRAME);
    t.is(memory.addressOf(word) % (1n << BigInt(frameLg2)), 0n);
  }
  const frames = parts
    .map(({ frameLg2, word }) => bytesOf(memory, word, frameLg2))
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
  t.true(frames.every(([first], index) => index === 0 || frames[index - 1][1] < first));
  t.is(memory.allocate(17), NO_FRAME);
});

test("a frame is zeroed whenever it is handed out", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB, smallestFrameLg2: 10 });
  const frame = memory.allocate(12);
  memory.words.fill(-1, frame, frame + 1024);
  free(memory, frame);
  const again = memory.allocate(12);
  t.is(again, frame);
  t.true(memory.words.subarray(again, again + 1024).every((word) => word === 0));
});

test("a freed frame keeps its contents in quarantine, and is not handed out before its release", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  const [first, second] = [memory.allocate(12), memory.allocate(12)];
  memory.words[first] = 0x1234;
  memory.quarantine(first, NO_FRAME);
  memory.quarantine(second, first);
  t.is(memory.words[first], 0x1234);
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames], [0, 2]);
  t.is(memory.frameState(memory.addressOf(first)), "quarantined");
  const others = Array.from({ length: 14 }, () => memory.allocate(12));
  t.false(others.includes(first) || others.includes(second));
  t.is(memory.allocate(12), NO_FRAME, "memory that waits for an invalidation is not there");
  memory.releaseList(second);
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames], [14, 0]);
  t.is(memory.frameState(memory.addressOf(first)), "free");
  t.deepEqual(new Set([memory.allocate(12), memory.allocate(12)]), new Set([first, second]));
});

test("lists of quarantined frames are joined", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  const frames = Array.from({ length: 4 }, () => memory.allocate(12));
  memory.quarantine(frames[0], NO_FRAME);
  memory.quarantine(frames[1], frames[0]);
  memory.quarantine(frames[2], NO_FRAME);
  memory.quarantine(frames[3], frames[2]);
  memory.joinLists(frames[0], frames[3]);
  memory.releaseList(frames[1]);
  t.is(memory.quarantinedFrames, 0);
});

test("a frame that is freed twice, or released without being freed, is an error", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  const frame = memory.allocate(12);
  t.throws(() => memory.releaseList(frame), { message: /released but not quarantined/ });
  memory.quarantine(frame, NO_FRAME);
  t.throws(() => memory.quarantine(frame, NO_FRAME), { message: /freed but not live/ });
  memory.releaseList(frame);
  t.throws(() => memory.quarantine(frame, NO_FRAME), { message: /freed but not live/ });
  t.throws(() => memory.releaseList(frame), { message: /released but not quarantined/ });
});

test("poison stands in released frames, and in no other", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB, poison: true });
  const [freed, kept] = [memory.allocate(12), memory.allocate(12)];
  memory.quarantine(freed, NO_FRAME);
  t.is(memory.words[freed], 0);
  memory.releaseList(freed);
  t.true(memory.words.subarray(freed, freed + 1024).every((word) => word !== 0));
  t.true(memory.words.subarray(kept, kept + 1024).every((word) => word === 0));
  t.is(memory.allocate(12), freed);
  t.true(memory.words.subarray(freed, freed + 1024).every((word) => word === 0));
});

test("the nth allocation fails, once, whatever is free", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  memory.failNextAllocation(1);
  t.is(memory.allocate(12), NO_FRAME);
  t.not(memory.allocate(12), NO_FRAME);
  memory.failNextAllocation(3);
  const three = Array.from({ length: 4 }, () => memory.allocate(12) === NO_FRAME);
  t.deepEqual(three, [false, false, true, false]);
  memory.failNextAllocation(2);
  memory.failNextAllocation(0);
  t.deepEqual([memory.allocate(12), memory.allocate(12)].includes(NO_FRAME), false);
  t.is(memory.liveFrames, 6);
});

test("whoever watches is told of every frame, from its allocation to its release", (t) => {
  const memory = new TableMemory({ capacityBytes: 64 * KiB });
  const seen: string[] = [];
  const observer: MemoryObserver = {
    stored: () => seen.push("stored"),
    storedPair: () => seen.push("storedPair"),
    published: () => seen.push("published"),
    allocated: (word, frameLg2) => seen.push(`allocated ${word} 2^${frameLg2}`),
    quarantined: (word, frameLg2) => seen.push(`quarantined ${word} 2^${frameLg2}`),
    released: (word, frameLg2) => seen.push(`released ${word} 2^${frameLg2}`),
  };
  memory.observer = observer;
  free(memory, memory.allocate(13));
  t.deepEqual(seen, ["allocated 0 2^13", "quarantined 0 2^13", "released 0 2^13"]);
});

test("options outside of their limits are refused", (t) => {
  const refused = { name: "PageTableError", code: "INVALID_OPTION" };
  for (const base of [1n, 0x800n, -4096n, 1n << 64n, (1n << 64n) - 4096n]) {
    t.throws(() => new TableMemory({ base, capacityBytes: 8192 }), refused, `base ${base}`);
  }
  for (const capacityBytes of [0, -4096, 100, 4097, 2 ** 32 + 4096, Number.NaN, 4096.5]) {
    t.throws(() => new TableMemory({ capacityBytes }), refused, `capacity ${capacityBytes}`);
  }
  for (const smallestFrameLg2 of [4, 13, 5.5, Number.NaN]) {
    t.throws(() => new TableMemory({ capacityBytes: 4096, smallestFrameLg2 }), refused);
  }
  const buffer = new ArrayBuffer(8192);
  for (const allocatableFromBytes of [-4096, 1, 12288, Number.NaN]) {
    t.throws(() => new TableMemory({ buffer, base: 0n, allocatableFromBytes }), refused);
  }
  t.throws(() => new TableMemory({ buffer: new ArrayBuffer(100), base: 0n }), refused);
  t.notThrows(
    () => new TableMemory({ base: (1n << 64n) - 8192n, capacityBytes: 8192 }),
    "up to the very end",
  );
});

test("a view in place of a buffer is refused: it would be copied", (t) => {
  const view: unknown = new Uint8Array(4096);
  const options = Object.assign({ base: 0n }, { buffer: view });
  t.throws(() => Reflect.construct(TableMemory, [options]), { code: "INVALID_OPTION" });
});

test("frame sizes that a memory does not have are refused, and counts of failures too", (t) => {
  const memory = new TableMemory({ capacityBytes: 512 * KiB });
  for (const frameLg2 of [11, 22, 64, -1, Number.NaN]) {
    t.throws(() => memory.allocate(frameLg2), { code: "INVALID_ARGUMENT" }, `2^${frameLg2}`);
  }
  for (const nth of [-1, 0.5, Number.NaN]) {
    t.throws(() => memory.failNextAllocation(nth), { code: "INVALID_ARGUMENT" });
  }
  t.is(memory.liveFrames, 0);
});

/** A memory with tables in it, and where their root is. */
function tablesIn(memory: TableMemory) {
  const table = amdv1.create({ memory, topLevel: 2 });
  table.map(0n, 0x1_0000_1000n, 4n << 20n, READ_WRITE);
  table.map(0x40_0000_0000n, 0x1000n, 4096n, READ_WRITE);
  return table.hwInfo().root;
}

test("a window onto existing tables reads them, and opening it changes nothing", (t) => {
  const original = new TableMemory({ base: 0x7_0000_0000n, capacityBytes: 1024 * KiB });
  const root = tablesIn(original);
  const { buffer } = original.words;
  const before = new Uint8Array(buffer.slice(0));
  const memory = new TableMemory({ buffer, base: original.base });
  const table = amdv1.open({ memory, topLevel: 2 }, { root });
  t.is(memory.words.buffer, buffer);
  t.is(table.lookup(0x12_3456n), 0x1_0012_4456n);
  t.is(table.lookup(0x40_0000_0fffn), 0x1fffn);
  t.is(table.lookup(0x80_0000_0000n), undefined);
  t.is([...table.entries()].length, 1025);
  t.deepEqual(table.hwInfo().root, root);
  t.deepEqual(new Uint8Array(buffer), before);
});

test("a window hands out nothing unless it says from where, and nothing below that", (t) => {
  const original = new TableMemory({ base: 0x7_0000_0000n, capacityBytes: 1024 * KiB });
  const root = tablesIn(original);
  const { buffer } = original.words;
  const closed = new TableMemory({ buffer, base: original.base });
  t.is(closed.allocate(12), NO_FRAME);
  const table = amdv1.open({ memory: closed, topLevel: 2 }, { root });
  t.throws(() => table.map(0x60_0000_0000n, 0n, 4096n, READ_WRITE), { code: "OUT_OF_MEMORY" });
  const open = new TableMemory({ buffer, base: original.base, allocatableFromBytes: 512 * KiB });
  const other = amdv1.open({ memory: open, topLevel: 2 }, { root });
  other.map(0x60_0000_0000n, 0x5000n, 4096n, READ_WRITE);
  t.is(other.lookup(0x60_0000_0000n), 0x5000n);
  t.is(table.lookup(0x60_0000_0000n), 0x5000n, "both see the same memory");
  t.is(open.liveFrames, 2);
});

test("tables of a window are unmapped, freed and used again like any other", (t) => {
  const original = new TableMemory({ base: 0x7_0000_0000n, capacityBytes: 1024 * KiB });
  const root = tablesIn(original);
  const memory = new TableMemory({ buffer: original.words.buffer, base: original.base });
  const table = amdv1.open({ memory, topLevel: 2 }, { root });
  const gather = table.createGather();
  t.is(table.unmap(0n, 4n << 20n, gather), 4n << 20n);
  t.is(gather.frames, 2);
  t.is(memory.quarantinedFrames, 2);
  t.is(memory.allocate(12), NO_FRAME, "not before the sync");
  gather.sync();
  table.map(0n, 0x9000n, 4096n, READ_WRITE);
  t.is(table.lookup(0n), 0x9000n);
  t.is(memory.liveFrames, 1);
  t.is(table.unmap(0x40_0000_0000n, 4096n), 4096n);
  table.destroy();
  t.deepEqual([memory.liveFrames, memory.quarantinedFrames], [0, 0]);
});

test("a shared buffer serves as well as one of its own", (t) => {
  const buffer = new SharedArrayBuffer(64 * KiB);
  const memory = new TableMemory({ buffer, base: 0x1000n, allocatableFromBytes: 0 });
  const table = vtdSecondStage.create({ memory });
  table.map(0n, 0x4000n, 4096n, READ_WRITE);
  t.is(table.lookup(0x123n), 0x4123n);
});

test("a root that is no frame of the memory is refused", (t) => {
  const memory = new TableMemory({ base: 0x1_0000_0000n, capacityBytes: 64 * KiB });
  for (const root of [0n, 0xffff_f000n, 0x1_0001_0000n, 0x1_0000_0800n]) {
    t.throws(() => amdv1.open({ memory }, { root }), { code: "INVALID_OPTION" }, `root ${root}`);
  }
});

test("4 GiB cost nothing until they are touched, and serve to their last frame", (t) => {
  const before = process.memoryUsage().rss;
  const memory = new TableMemory({ base: 0xf000_0000n, capacityBytes: 4 * GiB });
  const table = amdv1.create({ memory });
  table.map(0n, 0n, 4096n, READ_WRITE);
  t.is(table.lookup(0xabcn), 0xabcn);
  const grown = process.memoryUsage().rss - before;
  t.true(grown < 256 * KiB * KiB, `${grown} bytes more in use`);
});

test("a window of 4 GiB is not taken for an empty one, and its last frames hold tables", (t) => {
  const buffer = new ArrayBuffer(4 * GiB);
  // The base lies in the middle of 4 GiB, so that a table and its child differ in the high word.
  const base = 0x1_8000_0000n;
  t.is(new TableMemory({ buffer, base }).allocate(12), NO_FRAME);
  const memory = new TableMemory({ buffer, base, allocatableFromBytes: 4 * GiB - 64 * KiB });
  const table = amdv1.create({ memory, topLevel: 2 });
  table.map(0x1234_5000n, 0x7000n, 4096n, READ_WRITE);
  t.is(table.lookup(0x1234_5678n), 0x7678n);
  t.is(table.hwInfo().root, base + 4n * BigInt(GiB) - 64n * 1024n);
  t.is(table.unmap(0x1234_5000n, 4096n), 4096n);
  table.destroy();
  t.is(memory.liveFrames, 0);
});

test("tables work at every base: low, high, over a boundary of 4 GiB, at the end of 34 bits", (t) => {
  for (const base of [0n, 0x1000n, 0xffff_d000n, 0x1_ffff_d000n, 0xf_ffff_ffff_0000n]) {
    const memory = new TableMemory({ base, capacityBytes: 64 * KiB });
    const table = amdv1.create({ memory, topLevel: 3 });
    table.map(0xffff_f000n, 0xf_ffff_ffff_f000n, 4096n, READ_WRITE);
    t.is(table.lookup(0xffff_ffffn), 0xf_ffff_ffff_ffffn, `base ${base}`);
    t.is(table.unmap(0xffff_f000n, 4096n), 4096n);
  }
  const memory = new TableMemory({ base: 0x3_ffff_0000n, capacityBytes: 64 * KiB });
  const table = riscv32.create({ memory });
  table.map(0xffff_f000n, 0x3_ffff_f000n, 4096n, READ_WRITE);
  t.is(table.lookup(0xffff_ffffn), 0x3_ffff_ffffn);
});
