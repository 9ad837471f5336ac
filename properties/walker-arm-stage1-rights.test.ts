/** What ARM's stage 1 permits: DDI 0487 D8.4 (permissions, hierarchical control), D8.5 (dirty state), ARMv7 B3.7. */
import test from "ava";
import { bits, type HandMadeTables } from "./hand-made-tables.js";
import { type ArmCase, chain, lpae, PAGE, stage1, T, TABLE } from "./walker-arm-tables.js";

const AP1 = bits(6);
const AP2 = bits(7);
const DBM = bits(51);
const PXN = bits(53);
const UXN = bits(54);
const PXN_TABLE = bits(59);
const UXN_TABLE = bits(60);
const NO_UNPRIVILEGED = bits(61);
const READ_ONLY = bits(62);
const NS_TABLE = bits(63);

const v8 = stage1(12, 39, 48);
const v7 = lpae(1, 32, 40);
const tracking = stage1(12, 39, 48, { dirtyTracking: true });

function rights(one: ArmCase, word: bigint): string | undefined {
  return chain(one, 0, word | 0x5000n).walk(0n).page?.rights;
}

test("the words that drivers write mean what was asked, as a page and as a block", (t) => {
  for (const [word, expected] of [
    [0xec3n, "rx"],
    [0xe43n, "rwx"],
    [0xfc7n, "rx"],
    [0xf47n, "rwx"],
    [0xe4bn, "rwx"],
    [0xf4bn, "rwx"],
    [0xe03n, "rwx"],
    [0xe83n, "rx"],
    // Non-secure.
    [0xee3n, "rx"],
    [0xe63n, "rwx"],
    [0xfe7n, "rx"],
    [0xf67n, "rwx"],
    [0xe6bn, "rwx"],
    [0xe23n, "rwx"],
    [0xea3n, "rx"],
  ] as const) {
    for (const one of [v8, v7]) {
      const noExecute = expected.replace("x", "");
      t.is(rights(one, word), expected, word.toString(16));
      t.is(rights(one, word | PXN | UXN), noExecute, word.toString(16));
      t.is(chain(one, 1, word - 2n).walk(0n).page?.rights, expected);
    }
  }
});

test("AF clear is an access flag fault, of pages and of blocks", (t) => {
  t.deepEqual(chain(v8, 0, 0xf47n ^ bits(10)).walk(0n), { result: "AccessedClear", level: 0 });
  t.deepEqual(chain(v8, 1, 0xf45n ^ bits(10)).walk(0n), { result: "AccessedClear", level: 1 });
});

test("who executes is decided by who may access: UXN where AP[1] is set, else PXN", (t) => {
  const leaf = PAGE | bits(10);
  for (const [word, v8Rights, v7Rights] of [
    [0n, "rwx", "rwx"],
    [PXN, "rw", "rw"],
    // LPAE's bit 54 (XN) forbids it to everyone.
    [UXN, "rwx", "rw"],
    [AP1, "rwx", "rwx"],
    [AP1 | PXN, "rwx", "rwx"],
    [AP1 | UXN, "rw", "rw"],
    [AP1 | AP2 | PXN, "rx", "rx"],
  ] as const) {
    t.is(rights(v8, leaf | word), v8Rights, word.toString(16));
    t.is(rights(v7, leaf | word), v7Rights, word.toString(16));
  }
});

test("hierarchical controls of a table bind everything below, at every level", (t) => {
  const user = 0xf47n;
  const privileged = 0xf07n;
  for (const [control, v8Rights, v7Rights] of [
    [NS_TABLE, ["rwx", "rwx"], ["rwx", "rwx"]],
    [READ_ONLY, ["rx", "rx"], ["rx", "rx"]],
    [NO_UNPRIVILEGED, ["rwx", "rwx"], ["rwx", "rwx"]],
    [UXN_TABLE, ["rw", "rwx"], ["rw", "rw"]],
    [PXN_TABLE, ["rwx", "rw"], ["rwx", "rw"]],
    // What no unprivileged access reaches is executed by privileged ones only.
    [NO_UNPRIVILEGED | UXN_TABLE, ["rwx", "rwx"], ["rw", "rw"]],
    [NO_UNPRIVILEGED | PXN_TABLE, ["rw", "rw"], ["rw", "rw"]],
    [READ_ONLY | UXN_TABLE | PXN_TABLE, ["r", "r"], ["r", "r"]],
  ] as const) {
    for (const level of [1, 2]) {
      for (const [one, expected] of [
        [v8, v8Rights],
        [v7, v7Rights],
      ] as const) {
        const walks = [user, privileged].map((word) =>
          chain(one, 0, word)
            .table(T[level], { 0: T[level - 1] | TABLE | control })
            .walk(0n),
        );
        t.deepEqual(
          walks.map((seen) => seen.page?.rights),
          [...expected],
          `${control.toString(16)} at level ${level}`,
        );
      }
    }
  }
});

test("with dirty state, DBM makes a page writable, and it is dirty while AP[2] is clear", (t) => {
  t.is(rights(tracking, 0xe43n | DBM), "rwxd");
  t.is(rights(tracking, 0xec3n | DBM), "rwx");
  t.is(rights(tracking, 0xec3n), "rx");
  t.is(rights(tracking, 0xe43n), "rwx");
  t.is(rights(tracking, 0xe03n | DBM | PXN | UXN), "rwd");
  t.is(chain(v8, 0, 0xe43n | DBM).walk(0n).result, "ReservedBit");
});

function write(tables: HandMadeTables, level: number): readonly [boolean, bigint] {
  return [tables.deviceWrite(0n), tables.item(T[level])];
}

test("a device's write clears AP[2] of a clean page and block with DBM, and changes nothing else", (t) => {
  const clean = 0xec3n | DBM | PXN | 0x1234_5000n;
  const tables = chain(tracking, 0, clean);
  t.deepEqual(write(tables, 0), [true, clean ^ AP2]);
  t.true(tables.walker.dirty);
  t.is(tables.walk(0n).page?.rights, "rwxd");
  t.deepEqual(write(tables, 0), [true, clean ^ AP2]);
  t.deepEqual(write(chain(tracking, 1, 0xec1n | DBM), 1), [true, 0xe41n | DBM]);
  t.deepEqual(write(chain(tracking, 0, 0xec3n), 0), [false, 0xec3n]);
  t.deepEqual(write(chain(v8, 0, 0xe43n), 0), [true, 0xe43n]);
});

test("a device's write marks the one item of a contiguous run that it hits", (t) => {
  const CONTIGUOUS = bits(52);
  const word = 0xec3n | DBM | CONTIGUOUS;
  const items = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [n, word | (BigInt(n) << 12n)]));
  const tables = chain(tracking, 0, 0n).table(T[0], items);
  t.true(tables.deviceWrite(0x5123n));
  t.is(tables.item(T[0] + 40n), (word | 0x5000n) ^ AP2);
  t.is(tables.item(T[0] + 32n), word | 0x4000n);
  t.is(tables.walk(0x5000n).page?.rights, "rwxd");
  t.is(tables.walk(0x4000n).page?.rights, "rwx");
});

test("a table that is read-only for all below keeps DBM from making a page writable", (t) => {
  const tables = chain(tracking, 0, 0xec3n | DBM).table(T[2], { 0: T[1] | TABLE | READ_ONLY });
  t.deepEqual(write(tables, 0), [false, 0xec3n | DBM]);
});
