/** Whole machines with IOMMUs under random programs. */
export { type MachineShape, type SystemName, systemNames } from "./build.js";
export { describeSystemOperation, operationNames, type SystemOperation } from "./operations.js";
export {
  failureOf,
  runSystemUnit,
  type SystemFinding,
  type SystemUnit,
  type SystemUnitResult,
  systemUnitOperations,
} from "./unit.js";
