/** ARM's stage 2 against hand-made tables: DDI 0487 D8.3 (attribute fields), D8.5, FEAT_XNX, FEAT_S2FWB; ARMv7 B3.6. */
import test from "ava";
import { bits, bitTable } from "./hand-made-tables.js";
import {
  AF,
  type ArmCase,
  BLOCK,
  chain,
  itemSizeLg2,
  lpae,
  PAGE,
  stage2,
  T,
  TABLE,
} from "./walker-arm-tables.js";

const READ = bits(6);
const WRITE = bits(7);
const DBM = bits(51);
const CONTIGUOUS = bits(52);
const leafWord = (level: number) => (level === 0 ? PAGE : BLOCK) | AF;

const cases = {
  "4K": stage2(12, 48, 48),
  "4K LPA2": stage2(12, 52, 52, { lpa2: true }),
  "16K": stage2(14, 46, 48),
  "16K LPA2": stage2(14, 52, 52, { lpa2: true }),
  "64K": stage2(16, 48, 48),
  "64K LPA": stage2(16, 52, 52),
  LPAE: lpae(2, 34, 40),
  FWB: stage2(12, 48, 48, { forcedWriteBack: true }),
  XNX: stage2(12, 48, 48, {}, { xnx: true }),
  DBM: stage2(12, 48, 48, { dirtyTracking: true }),
} as const;

/** What each single bit does to a leaf of nothing but its type and AF, which is device memory without rights. */
const leafBits: readonly (readonly [keyof typeof cases, number, string])[] = [
  ["4K", 0, "3:2 Translated, 5:4 ReservedBit, 7:6 Translated, 8 ReservedBit, 9 Translated, 11 ReservedBit"],
  ["4K", 0, "47:12 Translated, 51:48 ReservedBit, 52 Translated, 53 ReservedBit, 63:54 Translated"],
  ["4K", 1, "11 ReservedBit, 15:12 MisalignedLeaf, 16 ReservedBit, 20:17 MisalignedLeaf, 47:21 Translated"],
  ["4K", 2, "16 ReservedBit, 29:17 MisalignedLeaf, 47:30 Translated, 52 Translated"],
  ["4K LPA2", 0, "9:8 Translated, 11 ReservedBit, 49:12 Translated, 51:50 ReservedBit, 52 Translated"],
  ["4K LPA2", 3, "16 ReservedBit, 38:17 MisalignedLeaf, 49:39 Translated, 53:50 ReservedBit"],
  ["16K", 0, "13:11 ReservedBit, 47:14 Translated, 51:48 ReservedBit, 53 ReservedBit"],
  [
    "16K",
    1,
    "13:11 ReservedBit, 15:14 MisalignedLeaf, 16 ReservedBit, 24:17 MisalignedLeaf, 47:25 Translated",
  ],
  ["16K LPA2", 2, "9:8 Translated, 35:17 MisalignedLeaf, 49:36 Translated, 53:50 ReservedBit"],
  ["64K", 0, "11 ReservedBit, 15:12 AddressSize, 47:16 Translated, 51:48 ReservedBit, 53 ReservedBit"],
  ["64K LPA", 1, "15:12 Translated, 16 ReservedBit, 28:17 MisalignedLeaf, 47:29 Translated, 52 Translated"],
  [
    "64K LPA",
    2,
    "15:12 Translated, 16 ReservedBit, 41:17 MisalignedLeaf, 47:42 Translated, 53:48 ReservedBit",
  ],
  ["LPAE", 0, "11 ReservedBit, 39:12 Translated, 47:40 AddressSize, 51:48 ReservedBit, 53 ReservedBit"],
  ["LPAE", 0, "52 Translated, 63:54 Translated"],
  ["FWB", 0, "3:2 Translated, 5:4 ReservedBit, 11 ReservedBit"],
  ["XNX", 0, "51:48 ReservedBit, 63:52 Translated"],
  ["DBM", 0, "50:48 ReservedBit, 52:51 Translated, 53 ReservedBit"],
];

test("every single bit of a leaf means what the manual's table says", (t) => {
  for (const [name, level, text] of leafBits) {
    for (const { bit, result } of bitTable(text)) {
      const seen = chain(cases[name], level, leafWord(level) | bits(bit)).walk(0n);
      t.is(seen.result, result, `${name}, level ${level}, bit ${bit}`);
    }
  }
});

test("a table pointer has no hierarchical controls: bits 63:59 are reserved", (t) => {
  const table =
    "47:17 OutsideMemory, 51:48 ReservedBit, 58:52 Translated, 63:59 ReservedBit, 11:2 Translated";
  for (const { bit, result } of bitTable(table)) {
    const tables = chain(cases["4K"], 0, leafWord(0)).table(T[1], { 0: T[0] | TABLE | bits(bit) });
    t.is(tables.walk(0n).result, result, `bit ${bit}`);
  }
});

test("the memory attributes' reserved values, without and with forced write-back", (t) => {
  const results = (one: ArmCase) =>
    Array.from({ length: 16 }, (_, attribute) =>
      chain(one, 0, leafWord(0) | (BigInt(attribute) << 2n)).walk(0n).result === "Translated"
        ? attribute
        : -1,
    ).filter((attribute) => attribute >= 0);
  t.deepEqual(results(cases["4K"]), [0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15]);
  t.deepEqual(results(cases.FWB), [0, 1, 2, 3, 5, 6, 7]);
});

test("the words that drivers write mean what was asked, as a page and as a block", (t) => {
  for (const [name, words] of [
    ["4K", { 1623: "rx", 1687: "w", 1751: "rwx", 1919: "rx", 2047: "rwx", 1735: "rwx" }],
    ["LPAE", { 1623: "rx", 1687: "w", 1751: "rwx", 1919: "rx", 2047: "rwx", 1735: "rwx" }],
    ["FWB", { 1623: "rx", 1751: "rwx", 1883: "rx", 2011: "rwx", 1735: "rwx" }],
  ] as const) {
    for (const [word, rights] of Object.entries(words)) {
      const one = cases[name];
      t.is(chain(one, 0, BigInt(word)).walk(0n).page?.rights, rights, `${name} ${word}`);
      t.is(chain(one, 1, BigInt(word) - 2n).walk(0n).page?.rights, rights, `${name} ${word}`);
      const noExecute = rights.replace("x", "");
      t.is(chain(one, 0, BigInt(word) | bits(54)).walk(0n).page?.rights, noExecute, `${name} ${word}`);
    }
  }
});

test("without FEAT_XNX bit 54 forbids execution and bit 53 is reserved; with it only 10 forbids it to all", (t) => {
  for (const [name, expected] of [
    ["4K", ["rx", undefined, "r", undefined]],
    ["XNX", ["rx", "rx", "r", "rx"]],
  ] as const) {
    const rights = [0n, 1n, 2n, 3n].map(
      (xn) => chain(cases[name], 0, 0x657n | (xn << 53n)).walk(0n).page?.rights,
    );
    t.deepEqual(rights, [...expected]);
  }
});

test("what may not be read is not executed", (t) => {
  t.is(chain(cases["4K"], 0, leafWord(0)).walk(0n).page?.rights, "");
  t.is(chain(cases["4K"], 0, leafWord(0) | WRITE).walk(0n).page?.rights, "w");
});

test("with dirty state, DBM makes a page writable, and it is dirty while the write bit is set", (t) => {
  const one = cases.DBM;
  t.is(chain(one, 0, 0x6d7n | DBM).walk(0n).page?.rights, "rwxd");
  t.is(chain(one, 0, 0x657n | DBM).walk(0n).page?.rights, "rwx");
  t.is(chain(one, 0, 0x657n).walk(0n).page?.rights, "rx");
  t.is(chain(one, 0, 0x6d7n).walk(0n).page?.rights, "rwx");
  const clean = 0x657n | DBM | 0x1234_5000n;
  const tables = chain(one, 0, clean);
  t.true(tables.deviceWrite(0xfffn));
  t.is(tables.item(T[0]), clean | WRITE);
  t.is(tables.walk(0n).page?.rights, "rwxd");
  const block = chain(one, 2, 0x655n | DBM);
  t.true(block.deviceWrite(0x1234_5678n));
  t.is(block.item(T[2]), 0x655n | DBM | WRITE);
  const readOnly = chain(one, 0, 0x657n);
  t.false(readOnly.deviceWrite(0n));
  t.is(readOnly.item(T[0]), 0x657n);
});

test("faults: AF clear, a block where there is none, a page of type 01, a missing item", (t) => {
  t.is(chain(cases["4K"], 0, 0x6d7n ^ AF).walk(0n).result, "AccessedClear");
  t.is(chain(cases["4K"], 2, 0x6d5n ^ AF).walk(0n).result, "AccessedClear");
  for (const [name, level] of [
    ["4K", 3],
    ["4K LPA2", 4],
    ["16K", 2],
    ["16K LPA2", 3],
    ["64K", 2],
    ["4K", 0],
    ["16K", 0],
    ["64K", 0],
    ["LPAE", 0],
  ] as const) {
    t.deepEqual(chain(cases[name], level, BLOCK | AF).walk(0n), { result: "IllegalLevel", level }, name);
    t.is(chain(cases[name], level, bits(63, 1)).walk(0n).result, "NotPresent");
  }
});

test("every page, block and contiguous size, each contiguous item with its own address", (t) => {
  const target = bits(37);
  for (const [name, sizes] of [
    ["4K", [12, 16, 21, 25, 30, 34]],
    ["4K LPA2", [12, 16, 21, 25, 30, 34, 39]],
    ["16K", [14, 21, 25, 30]],
    ["16K LPA2", [14, 21, 25, 30, 36]],
    ["64K", [16, 21, 29, 34]],
    ["64K LPA", [16, 21, 29, 34, 42]],
    ["LPAE", [12, 16, 21, 25, 30]],
  ] as const) {
    const one = cases[name];
    for (const [n, sizeLg2] of sizes.entries()) {
      const level = n >> 1;
      const contiguous = n % 2 === 1;
      const va = contiguous ? bits(itemSizeLg2(one, level)) : 0n;
      const oa = (target >> BigInt(sizeLg2)) << BigInt(sizeLg2);
      const word = leafWord(level) | READ | oa | va | (contiguous ? CONTIGUOUS : 0n);
      const page = { oa: oa | va | 0x777n, sizeLg2, rights: "rx" };
      t.deepEqual(
        chain(one, level, word, va).walk(va | 0x777n),
        { result: "Translated", level, page },
        `${name} ${sizeLg2}`,
      );
      if (contiguous) t.is(chain(one, level, word).walk(0n).result, "MisalignedLeaf", `${name} ${sizeLg2}`);
    }
  }
});
