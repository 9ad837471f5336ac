/** Packages that the published modules use, each bundled into one file, with the licences of all that is in it. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

/** Modules that a package runs by their path, beside the one that is imported. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Tinypool starts its threads with this file, by its place beside the module that is running.
  tinypool: { "entry/worker": "node_modules/tinypool/dist/entry/worker.js" },
};

/** Files that go along as they are: what is no module, and what a page of ours carries. */
const ASSETS: Readonly<Record<string, readonly string[]>> = {
  "node-sqlite3-wasm": ["dist/node-sqlite3-wasm.wasm"],
  uplot: ["dist/uPlot.iife.min.js", "dist/uPlot.min.css"],
};
/** Of these there are only the files above. */
const ONLY_ASSETS: readonly string[] = ["uplot"];

/** Packages for the browser as well; the others may use Node's modules. */
const NEUTRAL: readonly string[] = ["seedrandom"];

/** What CommonJS has and a bundle of it as an ES module lacks. */
const NODE_BANNER = `import { createRequire as __createRequire } from "node:module";
import { dirname as __dirnameOf } from "node:path";
import { fileURLToPath as __pathOf } from "node:url";
const require = __createRequire(import.meta.url);`;
/** Those that look for files beside them want to know where they are. */
const PLACED: readonly string[] = ["node-sqlite3-wasm"];
const PLACE_BANNER = `const __filename = __pathOf(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/** Writes `<directory>/<package>/index.js` for each package, and one file of their licences. */
export async function writeVendored(
  directory: string,
  packages: readonly string[],
  format: "esm" | "cjs",
): Promise<void> {
  const inputs: string[] = [];
  for (const name of packages) {
    inputs.push(...(await copyAssets(directory, name)));
    if (ONLY_ASSETS.includes(name)) continue;
    const neutral = NEUTRAL.includes(name);
    const { metafile } = await build({
      absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
      entryPoints: { index: name, ...BESIDE[name] },
      outdir: join(directory, name),
      bundle: true,
      metafile: true,
      format,
      platform: neutral ? "neutral" : "node",
      mainFields: ["module", "main"],
      target: "node20",
      banner: neutral || format === "cjs" ? {} : { js: bannerOf(name) },
      plugins: [withoutCrypto],
      logLevel: "warning",
    });
    inputs.push(...Object.keys(metafile.inputs));
  }
  await writeFile(join(directory, "LICENSES.txt"), await licencesOf(inputs));
}

function bannerOf(name: string): string {
  return PLACED.includes(name) ? `${NODE_BANNER}\n${PLACE_BANNER}` : NODE_BANNER;
}

/** Copies the files that a package brings along beside its bundle; gives their places in the project. */
export async function copyAssets(directory: string, name: string): Promise<readonly string[]> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const files = (ASSETS[name] ?? []).map((file) => join("node_modules", name, file));
  if (files.length > 0) await mkdir(join(directory, name), { recursive: true });
  for (const file of files) await copyFile(join(root, file), join(directory, name, basename(file)));
  return files;
}

/** seedrandom asks for Node's crypto when it is given no seed, which never happens here. */
const withoutCrypto: Plugin = {
  name: "without-crypto",
  setup(builder) {
    builder.onResolve({ filter: /^crypto$/ }, () => ({ path: "crypto", namespace: "empty" }));
    builder.onLoad({ filter: /^crypto$/, namespace: "empty" }, () => ({ contents: "module.exports = {};" }));
  },
};

async function licencesOf(inputs: readonly string[]): Promise<string> {
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
  const texts: string[] = [];
  for (const folder of [...new Set(folders)].sort()) texts.push(await licenceOf(folder));
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licenceOf(folder: string): Promise<string> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const description: { name: string; version: string; license: string } = JSON.parse(
    await readFile(join(root, folder, "package.json"), "utf8"),
  );
  const heading = `${description.name} ${description.version} (${description.license})\n`;
  const file = (await readdir(join(root, folder))).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined ? heading : `${heading}\n${await readFile(join(root, folder, file), "utf8")}`;
}
