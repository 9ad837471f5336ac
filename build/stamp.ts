/**
 * The stamper: copies the compiled engine once per stamp, with the format and the variant put in.
 *
 * A shared engine that met ten formats would make every call into the format a megamorphic one (measured: 3300 ns
 * instead of 650 for 256 pages). Here each stamp is one module in which those calls are to constants. It works on
 * emitted JavaScript and keeps source maps, so stack traces name the one source.
 */
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Stamp } from "./stamps.js";

/** Modules with an identity that all stamps share: their classes meet across formats. */
const SHARED = /\/impl\/(errors|words|memory\/[a-z-]+)\.js$/;

/** Writes `<dist>/impl/stamps/<name>.<variant>.stamp.js`. */
export async function writeStamp(dist: string, stamp: Stamp): Promise<void> {
  const impl = join(dist, "impl");
  await build({
    entryPoints: [join(impl, "stamp/stamp.js")],
    outfile: join(impl, "stamps", `${stamp.name}.${stamp.variant}.stamp.js`),
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    sourcemap: "linked",
    sourcesContent: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    banner: {
      js: `// ${stamp.name}, ${stamp.variant}: stamped from impl/; change the source, not this file.`,
    },
    plugins: [stampPlugin(impl, stamp)],
  });
}

function stampPlugin(impl: string, stamp: Stamp): Plugin {
  const format = join(impl, "formats", `${stamp.format}.js`);
  const variant = join(impl, "engine/variants", `${stamp.variant}.js`);
  return {
    name: "stamp",
    setup(builder) {
      builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, importer }) => {
        if (importer === "") return undefined;
        const target = join(dirname(importer), path);
        if (target === join(impl, "stamp/format.js")) return { path: format };
        if (target === join(impl, "stamp/variant.js")) return { path: variant };
        if (SHARED.test(target)) {
          return { path: `../${relative(impl, target).replaceAll("\\", "/")}`, external: true };
        }
        return undefined;
      });
      builder.onLoad({ filter: /\/formats\/[^/]+\.js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        return { contents: path === format ? withConstants(source, stamp) : source, loader: "js" };
      });
    },
  };
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
