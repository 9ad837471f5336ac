/**
 * A target for the fuzzer, which wants CommonJS and counts every branch of what is required. So the code under test
 * is one file that is required, and counted; the judges are another that is compiled past the fuzzer's hook, for
 * counting them would cost half the speed and guide it towards the judges.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
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
  if (settings.system === undefined) await bundleTables(folder, settings, mutant);
  else await bundleMachine(folder);
  await bundle(seedModule(seed), dist, join(folder, FILES.seed));
  await writeFile(join(folder, FILES.target), TARGET);
  await writeFile(join(folder, FILES.settings), JSON.stringify(settings));
}

async function bundleTables(folder: string, settings: TargetSettings, mutant?: Mutant): Promise<void> {
  const stamps = [...new Set(namedConfigurations(settings.configurations).map(stampOf))];
  const source = mutant === undefined ? sourceOf(stamps) : await mutantSource(stamps, mutant);
  await bundle(source, join(dist, "impl"), join(folder, FILES.underTest));
  await bundleJudges("table-target", folder, underTestOutside);
}

/** The modules of the code under test that the judges of machines ask for, each by its path: some have names in common. */
async function bundleMachine(folder: string): Promise<void> {
  const asked = new Set<string>();
  await bundleJudges("system-target", folder, modulesOutside(asked));
  const modules = [...asked].sort();
  const source = `${imports(modules, "module")}
    export const modules = { ${modules.map((module, index) => `${JSON.stringify(module)}: module${index}`).join(", ")} };`;
  await bundle(source, join(dist, "impl"), join(folder, FILES.underTest));
}

function bundleJudges(target: string, folder: string, outside: Plugin): Promise<void> {
  const source = `export { createTarget } from "./${target}.js";`;
  return bundle(source, join(dist, "fuzz/coverage"), join(folder, FILES.judges), [outside]);
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

function imports(modules: readonly string[], name = "stamp"): string {
  return modules
    .map((module, index) => `import * as ${name}${index} from ${JSON.stringify(module)};`)
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

/** The same for modules that are asked for one by one; notes which, by their paths in `impl`. */
function modulesOutside(asked: Set<string>): Plugin {
  return {
    name: "modules-outside",
    setup(builder) {
      builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
        const place = relative(join(dist, "impl"), join(resolveDir, path));
        return place.startsWith("..") ? undefined : { path: `./${place}`, namespace: "under-test" };
      });
      builder.onLoad({ filter: /./, namespace: "under-test" }, ({ path }) => {
        asked.add(path);
        const contents = `module.exports = require("./${FILES.underTest}").modules[${JSON.stringify(path)}];`;
        return { contents };
      });
      builder.onResolve({ filter: /./, namespace: "under-test" }, ({ path }) => ({ path, external: true }));
    },
  };
}

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
