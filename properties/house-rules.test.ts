/** The project keeps its own rules, and the checker notices when it does not. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { breaches } from "../build/house-rules.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["impl", "reference", "models", "properties", "fuzz", "bench", "build", "docs"];

test("every source file keeps the house rules", (t) => {
  const paths = FOLDERS.flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path}`,
    ),
  );
  const sources = [...paths.filter((path) => /\.(ts|c|md)$/.test(path)), "README.md", "package.json"];
  t.true(sources.length > 100);
  t.deepEqual(breaches(sources.map((path) => ({ path, text: readFileSync(`${root}/${path}`, "utf8") }))), []);
});

/** The lines of a file that break a rule. */
function linesOf(path: string, text: string): readonly number[] {
  return breaches([{ path, text }]).map(({ line }) => line);
}

const forbidden: readonly (readonly [why: string, path: string, text: string])[] = [
  ["impl imports a model", "impl/engine/map.ts", 'import { Random } from "../../models/random.js";\n'],
  [
    "impl exports from the reference",
    "impl/index.ts",
    'export { Reference } from "../reference/index.js";\n',
  ],
  ["impl imports a value of the language", "impl/a.ts", 'import { Prot } from "../models/operations.js";\n'],
  ["impl imports a package", "impl/index.ts", 'import seedrandom from "seedrandom";\n'],
  ["impl imports a module of Node", "impl/index.ts", 'import { readFileSync } from "node:fs";\n'],
  ["the reference imports impl", "reference/a.ts", 'import type { PageTable } from "../impl/common.js";\n'],
  [
    "the reference imports a walker",
    "reference/a.ts",
    'import {\n  A,\n} from "../models/walkers/index.js";\n',
  ],
  ["a walker imports a format", "models/walkers/a.ts", 'import { P } from "../../impl/formats/x86-64.js";\n'],
  ["models import the reference", "models/a.ts", 'const x = await import("../reference/index.js");\n'],
  ["fuzz imports a test", "fuzz/a.ts", 'import "../properties/a.test.js";\n'],
  ["a clock in the models", "models/a.ts", "const now = Date.now();\n"],
  ["chance in the reference", "reference/a.ts", "const x = Math.random();\n"],
  ["a timer in the implementation", "impl/a.ts", "const x = performance.now();\n"],
  ["bigint in the engine", "impl/engine/a.ts", "const x = 0x1000n;\n"],
  ["bigint in a format", "impl/formats/a.ts", "const x = BigInt(3);\n"],
  ["something left to do", "fuzz/a.ts", `const x = 1; // TO${"DO"} more\n`],
  ["a check that is silenced", "fuzz/a.ts", `// @ts-${"ignore"}\n`],
  ["a cast that silences", "fuzz/a.ts", "const x = y as any;\n"],
  ["a test that runs alone", "properties/a.test.ts", 'test.only("a", () => {});\n'],
  ["a path of a machine", "docs/a.md", "see /home/somebody/genpt\n"],
];

for (const [why, path, text] of forbidden) {
  test(`refused: ${why}`, (t) => t.is(linesOf(path, text).length, 1));
}

const allowed: readonly (readonly [why: string, path: string, text: string])[] = [
  ["impl imports impl", "impl/engine/map.ts", 'import { lowOf } from "../words.js";\n'],
  ["types of the language", "reference/a.ts", 'import type { Range } from "../models/operations.js";\n'],
  ["the models' own package", "models/random.ts", 'import seedrandom from "seedrandom";\n'],
  ["fuzz imports everything", "fuzz/a.ts", 'import { A } from "../impl/index.js";\n'],
  ["words that only look like imports", "impl/a.ts", 'export const from = "../models/a.js";\n'],
  ["a register's address", "impl/formats/a.ts", "const ppn = root >> 12n;\n"],
  ["bigint at the public face", "impl/page-table.ts", "const ALL = 1n << 64n;\n"],
];

for (const [why, path, text] of allowed) {
  test(`allowed: ${why}`, (t) => t.deepEqual(linesOf(path, text), []));
}

test("refused: a file of more than 500 lines, and a reference of more than 600", (t) => {
  t.deepEqual(linesOf("fuzz/a.ts", "x\n".repeat(500)), []);
  t.deepEqual(linesOf("fuzz/a.ts", "x\n".repeat(501)), [0]);
  const reference = ["reference", "tables"].map((name) => ({
    path: `reference/${name}.ts`,
    text: "x\n".repeat(301),
  }));
  t.is(breaches(reference).length, 1);
});

test("a breach says where it is", (t) => {
  const text =
    'import { a } from "./a.js";\n\nimport { b } from "../models/b.js";\nconst c = Math.random();\n';
  const lines = breaches([{ path: "impl/c.ts", text }]).map(({ path, line }) => `${path}:${line}`);
  t.deepEqual(lines, ["impl/c.ts:3", "impl/c.ts:4"]);
});
