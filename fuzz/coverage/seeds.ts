/** What the fuzzer begins with: drawn bytes of several lengths for each configuration or machine, and programs that once failed. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { configurationName, Random } from "../../models/index.js";
import type { CorpusFile } from "../lockstep/index.js";
import type { SystemName } from "../system/names.js";
import type { SystemFinding } from "../system/unit.js";
import { bytesAtMost } from "./bytes.js";
import { encodeProgram } from "./decode.js";
import { encodeSystemProgram } from "./system-program.js";

const LENGTHS = [64, 512, bytesAtMost];
/** Of each length so many: each is a machine of another shape. */
const MACHINES = 8;

/** The inputs of a target's configurations (full names), a function of the seed and the programs. */
export function seedInputs(
  configurations: readonly string[],
  seed: string,
  programs: readonly CorpusFile[],
): readonly Uint8Array[] {
  const drawn = configurations.flatMap((configuration, index) =>
    LENGTHS.map((length) => {
      const bytes = drawnBytes(`${seed}:${configuration}:${length}`, length);
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

/** The inputs of a machine, a function of the seed and the programs. */
export function systemSeedInputs(
  system: SystemName,
  seed: string,
  programs: readonly SystemFinding[],
): readonly Uint8Array[] {
  const drawn = LENGTHS.flatMap((length) =>
    Array.from({ length: MACHINES }, (_, index) =>
      drawnBytes(`${seed}:${system}:${length}:${index}`, length),
    ),
  );
  const encoded = programs.flatMap(({ shape, program }) =>
    shape.system === system ? [encodeSystemProgram(shape, program)] : [],
  );
  return [...drawn, ...encoded];
}

function drawnBytes(seed: string, length: number): Uint8Array {
  const random = Random.fromSeed(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

/** Writes inputs as the fuzzer names them: by their hash. */
export async function writeInputs(folder: string, inputs: readonly Uint8Array[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const input of inputs) {
    await writeFile(join(folder, createHash("sha256").update(input).digest("hex")), input);
  }
}
