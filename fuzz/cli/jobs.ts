/** What a campaign's threads are asked, and what they answer; plain data, for it goes between threads. */
import type { Configuration } from "../../models/index.js";

export const OPERATIONS_PER_UNIT = 2000;

export interface UnitJob {
  readonly configuration: string;
  readonly seed: string;
  readonly unit: number;
  readonly operations: number;
}

export interface Failure {
  readonly configuration: string;
  readonly seed: string;
  readonly unit: number;
  readonly invariant: string;
}

export interface UnitDone {
  readonly operations: number;
  readonly states: readonly string[];
  readonly failure?: Failure | undefined;
}

export interface FoundFailure extends Failure {
  readonly token: string;
  readonly operationCount: number;
  readonly program: string;
  readonly report: string;
}

export function canRun(_configuration: Configuration): boolean {
  return true;
}

export function isSeed(seed: string): boolean {
  return /^[\w.-]+$/.test(seed);
}
