/** What is known of machines: their findings beside those of tables, and the programs of the corpus. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Findings, type Sighting, type Status, withFindings } from "../campaign/index.js";
import {
  type SystemFinding,
  type SystemName,
  systemFindingFromText,
  systemFindingToText,
  systemKeyOf,
} from "../system/index.js";
import { findingsFile } from "./sightings.js";
import { Hung, type WatchedPool } from "./watched-pool.js";
import type { SystemProgramJob } from "./worker.js";

/** Programs of machines that failed once, in a clone. */
const SYSTEM_CORPUS = join("corpus", "systems");

/** What stands in the place of a format and of a configuration. */
function formatOf(system: SystemName): string {
  return `system-${system}`;
}

export class SystemSightings {
  readonly #directory: string;
  readonly #commit: string;

  constructor(directory: string, commit: string) {
    this.#directory = directory;
    this.#commit = commit;
  }

  with<Result>(work: (findings: Findings) => Result): Promise<Result> {
    return withFindings(findingsFile(this.#directory), work);
  }

  now(): Sighting {
    return { subject: "genpt", at: new Date().toISOString(), commit: this.#commit };
  }

  /** Notes a finding. Gives its status from now on. */
  record(finding: SystemFinding, token: string, report: string): Promise<Status> {
    const { unit, invariant, sentence, program } = finding;
    const format = formatOf(unit.system);
    const plain = {
      ...{ format, configuration: format, invariant, sentence, token, report },
      ...{ seed: unit.seed, operations: program.length },
      key: systemKeyOf(finding),
      text: systemFindingToText(finding),
    };
    return this.with((findings) => findings.recordPlain(plain, this.now()));
  }

  /** Those of these machines, with the texts of their programs. */
  async known(systems: readonly SystemName[]) {
    // A campaign that has found nothing yet leaves nothing behind.
    if (!existsSync(findingsFile(this.#directory))) return [];
    const formats = systems.map(formatOf);
    return this.with((findings) =>
      findings
        .list()
        .filter(({ subject, configuration }) => subject === "genpt" && formats.includes(configuration))
        .map((one) => ({ ...one, text: findings.textOf(one.id) ?? "" })),
    );
  }
}

export interface ReplayedSystems {
  readonly tried: number;
  /** What fails and is not known to; each as one line. */
  readonly failing: readonly string[];
}

/** Runs what failed once, in the corpus and among the findings, and notes what became of it. */
export async function replaySystems(
  pool: WatchedPool,
  sightings: SystemSightings,
  systems: readonly SystemName[],
  milliseconds: number,
): Promise<ReplayedSystems> {
  const corpus = corpusTexts();
  const known = await sightings.known(systems);
  const failing: string[] = [];
  let tried = 0;
  const failureOf = async (text: string) => {
    const finding = readable(text);
    if (finding === undefined || !systems.includes(finding.unit.system)) return undefined;
    tried++;
    return { sentence: await sentenceOf(pool, finding, milliseconds) };
  };
  for (const { file, text } of corpus) {
    const sentence = (await failureOf(text))?.sentence;
    if (sentence !== undefined) failing.push(`${file}: ${sentence}`);
  }
  for (const { id, text, invariant, configuration } of known) {
    const failure = await failureOf(text);
    if (failure === undefined) continue;
    const { sentence } = failure;
    const fails = sentence !== undefined;
    const status = await sightings.with((findings) => findings.replayed(id, fails, sightings.now()));
    if (fails && status === "open") failing.push(`finding ${id}: ${invariant} ${configuration}: ${sentence}`);
  }
  return { tried, failing };
}

function corpusTexts() {
  if (!existsSync(SYSTEM_CORPUS)) return [];
  const names = readdirSync(SYSTEM_CORPUS).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => {
    const file = join(SYSTEM_CORPUS, name);
    return { file, text: readFileSync(file, "utf8") };
  });
}

/** Undefined: another version's. */
function readable(text: string): SystemFinding | undefined {
  try {
    return systemFindingFromText(text);
  } catch {
    return undefined;
  }
}

async function sentenceOf(pool: WatchedPool, finding: SystemFinding, milliseconds: number) {
  try {
    return await pool.run<SystemProgramJob, string | undefined>(
      "runSystemProgramJob",
      { finding },
      milliseconds,
    );
  } catch (error) {
    if (error instanceof Hung) return "it does not end";
    throw error;
  }
}
