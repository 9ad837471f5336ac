// A callback of the user's that throws ends the call, and loses nothing: not the page sizes, not an invalidation.
import test from "ava";
import { amdv1, Prot, TableMemory } from "../impl/index.js";

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
