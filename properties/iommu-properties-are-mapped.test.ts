/** docs/iommu-properties.md: every property and every change is there once, and each test and file that it names exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

const root = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENT = "docs/iommu-properties.md";
const text = readFileSync(join(root, DOCUMENT), "utf8");
const PROPERTIES = 64;
const CHANGES = 23;

interface Row {
  readonly number: number;
  readonly cells: readonly string[];
}

/** The numbered rows of the table below a heading. */
function rowsBelow(heading: string): readonly Row[] {
  const [, section = ""] = text.split(`\n## ${heading}\n`);
  const lines = section.split("\n## ")[0].split("\n");
  return lines.flatMap((line) => {
    const numbered = /^\| (\d+) \| (.*) \|$/.exec(line);
    return numbered === null ? [] : [{ number: Number(numbered[1]), cells: numbered[2].split(" | ") }];
  });
}

/** Where the names at the end of the document lead, from the repository's root. */
const files = new Map(
  [...text.matchAll(/^\[([a-z0-9-]+)\]: (\S+)$/gm)].map(([, name, path]) => [name, fromRoot(path)]),
);

function fromRoot(path: string): string {
  return normalize(join(dirname(DOCUMENT), path));
}

interface Named {
  readonly title: string;
  readonly name: string;
}

/** What a cell links by a name: titles of tests. */
function testsIn(cell: string): readonly Named[] {
  return [...cell.matchAll(/\[([^\][]+)\]\[([a-z0-9-]+)\]/g)].map(([, title, name]) => ({ title, name }));
}

/** A title without what is filled in: vendors and names before it, and the seed behind it. */
function bare(title: string): string {
  return title
    .replace(/\$\{[^{}]*\}/g, "…")
    .replace(/ \(seed …\)$/, "")
    .replace(/^(…(, |: ))+/, "");
}

/** Every literal of a test file that may be a title. */
function titlesOf(path: string): ReadonlySet<string> {
  const source = readFileSync(join(root, path), "utf8").replace(/^ *(\/\/|\/?\*).*$/gm, "");
  return new Set(
    [...source.matchAll(/`([^`]*)`|"([^"\n]*)"/g)].map(([, long, short]) => bare(long ?? short)),
  );
}

const properties = rowsBelow("The properties");
const changes = rowsBelow("The 23 changes");

for (const [what, rows, count] of [
  ["property", properties, PROPERTIES],
  ["change", changes, CHANGES],
] as const) {
  test(`every ${what} is there once, in order, with a sentence and a test`, (t) => {
    t.deepEqual(
      rows.map(({ number }) => number),
      Array.from({ length: count }, (_, index) => index + 1),
    );
    for (const { number, cells } of rows) {
      t.true(cells[0].length > 10, `${number}`);
      t.true(testsIn(cells[cells.length - 1]).length > 0, `${number} has no test`);
    }
  });
}

test("every test that is named is in its file", (t) => {
  const named = [...properties, ...changes].flatMap(({ cells }) => cells.flatMap(testsIn));
  t.true(named.length > PROPERTIES + CHANGES);
  const known = new Map([...files].map(([name, path]) => [name, titlesOf(path)]));
  const missing = named.filter(({ title, name }) => known.get(name)?.has(title) !== true);
  t.deepEqual(missing, []);
  const used = new Set(named.map(({ name }) => name));
  t.deepEqual(
    [...files.keys()].filter((name) => !used.has(name)),
    [],
    "named at the end, and by no row",
  );
  t.true([...files.values()].every((path) => /^properties\/[a-z0-9-]+\.test\.ts$/.test(path)));
});

test("every change names its code", (t) => {
  for (const { number, cells } of changes) {
    const code = [...cells[1].matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => fromRoot(path));
    t.true(code.length > 0, `${number} names no code`);
    t.deepEqual(
      code.filter((path) => !(path.startsWith("impl/") && existsSync(join(root, path)))),
      [],
    );
  }
});

test("where whole machines are said to look for a property, they do, and for none but these", (t) => {
  const folder = join(root, "fuzz/system");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const source = sources.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  const judged = [...source.matchAll(/(?:fail|SystemDifference)\(\s*"(\d+)"/g)].map(([, number]) =>
    Number(number),
  );
  const said = properties.filter(({ cells }) => cells.some((cell) => cell.includes("*whole machines*")));
  t.true(said.length > 5);
  for (const { number } of said) t.true(judged.includes(number), `${number}`);
  for (const number of judged) t.true(number >= 1 && number <= PROPERTIES, `${number}`);
});
