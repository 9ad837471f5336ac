/** Known findings once more, and the programs of the corpus: first of all in every campaign. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configurationName } from "../../models/index.js";
import type { CampaignPlan, CanaryName } from "../campaign/index.js";
import { type Finding, parseCorpusFile } from "../lockstep/index.js";
import type { Sightings } from "./sightings.js";
import { Hung, WatchedPool } from "./watched-pool.js";
import type { ProgramJob } from "./worker.js";

export interface Replayed {
  readonly tried: number;
  /** What fails and is not known to; each as one line. */
  readonly failing: readonly string[];
  /** What failed when it was last seen, and passes. */
  readonly fixed: readonly string[];
}

/** Programs that failed once, in a clone. */
const CORPUS = join("corpus", "regressions");

/** Replays what concerns the campaign's configurations, and notes what became of it. */
export async function replayKnown(
  sightings: Sightings,
  { configurations, canary }: Pick<CampaignPlan, "configurations" | "canary">,
  milliseconds: number,
): Promise<Replayed> {
  const corpus = canary === undefined ? corpusPrograms(configurations) : [];
  const known = await sightings.with((findings) =>
    findings
      .list()
      .filter(
        ({ subject, configuration }) =>
          subject === sightings.subject && configurations.includes(configuration),
      )
      .map((one) => ({ ...one, program: findings.programOf(one.id) })),
  );
  const [failing, fixed]: [string[], string[]] = [[], []];
  const tried = corpus.length + known.length;
  if (tried === 0) return { tried, failing, fixed };
  const pool = new WatchedPool(1);
  try {
    for (const { file, program } of corpus) {
      const sentence = await failureOf(pool, program, canary, milliseconds);
      if (sentence !== undefined) failing.push(`${file}: ${sentence}`);
    }
    for (const { id, status, program, configuration, invariant, sentence } of known) {
      if (program === undefined) continue;
      const fails = (await failureOf(pool, program, canary, milliseconds)) !== undefined;
      const now = await sightings.with((findings) => findings.replayed(id, fails, sightings.now()));
      const line = `finding ${id}: ${invariant} ${configuration}: ${sentence}`;
      if (fails && now === "open") failing.push(line);
      if (!fails && status !== "fixed") fixed.push(line);
    }
  } finally {
    await pool.end();
  }
  return { tried, failing, fixed };
}

/** The corpus beside the working directory. */
function corpusPrograms(configurations: readonly string[]) {
  if (!existsSync(CORPUS)) return [];
  const files = readdirSync(CORPUS).filter((name) => name.endsWith(".json"));
  return files.sort().flatMap((name) => {
    const file = join(CORPUS, name);
    const program = parseCorpusFile(readFileSync(file, "utf8"), file);
    return configurations.includes(configurationName(program.configuration)) ? [{ file, program }] : [];
  });
}

/** What differs, in a thread that can be stopped; undefined when everyone agrees. */
async function failureOf(
  pool: WatchedPool,
  { configuration, operations }: Pick<Finding, "configuration" | "operations">,
  canary: CanaryName | undefined,
  milliseconds: number,
): Promise<string | undefined> {
  const job: ProgramJob = { configuration: configurationName(configuration), operations, canary };
  try {
    return await pool.run("runProgramJob", job, milliseconds);
  } catch (error) {
    if (error instanceof Hung) return "it does not end";
    throw error;
  }
}
