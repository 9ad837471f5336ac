/** What happened to the tables of all domains, in figures. */
import type { IommuDomain } from "./domain.js";
import type { CpuFreeQueues } from "./free-queues.js";

export interface IommuCounters {
  /** Superpages that a table replaced; one for each level of a walk. */
  readonly shatters: number;
  /** Tables that a superpage replaced, and tables that were found empty and taken out. */
  readonly coalesces: number;
  /** Tables in use now. */
  readonly tables: number;
  /** Tables that were ever taken out to be freed. */
  readonly queued: number;
  /** Of those, how many are freed. */
  readonly freed: number;
}

/** The sums over some domains, destroyed ones among them, whose tables wait in the same queues. */
export function countersOf(domains: Iterable<IommuDomain>, queues: CpuFreeQueues): IommuCounters {
  let shatters = 0;
  let coalesces = 0;
  let tables = 0;
  for (const domain of domains) {
    shatters += domain.shatters;
    coalesces += domain.coalesces;
    tables += domain.tableCount;
  }
  return { shatters, coalesces, tables, queued: queues.queuedFrames, freed: queues.freedFrames };
}
