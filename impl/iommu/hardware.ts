/** The registers of one IOMMU, as the owner of the machine gives access to them. */

/** Offsets are bytes from the unit's base; values are unsigned. */
export interface RegisterAccess {
  read32(offset: number): number;
  write32(offset: number, value: number): void;
  read64(offset: number): bigint;
  write64(offset: number, value: bigint): void;
}
