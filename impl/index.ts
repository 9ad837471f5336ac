/** Generic page tables for IOMMUs and MMUs: one engine, every format. */
export { type AdoptOptions, adoptMemory } from "./adopt.js";
export { DirtyBitmap } from "./dirty-bitmap.js";
export { amdv1 } from "./entries/amdv1.js";
export { amdv1Mock } from "./entries/amdv1-mock.js";
export { armLpaeStage1 } from "./entries/arm-lpae-stage1.js";
export { armLpaeStage2 } from "./entries/arm-lpae-stage2.js";
export { armShort } from "./entries/arm-short.js";
export { armv8Stage1_4k } from "./entries/armv8-stage1-4k.js";
export { armv8Stage1_4kLpa2 } from "./entries/armv8-stage1-4k-lpa2.js";
export { armv8Stage1_16k } from "./entries/armv8-stage1-16k.js";
export { armv8Stage1_16kLpa2 } from "./entries/armv8-stage1-16k-lpa2.js";
export { armv8Stage1_64k } from "./entries/armv8-stage1-64k.js";
export { armv8Stage2_4k } from "./entries/armv8-stage2-4k.js";
export { armv8Stage2_4kLpa2 } from "./entries/armv8-stage2-4k-lpa2.js";
export { armv8Stage2_16k } from "./entries/armv8-stage2-16k.js";
export { armv8Stage2_16kLpa2 } from "./entries/armv8-stage2-16k-lpa2.js";
export { armv8Stage2_64k } from "./entries/armv8-stage2-64k.js";
export { dart1_4k } from "./entries/dart1-4k.js";
export { dart1_16k } from "./entries/dart1-16k.js";
export { dart2 } from "./entries/dart2.js";
export { mali } from "./entries/mali.js";
export { riscv32 } from "./entries/riscv32.js";
export { riscv32Guest } from "./entries/riscv32-guest.js";
export { riscv64 } from "./entries/riscv64.js";
export { riscv64Guest } from "./entries/riscv64-guest.js";
export { vtdSecondStage } from "./entries/vtd-second-stage.js";
export { x86_64 } from "./entries/x86-64.js";
export { x86Pae } from "./entries/x86-pae.js";
export { x86Pae32 } from "./entries/x86-pae32.js";
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
