/**
 * The stamper: copies the compiled engine once per stamp, with the format and the variant put in.
 *
 * A shared engine that met ten formats would make every call into the format a megamorphic one (measured: 3300 ns
 * instead of 650 for 256 pages). Here each stamp is one module in which those calls are to constants. It works on
 * emitted JavaScript and keeps source maps, so stack traces name the one source.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin, transform } from "esbuild";
import type { Stamp } from "./stamps.js";

/** Modules with an identity that all stamps share: their classes meet across formats. */
const SHARED = /\/impl\/(errors|memory\/[a-z-]+)\.js$/;

/** A stamp of a source that is not quite ours (see `mutant-stamp.ts`). */
export interface Variation {
  /** Where the stamp goes. */
  readonly file: string;
  /** What is bundled in place of `impl/stamp/stamp.js`, as a module that stands in `impl`. */
  readonly entry: string;
  /** Modules with an identity that all stamps share. */
  readonly shared: RegExp;
  /** Leaves statements as they are, but for constants: who counts branches finds each of them where it was. */
  readonly keepsSyntax?: boolean | undefined;
  /** The text of a module in place of its own. */
  textOf(path: string, text: string): string;
}

/** Objects that only name numbers: the numbers are folded in. */
const CODES = ["Status", "EntryKind", "Prot", "GatherPolicy"];

/** Where a stamp stands. */
export function stampFile(dist: string, { name, variant }: Stamp): string {
  return join(dist, "impl/stamps", `${name}.${variant}.stamp.js`);
}

/** Writes `<dist>/impl/stamps/<name>.<variant>.stamp.js` and its source map. */
export async function writeStamp(dist: string, stamp: Stamp, keepsSyntax = false): Promise<void> {
  await writeVariation(dist, stamp, {
    file: stampFile(dist, stamp),
    entry: `export * from "./stamp/${stamp.policy === "replacing" ? "replacing" : "stamp"}.js";`,
    shared: SHARED,
    keepsSyntax,
    textOf: (_, text) => text,
  });
}

/** Writes a stamp of a varied source, and its source map. */
export async function writeVariation(dist: string, stamp: Stamp, variation: Variation): Promise<void> {
  const { file } = variation;
  const bundled = await bundle(join(dist, "impl"), stamp, variation);
  const folded = await transform(withConst(bundled), { loader: "js", sourcemap: true, sourcefile: file });
  const header = `// ${stamp.name}, ${stamp.variant}: stamped from impl/; change the source, not this file.`;
  const map = JSON.parse(folded.map);
  map.mappings = `;${map.mappings}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${header}\n${folded.code}//# sourceMappingURL=${file.split("/").at(-1)}.map\n`);
  await writeFile(`${file}.map`, JSON.stringify(map));
}

async function bundle(impl: string, stamp: Stamp, variation: Variation): Promise<string> {
  const constants = { ...(await literalConstants(impl, stamp, variation)), ...(await codes(impl)) };
  const result = await build({
    stdin: { contents: variation.entry, resolveDir: impl, loader: "js" },
    outfile: variation.file,
    write: false,
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    sourcemap: "inline",
    logLevel: "warning",
    minifySyntax: variation.keepsSyntax !== true,
    define: constants,
    plugins: [stampPlugin(impl, stamp, variation, [...Object.keys(constants), ...CODES])],
  });
  return result.outputFiles[0].text;
}

/**
 * The bundler makes every top-level `const` a `var`, and function declarations can be assigned to as well: the JIT
 * would check each call's target. As constants, calls are to known functions.
 */
function withConst(source: string): string {
  return source
    .replace(/^var (?=\w+ = )/gm, "const ")
    .replace(
      /^(function\*? )(\w+)(?=\()/gm,
      (_, keyword: string, name: string) => `const ${name} = ${keyword.trim()} `,
    );
}

function stampPlugin(impl: string, stamp: Stamp, variation: Variation, folded: readonly string[]): Plugin {
  const format = join(impl, "formats", `${stamp.format}.js`);
  const variant = join(impl, "engine/variants", `${stamp.variant}.js`);
  return {
    name: "stamp",
    setup(builder) {
      builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
        const target = join(resolveDir, path);
        if (target === join(impl, "stamp/format.js")) return { path: format };
        if (target === join(impl, "stamp/variant.js")) return { path: variant };
        if (variation.shared.test(target)) {
          const from = relative(dirname(variation.file), target).replaceAll("\\", "/");
          return { path: from, external: true };
        }
        return undefined;
      });
      builder.onLoad({ filter: /\/impl\/.+\.js$/ }, async ({ path }) => {
        const source = variation.textOf(path, await readFile(path, "utf8"));
        const own = path === format ? withConstants(source, stamp) : source;
        return { contents: withoutImports(own, namesFoldedInto(path, folded)), loader: "js" };
      });
    },
  };
}

/** Which names a module gets as values: all of them in the engine, numbers alone in what the engine is made of. */
function namesFoldedInto(path: string, folded: readonly string[]): readonly string[] {
  if (/\/formats\/[^/]+\.js$/.test(path)) return CODES;
  return /\/impl\/(engine\/(replacing\/)?[^/]+|options|page-table|replacing-table)\.js$/.test(path)
    ? folded
    : [];
}

/** Replaces the initial values of exported constants; each must be there exactly once. */
function withConstants(source: string, stamp: Stamp): string {
  let replaced = source;
  for (const [constant, value] of Object.entries(stamp.constants)) {
    const pattern = new RegExp(`(?<=^export const ${constant} = )[^;]+(?=;$)`, "gm");
    const found = replaced.match(pattern)?.length ?? 0;
    if (found !== 1) {
      throw new Error(`stamp ${stamp.name}: ${stamp.format} has ${found} constants "${constant}", not 1`);
    }
    replaced = replaced.replace(pattern, JSON.stringify(value));
  }
  return replaced;
}

/** The format's constants that are numbers, strings or booleans, as source text, for folding into the engine. */
async function literalConstants(
  impl: string,
  stamp: Stamp,
  variation: Variation,
): Promise<Record<string, string>> {
  const path = join(impl, "formats", `${stamp.format}.js`);
  const source = withConstants(variation.textOf(path, await readFile(path, "utf8")), stamp);
  const constants: Record<string, string> = {};
  for (const [, name, value] of source.matchAll(/^export const (\w+) = (-?\d+|true|false|"[^"]*");$/gm)) {
    if (name !== "name") constants[name] = value;
  }
  return constants;
}

/** `Status.OK` and the like, with the number that each stands for. */
async function codes(impl: string): Promise<Record<string, string>> {
  const files = ["errors.js", "formats/format.js", "memory/gather.js"];
  const constants: Record<string, string> = {};
  for (const file of files) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(impl, file)).href);
    for (const name of CODES) {
      for (const [member, value] of Object.entries(module[name] ?? {})) {
        constants[`${name}.${member}`] = JSON.stringify(value);
      }
    }
  }
  return constants;
}

/** Leaves names that are folded out of the imports: unbound, they become their values. */
function withoutImports(source: string, names: readonly string[]): string {
  return source.replace(/^import \{([^}]*)\} from "(\.[^"]+)";$/gm, (_, list: string, from: string) => {
    const kept = list.split(",").filter((name) => !names.includes(name.trim()));
    // The line count and the positions on other lines stay as they were, for the source map.
    return `import {${kept.join(",")}} from "${from}";`;
  });
}
