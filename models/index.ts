/**
 * The models' public face: the operation language, its generators, configurations, and the hardware walkers.
 * `arbitraries.ts` stands apart, for it alone needs fast-check.
 */
export type { Configuration, FormatName, GatherPolicy } from "./configuration.js";
export {
  configurationName,
  configurations,
  configurationsOf,
  findConfiguration,
  formatNames,
} from "./configurations.js";
export { ByteDraws, type Draws, recordBytes, SeededDraws } from "./draws.js";
export {
  type GeneratorState,
  generateProgram,
  generatorVersion,
  type MappedRun,
  type Mix,
  mixFor,
  nextOperation,
  type Profile,
  plainMix,
  profileFor,
} from "./generator.js";
export { type Field, type ItemKind, itemFields, itemKind } from "./items/index.js";
export { type Minimised, type MinimiseLimits, minimise } from "./minimise.js";
export { type Code, type EntryFacts, type Operation, type Outcome, Prot, type Range } from "./operations.js";
export {
  describeAddress,
  describeHex,
  describeLength,
  describeOperation,
  describeProt,
  formatProgram,
  operationFromJson,
  operationToJson,
  type Program,
  ProgramError,
  parseProgram,
  programVersion,
} from "./operations-json.js";
export { Random } from "./random.js";
export { rootBitsLg2, type Shape, shapeOf } from "./shape.js";
export * from "./walkers/index.js";
