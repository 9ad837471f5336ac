/** What `genpt export` writes, `genpt conform` reads back, and agrees with in full; altered, it does not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import test from "ava";
import {
  agrees,
  conformFile,
  ExportError,
  exportHeader,
  exportProgram,
  exportUnit,
  formatReport,
  leftOut,
} from "../fuzz/conform/index.js";
import { canCreate } from "../fuzz/lockstep/index.js";
import { type Configuration, configurations, type Operation, Prot } from "../models/index.js";

const temporary = mkdtempSync(join(tmpdir(), "genpt-export-"));
test.after.always(() => rmSync(temporary, { recursive: true, force: true }));

/** Of each configuration that vectors have words for, a few short units. */
const exported = configurations.filter(canCreate).flatMap((configuration) => {
  try {
    return [{ configuration, header: exportHeader(configuration) }];
  } catch (error) {
    if (error instanceof ExportError) return [];
    throw error;
  }
});

function unitsOf(configuration: Configuration, isOdd: boolean): readonly string[] {
  const unit = { configuration, seed: "export", operations: 25 };
  const mixes = isOdd ? (["failing", "gathered"] as const) : (["refused", "dirty"] as const);
  return mixes.map((mix, number) => exportUnit({ ...unit, unit: number, mix }));
}

async function conform(name: string, lines: readonly string[]) {
  const file = join(temporary, `${name.replaceAll("/", "-")}.jsonl`);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return conformFile(file);
}

test("five formats have vectors", (t) => {
  const formats = new Set(exported.map(({ configuration }) => configuration.format));
  t.deepEqual([...formats].sort(), ["amdv1", "amdv1-mock", "riscv64", "vtd-second-stage", "x86-64"]);
});

test("whatever is exported is read back, and agrees without a deviation", async (t) => {
  for (const [index, { configuration, header }] of exported.entries()) {
    const { format, name } = configuration;
    const result = await conform(`${format}/${name}`, [header, ...unitsOf(configuration, index % 2 === 1)]);
    t.true(agrees(result), `${format}/${name}: ${inspect(result)}`);
    t.is(result.kind === "cases" ? result.matched : 0, 2, `${format}/${name}`);
  }
});

const { configuration, header } = exported[0];
const program: readonly Operation[] = [
  { op: "failNextAllocation", nth: 1 },
  { op: "map", iova: 0n, pa: 0x1000n, length: 0x3000n, prot: Prot.read | Prot.write },
  { op: "map", iova: 0n, pa: 0x1000n, length: 0x5000n, prot: Prot.read | Prot.write },
  { op: "deviceWrite", iova: 0x1000n },
  { op: "entries", iova: 0n, length: 0x5000n },
  { op: "readAndClearDirty", iova: 0n, length: 0x5000n, clear: true },
  { op: "unmapGathered", iova: 0n, length: 0x1000n },
  { op: "sync" },
  { op: "lookup", iova: 0x1234n },
];

test("a program is exported as its operations stand, but for those that vectors lack", (t) => {
  const { name, ops, live } = JSON.parse(exportProgram(configuration, program, "by hand"));
  t.is(name, "by hand");
  const names = ["map_range", "map_range", "set_dirty", "rcd", "unmap_fast", "sync", "iova_to_phys"];
  t.deepEqual(
    ops.map(({ op }: { readonly op: string }) => op),
    names,
  );
  t.deepEqual(
    [...leftOut(configuration, [...program, { op: "cut", iova: 0n }, ...program])],
    [
      ["entries", 2],
      ["cut", 1],
    ],
  );
  t.deepEqual([ops[0].failAlloc, ops[0].ret, ops[1].ret], [1, -12, 0]);
  t.is(live, 2);
});

const alterations: readonly (readonly [what: string, from: RegExp, to: string])[] = [
  ["a length that was unmapped", /"unmapped":"0x1000"/, '"unmapped":"0x2000"'],
  ["an address that was looked up", /"pa":"0x2234"/, '"pa":"0x2235"'],
  ["a bit of an item", /"0x7000000000002001"/, '"0x7000000000002003"'],
  ["a range that was invalidated", /"gather":\[\["0x0","0xfff"\]\]/, '"gather":[["0x0","0x1fff"]]'],
  ["how many tables live", /"live":2/, '"live":3'],
];

for (const [what, from, to] of alterations) {
  test(`an export in which ${what} is altered does not agree`, async (t) => {
    const line = exportProgram(configuration, program, "by hand");
    t.regex(line, from);
    t.false(agrees(await conform(what, [header, line.replace(from, to)])));
  });
}

test("an item that differs is told with its addresses, as recorded and as here", async (t) => {
  const [, from, to] = alterations[2];
  const line = exportProgram(configuration, program, "by hand").replace(from, to);
  const text = formatReport([await conform("told", [header, line])]);
  const place = "0x0000_0000_1000 – 0x0000_0000_1fff  level 0  leaf";
  t.true(text.includes(`    - ${place} 0x7000000000002003\n    + ${place} 0x7000000000002001\n`), text);
});

test("a format without vectors is refused with a sentence", (t) => {
  const unknown = configurations.find(({ format }) => format === "dart1");
  t.throws(() => unknown && exportHeader(unknown), { instanceOf: ExportError, message: /not dart1/ });
});
