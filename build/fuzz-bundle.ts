/**
 * A target for the fuzzer, which wants CommonJS and counts every branch of what is required. So the code under test
 * is one file that is required, and counted; the judges are another that is compiled past the fuzzer's hook, for
 * counting them would cost half the speed and guide it towards the judges.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { TargetSettings } from "../fuzz/coverage/target.js";
import { namedConfigurations } from "../fuzz/coverage/targets.js";
import { type Mutant, stampOf } from "../fuzz/mutants/index.js";
import { stampMutant } from "./mutant-stamp.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));

/** Named by the target, and found beside it. */
const FILES = {
  target: "target.js",
  judges: "judges.js",
  underTest: "impl.js",
  settings: "settings.json",
  seed: "seed.js",
};

const TARGET = `
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { compileFunction } = require("node:vm");
const underTest = require("./${FILES.underTest}");
const filename = join(__dirname, "${FILES.judges}");
const judges = { exports: {} };
compileFunction(readFileSync(filename, "utf8"), ["exports", "require", "module", "__filename", "__dirname"], { filename })(
  judges.exports, require, judges, filename, __dirname);
const settings = JSON.parse(readFileSync(join(__dirname, "${FILES.settings}"), "utf8"));
exports.fuzz = judges.exports.createTarget(settings, underTest.mutant);
`;

/** The fuzzer draws from Math.random in its own process. */
const seedModule = (seed: string) =>
  `import seedrandom from "seedrandom"; seedrandom(${JSON.stringify(seed)}, { global: true });`;

/** Writes a target into a folder, ready for the fuzzer: `target.js`, and `seed.js` to be required before it. */
export async function writeTarget(
  folder: string,
  settings: TargetSettings,
  seed: string,
  mutant?: Mutant,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const stamps = [...new Set(namedConfigurations(settings.configurations).map(stampOf))];
  const source = mutant === undefined ? sourceOf(stamps) : await mutantSource(stamps, mutant);
  await bundle(source, join(dist, "impl"), join(folder, FILES.underTest));
  await bundle(
    'export { createTarget } from "./target.js";',
    join(dist, "fuzz/coverage"),
    join(folder, FILES.judges),
    [underTestOutside],
  );
  await bundle(seedModule(seed), dist, join(folder, FILES.seed));
  await writeFile(join(folder, FILES.target), TARGET);
  await writeFile(join(folder, FILES.settings), JSON.stringify(settings));
}

/** What the judges ask of the code under test, made of the observed stamps. */
function sourceOf(stamps: readonly string[]): string {
  const entries = (names: readonly string[]) =>
    names.map((name) => `${JSON.stringify(name.replace(/-tiny$/, ""))}: ${entryOf(name)}`).join(", ");
  const entryOf = (name: string) => `formatEntry(${JSON.stringify(name)}, stamp${stamps.indexOf(name)})`;
  const tiny = stamps.filter((name) => name.endsWith("-tiny"));
  const shipped = stamps.filter((name) => !tiny.includes(name));
  return `${FACE}
    import { formatEntry } from "./format-entry.js";
    ${imports(stamps.map((name) => `./stamps/${name}.observed.stamp.js`))}
    export const observed = { ${entries(shipped)} };
    export const tinyObserved = { ${entries(tiny)} };`;
}

/** The same, made of the stamps of a mutant. */
async function mutantSource(stamps: readonly string[], { id, patches }: Mutant): Promise<string> {
  const name = `fuzz-${id}`;
  for (const stamp of stamps) await stampMutant(dist, name, stamp, patches);
  const pairs = stamps.map((stamp, index) => `[${JSON.stringify(stamp)}, stamp${index}]`);
  return `${FACE}
    ${imports(stamps.map((stamp) => `../mutants/${name}/${stamp}.stamp.js`))}
    export const observed = {}, tinyObserved = {};
    export const mutant = new Map([${pairs.join(", ")}]);`;
}

const FACE = `
export * from "./errors.js";
export { formatEntry } from "./format-entry.js";
export { Prot } from "./formats/format.js";
export { TableMemory } from "./memory/table-memory.js";
`;

function imports(modules: readonly string[]): string {
  return modules
    .map((module, index) => `import * as stamp${index} from ${JSON.stringify(module)};`)
    .join("\n");
}

/** Leaves the code under test out of the judges' file: they require the one that is counted. */
const underTestOutside: Plugin = {
  name: "under-test-outside",
  setup(builder) {
    builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const isUnderTest = join(resolveDir, path).startsWith(join(dist, "impl"));
      return isUnderTest ? { path: `./${FILES.underTest}`, external: true } : undefined;
    });
    // The tiny stamps as well, which the judges list by themselves.
    builder.onLoad({ filter: /\/lockstep\/tiny-stamps\.js$/ }, () => ({
      contents: 'export { tinyObserved } from "../../impl/tiny.js";',
      resolveDir: join(dist, "fuzz/lockstep"),
    }));
  },
};

async function bundle(
  contents: string,
  resolveDir: string,
  outfile: string,
  plugins: readonly Plugin[] = [],
): Promise<void> {
  await build({
    stdin: { contents, resolveDir, loader: "js" },
    outfile,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "es2022",
    logLevel: "error",
    plugins: [...plugins],
  });
}
