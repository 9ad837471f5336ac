/**
 * What npm publishes: the compiled modules that the public entries reach, file by file, as ES modules in
 * `dist/esm` and as CommonJS in `dist/cjs`. Nothing is bundled together, so a class has one identity however a
 * program spells its imports, the stamps keep the form that the JIT likes, and stack traces name real files. The
 * packages that these modules use come along in `vendor/`, each bundled by itself: the published package has no
 * dependencies.
 */
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import { copyAssets, writeVendored } from "./vendor.js";

/** Modules that users import, beside the entries of the formats. These have declarations and a CommonJS form. */
const LIBRARY = [
  "impl/index.js",
  "impl/shared.js",
  "impl/iommu/index.js",
  "fuzz/testing.js",
  "models/arbitraries.js",
] as const;

/** The command line: what a shell runs, and what it runs in its worker threads. */
const BIN = "fuzz/cli/genpt.js";
const COMMANDS = [BIN, "fuzz/cli/worker.js"] as const;

/** Whoever imports `genpt/testing/arbitraries` has fast-check: a copy of our own would not know theirs. */
const PEERS: readonly string[] = ["fast-check"];

/** Packages that no module imports: what a report carries in its page. */
const CARRIED: readonly string[] = ["uplot"];

interface Graph {
  /** Relative to `dist`. */
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

/** Writes `dist/esm` and `dist/cjs` from the compiled and stamped files. */
export async function publish(dist: string): Promise<void> {
  const esm = join(dist, "esm");
  const cjs = join(dist, "cjs");
  await Promise.all([esm, cjs].map((directory) => rm(directory, { recursive: true, force: true })));
  const entries = [...LIBRARY, ...(await formatEntries(dist))];
  const library = await graphOf(dist, entries);
  const everything = await graphOf(dist, [...entries, ...COMMANDS]);
  await copyModules(dist, esm, everything.files);
  await transformModules(dist, cjs, library.files);
  await writeVendored(join(esm, "vendor"), [...vendored(everything), ...CARRIED], "esm");
  // Where the compiled modules look for it that are not published.
  for (const name of CARRIED) await copyAssets(join(dist, "vendor"), name);
  await writeVendored(join(cjs, "vendor"), vendored(library), "cjs");
  await writeFile(join(cjs, "package.json"), '{ "type": "commonjs" }\n');
  const declarations = await declarationsOf(dist, entries);
  for (const file of declarations) {
    await copy(join(dist, file), join(esm, file));
    await copy(join(dist, file), join(cjs, file));
  }
  await chmod(join(esm, BIN), 0o755);
}

async function formatEntries(dist: string): Promise<readonly string[]> {
  const files = (await readdir(join(dist, "impl/entries"))).filter((name) => name.endsWith(".js"));
  return files.sort().map((name) => `impl/entries/${name}`);
}

function vendored({ packages }: Graph): readonly string[] {
  return packages.filter((name) => !PEERS.includes(name));
}

/** Every module that the entries reach, and every package; modules of Node itself are neither. */
async function graphOf(dist: string, entries: readonly string[]): Promise<Graph> {
  const { metafile } = await build({
    absWorkingDir: dist,
    entryPoints: [...entries],
    outdir: "graph",
    write: false,
    bundle: true,
    metafile: true,
    format: "esm",
    platform: "neutral",
    packages: "external",
    treeShaking: false,
    logLevel: "error",
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const outside = imports.filter(({ external }) => external === true).map(({ path }) => path);
  const packages = outside.filter((path) => !path.startsWith("node:"));
  return { files: Object.keys(metafile.inputs).sort(), packages: [...new Set(packages)].sort() };
}

async function copyModules(dist: string, esm: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const source = await readFile(join(dist, file), "utf8");
    const target = join(esm, file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, withVendored(source, file));
    await copyFile(join(dist, `${file}.map`), `${target}.map`);
  }
}

/** Points imports of packages at `vendor/`. */
function withVendored(source: string, file: string): string {
  return source.replace(/^((?:import|export)\b[^"\n]*\bfrom )"([^"./][^":]*)";$/gm, (line, start, name) =>
    PEERS.includes(name) ? line : `${start}"${vendorPath(file, name)}";`,
  );
}

function vendorPath(file: string, name: string): string {
  const path = relative(dirname(file), join("vendor", name, "index.js")).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`;
}

async function transformModules(dist: string, cjs: string, files: readonly string[]): Promise<void> {
  await build({
    absWorkingDir: dist,
    entryPoints: [...files],
    outdir: cjs,
    outbase: dist,
    bundle: false,
    format: "cjs",
    platform: "node",
    target: "es2022",
    sourcemap: true,
    logLevel: "warning",
    plugins: [vendorPlugin(dist)],
  });
}

function vendorPlugin(dist: string): Plugin {
  return {
    name: "vendor",
    setup(builder) {
      builder.onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        return { contents: withVendored(source, relative(dist, path)), loader: "js" };
      });
    },
  };
}

/** The declarations of the entries and all that those refer to. */
async function declarationsOf(dist: string, entries: readonly string[]): Promise<readonly string[]> {
  const found = new Set(entries.map((entry) => entry.replace(/\.js$/, ".d.ts")));
  for (const file of found) {
    const text = await readFile(join(dist, file), "utf8");
    for (const [, path] of text.matchAll(/(?:from |import\()"(\.{1,2}\/[^"]+)\.js"/g)) {
      found.add(join(dirname(file), `${path}.d.ts`));
    }
  }
  return [...found].sort();
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
