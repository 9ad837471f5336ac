/**
 * Stamps of mutants: the observed stamp of a patched source, beside the others and never shipped. The table memory
 * belongs to it, for that can be patched too, and every loop counts its turns, so that one without an end is seen.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Patch } from "../fuzz/mutants/mutant.js";
import type { MutantStamp } from "../fuzz/mutants/subject.js";
import { type Variation, writeVariation } from "./stamp.js";
import { STAMPS } from "./stamps.js";

/** A patch does not fit the source: its text is not there, or more than once. */
export class PatchError extends Error {
  override readonly name = "PatchError";
}

const ENTRY = `
export * from "./stamp/stamp.js";
export { TableMemory } from "./memory/table-memory.js";
export { PhysicalRuns } from "./memory/physical-runs.js";
export { adoptMemory } from "./adopt.js";
export { formatEntry } from "./format-entry.js";
export { turns } from "./engine/variants/observed.js";
`;

const TURNS = `
export const turns = { left: Infinity, over() {} };
export function turn() { if (--turns.left < 0) turns.over(); return true; }
`;

/**
 * Writes `<dist>/mutants/<name>/<stamp>.stamp.js` and loads it. `name` must be new for every set of patches within
 * a process, which loads a module once.
 * @throws PatchError
 */
export async function stampMutant(
  dist: string,
  name: string,
  stampName: string,
  patches: readonly Patch[],
): Promise<MutantStamp> {
  const stamp = STAMPS.find((one) => one.name === stampName && one.variant === "observed");
  if (stamp === undefined) throw new RangeError(`there is no stamp "${stampName}"`);
  const fits = await Promise.all(
    patches.map(({ file }) => readFile(join(dist, "impl", `${file}.js`), "utf8")),
  );
  for (const [index, patch] of patches.entries()) applyPatch(fits[index], patch);
  const applied = new Set<Patch>();
  const variation: Variation = {
    file: join(dist, "mutants", name, `${stampName}.stamp.js`),
    entry: ENTRY,
    shared: /\/impl\/errors\.js$/,
    textOf: (path, text) => {
      const own = patches.filter(({ file }) => path === join(dist, "impl", `${file}.js`));
      for (const patch of own) applied.add(patch);
      return withTurns(path, applyPatches(text, own));
    },
  };
  await writeVariation(dist, stamp, variation);
  for (const patch of patches) {
    if (!applied.has(patch)) throw new PatchError(`${stampName} is not made of ${patch.file}`);
  }
  return import(pathToFileURL(variation.file).href);
}

/**
 * The text with every patch made in it.
 * @throws PatchError
 */
export function applyPatches(text: string, patches: readonly Patch[]): string {
  return patches.reduce(applyPatch, text);
}

function applyPatch(text: string, patch: Patch): string {
  const { find, replace, at, file } = patch;
  if (at !== undefined) {
    if (!text.startsWith(find, at)) throw new PatchError(`${file} has no ${JSON.stringify(find)} at ${at}`);
    return text.slice(0, at) + replace + text.slice(at + find.length);
  }
  const words = find
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(words.join("\\s+"), "g");
  const count = text.match(pattern)?.length ?? 0;
  if (count !== 1) throw new PatchError(`${file} has ${count} times, not once: ${find.trim()}`);
  return text.replace(pattern, () => replace);
}

/** Puts a count into the condition of every loop. */
function withTurns(path: string, text: string): string {
  const isObserved = path.endsWith("/variants/observed.js");
  if (!/\/impl\/(engine|memory)\//.test(path)) return text;
  const counted = text
    .replace(/\bwhile \((?=[^)])/g, "while (turn() && ")
    .replace(/\bfor \(([^;()]*(?:\([^()]*\)[^;()]*)*);(\s*)(?=([^\s]))/g, (_, init, space, next) =>
      next === ";" ? `for (${init};${space}turn()` : `for (${init};${space}turn() && `,
    );
  if (isObserved) return `${TURNS.trim().replaceAll("\n", " ")} ${counted}`;
  const depth = path.slice(path.lastIndexOf("/impl/") + 6).split("/").length - 1;
  return `import { turn } from "${"../".repeat(depth)}engine/variants/observed.js"; ${counted}`;
}
