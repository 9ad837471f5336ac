/** A unit that does not end, as a finding: its program up to the operation that hangs, made small. */
import { configurationName, describeOperation, findConfiguration } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { type CanaryName, hangingFinding, type ShrunkFinding } from "../campaign/index.js";
import { type Finding, programOfUnit } from "../lockstep/index.js";
import { Hung, type WatchedPool } from "./watched-pool.js";
import type { ProgramJob, UnitDone, UnitJob } from "./worker.js";

/** What a unit has come to whose operation of this number does not end. */
export function hungUnit({ configuration: name, ...job }: UnitJob, { operations: count }: Hung): UnitDone {
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new Error(`no configuration "${name}"`);
  const { seed, unit, mix, operations: planned } = job;
  const operations = programOfUnit({ ...job, configuration }, count);
  const last = operations.at(-1);
  const finding: Finding = {
    ...hangs(last),
    ...{ configuration, operations, atFinish: false },
    unit: { seed, unit, mix, operations: planned, checksum: 0 },
  };
  return { operations: count, checksum: 0, states: new Uint32Array(), judged: new Map(), finding };
}

/** How many shorter programs are tried; each that hangs as well costs the patience. */
const TRIES = 60;

/** The shortest program found that hangs, each tried in a thread that can be stopped. */
export async function shrinkHung(
  pool: WatchedPool,
  finding: Finding,
  canary: CanaryName | undefined,
  milliseconds: number,
): Promise<ShrunkFinding> {
  const configuration = configurationName(finding.configuration);
  let best = finding.operations;
  let tries = 0;
  for (let chunk = Math.ceil(best.length / 2); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
    for (let end = best.length - 1; end > 0 && tries < TRIES; end = Math.min(end, best.length) - chunk) {
      const shorter = [...best.slice(0, Math.max(0, end - chunk)), ...best.slice(end)];
      tries++;
      const count = await operationsToHang(
        pool,
        { configuration, operations: shorter, canary },
        milliseconds,
      );
      if (count > 0) best = shorter.slice(0, count);
    }
  }
  const shrunkFrom = finding.operations.length;
  return hangingFinding({ ...finding, ...hangs(best.at(-1)), operations: best, shrunkFrom }, canary);
}

/** The number of the operation that does not end; 0 where all do. */
async function operationsToHang(pool: WatchedPool, job: ProgramJob, milliseconds: number): Promise<number> {
  try {
    await pool.run("runProgramJob", job, milliseconds);
    return 0;
  } catch (error) {
    if (error instanceof Hung) return error.operations;
    throw error;
  }
}

/** Whether a finding is that of a unit that does not end: no program of it can be run to its end. */
export function isHung({ invariant, sentence }: Finding): boolean {
  return invariant === "I17" && sentence.endsWith(DOES_NOT_END);
}

const DOES_NOT_END = "does not end";

function hangs(operation: Operation | undefined) {
  const what = operation === undefined ? "making the table" : describeOperation(operation);
  const iova = operation !== undefined && "iova" in operation ? operation.iova : undefined;
  return { invariant: "I17", iova, sentence: `${what} ${DOES_NOT_END}` } as const;
}
