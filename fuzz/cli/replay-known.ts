/** Known findings once more, and the programs of the corpus: first of all in every campaign. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { type CampaignPlan, canaryOf } from "../campaign/index.js";
import { MemoryTooSmall, parseCorpusFile, runProgram, type SubjectFactory } from "../lockstep/index.js";
import type { Sightings } from "./sightings.js";

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
): Promise<Replayed> {
  const subjectOf = canary ? canaryOf : undefined;
  const corpus = canary ? [] : corpusFailures(configurations);
  const known = await sightings.with((findings) =>
    findings
      .list()
      .filter(
        ({ subject, configuration }) =>
          subject === sightings.subject && configurations.includes(configuration),
      )
      .map((one) => ({ ...one, program: findings.programOf(one.id) })),
  );
  const failing = corpus.flatMap(({ line }) => line ?? []);
  const fixed: string[] = [];
  for (const { id, status, program, configuration, invariant, sentence } of known) {
    if (program === undefined) continue;
    const fails = failureOf(program.configuration, program.operations, subjectOf) !== undefined;
    const now = await sightings.with((findings) => findings.replayed(id, fails, sightings.now()));
    const line = `finding ${id}: ${invariant} ${configuration}: ${sentence}`;
    if (fails && now === "open") failing.push(line);
    if (!fails && status !== "fixed") fixed.push(line);
  }
  return { tried: known.length + corpus.length, failing, fixed };
}

/** The corpus beside the working directory; a line for each program that fails. */
function corpusFailures(configurations: readonly string[]): readonly { readonly line: string | undefined }[] {
  if (!existsSync(CORPUS)) return [];
  const files = readdirSync(CORPUS).filter((name) => name.endsWith(".json"));
  return files.sort().flatMap((name) => {
    const file = join(CORPUS, name);
    const { configuration, operations } = parseCorpusFile(readFileSync(file, "utf8"), file);
    if (!configurations.includes(configurationName(configuration))) return [];
    const sentence = failureOf(configuration, operations, undefined);
    return [{ line: sentence === undefined ? undefined : `${file}: ${sentence}` }];
  });
}

/** What differs; undefined when everyone agrees. A program that outgrows the memory shows nothing. */
function failureOf(
  configuration: Configuration,
  operations: readonly Operation[],
  subjectOf: SubjectFactory | undefined,
): string | undefined {
  try {
    return runProgram(configuration, operations, subjectOf).finding?.sentence;
  } catch (error) {
    if (error instanceof MemoryTooSmall) return undefined;
    throw error;
  }
}
