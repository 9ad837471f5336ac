/**
 * What a domain is made with, as plain data. Everyone who needs to know (the implementation's options, the
 * reference, the walkers, the generators) reads it for itself; nobody derives it from another's constants.
 */
export type FormatName =
  | "amdv1"
  | "amdv1-mock"
  | "x86-64"
  | "x86-pae"
  | "x86-pae32"
  | "vtd-second-stage"
  | "riscv64"
  | "riscv32"
  | "riscv64-guest"
  | "riscv32-guest"
  | "armv8-stage1"
  | "armv8-stage2"
  | "arm-lpae-stage1"
  | "arm-lpae-stage2"
  | "mali"
  | "arm-short"
  | "dart1"
  | "dart2";

export type GatherPolicy = "range" | "no-gaps" | "queued";

export interface Configuration {
  readonly format: FormatName;
  /** Unique within the format; `format/name` names a configuration everywhere. */
  readonly name: string;
  /** Input addresses are below `2^vaWidthLg2`, or sign-extended from bit `vaWidthLg2 − 1`. */
  readonly vaWidthLg2: number;
  /** Output addresses are below `2^oaWidthLg2`. */
  readonly oaWidthLg2: number;
  /** The level of the root table at creation; levels count from 0 at the leaves. */
  readonly topLevel: number;
  /** The top grows while in use, up to what `vaWidthLg2` needs (AMDv1). */
  readonly growingTop: boolean;
  readonly signExtended: boolean;
  /** Mask of the page sizes that the domain may use, bit n for 2^n bytes; bits the format lacks are ignored. */
  readonly pageSizes: bigint;
  /** What the domain's own gathers do with a range. */
  readonly gather: GatherPolicy;
  /** AMDv1: leaves carry FC. VT-d second stage: leaves carry SNP. */
  readonly forceCoherence: boolean;
  /** VT-d second stage: a request without write permission is refused. */
  readonly forceWriteable: boolean;
  /** RISC-V: 64 KiB Svnapot entries may be used. */
  readonly svnapot: boolean;
  /** RISC-V: leaves carry memory types (Svpbmt): MMIO is IO, neither MMIO nor cacheable is NC. */
  readonly svpbmt?: boolean | undefined;
  /** log2 of the smallest page, for a format that has several (ARMv8: 12, 14, 16; DART: 12, 14). */
  readonly granuleLg2?: number | undefined;
  /** ARMv8, granules of 4 and 16 KiB: TCR.DS = 1, 52-bit addresses, shareability not in the items. */
  readonly lpa2?: boolean | undefined;
  /** ARM stage 1: the tables of TTBR1: address bits from `vaWidthLg2` up are all ones. */
  readonly upperHalf?: boolean | undefined;
  /** ARM stage 2: concatenated start tables wherever 16 are enough, not only where they are demanded. */
  readonly eagerConcatenation?: boolean | undefined;
  /** ARMv8: hardware manages dirty state (DBM); writable leaves begin dirty. */
  readonly dirtyTracking?: boolean | undefined;
  /** RISC-V, ARMv8: hardware sets the accessed bit, instead of faulting where it is clear. */
  readonly accessedTracking?: boolean | undefined;
  /** ARM stage 1, short descriptor: leaves and tables are of the non-secure world. */
  readonly nonSecure?: boolean | undefined;
  /** ARMv8 stage 2: forced write-back (S2FWB) encodes the memory attributes. */
  readonly forcedWriteBack?: boolean | undefined;
  /** ARM long descriptor: a walker that does not snoop fetches through an outer cache (OUTER_WBWA). */
  readonly outerWriteBack?: boolean | undefined;
  /** Short descriptor: no permission, access-flag or execute-never bits are written. */
  readonly noPermissions?: boolean | undefined;
  /** Short descriptor, MediaTek: output address bits 34:32 stand in bits that `noPermissions` frees. */
  readonly mediatek?: boolean | undefined;
  /** Short descriptor, MediaTek: table pointers hold address bits 34:32 as well. */
  readonly mediatekTables?: boolean | undefined;
  /** x86-64, VT-d, ARM: the walker does not snoop; stores are cleaned and table items marked. */
  readonly incoherent: boolean;
  /** AMDv1, x86-64: the memory-encryption bit's position (32..51), or undefined. */
  readonly encryptionBit?: number | undefined;
  /**
   * A small geometry for exhaustive runs: every table has `2^tableBitsLg2` items and a contiguous run has
   * `2^contiguousLg2` (RISC-V) items; table frames stay 4 KiB. Absent: the architecture's own.
   */
  readonly tiny?: { readonly tableBitsLg2: number; readonly contiguousLg2: number } | undefined;
  /** The hardware remembers misses (VT-d's caching mode): what a map adds must be invalidated. */
  readonly cachesNotPresent?: boolean | undefined;
  /** ARM, Mali: the hardware takes a live item's change of size, which its architecture allows it not to. */
  readonly toleratesSizeChange?: boolean | undefined;
  /** What an unmap does with an entry inside of which its range begins or ends; absent: the whole entry goes at an end. */
  readonly partialUnmap?: "whole" | "cut" | "refuse" | undefined;
  /** When an unmap frees a table: when it removed all that it spans (or absent), or as soon as it is empty. */
  readonly freeing?: "covered" | "empty" | undefined;
  /** Physical address of the table memory's window, 4 KiB aligned. */
  readonly tableBase: bigint;
}
