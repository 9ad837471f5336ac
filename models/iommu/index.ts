/** The hardware side of an IOMMU: units that a driver programs, that translate a device's requests, and remember. */
export { AmdIommuDevice, type AmdIommuOptions } from "./amd/device.js";
export type {
  Disagreement,
  DmaOptions,
  DmaOutcome,
  Fault,
  IommuHardware,
  Keeps,
  OutputRange,
} from "./hardware.js";
export { VtdUnitDevice, type VtdUnitOptions } from "./intel/unit.js";
export { NonCoherentMemory } from "./non-coherent-memory.js";
export { type PhysicalMemory, SparsePhysicalMemory } from "./physical-memory.js";
