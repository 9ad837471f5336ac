/**
 * Where the deployed IOMMU layer is known to differ from what is right, each as a predicate on one page that is mapped
 * or unmapped, the configuration and what is mapped; never on the difference itself.
 */
import { Status } from "../../impl/errors.js";
import type { SuperpageTables } from "../../reference/superpage-tables.js";
import type { XenShape } from "./xen-maps-machine.js";

/** The known deviations, numbered as in `corpus/vectors/README.md`. */
export const XEN_DEVIATIONS = {
  /** 1. AMD: no memory for a table below the root is reported as a bad address. */
  "out-of-memory-is-a-fault": 1,
  /** 2. A walk that runs out of memory leaves the tables that it made, and superpages half split. */
  "failed-walk-leaves-tables": 2,
  /** 3. A superpage is split to map what it maps already, and stays split. */
  "identical-map-splits": 3,
  /** 4. AMD: tables are merged into superpages of sizes that were not announced. */
  "merges-to-unannounced-sizes": 4,
  /** 5. AMD: a superpage that maps frame 0 is taken for a table when something smaller is asked for inside it. */
  "superpage-at-frame-0-is-lost": 5,
} as const;

export type XenDeviationName = keyof typeof XEN_DEVIATIONS;

/** One page of a request: what the vendor's layer is asked for. `mfn` is undefined where it is unmapped. */
export interface XenStep {
  readonly dfn: number;
  readonly mfn: number | undefined;
  readonly order: number;
  readonly access: number;
}

/** The deviations that show before a step, from what the right tables map. */
export function deviationsBefore(
  { vendor }: XenShape,
  tables: SuperpageTables,
  { dfn, mfn, order, access }: XenStep,
): readonly XenDeviationName[] {
  const found = tables.leafAt(dfn);
  if (found === undefined || 9 * (found.level - 1) <= order) return [];
  if (vendor === "amd" && found.leaf.mfn === 0) return ["superpage-at-frame-0-is-lost"];
  const now = tables.lookup(dfn);
  return now?.mfn === mfn && now?.access === access ? ["identical-map-splits"] : [];
}

/** The deviations that show after a step, from what the right tables map then and what the step said. */
export function deviationsAfter(
  { vendor, levels, pageSizes }: XenShape,
  tables: SuperpageTables,
  { dfn, mfn }: XenStep,
  status: Status,
): readonly XenDeviationName[] {
  if (status === Status.OUT_OF_MEMORY) {
    const fault: readonly XenDeviationName[] =
      vendor === "amd" && tables.tables > 0 ? ["out-of-memory-is-a-fault"] : [];
    return [...fault, "failed-walk-leaves-tables"];
  }
  const level = mfn === undefined ? undefined : tables.mergeLevelAt(dfn);
  if (vendor !== "amd" || level === undefined || level >= levels) return [];
  const lg2 = 12 + 9 * (level - 1);
  return ((pageSizes >> BigInt(lg2)) & 1n) === 0n ? ["merges-to-unannounced-sizes"] : [];
}
