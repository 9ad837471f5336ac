/**
 * The two-stage walker against tables of both stages made by hand: which stage an access fails at, and what
 * hardware needs of the second stage to read the tables of the first and to set accessed and dirty bits in them.
 */
import test from "ava";
import type { Configuration } from "../models/configuration.js";
import {
  Access,
  Refused,
  SparseMemory,
  type TwoStageOptions,
  TwoStageWalker,
  walkResultName,
} from "../models/walkers/index.js";
import { bits, configurationOf } from "./hand-made-tables.js";

type Word = (address: bigint, level: number) => bigint;

/** A format as far as these tests need it: three levels for the second stage, any number for the first. */
interface Kind {
  readonly configuration: Configuration;
  readonly mode: number;
  readonly pointer: Word;
  /** A leaf that permits what the letters say: some of "r" and "w". */
  readonly leaf: (address: bigint, rights: string) => bigint;
}

const has = (rights: string, letter: string, word: bigint) => (rights.includes(letter) ? word : 0n);
const ppn = (address: bigint) => (address >> 12n) << 10n;
const guest = { vaWidthLg2: 39, oaWidthLg2: 48, topLevel: 2 };
const A86 = bits(5);
const D86 = bits(6);
const ARV = bits(6);
const DRV = bits(7);

const vtd: Kind = {
  configuration: configurationOf("vtd-second-stage", guest),
  mode: 1,
  pointer: (address) => address | 3n,
  leaf: (address, rights) => address | has(rights, "r", 1n) | has(rights, "w", 2n),
};
const amdv1: Kind = {
  configuration: configurationOf("amdv1", guest),
  mode: 3,
  pointer: (address, level) => address | 1n | (BigInt(level) << 9n) | bits(62, 61),
  leaf: (address, rights) => address | 1n | has(rights, "r", bits(61)) | has(rights, "w", bits(62)),
};
const nested: Kind = {
  configuration: configurationOf("x86-pae", guest),
  mode: 3,
  pointer: (address) => address | 7n,
  leaf: (address, rights) => address | 5n | has(rights, "w", 2n),
};
const gStage: Kind = {
  configuration: configurationOf("riscv64-guest", { ...guest, vaWidthLg2: 41 }),
  mode: 8,
  pointer: (address) => ppn(address) | 1n,
  leaf: (address, rights) => ppn(address) | 0xd1n | has(rights, "r", 2n) | has(rights, "w", 6n),
};
const x86: Kind = {
  configuration: configurationOf("x86-64", { vaWidthLg2: 48, oaWidthLg2: 52, topLevel: 3 }),
  mode: 4,
  pointer: (address) => address | 7n | A86,
  leaf: (address, rights) => address | 5n | A86 | D86 | has(rights, "w", 2n),
};
const sv39: Kind = {
  configuration: configurationOf("riscv64", { vaWidthLg2: 39, oaWidthLg2: 56, topLevel: 2 }),
  mode: 8,
  pointer: gStage.pointer,
  leaf: (address, rights) => ppn(address) | 0xd1n | has(rights, "r", 2n) | has(rights, "w", 6n),
};

/** The second stage's tables in host memory, the root on 16 KiB; the first stage's for the guest. */
const S2 = [0x3_0000n, 0x2_0000n, 0x1_0000n];
const T = [0x1000n, 0x2000n, 0x3000n, 0x4000n];
const PAGE = 0x9000n;
/** Where the host has a page of the guest. */
const hostOf = (ipa: bigint) => 0x10_0000n + (ipa ^ 0xf000n);

/**
 * A guest whose tables lead from input address 0 through item 0 of each level to its page 0x9000. The second stage
 * maps the guest's pages to host pages in another order, each readable and writable.
 */
class Guest {
  readonly memory = new SparseMemory();
  readonly walker: TwoStageWalker;
  private readonly first: Kind;
  private readonly second: Kind;

  constructor(first: Kind, second: Kind, options: TwoStageOptions = {}) {
    this.first = first;
    this.second = second;
    for (const [level, address] of S2.entries()) {
      for (let offset = 0n; offset < 0x4000n; offset += 0x1000n) this.memory.addFrame(address + offset);
      if (level > 0) this.memory.write64(address, second.pointer(S2[level - 1], level));
    }
    const { topLevel } = first.configuration;
    for (const address of T) this.memory.addFrame(hostOf(address));
    for (const address of [...T, PAGE]) this.map(address, "rw");
    for (let level = topLevel; level > 0; level--) this.item(level, first.pointer(T[level - 1], level));
    this.leaf("rw");
    this.walker = new TwoStageWalker(first.configuration, second.configuration, this.memory, options);
    this.walker.setRoots(
      { low: Number(T[topLevel]), high: 0, mode: first.mode },
      { low: Number(S2[2]), high: 0, mode: second.mode },
    );
  }

  /** The second stage's leaf of a guest page; without rights the page is not present. */
  map(ipa: bigint, rights: string, xor = 0n): this {
    const word = rights === "" ? 0n : this.second.leaf(hostOf(ipa), rights) ^ xor;
    this.memory.write64(S2[0] + (ipa >> 12n) * 8n, word);
    return this;
  }

  /** Item 0 of the first stage's table of a level. */
  item(level: number, word: bigint): this {
    this.memory.write64(hostOf(T[level]), word);
    return this;
  }

  leaf(rights: string, xor = 0n): this {
    return this.item(0, this.first.leaf(PAGE, rights) ^ xor);
  }

  clear(level: number, bit: bigint): this {
    return this.item(level, this.word(hostOf(T[level])) & ~bit);
  }

  word(host: bigint): bigint {
    const low = BigInt.asUintN(32, BigInt(this.memory.readWord(Number(host), 0)));
    return (BigInt.asUintN(32, BigInt(this.memory.readWord(Number(host) + 4, 0))) << 32n) | low;
  }

  /** The second stage's leaf of a guest page. */
  hostLeaf(ipa: bigint): bigint {
    return this.word(S2[0] + (ipa >> 12n) * 8n);
  }

  /** An access in short: `"1 NotPresent"`, `"2 Refused on table walk at 0x1000"`, or address, size and rights. */
  walk(va: bigint, needed: number = Access.none): string {
    const { walker } = this;
    const result = walker.walk(Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n)), needed);
    const ipa = ((BigInt(walker.ipaHigh >>> 0) << 32n) | BigInt(walker.ipaLow >>> 0)).toString(16);
    if (walker.stage !== 0) {
      const name = result === Refused ? "Refused" : walkResultName(result);
      if (walker.stage === 1) return `1 ${name}`;
      return `2 ${name}${walker.onTableWalk ? " on table walk" : ""} at 0x${ipa}`;
    }
    const rights = `${walker.read ? "r" : ""}${walker.write ? "w" : ""}${walker.execute ? "x" : ""}`;
    const oa = ((BigInt(walker.oaHigh >>> 0) << 32n) | BigInt(walker.oaLow >>> 0)).toString(16);
    return `0x${oa} from 0x${ipa} 2^${walker.sizeLg2} ${rights}`;
  }
}

const PAIRS = [
  ["x86-64 over VT-d", x86, vtd],
  ["x86-64 over AMDv1", x86, amdv1],
  ["x86-64 over nested x86", x86, nested],
  ["Sv39 over Sv39x4", sv39, gStage],
] as const;

for (const [name, first, second] of PAIRS) {
  const last = first.configuration.topLevel;
  const page = `0x${(hostOf(PAGE) + 5n).toString(16)} from 0x9005 2^12`;

  test(`${name}: root, pointers and page go through the second stage`, (t) => {
    t.is(new Guest(first, second).walk(5n), `${page} rw${first === x86 ? "x" : ""}`);
  });

  test(`${name}: an item whose page the second stage lacks is its fault, on a table walk`, (t) => {
    for (let level = last; level >= 0; level--) {
      const missing = new Guest(first, second).map(T[level], "");
      t.is(missing.walk(0n), `2 NotPresent on table walk at 0x${T[level].toString(16)}`);
      t.false(missing.walker.deviceWrite(0, 0));
    }
  });

  test(`${name}: the address of the fault is that of the item, not of its table`, (t) => {
    const va = 3n << 12n;
    t.is(new Guest(first, second).map(T[0], "").walk(va), "2 NotPresent on table walk at 0x1018");
  });

  test(`${name}: a page that the second stage lacks is its fault, not on a table walk`, (t) => {
    t.is(new Guest(first, second).map(PAGE, "").walk(5n), "2 NotPresent at 0x9005");
  });

  test(`${name}: what the first stage lacks is the first stage's fault`, (t) => {
    for (let level = last; level >= 0; level--) {
      const missing = new Guest(first, second).item(level, 0n);
      t.is(missing.walk(5n), "1 NotPresent");
      t.is(missing.walker.stage1.level, level);
      t.is(missing.walker.ipaLow, Number(T[level]));
    }
    t.is(new Guest(first, second).walk(bits(50)), "1 NotCanonical");
  });

  test(`${name}: a permission is lost at the stage that lacks it, at the first stage first`, (t) => {
    const first1 = new Guest(first, second).leaf("r").map(PAGE, "r");
    t.is(first1.walk(5n, Access.write), "1 Refused");
    t.is(first1.map(PAGE, "").walk(5n, Access.write), "1 Refused");
    t.is(first1.walk(5n, Access.read), "2 NotPresent at 0x9005");
    const second2 = new Guest(first, second).map(PAGE, "r");
    t.is(second2.walk(5n, Access.write), "2 Refused at 0x9005");
    t.regex(new Guest(first, second).leaf("r").walk(5n), / rx?$/);
    t.regex(second2.walk(5n, Access.read), / rx?$/);
    t.false(second2.walker.deviceWrite(5, 0));
  });

  test(`${name}: a table outside the memory is the first stage's fault`, (t) => {
    t.is(
      new Guest(first, second).map(0x9000n, "rw").item(1, first.pointer(PAGE, 1)).walk(0n),
      "1 OutsideMemory",
    );
  });

  test(`${name}: a guest's address beyond the second stage's input width is that stage's fault`, (t) => {
    const beyond = bits(45);
    const wide = new Guest(first, second).item(0, first.leaf(beyond, "rw"));
    t.is(wide.walk(5n), `2 NotCanonical at 0x${(beyond | 5n).toString(16)}`);
    const table = new Guest(first, second).item(1, first.pointer(beyond, 1));
    t.is(table.walk(0n), `2 NotCanonical on table walk at 0x${beyond.toString(16)}`);
  });

  test(`${name}: a write makes both leaves dirty, and the first stage's tables stay as they are if nothing is due`, (t) => {
    const written = new Guest(first, second);
    const dirty = second === vtd ? bits(9) : second === gStage ? DRV : D86;
    t.true(written.walker.deviceWrite(5, 0));
    t.is(written.hostLeaf(PAGE) & dirty, dirty);
    // Nested paging takes every walk of the first stage's tables as a write.
    const ofTable = second === nested ? dirty : 0n;
    if (second !== gStage) t.is(written.hostLeaf(T[0]) & dirty, ofTable);
    t.is(written.word(hostOf(T[0])), first.leaf(PAGE, "rw"));
  });
}

test("the size is that of the smaller translation, and the address is right within it", (t) => {
  const large = new Guest(x86, vtd).item(1, x86.leaf(0n, "rw") | bits(7));
  t.is(large.walk(0x9005n), `0x${(hostOf(PAGE) + 5n).toString(16)} from 0x9005 2^12 rwx`);
  const small = new Guest(x86, vtd).item(0, x86.leaf(0x20_3000n, "rw"));
  small.memory.write64(S2[1] + 8n, vtd.leaf(0x4000_0000n, "rw") | bits(7));
  t.is(small.walk(5n), "0x40003005 from 0x203005 2^12 rwx");
  const both = small.item(1, x86.leaf(0x20_0000n, "rw") | bits(7));
  t.is(both.walk(0x3005n), "0x40003005 from 0x203005 2^21 rwx");
});

test("a table must be readable through the second stage", (t) => {
  for (const [first, second] of [
    [x86, vtd],
    [x86, amdv1],
  ])
    t.is(new Guest(first, second).map(T[1], "w").walk(0n), "2 Refused on table walk at 0x2000");
  // Without U a G-stage permits nothing.
  t.is(new Guest(sv39, gStage).map(T[1], "rw", bits(4)).walk(0n), "2 Refused on table walk at 0x2000");
  t.is(new Guest(sv39, gStage).map(PAGE, "rw", bits(4)).walk(5n, Access.read), "2 Refused at 0x9005");
});

test("a table that needs no update may be read-only for an IOMMU, never for nested paging", (t) => {
  for (const second of [vtd, amdv1, gStage]) {
    const first = second === gStage ? sv39 : x86;
    const guest = new Guest(first, second);
    for (const address of T) guest.map(address, "r");
    t.regex(guest.walk(5n), / rwx?$/);
    t.true(guest.walker.deviceWrite(5, 0));
  }
  for (const address of T)
    t.is(
      new Guest(x86, nested).map(address, "r").walk(0n),
      `2 Refused on table walk at 0x${address.toString(16)}`,
    );
});

test("x86: setting A in any item, on any access, needs a write permission of the second stage", (t) => {
  for (const second of [vtd, amdv1]) {
    for (let level = 3; level >= 0; level--) {
      const clear = new Guest(x86, second).clear(level, A86);
      t.regex(clear.walk(5n), / rwx$/);
      const at = `2 Refused on table walk at 0x${T[level].toString(16)}`;
      t.is(clear.map(T[level], "r").walk(5n, Access.read), at);
      t.is(clear.walk(5n), at);
      t.is(clear.walker.stage2.itemLow, Number(S2[0]) + 8 * (level + 1), "the second stage's leaf is shown");
    }
  }
});

test("x86: setting D needs it too, but only for a write", (t) => {
  for (const second of [vtd, amdv1]) {
    const clean = new Guest(x86, second).clear(0, D86);
    t.regex(clean.walk(5n), / rwx$/);
    t.regex(clean.map(T[0], "r").walk(5n), / rx$/);
    t.regex(clean.walk(5n, Access.read), / rx$/);
    t.is(clean.walk(5n, Access.write), "2 Refused on table walk at 0x1000");
    t.is(clean.word(hostOf(T[0])) & D86, 0n);
    // The first stage's own refusal comes before.
    t.is(clean.leaf("r", D86).walk(5n, Access.write), "1 Refused");
  }
});

test("x86: a write sets A on the whole way and D in the leaf, and the second stage sees its tables' pages written", (t) => {
  const fresh = new Guest(x86, vtd).clear(0, A86 | D86).clear(2, A86);
  t.true(fresh.walker.deviceWrite(5, 0));
  t.is(fresh.word(hostOf(T[0])), x86.leaf(PAGE, "rw"));
  t.is(fresh.word(hostOf(T[2])), x86.pointer(T[1], 2));
  const dirty = (ipa: bigint) => (fresh.hostLeaf(ipa) & bits(9)) !== 0n;
  t.deepEqual([...T, PAGE].map(dirty), [true, false, true, false, true]);
});

test("RISC-V: without hardware updating A = 0 is the first stage's fault", (t) => {
  t.is(new Guest(sv39, gStage).clear(0, ARV).walk(5n), "1 AccessedClear");
  t.is(new Guest(sv39, gStage).clear(0, DRV).walk(5n, Access.write), "1 Refused");
  t.is(new Guest(sv39, gStage).map(PAGE, "rw", ARV).walk(5n), "2 AccessedClear at 0x9005");
  t.is(new Guest(sv39, gStage).map(T[1], "rw", ARV).walk(0n), "2 AccessedClear on table walk at 0x2000");
});

test("RISC-V: hardware updating of the G-stage is an option of its own", (t) => {
  const options = { stage2: { hardwareUpdating: true } };
  const clear = new Guest(sv39, gStage, options).map(PAGE, "rw", ARV).map(T[1], "rw", ARV);
  t.regex(clear.walk(5n), / rw$/);
  t.is(clear.clear(0, ARV).walk(5n), "1 AccessedClear");
});

test("RISC-V: with hardware updating only leaves have A and D, and setting them is a write for the G-stage", (t) => {
  const options = { stage1: { hardwareUpdating: true } };
  const clear = new Guest(sv39, gStage, options).clear(0, ARV | DRV);
  for (const address of T.slice(1)) clear.map(address, "r");
  t.regex(clear.walk(5n), / rw$/);
  t.true(clear.walker.deviceWrite(5, 0));
  t.is(clear.word(hostOf(T[0])), sv39.leaf(PAGE, "rw"));
  t.is(clear.clear(0, DRV).map(T[0], "r").walk(5n, Access.write), "2 Refused on table walk at 0x1000");
  t.regex(clear.walk(5n, Access.read), / r$/);
  t.is(clear.clear(0, ARV).walk(5n, Access.read), "2 Refused on table walk at 0x1000");
});

test("32-bit PAE over nested tables: a PDPTE has no A, and the root's address is a guest's", (t) => {
  const first: Kind = {
    ...x86,
    configuration: configurationOf("x86-pae32", { vaWidthLg2: 32, oaWidthLg2: 40, topLevel: 2 }),
    mode: 3,
    pointer: (address, level) => address | (level === 2 ? 1n : 7n | A86),
  };
  const guest = new Guest(first, vtd);
  for (const address of T) guest.map(address, "r");
  t.regex(guest.walk(5n), / rwx$/);
  t.is(guest.clear(1, A86).walk(5n), "2 Refused on table walk at 0x2000");
});
