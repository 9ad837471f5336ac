/** `genpt conform`: recorded tables of deployed implementations, replayed. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { agrees, conformFile, type FileResult, formatReport, VectorFileError } from "../conform/index.js";
import { Exit, UsageError } from "./usage.js";

/** Replays the files, or all vectors that come with genpt, and prints what became of each. */
export async function conformCommand(files: readonly string[]): Promise<Exit> {
  const results: FileResult[] = [];
  for (const file of files.length === 0 ? shippedVectors() : files) results.push(await replay(file));
  process.stdout.write(formatReport(results));
  return results.every(agrees) ? Exit.clean : Exit.finding;
}

async function replay(file: string): Promise<FileResult> {
  try {
    return await conformFile(file);
  } catch (error) {
    if (error instanceof VectorFileError) throw new UsageError(error.message);
    throw error;
  }
}

/** The vectors beside the package's `package.json`, wherever in it this module stands. */
export function shippedVectors(): readonly string[] {
  const places = [join("corpus", "vectors"), join("corpus", "vectors", "xen")];
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const here = directory;
    const files = places.flatMap((place) => vectorsIn(join(here, place)));
    if (files.length > 0) return files;
    const parent = dirname(directory);
    if (parent === directory) throw new UsageError("no vectors came with this copy of genpt: name a file");
    directory = parent;
  }
}

function vectorsIn(directory: string): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(".jsonl.gz"));
    return names.sort().map((name) => join(directory, name));
  } catch {
    return [];
  }
}
