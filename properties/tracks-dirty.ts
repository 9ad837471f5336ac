import type { Configuration } from "../models/configuration.js";

/** Whether the architecture records that a device wrote, in a way that the tables can offer. */
export function tracksDirty({ format }: Configuration): boolean {
  return format === "amdv1" || format === "amdv1-mock" || format === "vtd-second-stage";
}
