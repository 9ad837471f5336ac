// A callback of the user's that throws ends the call, and loses nothing: not the page sizes, not an invalidation.
import test from "ava";
import { amdv1, armv8Stage1_4k, Prot, TableMemory } from "../impl/index.js";

const PAGE = 0x1000n;
const LARGE = 0x20_0000n;
const RW = Prot.read | Prot.write;

/** A table whose `invalidate` throws as long as `state.failing`, and counts. */
function example() {
  const state = { failing: false, invalidations: 0 };
  const table = amdv1.create({
    memory: new TableMemory({ capacityBytes: 1 << 20 }),
    invalidate: () => {
      state.invalidations++;
      if (state.failing) throw new Error("the hardware does not answer");
    },
  });
  return { table, state };
}

test("after an invalidate that threw, map has all its page sizes again, and says what it mapped", (t) => {
  const { table, state } = example();
  table.map(0n, 0n, PAGE, RW);
  table.unmap(0n, PAGE);
  state.failing = true;
  t.throws(() => table.tryMap(0n, 0n, LARGE, RW, LARGE), { message: "the hardware does not answer" });
  t.is(table.mappedBytes, LARGE);
  state.failing = false;
  table.map(LARGE, 0x1000n, PAGE, RW);
  t.is(table.lookup(LARGE), 0x1000n);
});

test("after an onDirty that threw, what was cleaned is invalidated", (t) => {
  const { table, state } = example();
  table.map(0n, 0n, PAGE, RW);
  table.setDirty(0n);
  t.throws(() =>
    table.readAndClearDirty(0n, PAGE, () => {
      throw new Error("the bitmap is full");
    }),
  );
  t.is(state.invalidations, 1);
});

test("break before make: after an invalidate that threw between break and make, map says what it made before", (t) => {
  const state = { failing: false };
  const table = armv8Stage1_4k.create({
    memory: new TableMemory({ capacityBytes: 1 << 20 }),
    pageSizes: PAGE | LARGE,
    invalidate: () => {
      if (state.failing) throw new Error("the hardware does not answer");
    },
  });
  const place = 0x23_4000_0000n;
  // An empty table stays where the third large page will go.
  table.map(place + 2n * LARGE, 0n, PAGE, RW);
  table.unmap(place + 2n * LARGE, PAGE);
  state.failing = true;
  t.throws(() => table.map(place, 0x4000_0000n, 4n * LARGE, RW), { message: "the hardware does not answer" });
  t.is(table.mappedBytes, 2n * LARGE);
  t.deepEqual(
    [...table.entries()].map(({ iova }) => iova),
    [place, place + LARGE],
  );
  state.failing = false;
  table.map(place + 2n * LARGE, 0x4040_0000n, 2n * LARGE, RW);
  t.is(table.lookup(place + 3n * LARGE), 0x4060_0000n);
});
