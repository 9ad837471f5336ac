/** What a campaign's threads run. Requests and answers go between threads, so they are plain data. */

import { findConfiguration } from "../../models/index.js";
import { canaryOf } from "../campaign/canary.js";
import { type ShrunkFinding, shrunkFinding } from "../campaign/shrunk-finding.js";
import { type Finding, type Judged, type MixName, type OracleName, runUnit } from "../lockstep/index.js";

export interface UnitJob {
  /** Full name, `format/name`. */
  readonly configuration: string;
  readonly seed: string;
  /** Units of one seed and configuration are numbered from 0. */
  readonly unit: number;
  readonly mix: MixName | undefined;
  readonly operations: number;
  readonly oracles: readonly OracleName[];
  /** What is judged makes a known mistake. */
  readonly canary: boolean;
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
  readonly canary: boolean;
}

export function runUnitJob({ configuration: name, canary, ...job }: UnitJob): UnitDone {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new Error(`no configuration "${name}"`);
  const { features, ...done } = runUnit({ ...job, configuration, subjectOf: canary ? canaryOf : undefined });
  const { operations, checksum, judged, finding } = done;
  return { operations, checksum, judged, states: Uint32Array.from(features), finding };
}

export function shrinkFinding({ finding, canary }: ShrinkJob): ShrunkFinding {
  return shrunkFinding(finding, canary ? { subjectOf: canaryOf, option: "--canary" } : {});
}
