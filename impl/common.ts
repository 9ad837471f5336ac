/** What the formats have in common: memory, errors, options, records. Whoever imports it loads no format. */
export { type AdoptOptions, adoptMemory } from "./adopt.js";
export { DirtyBitmap } from "./dirty-bitmap.js";
export { type ErrorCode, PageTableError, Status, type StatusCode, statusCode } from "./errors.js";
export type { FormatEntry } from "./format-entry.js";
export { Prot } from "./formats/format.js";
export type { Gather } from "./memory/gather.js";
export { type PhysicalRun, PhysicalRuns } from "./memory/physical-runs.js";
export {
  type MemoryObserver,
  type SharedTableMemory,
  TableMemory,
  type TableMemoryOptions,
  type TableMemoryWindow,
} from "./memory/table-memory.js";
export type {
  Amdv1MockOptions,
  Amdv1Options,
  ArmShortOptions,
  ArmStage1Options,
  ArmStage2Options,
  Armv8Stage1Options,
  Armv8Stage2Options,
  Clean,
  CommonOptions,
  DartOptions,
  FreeingName,
  GatherPolicyName,
  Invalidation,
  MaliOptions,
  PartialUnmapName,
  Riscv32GuestOptions,
  Riscv32Options,
  Riscv64GuestOptions,
  Riscv64Options,
  VtdSecondStageOptions,
  X86Options,
  X86Pae32Options,
  X86PaeOptions,
} from "./options.js";
export type { PageTable } from "./page-table.js";
export type {
  AddressRange,
  DirtyOptions,
  Entry,
  ExistingTables,
  HardwareInfo,
  ResizeOptions,
  SharedTables,
} from "./page-table-types.js";
