/** What can happen to a machine with IOMMUs, as values: programs are made of them, and failures shrink to a few. */
import { describeHex } from "../../models/index.js";

export type SystemOperation =
  | { readonly op: "createDomain"; readonly domain: number }
  | { readonly op: "destroyDomain"; readonly domain: number }
  | { readonly op: "assign"; readonly device: number; readonly domain: number }
  | { readonly op: "quarantine"; readonly device: number }
  /** Requests of a device that bear a PASID get tables, and lose them. */
  | { readonly op: "attachPasid"; readonly device: number; readonly pasid: number }
  | { readonly op: "detachPasid"; readonly device: number; readonly pasid: number }
  | MapOperation
  | UnmapOperation
  /** Until the batch ends, legacy calls flush nothing. */
  | { readonly op: "beginBatch"; readonly domain: number }
  | { readonly op: "endBatch"; readonly domain: number }
  /** Flushes what the domain's maps and unmaps owe: each range, or everything at once. */
  | { readonly op: "flush"; readonly domain: number; readonly everything: boolean }
  /** A device reads or writes some bytes of a page, perhaps with a translation that it keeps (ATS). */
  | {
      readonly op: "dma";
      readonly device: number;
      readonly dfn: number;
      readonly write: boolean;
      readonly ats: boolean;
    }
  /** The nth allocation of a table from now on fails. */
  | { readonly op: "failNextAllocation"; readonly nth: number }
  /** The CPU that runs is idle, and frees at most so many tables. */
  | { readonly op: "idle"; readonly atMost: number }
  | { readonly op: "runOn"; readonly cpu: number }
  | { readonly op: "cpuUp"; readonly cpu: number }
  | { readonly op: "cpuDown"; readonly cpu: number }
  /** A CPU that was to go down stays. */
  | { readonly op: "cpuStays"; readonly cpu: number }
  | { readonly op: "cpuDead"; readonly cpu: number }
  | { readonly op: "readFaults" };

/** A legacy call owns its flush. */
export interface MapOperation {
  readonly op: "map" | "legacyMap";
  readonly domain: number;
  readonly dfn: number;
  readonly mfn: number;
  readonly pages: number;
  readonly access: number;
}

export interface UnmapOperation {
  readonly op: "unmap" | "legacyUnmap";
  readonly domain: number;
  readonly dfn: number;
  readonly pages: number;
}

/** One line, for reports. */
export function describeSystemOperation(operation: SystemOperation): string {
  const { op, ...args } = operation;
  const said = Object.entries(args).map(([name, value]) =>
    typeof value === "number" && (name === "dfn" || name === "mfn")
      ? `${name} ${describeHex(BigInt(value))}`
      : `${name} ${String(value)}`,
  );
  return [op, ...said].join("  ");
}
