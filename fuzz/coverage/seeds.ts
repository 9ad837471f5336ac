/** What the fuzzer begins with: drawn bytes of several lengths for each configuration, and programs that once failed. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { configurationName, Random } from "../../models/index.js";
import type { CorpusFile } from "../lockstep/index.js";
import { bytesAtMost, encodeProgram } from "./decode.js";

const LENGTHS = [64, 512, bytesAtMost];

/** The inputs of a target's configurations (full names), a function of the seed and the programs. */
export function seedInputs(
  configurations: readonly string[],
  seed: string,
  programs: readonly CorpusFile[],
): readonly Uint8Array[] {
  const drawn = configurations.flatMap((configuration, index) =>
    LENGTHS.map((length) => {
      const random = Random.fromSeed(`${seed}:${configuration}:${length}`);
      const bytes = Uint8Array.from({ length }, () => random.below(256));
      bytes[0] = index;
      return bytes;
    }),
  );
  const encoded = programs.flatMap(({ configuration, operations }) => {
    const index = configurations.indexOf(configurationName(configuration));
    return index < 0 ? [] : [encodeProgram(index, operations)];
  });
  return [...drawn, ...encoded];
}

/** Writes inputs as the fuzzer names them: by their hash. */
export async function writeInputs(folder: string, inputs: readonly Uint8Array[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const input of inputs) {
    await writeFile(join(folder, createHash("sha256").update(input).digest("hex")), input);
  }
}
