/** What replaces live entries or frees empty tables needs the table for itself: threads that share one are refused. */
import test from "ava";
import { amdv1, PageTableError, Status, TableMemory } from "../impl/index.js";
import { shared } from "../impl/shared.js";

const READ_WRITE = 3;
const LARGE = 1n << 21n;

function refusal(attempt: () => unknown): string | undefined {
  const error = captured(attempt);
  return error instanceof PageTableError ? error.code : undefined;
}

function captured(attempt: () => unknown): unknown {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("threads neither cut, nor resize, nor trim, and nothing changes when they try", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 18, shared: true });
  const table = shared.amdv1.create({ memory });
  table.map(0n, 0n, LARGE, READ_WRITE);
  const before = Int32Array.from(memory.words);
  t.is(table.tryCut(0x1000n), Status.NEEDS_EXCLUSION);
  t.is(table.tryResize(0n, LARGE, { largestLg2: 12 }), Status.NEEDS_EXCLUSION);
  t.is(table.tryTrim(0n, LARGE), Status.NEEDS_EXCLUSION);
  for (const attempt of [() => table.cut(0x1000n), () => table.resize(0n, LARGE), () => table.trim()]) {
    t.is(refusal(attempt), "NEEDS_EXCLUSION");
  }
  t.deepEqual(Int32Array.from(memory.words), before);
});

test("who has the table for himself is refused what no page can do", (t) => {
  const memory = new TableMemory({ capacityBytes: 1 << 18 });
  const table = amdv1.create({ memory });
  table.map(0n, 0n, LARGE, READ_WRITE);
  t.is(
    refusal(() => table.cut(0x800n)),
    "MISALIGNED",
  );
  t.is(
    refusal(() => table.resize(0n, LARGE, { largestLg2: 5 })),
    "MISALIGNED",
  );
  t.is(
    refusal(() => table.trim(0n, 0n)),
    "ZERO_LENGTH",
  );
  t.deepEqual(
    [...table.entries()].map(({ sizeLg2 }) => sizeLg2),
    [21],
  );
});
