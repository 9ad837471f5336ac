/**
 * What the supervisor's thread does: it makes a finding small, or runs an input that ended the fuzzer's process
 * again. A thread, because the code under test may go round in circles: then it is ended from outside.
 */
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { shapeKeyOf } from "../campaign/shape-key.js";
import {
  corpusFileName,
  type Finding,
  formatCorpusFile,
  parseCorpusFile,
  report,
  runProgram,
  type SubjectFactory,
  shrink,
} from "../lockstep/index.js";
import { type MutantStamp, subjectFactory } from "../mutants/index.js";
import { execute } from "./execute.js";
import { namedConfigurations } from "./targets.js";

export interface Investigation {
  /** A saved program, or the bytes of an input with the configurations that it may name. */
  readonly program?: string | undefined;
  readonly input?: Uint8Array | undefined;
  readonly configurations: readonly string[];
  /** Where the finding will be saved, for its report. */
  readonly out: string;
  /** By name of the stamp, the module of a mutant's. */
  readonly mutant?: Readonly<Record<string, string>> | undefined;
}

/** `doing`: the input has come to this operation. `ended`: what came out; undefined where it shows nothing. */
export type InvestigationMessage =
  | { readonly doing: Operation; readonly configuration: string }
  | { readonly ended: Investigated | undefined };

export interface Investigated {
  readonly file: string;
  /** Of the corpus's form, shrunk. */
  readonly program: string;
  readonly key: string;
  readonly configuration: string;
  readonly invariant: string;
  readonly sentence: string;
  readonly shrunkFrom: number | undefined;
  readonly operations: number;
  readonly report: string;
}

const EXECUTIONS_AT_MOST = 1500;

async function investigate(job: Investigation): Promise<void> {
  const subjectOf = job.mutant && subjectFactory(await stampsOf(job.mutant));
  const finding = findingOf(job, subjectOf);
  const shrunk = finding && shrink(finding, { subjectOf, executions: EXECUTIONS_AT_MOST });
  tell({ ended: shrunk && investigated(shrunk, job.out, subjectOf) });
}

async function stampsOf(files: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, MutantStamp>> {
  const pairs = Object.entries(files).map(async ([name, file]) => [name, await import(file)] as const);
  return new Map(await Promise.all(pairs));
}

function findingOf(job: Investigation, subjectOf: SubjectFactory | undefined): Finding | undefined {
  const { program, input, configurations } = job;
  if (input !== undefined) {
    // Told step by step, for the last operation told is the one that never ended.
    const before = (doing: Operation, configuration: Configuration) =>
      tell({ doing, configuration: configurationName(configuration) });
    return execute(input, namedConfigurations(configurations), { subjectOf, before }).finding;
  }
  const { configuration, operations } = parseCorpusFile(program ?? "", "a finding");
  return runProgram(configuration, operations, subjectOf).finding;
}

function investigated(finding: Finding, out: string, subjectOf: SubjectFactory | undefined): Investigated {
  const { invariant, sentence, shrunkFrom, operations, configuration } = finding;
  const file = join(out, corpusFileName(finding));
  return {
    file,
    program: formatCorpusFile(finding),
    key: shapeKeyOf(finding),
    configuration: configurationName(configuration),
    invariant,
    sentence,
    shrunkFrom,
    operations: operations.length,
    report: report(finding, { subjectOf, replay: `npx genpt repro ${file}` }),
  };
}

function tell(message: InvestigationMessage): void {
  parentPort?.postMessage(message);
}

await investigate(workerData);
