/** The lockstep's public face: judge an implementation operation by operation, in units that replay from a token. */
export {
  type CorpusFile,
  corpusFileName,
  formatCorpusFile,
  loadCorpusFile,
  parseCorpusFile,
  saveCorpusFile,
} from "./corpus.js";
export {
  type Finding,
  type ProgramResult,
  runProgram,
  type ShrinkOptions,
  type SubjectFactory,
  shrink,
  type UnitName,
} from "./finding.js";
export { type Difference, type Invariant, invariantNames, invariants } from "./invariants.js";
export { Journal } from "./journal.js";
export { Lockstep, type LockstepOptions, MemoryTooSmall } from "./lockstep.js";
export { type MixName, mixNames, mixOf } from "./mixes.js";
export { describeOutcome } from "./outcomes.js";
export { type Replay, replay } from "./replay.js";
export { describeConfiguration, type ReportOptions, report } from "./report.js";
export { stampName } from "./stamp-name.js";
export { canCreate, createSubject, type HardwareRoot, PageTableSubject, type Subject } from "./subject.js";
export type { Judged } from "./tally.js";
export { formatToken, isSeed, parseToken, type Token, TokenError, tokenOf, versionWarning } from "./token.js";
export { defaultUnitOperations, programOfUnit, runUnit, type UnitRequest, type UnitResult } from "./unit.js";
export { type OracleName, oracleNames } from "./watch.js";
