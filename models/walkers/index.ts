/** The hardware side: one strict table walker per architecture. */
export { createWalker, type WalkerOptions } from "./create-walker.js";
export {
  describeWalk,
  explainWalk,
  lastItemMeaning,
  type Root,
  type WalkedSteps,
  type WalkStep,
  walkSteps,
} from "./explain.js";
export { SparseMemory } from "./sparse-memory.js";
export {
  Access,
  Refused,
  type RootWords,
  type TwoStageOptions,
  type TwoStageResult,
  TwoStageWalker,
} from "./two-stage.js";
export { walkResultName } from "./walk-result-name.js";
export {
  type PhysicalMemory,
  Pointer,
  type SweepVisitor,
  type Walker,
  WalkResult,
  type WalkResultCode,
} from "./walker.js";
