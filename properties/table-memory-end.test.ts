/** Where a table memory ends: frames that would reach beyond it, and memories beyond what an item can tell apart. */
import test from "ava";
import { amdv1Mock, PageTableError, TableMemory } from "../impl/index.js";
import { NO_FRAME } from "../impl/memory/frame-books.js";

test("a frame whose alignment lies beyond the end is not there, and nothing is lost by asking", (t) => {
  const memory = new TableMemory({ base: 0x1000n, capacityBytes: 0x1000 });
  const page = memory.allocate(12);
  t.is(page, 0);
  // The next multiple of 16 KiB is 0x4000; the memory ends at 0x2000.
  t.is(memory.allocate(14), NO_FRAME);
  t.is(memory.allocate(12), NO_FRAME);
  t.is(memory.liveFrames, 1);
  memory.quarantine(page, NO_FRAME);
  memory.releaseList(page);
  t.is(memory.allocate(12), page);
});

test("a memory in which the low word of an item does not tell tables apart is refused", (t) => {
  // The mock's items hold addresses shifted up by one.
  const options = (capacityBytes: number) => ({ memory: new TableMemory({ capacityBytes }) });
  t.is(amdv1Mock.create(options(2 ** 31)).format, "amdv1-mock");
  const error = t.throws(() => amdv1Mock.create(options(2 ** 31 + 0x1000)), { instanceOf: PageTableError });
  t.is(error?.code, "INVALID_OPTION");
});
