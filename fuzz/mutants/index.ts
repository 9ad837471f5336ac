/** Mutants: bugs put into our own source on purpose, and how long they live. `docs/mutants.md` tells more. */
export { controls, knownBugs, mutants, pending } from "./catalog/index.js";
export { equivalenceOf, equivalents } from "./equivalents.js";
export {
  isCaught,
  type Matrix,
  type MatrixRow,
  markdownMatrix,
  markdownRow,
  matrixRow,
  textMatrix,
} from "./matrix.js";
export { configurationsOfMutant, type Kill, killOf, operationsAtMost, shrunkLength } from "./measure.js";
export type { Control, Mutant, Patch, Pending } from "./mutant.js";
export { operatorConfigurations } from "./operator-configurations.js";
export { operatorTests } from "./operator-tests.js";
export { type OperatorMutant, operatorMutants, sampled } from "./operators.js";
export { quick } from "./quick.js";
export { type MutantStamp, stampOf, subjectFactory } from "./subject.js";
