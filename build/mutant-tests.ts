/**
 * A mutant before tests: a copy of what is compiled, with the mutant in the place of its module and in every stamp
 * that is made of it, and test files of the copy run there. The suite is its tests too; where no program that is drawn
 * finds a mutant, one of them may have been written for it.
 */
import { spawn } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Patch } from "../fuzz/mutants/index.js";
import { applyPatches } from "./mutant-stamp.js";
import { writeStamp } from "./stamp.js";
import { STAMPS } from "./stamps.js";

const dist = dirname(dirname(fileURLToPath(import.meta.url)));
const root = dirname(dist);
const ava = join(root, "node_modules/ava/entrypoints/cli.mjs");

/** What the tests are made of. */
const FOLDERS = ["impl", "models", "reference", "fuzz", "build", "properties"];
/** A test that says nothing for so long does not end. */
const SILENCE = "3m";

/**
 * Runs test files on a copy in which the patches are made; `tests` are names of files in `properties`. Says which test
 * failed first; undefined: all of them pass. `name` must be nobody else's at the time.
 * @throws PatchError
 */
export async function failureIn(
  name: string,
  patches: readonly Patch[],
  tests: readonly string[],
): Promise<string | undefined> {
  const copy = join(dist, "mutants", name);
  try {
    await copyTo(copy);
    for (const patch of patches) await putInto(copy, patch);
    return await firstFailure(copy, tests);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyTo(copy: string): Promise<void> {
  await rm(copy, { recursive: true, force: true });
  const filter = (source: string) => !/\.(map|d\.ts)$/.test(source);
  for (const folder of FOLDERS) await cp(join(dist, folder), join(copy, folder), { recursive: true, filter });
}

async function putInto(copy: string, patch: Patch): Promise<void> {
  const { file } = patch;
  const path = join(copy, "impl", `${file}.js`);
  await writeFile(path, applyPatches(await readFile(path, "utf8"), [patch]));
  const isFormat = file.startsWith("formats/");
  const stamps = STAMPS.filter(({ format }) => !isFormat || file === `formats/${format}`);
  for (const stamp of stamps) await writeStamp(copy, stamp);
}

/** One file after the other, so that the first failure is always the same; the rest of them is not run. */
async function firstFailure(copy: string, tests: readonly string[]): Promise<string | undefined> {
  const files = tests.map((test) => join(relative(root, copy), "properties", `${test}.test.js`));
  const config = join(copy, "ava.config.mjs");
  const settings = { files, workerThreads: false, concurrency: 1, timeout: SILENCE, failFast: true };
  await writeFile(config, `export default ${JSON.stringify(settings)};\n`);
  const { exit, told } = await ended([ava, "--config", config, "--tap"]);
  if (exit === 0) return undefined;
  return /^not ok \d+ - (.*)$/m.exec(told)?.[1] ?? `the tests ended with ${exit}`;
}

function ended(args: readonly string[]): Promise<{ readonly exit: number; readonly told: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    let told = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      told += text;
    });
    child.on("error", reject).on("close", (code) => resolve({ exit: code ?? 1, told }));
  });
}
