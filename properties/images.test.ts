/** Images of table memory: what they are read as is what the tables hold, and what is wrong in them is found. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { check, dump, Image, type LeafEntry, type Tables, visitTables } from "../fuzz/images/index.js";
import { canCreate, PageTableSubject } from "../fuzz/lockstep/index.js";
import { amdv1, type PageTable, TableMemory } from "../impl/index.js";
import {
  type Configuration,
  configurationsOf,
  createWalker,
  formatNames,
  generateProgram,
  itemFields,
  itemKind,
  Pointer,
  plainMix,
  Random,
  SeededDraws,
  SparseMemory,
  shapeOf,
  WalkResult,
} from "../models/index.js";
import { Reference } from "../reference/index.js";
import { configurationOf } from "./hand-made-tables.js";
import { isWhole } from "./part.js";

const directory = mkdtempSync(join(tmpdir(), "genpt-images-"));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Tables that a short program left behind, as an image. */
function programmed(configuration: Configuration): { readonly table: PageTable; readonly tables: Tables } {
  const subject = new PageTableSubject(configuration);
  const draws = new SeededDraws("image");
  for (const operation of generateProgram(draws, new Reference(configuration), 60, plainMix)) {
    if (
      operation.op !== "deviceRead" &&
      operation.op !== "deviceWrite" &&
      operation.op !== "failNextAllocation"
    )
      subject.apply(operation);
  }
  const { root, mode } = subject.hardwareRoot();
  const memory = imageOf(subject.words, subject.base, configuration.format);
  return { table: subject.table, tables: { configuration, memory, root: { address: root, mode } } };
}

function imageOf(words: Int32Array, base: bigint, name: string): Image {
  const file = join(directory, `${name}.bin`);
  writeFileSync(file, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  return new Image(file, base);
}

for (const format of formatNames) {
  test(`${format}: an image is read as the entries of the table that it shows, and nothing in it is wrong`, (t) => {
    let compared = 0;
    for (const configuration of configurationsOf(format)
      .filter(canCreate)
      .slice(0, isWhole ? 4 : 2)) {
      const { table, tables } = programmed(configuration);
      const read: LeafEntry[] = [];
      visitTables(tables, { entry: (entry) => read.push(entry) });
      const facts = ({ iova, pa, sizeLg2, read: r, write, level }: LeafEntry) => [
        iova,
        pa,
        sizeLg2,
        r,
        write,
        level,
      ];
      const held = [...table.entries()].map(({ iova, pa, sizeLg2, read: r, write, level }) => [
        ...[iova, pa, sizeLg2, r, write, level],
      ]);
      t.deepEqual(read.map(facts), held, configuration.name);
      t.is(check(tables, ({ sentence }) => t.fail(sentence)).violations, 0);
      compared += held.length;
    }
    t.true(compared > 0);
  });

  test(`${format}: the fields of an item cover each of its bits once, and its kind is what hardware takes it for`, (t) => {
    const random = Random.fromSeed("fields");
    for (const configuration of configurationsOf(format).filter(({ tiny }) => tiny === undefined)) {
      const walker = createWalker(configuration, new SparseMemory());
      const bits = 8 << shapeOf(configuration).itemBytesLg2;
      for (let draw = 0; draw < 200; draw++) {
        const raw = BigInt.asUintN(
          bits,
          (BigInt(random.int32() >>> 0) << 32n) | BigInt(random.int32() >>> 0),
        );
        const level = draw % (configuration.topLevel + 1);
        const fields = (kind: "leaf" | "table") => itemFields(configuration, kind, level, raw);
        for (const kind of ["leaf", "table"] as const) {
          const whole = fields(kind).reduce((sum, { value, low }) => sum + (value << BigInt(low)), 0n);
          const covered = fields(kind).reduce((sum, { high, low }) => sum + high - low + 1, 0);
          if (whole !== raw || covered !== bits) t.fail(`${configuration.name}, ${kind} of level ${level}`);
        }
        const sparse = raw & BigInt(random.int32() >>> 0) & BigInt(random.int32() >>> 0);
        const result = walker.inspect(
          level,
          Number(BigInt.asIntN(32, sparse)),
          Number(BigInt.asIntN(32, sparse >> 32n)),
        );
        const kind = itemKind(configuration, level, sparse);
        if (result === Pointer && kind !== "table") t.fail(`${configuration.name}: 0x${sparse.toString(16)}`);
        if (result === WalkResult.Translated && kind !== "leaf") t.fail(`0x${sparse.toString(16)}`);
      }
    }
    t.pass();
  });
}

const base = 0x10_0000n;
const fourLevels = configurationOf("amdv1", { vaWidthLg2: 64, oaWidthLg2: 52, topLevel: 3 });

/** A small table with pages of several sizes. */
function sample() {
  const memory = new TableMemory({ base, capacityBytes: 16 << 10 });
  const table = amdv1.create({ memory, topLevel: 3, invalidate() {} });
  table.map(0x1000n, 0x5000n, 0x3000n, 1);
  table.map(0x1_0000n, 0x9_0000n, 0x1_0000n, 3);
  table.map(0x20_0000n, 0x8_4020_0000n, 0x60_0000n, 3);
  const { root, mode } = table.hwInfo();
  const tables = () => ({
    configuration: fourLevels,
    memory: imageOf(memory.words, base, "sample"),
    root: { address: root, mode },
  });
  return { memory, tables };
}

function sentences(tables: Tables): readonly string[] {
  const found: string[] = [];
  check(tables, ({ invariant, sentence }) => found.push(`${invariant} ${sentence}`));
  return found;
}

test("the image that the documents use is what the implementation writes", (t) => {
  const shipped = fileURLToPath(new URL("../../corpus/images/amdv1-4-levels.bin", import.meta.url));
  t.deepEqual(new Uint8Array(readFileSync(shipped)), new Uint8Array(sample().memory.words.buffer));
});

test("a dump groups neighbours, and its tree shows the tables", (t) => {
  const lines: string[] = [];
  dump(sample().tables(), "runs", (line) => lines.push(line));
  t.is(lines[0], "0x0000_0000_1000 – 0x0000_0000_1fff  → 0x0000_0000_5000  r-x  4 KiB");
  t.is(lines.length, 5);
  const tree: string[] = [];
  dump(sample().tables(), "tree", (line) => tree.push(line));
  t.is(tree.filter((line) => line.includes(" of level ")).length, 4);
});

test("a table that is reached twice is found", (t) => {
  const { memory, tables } = sample();
  // The second item of the root leads where the first does.
  memory.words.copyWithin(2, 0, 2);
  t.regex(sentences(tables())[0] ?? "", /^I5 the table at 0x0000_0010_1000 is reached twice/);
});

test("an item with a reserved bit, and one that leads outside the image, are found", (t) => {
  const { memory, tables } = sample();
  memory.words[1] |= 1 << 20;
  t.regex(sentences(tables())[0] ?? "", /^I14 .*level 3, faults: ReservedBit$/);
  const other = sample();
  other.memory.words[0] ^= 0x4000_0000;
  t.regex(sentences(other.tables())[0] ?? "", /^I14 .*level 3, faults: OutsideMemory$/);
});

test("a contiguous entry of which one item is missing is found", (t) => {
  const { memory, tables } = sample();
  // Sixteen items of 64 KiB stand from item 16 of the table of level 0 on, in the fourth frame.
  const item = (3 * 4096) / 4 + 2 * 20;
  memory.words[item] = 0;
  t.deepEqual(sentences(tables()), [
    "I8 15 of 16 items of the 64 KiB entry around 0x0000_0001_0000 agree; a contiguous entry is all or nothing",
  ]);
});

test("tables beyond 4 GiB of an image are read in place", (t) => {
  const place = 5 * 2 ** 30;
  const file = join(directory, "large.bin");
  const handle = openSync(file, "w");
  ftruncateSync(handle, 6 * 2 ** 30);
  // A root of level 1 with one leaf.
  const leaf = new Int32Array([0x4020_0001, 0x6000_0008]);
  writeSync(handle, new Uint8Array(leaf.buffer), 0, 8, place);
  closeSync(handle);
  const image = new Image(file, base);
  const tables = {
    configuration: fourLevels,
    memory: image,
    root: { address: base + BigInt(place), mode: 2 },
  };
  const found: LeafEntry[] = [];
  visitTables(tables, { entry: (entry) => found.push(entry) });
  image.close();
  t.deepEqual(
    found.map(({ iova, pa, sizeLg2 }) => [iova, pa, sizeLg2]),
    [[0n, 0x8_4020_0000n, 21]],
  );
});

const genpt = fileURLToPath(new URL("../esm/fuzz/cli/genpt.js", import.meta.url));
const shippedImage = fileURLToPath(new URL("../../corpus/images/amdv1-4-levels.bin", import.meta.url));
const SAMPLE = ["--format", "amdv1", "--levels", "4", "--root", "0x10_0000", "--base", "0x10_0000"];

function run(...args: readonly string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [genpt, ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("a walk ends with 0 where it translates, and with 1 and a name where it does not", (t) => {
  const arrives = run("walk", shippedImage, ...SAMPLE, "--iova", "0x20_1004");
  t.is(arrives.status, 0);
  t.true(arrives.stdout.includes("gives 0x8_4020_1004, 2 MiB, rwx"));
  t.regex(arrives.stdout, /^ +11:9 {2}NextLevel +0x3 {2}table of level 3, counted from 1$/m);
  const ends = run("walk", shippedImage, ...SAMPLE, "--iova", "0x4000_0000", "--json");
  t.is(ends.status, 1);
  t.is(JSON.parse(ends.stdout).result, "NotPresent");
});

test("a dump as JSON has every run and table", (t) => {
  const { status, stdout } = run("dump", shippedImage, ...SAMPLE, "--json");
  t.is(status, 0);
  const { runs, tables, illegal } = JSON.parse(stdout);
  t.deepEqual([runs.length, tables.length, illegal.length], [5, 4, 0]);
  t.deepEqual(runs[3], {
    ...{ iova: "0x200000", pa: "0x840200000", lengthBytes: "0x200000", sizeLg2: 21, entries: 1, level: 1 },
    ...{ read: true, write: true, execute: true, dirty: false },
  });
});

test("a check ends with 1 when something is wrong", (t) => {
  t.is(run("check", shippedImage, ...SAMPLE).status, 0);
  const wrong = run(
    "check",
    shippedImage,
    "--format",
    "x86-64",
    "--root",
    "0x10_0000",
    "--base",
    "0x10_0000",
  );
  t.is(wrong.status, 1);
  t.regex(wrong.stdout, /^I14 .* faults: \w+$/m);
});

test("an item is taken apart, and judged", (t) => {
  const legal = run("decode", "amdv1", "0x6000000840200001", "--level", "1");
  t.is(legal.status, 0);
  t.regex(legal.stdout, /^ {5}61 {2}IR +0x1 {2}readable$/m);
  const fault = run("decode", "amdv1", "0x6010000840200001", "--level", "1", "--json");
  t.is(fault.status, 1);
  t.is(JSON.parse(fault.stdout).verdict, "ReservedBit");
});

test("what cannot be meant is refused with a sentence", (t) => {
  const refused = (...args: readonly string[]) => {
    const { status, stderr } = run(...args);
    t.is(status, 2, args.join(" "));
    return stderr;
  };
  t.regex(refused("dump", "nowhere.bin", ...SAMPLE), /nowhere\.bin: ENOENT/);
  t.regex(refused("dump", shippedImage, "--format", "vax", "--root", "0"), /there is no format "vax"/);
  t.regex(refused("walk", shippedImage, ...SAMPLE, "--iova", "-1"), /at most 64 bits/);
  t.regex(refused("dump", shippedImage, ...SAMPLE, "--set", "colour=red"), /there are vaWidthLg2/);
  t.regex(refused("dump", shippedImage, ...SAMPLE, "--set", "vaWidthLg2=99"), /no such tables/);
  t.regex(refused("decode", "riscv32", "0x1_0000_0000", "--level", "0"), /32 bits/);
});
