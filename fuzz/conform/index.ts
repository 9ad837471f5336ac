/** Conformance vectors: what deployed implementations write, replayed on this one. */
export { type CreationDeviation, type CreationResult, replayCreation } from "./creates.js";
export { DEVIATIONS, type DeviationName } from "./deviations.js";
export { type ExportedUnit, exportHeader, exportProgram, exportUnit, leftOut } from "./export.js";
export { ExportError } from "./export-header.js";
export { ioConfiguration, ioMode } from "./io-configuration.js";
export { IO_DEVIATIONS, type IoDeviationName, rightTree } from "./io-deviations.js";
export { placeTree, programOf } from "./io-program.js";
export { IoReplay } from "./io-replay.js";
export type { IoCase, IoCreation, IoMade, IoOp } from "./io-vector.js";
export { type CaseResult, type Failure, Replay, unreplayable } from "./replay.js";
export { describeOperation, formatReport } from "./report.js";
export {
  agrees,
  type CasesResult,
  type CreationsResult,
  conformFile,
  type DeviationCount,
  type FileResult,
} from "./run-file.js";
export type { Creation, VectorCase, VectorOp, VectorTable } from "./vector.js";
export { openVectorFile, type VectorFile, VectorFileError } from "./vector-file.js";
