/** What a campaign's threads run. Requests and answers go between threads, so they are plain data. */
import type { Configuration } from "../../models/configuration.js";
import { findConfiguration } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { type CanaryName, canaryNamed, type ShrunkFinding, shrunkFinding } from "../campaign/index.js";
import {
  type Finding,
  type Judged,
  Lockstep,
  MemoryTooSmall,
  type MixName,
  type OracleName,
  runUnit,
} from "../lockstep/index.js";
import {
  failureOfFinding,
  runSystemUnit,
  type SystemFinding,
  type SystemUnit,
  type SystemUnitResult,
} from "../system/index.js";
import type { Watched } from "./watched-pool.js";

export interface UnitJob {
  /** Full name, `format/name`. */
  readonly configuration: string;
  readonly seed: string;
  /** Units of one seed and configuration are numbered from 0. */
  readonly unit: number;
  readonly mix: MixName | undefined;
  readonly operations: number;
  readonly oracles: readonly OracleName[];
  /** What is judged makes this mistake on purpose. */
  readonly canary: CanaryName | undefined;
}

export interface UnitDone {
  readonly operations: number;
  readonly checksum: number;
  /** What the unit has seen of its configuration, as numbers. */
  readonly states: Uint32Array;
  readonly judged: Judged;
  readonly finding: Finding | undefined;
}

export interface ShrinkJob {
  readonly finding: Finding;
  readonly canary: CanaryName | undefined;
}

export interface ProgramJob {
  readonly configuration: string;
  readonly operations: readonly Operation[];
  readonly canary: CanaryName | undefined;
}

export interface SystemProgramJob {
  readonly finding: SystemFinding;
}

export function runUnitJob({ configuration: name, canary, ...job }: UnitJob & Watched): UnitDone {
  const configuration = configurationOf(name);
  begin(job);
  try {
    const { features, ...done } = runUnit({ ...job, configuration, subjectOf: canaryNamed(canary) });
    const { operations, checksum, judged, finding } = done;
    return { operations, checksum, judged, states: Uint32Array.from(features), finding };
  } catch (error) {
    // One that outgrows the memory shows nothing.
    if (!(error instanceof MemoryTooSmall)) throw error;
    return { operations: 0, checksum: 0, judged: new Map(), states: new Uint32Array(), finding: undefined };
  }
}

export function shrinkFinding({ finding, canary, ...job }: ShrinkJob & Watched): ShrunkFinding {
  begin(job);
  return shrunkFinding(finding, canary);
}

/** What differs after a program; undefined when everyone agrees. */
export function runProgramJob({ configuration: name, operations, canary, ...job }: ProgramJob & Watched) {
  const configuration = configurationOf(name);
  begin(job);
  try {
    const lockstep = new Lockstep(configuration, { subject: canaryNamed(canary)?.(configuration) });
    for (const operation of operations) {
      Atomics.add(job.progress, 0, 1);
      const difference = lockstep.step(operation);
      if (difference !== undefined) return difference.sentence;
    }
    return lockstep.finish()?.sentence;
  } catch (error) {
    if (error instanceof MemoryTooSmall) return undefined;
    throw error;
  }
}

export function runSystemUnitJob(job: SystemUnit & Watched): SystemUnitResult {
  begin(job);
  return runSystemUnit(job, { began: () => Atomics.add(job.progress, 0, 1) });
}

/** What breaks in the program of a finding; undefined: nothing. */
export function runSystemProgramJob({ finding, ...job }: SystemProgramJob & Watched): string | undefined {
  begin(job);
  return failureOfFinding(finding, { began: () => Atomics.add(job.progress, 0, 1) })?.sentence;
}

/** From here on the job is watched. */
function begin({ progress }: Watched): void {
  Atomics.store(progress, 0, 1);
}

function configurationOf(name: string): Configuration {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new Error(`no configuration "${name}"`);
  return configuration;
}
