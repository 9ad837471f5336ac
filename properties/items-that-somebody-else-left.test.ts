/**
 * Items as another thread or a former owner may leave them, and none that works alone ever meets: linked and not yet
 * cleaned, or executable and not readable. Intel VT-d §9.9; AMD64 APM vol. 2 §5.3.3 (bits for software); Arm ARM
 * D8.3.1.1 (bits 58:55 for software); RISC-V privileged architecture, "Sv32" (R=0, X=1 is a leaf).
 */
import test from "ava";
import {
  armv8Stage1_4k,
  mali,
  Prot,
  riscv32,
  riscv64,
  TableMemory,
  vtdSecondStage,
  x86_64,
} from "../impl/index.js";

const BASE = 0x4000_0000n;
const PAGE = 0x1000n;
const RW = Prot.read | Prot.write;

const newMemory = () => new TableMemory({ base: BASE, capacityBytes: 1 << 18 });

/** Where formats say that an item was cleaned: a word of the item, and its bit. */
const marks = [
  { name: "x86-64", made: x86_64, word: 0, bit: 1 << 9 },
  { name: "vtd-second-stage", made: vtdSecondStage, word: 0, bit: 1 << 10 },
  { name: "armv8-stage1", made: armv8Stage1_4k, word: 1, bit: 1 << 23 },
  { name: "mali", made: mali, word: 1, bit: 1 << 23 },
] as const;

for (const { name, made, word, bit } of marks) {
  test(`${name}: what another thread linked and has not cleaned is cleaned on the way, once`, (t) => {
    const memory = newMemory();
    const cleaned: bigint[] = [];
    const table = made.create({ memory, incoherent: (address) => cleaned.push(address) });
    table.map(0n, 0n, PAGE, RW);
    t.is(memory.words[word] & bit, bit);
    memory.words[word] &= ~bit;
    cleaned.length = 0;
    table.map(PAGE, PAGE, PAGE, RW);
    t.true(cleaned.includes(BASE));
    t.is(memory.words[word] & bit, bit);
    cleaned.length = 0;
    table.map(2n * PAGE, 2n * PAGE, PAGE, RW);
    t.false(cleaned.includes(BASE));
  });
}

/** The page above the smallest, and the bits of an item that say what is permitted. */
const leaves = [
  { name: "riscv64", made: riscv64, large: 1n << 21n },
  { name: "riscv32", made: riscv32, large: 1n << 22n },
] as const;
const READ = 1 << 1;
const WRITE = 1 << 2;
const EXECUTE = 1 << 3;

for (const { name, made, large } of leaves) {
  test(`${name}: what can be executed and not read is a page, and no table`, (t) => {
    const memory = newMemory();
    const table = made.create({ memory });
    table.map(large, 4n * large, large, Prot.read);
    const item = memory.words.findIndex((word) => (word & READ) !== 0);
    memory.words[item] = (memory.words[item] & ~(READ | WRITE)) | EXECUTE;
    t.is(table.lookup(large), 4n * large);
    t.deepEqual(
      [...table.entries()].map(({ iova, pa }) => [iova, pa]),
      [[large, 4n * large]],
    );
    t.is(table.unmap(large, large), large);
  });
}
