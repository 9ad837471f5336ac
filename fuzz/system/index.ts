/** Whole machines with IOMMUs under random programs. */
export type { MachineParts } from "./build.js";
export { type SystemName, systemNames } from "./names.js";
export { describeSystemOperation } from "./operations.js";
export {
  failureOfFinding,
  isSystemFinding,
  systemFileName,
  systemFindingFromText,
  systemFindingToText,
  systemKeyOf,
} from "./saved.js";
export {
  runSystemUnit,
  type SystemFinding,
  type SystemUnit,
  type SystemUnitResult,
  systemUnitOperations,
} from "./unit.js";
