/** Whole machines with IOMMUs under random programs. */
export type { MachineParts, MachineShape } from "./build.js";
export { type SystemName, systemNames } from "./names.js";
export { describeSystemOperation, operationNames, type SystemOperation } from "./operations.js";
export {
  failureOf,
  runSystemUnit,
  type SystemFinding,
  type SystemUnit,
  type SystemUnitResult,
  systemUnitOperations,
} from "./unit.js";
