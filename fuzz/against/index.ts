/** Implementations in processes of their own, run under the same programs and judged by the same judges. */
export {
  type AgainstTotals,
  replayCommand,
  runAgainst,
  type ShrunkFinding,
  subjectsOf,
} from "./campaign.js";
export { AgainstError } from "./process.js";
export { type AgainstOptions, isRefusal, Session } from "./session.js";
