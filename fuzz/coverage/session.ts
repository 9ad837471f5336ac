/** One run of the fuzzer for a target: its folders, what it begins with, and the supervisor over it. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { loadCorpusFile } from "../lockstep/index.js";
import type { SystemName } from "../system/names.js";
import { systemFindingFromText } from "../system/saved.js";
import { Investigations } from "./investigations.js";
import { seedInputs, systemSeedInputs, writeInputs } from "./seeds.js";
import { Supervisor, type SupervisorEvents, type SupervisorTotals } from "./supervisor.js";
import type { TargetSettings } from "./target.js";

export interface SessionRequest {
  /** The name of a target. */
  readonly target: string;
  /** Full names of the configurations that inputs may name; none for a machine. */
  readonly configurations: readonly string[];
  /** The machine that inputs are programs of. */
  readonly system?: SystemName | undefined;
  readonly seed: string;
  readonly seconds: number;
  /** After so many inputs the run ends: the same seed then gives the same run, from an empty corpus. */
  readonly executions?: number | undefined;
  /** Findings go here, and what is kept between runs into a folder of it. */
  readonly out: string;
  /** A folder of programs to begin with. */
  readonly programs?: string | undefined;
  /** Seconds that one input may take. */
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** By name of the stamp, the modules of a mutant that is judged instead. */
  readonly mutant?: Readonly<Record<string, string>> | undefined;
  /** Writes the target into a folder. */
  writeTarget(folder: string, settings: TargetSettings): Promise<void>;
}

/** Inputs that are kept between runs: running all of them is how the next one begins. */
const INPUTS_AT_MOST = 2000;
/** A fuzzer whose supervisor was killed ends by itself so much later than it should have. */
const GRACE_SECONDS = 60;

export async function runSession(
  request: SessionRequest,
  events: SupervisorEvents,
  signal: AbortSignal,
): Promise<SupervisorTotals> {
  const { configurations, system, out, seconds, timeoutSeconds, memoryMegabytes, executions, mutant } =
    request;
  const work = await mkdtemp(join(tmpdir(), "genpt-fuzz-"));
  const kept = resolve(out, "coverage", request.target);
  const plan = {
    fuzzer: join(
      dirname(createRequire(import.meta.url).resolve("jsfuzz/package.json")),
      "build/src/index.js",
    ),
    work,
    seeds: join(work, "seeds"),
    found: join(work, "found"),
    figures: join(work, "figures.jsonl"),
    corpus: join(kept, "corpus"),
    crashes: join(kept, "crashes"),
    curve: join(kept, "coverage.jsonl"),
    seconds,
    timeoutSeconds,
    memoryMegabytes,
  };
  try {
    for (const folder of [plan.found, plan.corpus, plan.crashes]) await mkdir(folder, { recursive: true });
    await trim(plan.corpus);
    await writeFile(plan.curve, "");
    await writeInputs(plan.seeds, await inputsToBeginWith(request));
    const until = Date.now() + (seconds + GRACE_SECONDS) * 1000;
    const { found, figures } = plan;
    await request.writeTarget(work, { configurations, system, found, figures, executions, until });
    const investigations = new Investigations({ configurations, system, out, mutant }, 2000 * timeoutSeconds);
    return await new Supervisor(plan, investigations, events, signal).run();
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function inputsToBeginWith({
  system,
  configurations,
  seed,
  programs,
}: SessionRequest): Promise<readonly Uint8Array[]> {
  const files = programs === undefined ? [] : await programsIn(programs);
  if (system === undefined)
    return seedInputs(configurations, seed, await Promise.all(files.map(loadCorpusFile)));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return systemSeedInputs(system, seed, texts.map(systemFindingFromText));
}

async function programsIn(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  return names.map((name) => join(folder, name));
}

/** Removes the oldest inputs beyond so many: what they saw, later ones saw as well. */
async function trim(corpus: string): Promise<void> {
  const names = await readdir(corpus);
  if (names.length <= INPUTS_AT_MOST) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(corpus, name))).mtimeMs })),
  );
  aged.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1));
  for (const { name } of aged.slice(INPUTS_AT_MOST)) await rm(join(corpus, name));
}
