/** Tables that threads share: what makes them, what opens them, and what is refused. */
import test from "ava";
import { amdv1, type PageTable, PageTableError, TableMemory } from "../impl/index.js";
import { shared } from "../impl/shared.js";

const READ_WRITE = 3;
const KiB = 1024;

const newMemory = () => new TableMemory({ capacityBytes: 256 * KiB, shared: true });

/** What another thread has of a memory and a table, after a message carried them. */
function inAnotherThread(memory: TableMemory, table: PageTable) {
  const message = structuredClone({ memory: memory.share(), tables: table.share() });
  const attached = TableMemory.attach(message.memory);
  return { memory: attached, table: shared.amdv1.open({ memory: attached }, message.tables) };
}

/** The code with which something is refused. */
function refusal(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error instanceof PageTableError ? error.code : String(error);
  }
}

test("what one maps, the other finds, and both count the same frames", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  const other = inAnotherThread(memory, table);
  table.map(0x1000n, 0x8000n, 0x1000n, READ_WRITE);
  t.is(other.table.lookup(0x1234n), 0x8234n);
  t.is(other.memory.liveFrames, memory.liveFrames);
  t.is(other.table.unmap(0x1000n, 0x1000n), 0x1000n);
  t.is(table.lookup(0x1234n), undefined);
});

test("a top that one raises is the top of the other at once", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory, topLevel: 1 });
  const other = inAnotherThread(memory, table);
  other.table.map(1n << 50n, 0x8000n, 0x1000n, READ_WRITE);
  t.is(table.topLevel, 4);
  t.deepEqual(table.hwInfo(), other.table.hwInfo());
  t.is(table.lookup(1n << 50n), 0x8000n);
  // And what is opened later begins with it.
  t.is(inAnotherThread(memory, table).table.lookup(1n << 50n), 0x8000n);
});

test("a table that one destroys is destroyed for the other", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  const message = { memory: memory.share(), tables: table.share() };
  const other = inAnotherThread(memory, table);
  other.table.destroy();
  t.is(memory.liveFrames, 0);
  t.is(
    refusal(() => table.lookup(0n)),
    "DESTROYED",
  );
  t.is(
    refusal(() => table.map(0n, 0n, 0x1000n, READ_WRITE)),
    "DESTROYED",
  );
  t.is(
    refusal(() => shared.amdv1.open({ memory }, message.tables)),
    "DESTROYED",
  );
});

test("a gather of one thread's memory is none of another's", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  const other = inAnotherThread(memory, table);
  t.is(
    refusal(() => table.unmap(0n, 0x1000n, other.table.createGather())),
    "INVALID_ARGUMENT",
  );
});

test("poison, base and sizes of frames come along", (t) => {
  const memory = new TableMemory({ base: 0x7_0000n, smallestFrameLg2: 8, poison: true, shared: true });
  const attached = TableMemory.attach(memory.share());
  t.is(attached.base, memory.base);
  t.is(attached.smallestFrameLg2, 8);
  const word = attached.allocate(8);
  attached.quarantine(word, -1);
  memory.releaseList(word);
  t.is(attached.words[word], 0x5eadbee7);
  t.is(memory.frameState(memory.addressOf(word)), "free");
});

test("tables for threads need a memory for threads, and only they are shared", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  const unshared = new TableMemory({ capacityBytes: 64 * KiB });
  t.is(
    refusal(() => shared.amdv1.create({ memory: unshared })),
    "INVALID_OPTION",
  );
  t.is(
    refusal(() => unshared.share()),
    "INVALID_ARGUMENT",
  );
  t.is(
    refusal(() => amdv1.create({ memory }).share()),
    "INVALID_ARGUMENT",
  );
  t.is(
    refusal(() => amdv1.open({ memory }, table.share())),
    "INVALID_OPTION",
  );
});

test("what no `share` gave is refused", (t) => {
  const memory = newMemory();
  const { root } = shared.amdv1.create({ memory }).share();
  for (const top of [new ArrayBuffer(4), new SharedArrayBuffer(8)]) {
    t.is(
      refusal(() => shared.amdv1.open({ memory }, { root, top })),
      "INVALID_OPTION",
    );
  }
  t.is(
    refusal(() => TableMemory.attach({ ...memory.share(), books: new SharedArrayBuffer(8) })),
    "INVALID_OPTION",
  );
  const { books: _, ...noBooks } = memory.share();
  const given: unknown[] = [undefined, null, 7, {}, noBooks];
  for (const one of given) {
    t.is(
      refusal(() => Reflect.apply(TableMemory.attach, TableMemory, [one])),
      "INVALID_ARGUMENT",
    );
  }
});

test("existing tables without a cell are opened with one of their own", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  table.map(0x1000n, 0x8000n, 0x1000n, READ_WRITE);
  const opened = shared.amdv1.open({ memory }, { root: table.hwInfo().root });
  t.is(opened.lookup(0x1000n), 0x8000n);
});

test("dirty state that one clears is clear for the other, and a table that threads share is not handed over", (t) => {
  const memory = newMemory();
  const table = shared.amdv1.create({ memory });
  const other = inAnotherThread(memory, table);
  table.map(0x1000n, 0x8000n, 0x2000n, READ_WRITE);
  table.setDirty(0x2000n);
  const dirty: bigint[] = [];
  other.table.readAndClearDirty(0n, 0x10_0000n, (iova) => dirty.push(iova));
  table.readAndClearDirty(0n, 0x10_0000n, (iova) => dirty.push(iova));
  t.deepEqual(dirty, [0x2000n]);
  t.is(
    refusal(() => table.handOver()),
    "INVALID_ARGUMENT",
  );
});
