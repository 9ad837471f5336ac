/**
 * Break before make, and an `invalidate` that throws between the two: what the hardware may not have forgotten is the
 * same again, nothing is lost, and the next call does what this one could not. The same where a second table of a cut
 * finds no memory.
 */
import test from "ava";
import { armShort, armv8Stage1_4k, PageTableError, Prot, TableMemory } from "../impl/index.js";

const BASE = 0x4000_0000n;
const PAGE = 0x1000n;
const RW = Prot.read | Prot.write;
/** Formats that break first: items of two words and of one, with the size of the page above the smallest. */
const formats = [
  { name: "armv8Stage1_4k", made: armv8Stage1_4k, large: 0x20_0000n },
  { name: "armShort", made: armShort, large: 0x10_0000n },
] as const;

for (const { name, made, large } of formats) {
  for (const isIncoherent of [false, true]) {
    const title = `${name}${isIncoherent ? ", incoherent" : ""}`;

    /** Two large pages side by side, and an `invalidate` that throws as long as `state.failing` says. */
    const example = (partialUnmap: "whole" | "cut" = "whole") => {
      const state = { failing: false };
      const memory = new TableMemory({ base: BASE, capacityBytes: 1 << 18, smallestFrameLg2: 10 });
      // What the hardware sees that does not snoop.
      const seen = memory.words.slice();
      const incoherent = (address: bigint, bytes: number) => {
        const word = Number(address - BASE) / 4;
        seen.set(memory.words.subarray(word, word + bytes / 4), word);
      };
      const table = made.create({
        ...{ memory, partialUnmap },
        ...(isIncoherent ? { incoherent } : {}),
        invalidate: () => {
          if (state.failing) throw new Error("the hardware does not answer");
        },
      });
      table.map(large, 4n * large, 2n * large, RW);
      /** What is mapped and which frames are in use, as anybody sees it. */
      const facts = () => {
        const frames = Array.from({ length: 256 }, (_, frame) => frame).filter(
          (frame) => memory.frameState(BASE + BigInt(frame) * 1024n) === "live",
        );
        const unseen = frames.filter((frame) =>
          memory.words
            .subarray(frame * 256, (frame + 1) * 256)
            .some((word, at) => word !== seen[frame * 256 + at]),
        );
        return {
          entries: [...table.entries()],
          frames,
          quarantined: memory.quarantinedFrames,
          unseen: isIncoherent ? unseen : [],
        };
      };
      return { table, state, memory, facts };
    };

    test(`${title}: a cut that was not forgotten is none`, (t) => {
      const { table, state, facts } = example();
      const before = facts();
      state.failing = true;
      t.throws(() => table.cut(large + PAGE), { message: "the hardware does not answer" });
      t.deepEqual(facts(), before);
      state.failing = false;
      table.cut(large + PAGE);
      t.true([...table.entries()].length > 2);
      t.is(table.lookup(large + PAGE), 4n * large + PAGE);
    });

    test(`${title}: an unmap of parts at both ends that was not forgotten removes nothing`, (t) => {
      const { table, state, facts } = example("cut");
      const before = facts();
      state.failing = true;
      t.throws(() => table.unmap(2n * large - PAGE, 2n * PAGE), { message: "the hardware does not answer" });
      t.deepEqual(facts(), before);
      state.failing = false;
      t.is(table.unmap(2n * large - PAGE, 2n * PAGE), 2n * PAGE);
      t.is(table.lookup(2n * large - PAGE), undefined);
      t.is(table.lookup(2n * large - 2n * PAGE), 5n * large - 2n * PAGE);
    });

    test(`${title}: an unmap of parts at both ends that has memory for one of them alone removes nothing`, (t) => {
      const { table, memory, facts } = example("cut");
      const before = facts();
      memory.failNextAllocation(2);
      t.throws(() => table.unmap(2n * large - PAGE, 2n * PAGE), { instanceOf: PageTableError });
      t.deepEqual(facts(), before);
    });

    test(`${title}: smaller pages that were not forgotten, or have no memory, are large still`, (t) => {
      const { table, state, memory, facts } = example();
      const before = facts();
      state.failing = true;
      t.throws(() => table.resize(large, 2n * large, { largestLg2: 12 }), {
        message: "the hardware does not answer",
      });
      t.deepEqual(facts(), before);
      state.failing = false;
      memory.failNextAllocation(2);
      t.throws(() => table.resize(large, 2n * large, { largestLg2: 12 }), { instanceOf: PageTableError });
      t.deepEqual(facts(), before);
    });

    test(`${title}: larger pages that were not forgotten are small still`, (t) => {
      const { table, state, facts } = example();
      const whole = facts().entries;
      table.resize(large, 2n * large, { largestLg2: 12 });
      const before = facts();
      t.true(before.entries.length > 2);
      state.failing = true;
      t.throws(() => table.resize(large, 2n * large), { message: "the hardware does not answer" });
      t.deepEqual(facts(), before);
      state.failing = false;
      table.resize(large, 2n * large);
      t.deepEqual(facts().entries, whole);
    });
  }
}

for (const { name, made, large } of formats) {
  for (const way of ["resize", "unmap"] as const) {
    test(`${name}, which remembers misses: what was cut and not told of stays cut, and keeps its tables (${way})`, (t) => {
      const memory = new TableMemory({ base: BASE, capacityBytes: 1 << 18, smallestFrameLg2: 10 });
      let answers = Number.POSITIVE_INFINITY;
      const invalidate = () => {
        if (answers-- === 0) throw new Error("the hardware does not answer");
      };
      const table = made.create({ memory, cachesNotPresent: true, partialUnmap: "cut", invalidate });
      table.map(large, 4n * large, 2n * large, RW);
      // The entry is broken and forgotten; that it was met so cannot be.
      answers = 1;
      const act = {
        resize: () => table.resize(large, 2n * large, { largestLg2: 12 }),
        unmap: () => table.unmap(2n * large - PAGE, 2n * PAGE),
      };
      t.throws(act[way], { message: "the hardware does not answer" });
      answers = Number.POSITIVE_INFINITY;
      const first = [...table.entries()].filter(({ iova }) => iova < 2n * large);
      t.true(first.length > 1);
      // What the parts stand in is nobody else's, and the other entry is one still.
      for (let place = 8n; place < 16n; place++) table.map(place * 16n * large, 0n, PAGE, RW);
      for (const offset of [0n, PAGE, large - PAGE]) t.is(table.lookup(large + offset), 4n * large + offset);
      t.is([...table.entries()].filter(({ iova }) => iova === 2n * large)[0].pa, 5n * large);
      table.destroy();
      t.is(memory.liveFrames, 0);
    });
  }
}
