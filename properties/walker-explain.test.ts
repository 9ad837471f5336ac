/** The steps of a walk as an error report shows them. */
import test from "ava";
import { explainWalk } from "../models/walkers/index.js";
import { bits, configurationOf, HandMadeTables } from "./hand-made-tables.js";

const amdv1 = configurationOf("amdv1", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 2 });
const root = { address: 0x8_0000_3000n, mode: 3 };

function amdv1Tables() {
  const access = bits(62, 61) | bits(0);
  return new HandMadeTables(amdv1)
    .table(root.address, { 0: 0x8_0000_2000n | access | (2n << 9n), 1: 0x9_0000_0000n | access | (2n << 9n) })
    .table(0x8_0000_2000n, { 1: 0x8_4020_0000n | access | bits(6), 2: 0x1000n | access });
}

test("each item on the way has a line with its level, address and word, and the last line is the answer", (t) => {
  t.deepEqual(explainWalk(amdv1, amdv1Tables().memory, root, 0x20_1abcn), [
    "walk of 0x20_1abc from root 0x8_0000_3000, mode 3",
    "  level 2  item at 0x8_0000_3000 = 0x6000_0008_0000_2401  table",
    "  level 1  item at 0x8_0000_2008 = 0x6000_0008_4020_0041  leaf",
    "  gives 0x8_4020_1abc, 2 MiB, rwx dirty",
  ]);
});

test("a walk that does not translate says where and why", (t) => {
  const { memory } = amdv1Tables();
  t.deepEqual(explainWalk(amdv1, memory, root, 0x40_0000n).slice(2), [
    "  level 1  item at 0x8_0000_2010 = 0x6000_0000_0000_1001  illegal: MisalignedLeaf",
    "  ends with MisalignedLeaf",
  ]);
  t.deepEqual(explainWalk(amdv1, memory, root, 0n).slice(2), [
    "  level 1  item at 0x8_0000_2000 = 0x0000_0000_0000_0000  not present",
    "  ends with NotPresent",
  ]);
  t.deepEqual(explainWalk(amdv1, memory, root, bits(30)).slice(1), [
    "  level 2  item at 0x8_0000_3008 = 0x6000_0009_0000_0401  table, outside the memory",
    "  ends with OutsideMemory",
  ]);
  t.deepEqual(explainWalk(amdv1, memory, root, bits(40)).slice(1), ["  ends with NotCanonical"]);
  t.deepEqual(explainWalk(amdv1, memory, { ...root, mode: 7 }, 0n).slice(1), ["  ends with IllegalRoot"]);
});

test("32-bit items are shown with their eight digits", (t) => {
  const sv32 = configurationOf("riscv32", { vaWidthLg2: 32, oaWidthLg2: 34, topLevel: 1 });
  const tables = new HandMadeTables(sv32).table(0x1000n, { 0: 0x801n }).table(0x2000n, { 1: 0x1457n });
  t.deepEqual(explainWalk(sv32, tables.memory, { address: 0x1000n, mode: 8 }, 0x1abcn), [
    "walk of 0x1abc from root 0x1000, mode 8",
    "  level 1  item at 0x1000 = 0x0000_0801  table",
    "  level 0  item at 0x2004 = 0x0000_1457  leaf",
    "  gives 0x5abc, 4 KiB, r--",
  ]);
});
