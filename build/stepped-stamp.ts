/** Stepped stamps: operations of the shared variant as generators, written when a test asks for them. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SteppedStamp } from "../fuzz/concurrency/index.js";
import { withGenerators } from "./generators.js";
import { writeVariation } from "./stamp.js";
import { STAMPS } from "./stamps.js";

/** One mistake put into the source on purpose: a text of a compiled module that stands there once, and another. */
export interface Mistake {
  /** The module, relative to `impl`, without its extension. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

const ENTRY = `
import * as functions from "./engine/index.js";
export const engine = { ...functions };
export { refreshTop } from "./stamp/variant.js";
export { modeOf } from "./stamp/format.js";
`;

/**
 * Writes `<dist>/stepped/<name>/<stamp>.stamp.js` and loads it once for each thread, for what operations keep
 * between steps is their module's. `name` must be new for every set of mistakes.
 */
export async function stampStepped(
  dist: string,
  name: string,
  stampName: string,
  threads: number,
  mistakes: readonly Mistake[] = [],
): Promise<readonly SteppedStamp[]> {
  const stamp = STAMPS.find((one) => one.name === stampName);
  if (stamp === undefined) throw new RangeError(`there is no stamp "${stampName}"`);
  const file = join(dist, "stepped", name, `${stampName}.stamp.js`);
  const made = new Set<Mistake>();
  await writeVariation(
    dist,
    { ...stamp, variant: "stepped" },
    {
      file,
      entry: ENTRY,
      shared: /\/impl\/(errors|memory\/[a-z-]+)\.js$/,
      textOf: (path, text) => {
        const own = mistakes.filter((one) => path === join(dist, "impl", `${one.file}.js`));
        for (const mistake of own) made.add(mistake);
        return own.reduce(withMistake, text);
      },
    },
  );
  const missing = mistakes.find((mistake) => !made.has(mistake));
  if (missing !== undefined) throw new Error(`${stampName} is not made of ${missing.file}`);
  await writeFile(file, withGenerators(await readFile(file, "utf8")));
  const url = pathToFileURL(file).href;
  return Promise.all(Array.from({ length: threads }, (_, thread) => load(`${url}?thread=${thread}`)));
}

async function load(url: string): Promise<SteppedStamp> {
  return import(url);
}

function withMistake(text: string, mistake: Mistake): string {
  const parts = text.split(mistake.text);
  if (parts.length !== 2) throw new Error(`${mistake.file} has ${parts.length - 1} times: ${mistake.text}`);
  return parts.join(mistake.by);
}
