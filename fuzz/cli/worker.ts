import type { UnitDone, UnitJob } from "./jobs.js";
export function runUnitJob(job: UnitJob): UnitDone {
  return { operations: job.operations, states: [`${job.unit % 7}`] };
}
