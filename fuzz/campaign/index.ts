/** Campaigns: what they do, what of it is kept, and how it is told. Nothing in here knows what time it is. */
export {
  CampaignFile,
  type CampaignPlan,
  type Counts,
  OtherVersion,
} from "./campaign-file.js";
export { canaryNamed } from "./canary.js";
export type { CanaryName } from "./canary-names.js";
export { DatabaseBusy } from "./database.js";
export {
  type Findings,
  type KnownFinding,
  type Sighting,
  withFindings,
} from "./findings-file.js";
export { Ledger } from "./ledger.js";
export { type CoveragePoint, reportData } from "./report-data.js";
export { reportPage } from "./report-page.js";
export { hangingFinding, type ShrunkFinding, shrunkFinding } from "./shrunk-finding.js";
export type { Status } from "./statuses.js";
export { Swarm } from "./swarm.js";
