/** What a campaign's threads run. Requests and answers go between threads, so they are plain data. */
import { findConfiguration } from "../../models/index.js";
import { type Finding, type OracleName, report, runUnit, shrink } from "../lockstep/index.js";

export interface UnitJob {
  /** Full name, `format/name`. */
  readonly configuration: string;
  readonly seed: string;
  /** Units of one seed and configuration are numbered from 0. */
  readonly unit: number;
  readonly operations: number;
  readonly oracles: readonly OracleName[];
}

export interface UnitDone {
  readonly operations: number;
  readonly checksum: number;
  /** What the unit has seen of its configuration, as numbers. */
  readonly states: Uint32Array;
  readonly finding: Finding | undefined;
}

export interface ShrunkFinding {
  readonly finding: Finding;
  readonly report: string;
}

export function runUnitJob({ configuration: name, ...job }: UnitJob): UnitDone {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new Error(`no configuration "${name}"`);
  const { operations, checksum, features, finding } = runUnit({ ...job, configuration });
  return { operations, checksum, states: Uint32Array.from(features), finding };
}

export function shrinkFinding(finding: Finding): ShrunkFinding {
  const shrunk = shrink(finding);
  return { finding: shrunk, report: report(shrunk) };
}
