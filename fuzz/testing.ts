/**
 * `genpt/testing`: what judges page tables, for other people's suites. The naive reference, the hardware walkers,
 * the operation language with its generators and minimiser, the lockstep that runs them together, and the replay
 * of recorded tables. `iommu` holds models of IOMMU hardware. Arbitraries for fast-check are in
 * `genpt/testing/arbitraries`.
 */
export { observed } from "../impl/observed.js";
export * from "../models/index.js";
export * as iommu from "../models/iommu/index.js";
export * from "../reference/index.js";
export * as conform from "./conform/index.js";
export * from "./lockstep/index.js";
