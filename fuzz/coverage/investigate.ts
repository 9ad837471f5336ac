/**
 * What the supervisor's thread does: it makes a finding small, or runs an input that ended the fuzzer's process
 * again. A thread, because the code under test may go round in circles: then it is ended from outside.
 */
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { Configuration } from "../../models/configuration.js";
import { configurationName } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import {
  corpusFileName,
  type Finding,
  parseCorpusFile,
  report,
  runProgram,
  type SubjectFactory,
  shrink,
} from "../lockstep/index.js";
import { type MutantStamp, subjectFactory } from "../mutants/index.js";
import type { SystemName } from "../system/names.js";
import type { SystemOperation } from "../system/operations.js";
import { systemFindingFromText } from "../system/saved.js";
import type { MachineShape } from "../system/shape.js";
import { type Failing, shrinkFailure } from "../system/shrink.js";
import { failureOf, type SystemFinding, seedOf } from "../system/unit.js";
import { execute } from "./execute.js";
import { type Investigated, systemInvestigated, tableInvestigated } from "./investigated.js";
import { executeSystem } from "./system-execute.js";
import { namedConfigurations } from "./targets.js";

export interface Investigation {
  /** A saved program, or the bytes of an input with the configurations that it may name. */
  readonly program?: string | undefined;
  readonly input?: Uint8Array | undefined;
  readonly configurations: readonly string[];
  /** The machine that programs and inputs are of; undefined: they are of the configurations. */
  readonly system?: SystemName | undefined;
  /** Where the finding will be saved, for its report. */
  readonly out: string;
  /** By name of the stamp, the module of a mutant's. */
  readonly mutant?: Readonly<Record<string, string>> | undefined;
}

/** `doing`: the input has come to this operation. `ended`: what came out; undefined where it shows nothing. */
export type InvestigationMessage = { readonly doing: Doing } | { readonly ended: Investigated | undefined };

export type Doing =
  | { readonly operation: Operation; readonly configuration: string }
  | { readonly operation: SystemOperation; readonly shape: MachineShape };

const EXECUTIONS_AT_MOST = 1500;

async function investigate(job: Investigation): Promise<void> {
  tell({ ended: job.system === undefined ? await ofTables(job) : ofMachine(job, job.system) });
}

async function ofTables(job: Investigation): Promise<Investigated | undefined> {
  const subjectOf = job.mutant && subjectFactory(await stampsOf(job.mutant));
  const finding = findingOf(job, subjectOf);
  const shrunk = finding && shrink(finding, { subjectOf, executions: EXECUTIONS_AT_MOST });
  if (shrunk === undefined) return undefined;
  const replay = `npx genpt repro ${join(job.out, corpusFileName(shrunk))}`;
  return tableInvestigated(shrunk, job.out, report(shrunk, { subjectOf, replay }));
}

function ofMachine({ program, input, out }: Investigation, system: SystemName): Investigated | undefined {
  // Told step by step, for the last operation told is the one that never ended.
  const before = (operation: SystemOperation, shape: MachineShape) => tell({ doing: { operation, shape } });
  const finding =
    input === undefined
      ? systemFindingFromText(program ?? "")
      : executeSystem(input, system, { before }).finding;
  const shrunk = finding && shrunkFinding(finding);
  return shrunk && systemInvestigated(shrunk, out);
}

/** Made small as far as it breaks the same property; undefined: it does not fail again. */
function shrunkFinding(finding: SystemFinding): SystemFinding | undefined {
  const { unit, invariant } = finding;
  const failureIn = ({ shape, program }: Failing) => failureOf(shape, seedOf(unit), program);
  const fails = (failing: Failing) => failureIn(failing)?.invariant === invariant;
  if (!fails(finding)) return undefined;
  const { shape, program } = shrinkFailure(finding, fails, EXECUTIONS_AT_MOST);
  const sentence = failureIn({ shape, program })?.sentence ?? finding.sentence;
  return { ...finding, shape, sentence, program, shrunkFrom: finding.program.length };
}

async function stampsOf(files: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, MutantStamp>> {
  const pairs = Object.entries(files).map(async ([name, file]) => [name, await import(file)] as const);
  return new Map(await Promise.all(pairs));
}

function findingOf(job: Investigation, subjectOf: SubjectFactory | undefined): Finding | undefined {
  const { program, input, configurations } = job;
  if (input !== undefined) {
    // Told step by step, for the last operation told is the one that never ended.
    const before = (operation: Operation, configuration: Configuration) =>
      tell({ doing: { operation, configuration: configurationName(configuration) } });
    return execute(input, namedConfigurations(configurations), { subjectOf, before }).finding;
  }
  const { configuration, operations } = parseCorpusFile(program ?? "", "a finding");
  return runProgram(configuration, operations, subjectOf).finding;
}

function tell(message: InvestigationMessage): void {
  parentPort?.postMessage(message);
}

await investigate(workerData);
