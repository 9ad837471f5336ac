/**
 * `genpt/iommu`: domains over the page tables of both vendors' IOMMUs. Requests of any length become the largest pages
 * there are; flushes are owed to the caller; tables that leave a tree are freed only after the caller could flush. See
 * docs/iommu.md.
 */
export { type ErrorCode, PageTableError, Status } from "../errors.js";
export { TableMemory } from "../memory/table-memory.js";
export type { GuestTables, Translation } from "./amd/device-table.js";
export { GuestCr3Table } from "./amd/guest-cr3.js";
export { AmdPaging } from "./amd/paging.js";
export { AmdSystem, type AmdSystemOptions } from "./amd/system.js";
export { AmdUnit, type AmdUnitOptions } from "./amd/unit.js";
export { usedPageSizes } from "./chunks.js";
export { countersOf, type IommuCounters } from "./counters.js";
export type { NewDomain, Quarantine, SystemDevice, SystemOptions, UnitReport } from "./device-system.js";
export { IommuDomain } from "./domain.js";
export { FlushFlag, type PendingFlush } from "./flush.js";
export { CpuFreeQueues } from "./free-queues.js";
export type { RegisterAccess } from "./hardware.js";
export {
  type HardwareDomainOptions,
  hardwareDomainFrames,
  type MachineLayout,
  type MemoryRegion,
  type SetUpReport,
  type SetUpWarning,
  setUpHardwareDomain,
  withFirmwareRange,
} from "./hardware-domain.js";
export { IdentityMaps } from "./identity-maps.js";
export { IntelPaging, type IntelPagingOptions } from "./intel/paging.js";
export type { PasidTranslation } from "./intel/pasid-table.js";
export type { IntelTranslation } from "./intel/root-table.js";
export { ScalableUnit, type ScalableUnitOptions } from "./intel/scalable-unit.js";
export { IntelSystem, type IntelSystemOptions } from "./intel/system.js";
export { type DeviceUnit, IntelUnit, type IntelUnitOptions } from "./intel/unit.js";
export type { DomainOptions, FlushHook, TranslatedBy } from "./options.js";
export { PageTypes } from "./page-types.js";
export { type FrameRange, RangeSet } from "./range-set.js";
export type { PciDevice } from "./requesters.js";
export type { IncoherentPagingOptions, PagingOptions } from "./table-rules.js";
export { UnfinishedError } from "./unfinished-error.js";
export { UnitError, type UnitErrorCode } from "./unit-error.js";
export { type Exchange128, exchangeWithinThread, UnitMemory } from "./unit-memory.js";
export { Access, type DeviceId, type DomainPaging, type FreeQueue, type MappedPage } from "./vendor.js";
