/** From the options of a table to the settings of its domain: the boundary at which they are checked, once. */
import type { CleanWords, DomainSettings } from "./engine/domain.js";
import { levelLg2, tableWindowBytes } from "./engine/geometry.js";
import { PartialUnmap } from "./engine/partial-unmap.js";
import { type ErrorCode, PageTableError } from "./errors.js";
import { TableMemory } from "./memory/table-memory.js";
import {
  breakBeforeMake,
  conflictOf,
  features,
  frameLg2,
  growsTop,
  incoherent,
  name,
  oaWidthMaxLg2,
  offersSize,
  rootLevelFor,
  tableReachLg2,
  topLevelMax,
  topLevelMin,
  upperHalf,
  vaWidthMaxLg2,
  wideRoot,
} from "./stamp/format.js";
import { threads } from "./stamp/variant.js";
import { fromWords, highOf, isUint64, lowOf } from "./words.js";

export type GatherPolicyName = "range" | "no-gaps" | "queued";
export type PartialUnmapName = "whole" | "cut" | "refuse";
export type FreeingName = "covered" | "empty";

/** An inclusive range of input addresses that the hardware must forget; bit n of a level mask is level n. */
export interface Invalidation {
  readonly first: bigint;
  readonly last: bigint;
  readonly leafLevels: number;
  readonly tableLevels: number;
}

/** What every format takes. */
export interface CommonOptions {
  /** Where the tables live. */
  readonly memory: TableMemory;
  /** Output addresses are below `2^oaWidthLg2`. Default: what the format allows. */
  readonly oaWidthLg2?: number | undefined;
  /** The page sizes that may be used, bit n for 2^n bytes. Default: all that the format offers. */
  readonly pageSizes?: bigint | undefined;
  /** What gathers do with ranges, unless `createGather` says otherwise. Default "range". */
  readonly gather?: GatherPolicyName | undefined;
  /**
   * Called when the hardware must drop what it cached, before the freed frames are used again. Default: nothing
   * is done, which is right for tables that no hardware walks.
   */
  readonly invalidate?: ((range: Invalidation) => void) | undefined;
  /**
   * The hardware remembers where it found nothing (VT-d's caching mode, emulated IOMMUs): what `map` adds is
   * invalidated before it returns. Default false.
   */
  readonly cachesNotPresent?: boolean | undefined;
  /**
   * Offered where live items must be broken before they change their size (ARM, Mali): this hardware tolerates the
   * change (FEAT_BBM level 2), so that `cut` and `resize` leave no address without a translation. Default false.
   */
  readonly toleratesSizeChange?: boolean | undefined;
  /**
   * What `unmap` does with an entry inside of which its range begins or ends. "whole": an end takes the whole entry
   * along, a start removes nothing; "cut": the entry is cut first; "refuse": PARTIAL_ENTRY, and nothing is removed.
   * Default "whole"; the others are not for threads.
   */
  readonly partialUnmap?: PartialUnmapName | undefined;
  /**
   * When `unmap` frees a table. "covered": when one call removes, without a hole, all that it spans; "empty": as soon
   * as nothing is left in it, which is not for threads. Default "covered".
   */
  readonly freeing?: FreeingName | undefined;
}

export interface Amdv1Options extends CommonOptions {
  /** Level of the root at first, 1 to 5; it grows as far as `vaWidthLg2` needs. Default 2. */
  readonly topLevel?: 1 | 2 | 3 | 4 | 5 | undefined;
  /** Input addresses are below `2^vaWidthLg2`. Default 64. */
  readonly vaWidthLg2?: number | undefined;
  /** Leaves carry FC: device accesses snoop whatever the device asks. */
  readonly forceCoherence?: boolean | undefined;
  /** Position of the memory-encryption bit, 32 to 51. */
  readonly encryptionBit?: number | undefined;
}

export interface Amdv1MockOptions extends CommonOptions {
  /** Level of the root, 1 to 4. Default 2. */
  readonly topLevel?: 1 | 2 | 3 | 4 | undefined;
  /** Default: what the top reaches. */
  readonly vaWidthLg2?: number | undefined;
  readonly forceCoherence?: boolean | undefined;
}

export interface X86Options extends CommonOptions {
  /** Level of the root: 3 for four levels, 4 for five. Default 3. */
  readonly topLevel?: 3 | 4 | undefined;
  /** Default: what the top reaches. */
  readonly vaWidthLg2?: number | undefined;
  /** Addresses are sign-extended, as the CPU's are. Default true. */
  readonly signExtended?: boolean | undefined;
  readonly encryptionBit?: number | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface X86PaeOptions extends CommonOptions {
  /** 30 to 39. Default 39. */
  readonly vaWidthLg2?: number | undefined;
  /** Addresses are sign-extended. Default true. */
  readonly signExtended?: boolean | undefined;
  readonly encryptionBit?: number | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface X86Pae32Options extends CommonOptions {
  /** 32. */
  readonly vaWidthLg2?: 32 | undefined;
}

export interface VtdSecondStageOptions extends CommonOptions {
  /** Level of the root: 2, 3, 4 for a walk of three, four, five levels. Default 3. */
  readonly topLevel?: 2 | 3 | 4 | undefined;
  /** Default: what the top reaches. */
  readonly vaWidthLg2?: number | undefined;
  /** Leaves carry SNP. The hardware must have snoop control. */
  readonly forceCoherence?: boolean | undefined;
  /** Requests without write permission are refused, for hardware with that erratum. */
  readonly forceWriteable?: boolean | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface Riscv64Options extends CommonOptions {
  /** 39, 48, 57 for Sv39, Sv48, Sv57. Default 48. */
  readonly vaWidthLg2?: 39 | 48 | 57 | undefined;
  /** Default true, as the architecture has it. */
  readonly signExtended?: boolean | undefined;
  /** 64 KiB entries may be used. Default false. */
  readonly svnapot?: boolean | undefined;
  /** Leaves carry memory types: IO for MMIO, non-cacheable for what is not cacheable either. Default false. */
  readonly svpbmt?: boolean | undefined;
  /** Hardware sets the accessed bit (Svadu; an IOMMU's SADE or GADE) instead of faulting where it is clear. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

export interface Riscv64GuestOptions extends CommonOptions {
  /** 41, 50, 59 for Sv39x4, Sv48x4, Sv57x4. Default 50. */
  readonly vaWidthLg2?: 41 | 50 | 59 | undefined;
  /** 64 KiB entries may be used. Default false. */
  readonly svnapot?: boolean | undefined;
  /** Leaves carry memory types: IO for MMIO, non-cacheable for what is not cacheable either. Default false. */
  readonly svpbmt?: boolean | undefined;
  /** Hardware sets the accessed bit (Svadu; an IOMMU's SADE or GADE) instead of faulting where it is clear. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

export interface Riscv32Options extends CommonOptions {
  /** Hardware sets the accessed bit (Svadu; an IOMMU's SADE or GADE) instead of faulting where it is clear. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

export interface Riscv32GuestOptions extends CommonOptions {
  /** 34, of Sv32x4. */
  readonly vaWidthLg2?: 34 | undefined;
  /** Hardware sets the accessed bit (Svadu; an IOMMU's SADE or GADE) instead of faulting where it is clear. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

export interface ArmShortOptions extends CommonOptions {
  /** Up to 40, or with `mediatek` at most 35, which must then be said. From 2^32 on there are 16 MiB pages only. */
  readonly oaWidthLg2?: number | undefined;
  /** Up to 32; with `mediatek` up to 34. Default 32. */
  readonly vaWidthLg2?: number | undefined;
  /** Sections, supersections and tables are of the non-secure world (NS). Default false. */
  readonly nonSecure?: boolean | undefined;
  /** No permissions, access flag or execute-never are written, for walkers that have none. Default false. */
  readonly noPermissions?: boolean | undefined;
  /** Output address bits 34:32 stand in bits that `noPermissions`, which must be set too, frees. Default false. */
  readonly mediatek?: boolean | undefined;
  /** So do those of tables, which may then stand below 2^35 instead of 2^32. Default false. */
  readonly mediatekTables?: boolean | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface DartOptions extends CommonOptions {
  /** Input addresses are below `2^vaWidthLg2`, which may not be more than output addresses are. Default 32. */
  readonly vaWidthLg2?: number | undefined;
}

/** What every stage 1 of ARM's long descriptor takes. */
export interface ArmStage1Options extends CommonOptions {
  /** One of 32, 36, 40, 42, 44, 48, 52, as far as the format goes. Default: the highest. */
  readonly oaWidthLg2?: number | undefined;
  /** 64 minus TCR.T0SZ or T1SZ. Default: 48; 52 with LPA2, 32 for LPAE. */
  readonly vaWidthLg2?: number | undefined;
  /** The tables of TTBR1: address bits from `vaWidthLg2` up are all ones. Default false. */
  readonly upperHalf?: boolean | undefined;
  /** Leaves (NS) and tables (NSTable) are of the non-secure world. Default false. */
  readonly nonSecure?: boolean | undefined;
  /** The walker, which must be `incoherent`, fetches tables through an outer write-back cache. Default false. */
  readonly outerWriteBack?: boolean | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface Armv8Stage1Options extends ArmStage1Options {
  /** Hardware manages dirty state (FEAT_HAFDBS); writable leaves begin dirty. Default false. */
  readonly dirtyTracking?: boolean | undefined;
  /** Hardware manages the access flag (FEAT_HAFDBS), as it does with `dirtyTracking` too. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

/** What every stage 2 of ARM's long descriptor takes. */
export interface ArmStage2Options extends CommonOptions {
  /** One of 32, 36, 40, 42, 44, 48, 52, as far as the format goes. Default: the highest. */
  readonly oaWidthLg2?: number | undefined;
  /** 64 minus VTCR.T0SZ. Default: 48; 52 with LPA2, 40 for LPAE. */
  readonly vaWidthLg2?: number | undefined;
  /** Memory attributes are encoded for forced write-back (FEAT_S2FWB). Default false. */
  readonly forcedWriteBack?: boolean | undefined;
  /**
   * Up to 16 start tables stand side by side wherever that saves a level, not only where the architecture demands
   * it. Default false.
   */
  readonly eagerConcatenation?: boolean | undefined;
  readonly incoherent?: Clean | undefined;
}

export interface Armv8Stage2Options extends ArmStage2Options {
  /** Hardware manages dirty state (FEAT_HAFDBS); writable leaves begin dirty. Default false. */
  readonly dirtyTracking?: boolean | undefined;
  /** Hardware manages the access flag (FEAT_HAFDBS), as it does with `dirtyTracking` too. Default false. */
  readonly accessedTracking?: boolean | undefined;
}

export interface MaliOptions extends CommonOptions {
  /** Default 48. */
  readonly vaWidthLg2?: number | undefined;
  readonly incoherent?: Clean | undefined;
}

/**
 * For a walker that does not snoop the caches: called in order, each time before anything that depends on these
 * bytes is stored.
 */
export type Clean = (address: bigint, lengthBytes: number) => void;

/** Every option of every format, as the checks below see them. */
interface AnyOptions extends CommonOptions {
  readonly topLevel?: number | undefined;
  readonly vaWidthLg2?: number | undefined;
  readonly signExtended?: boolean | undefined;
  readonly upperHalf?: boolean | undefined;
  readonly encryptionBit?: number | undefined;
  readonly incoherent?: Clean | undefined;
}

const COMMON = [
  "memory",
  "oaWidthLg2",
  "pageSizes",
  "gather",
  "invalidate",
  "cachesNotPresent",
  "partialUnmap",
  "freeing",
];

/** The options that this format knows. */
export function optionNames(): readonly string[] {
  const names = [...COMMON, ...features.flags];
  if (topLevelMin < topLevelMax && !features.widthNamesTop) names.push("topLevel");
  if (topLevelMin < topLevelMax || !features.widthNamesTop || wideRoot) names.push("vaWidthLg2");
  if (features.signExtended) names.push("signExtended");
  if (upperHalf) names.push("upperHalf");
  if (incoherent) names.push("incoherent");
  if (breakBeforeMake) names.push("toleratesSizeChange");
  if (features.encryption) names.push("encryptionBit");
  return names;
}

/** Checks options and computes the domain they describe, with the level of its root. */
export function domainSettings(options: AnyOptions): { settings: DomainSettings; topLevel: number } {
  checkNames(options);
  if (!(options.memory instanceof TableMemory)) fail("INVALID_OPTION", "memory: a TableMemory");
  const signExtended = booleanOption(options, "signExtended", features.signExtended);
  const oaWidthLg2 = options.oaWidthLg2 ?? oaWidthMaxLg2;
  checkInteger("oaWidthLg2", oaWidthLg2, 1, oaWidthMaxLg2);
  const flags = flagsOf(options);
  const topLevel = topLevelOf(options, oaWidthLg2, flags);
  const vaWidthLg2 = vaWidthOf(options, topLevel, signExtended);
  const conflict = conflictOf(vaWidthLg2, oaWidthLg2, flags, options.incoherent === undefined);
  if (conflict !== "") fail("UNSUPPORTED_OPTION", conflict);
  checkMemory(options.memory, flags);
  const limit = growsTop ? Math.max(topLevel, rootLevelFor(vaWidthLg2, oaWidthLg2, flags)) : topLevel;
  const encryptionBit = options.encryptionBit;
  if (encryptionBit !== undefined) checkInteger("encryptionBit", encryptionBit, 32, 51);
  const sizes = sizesOf(options, limit, oaWidthLg2, encryptionBit ?? 63, flags);
  const settings: DomainSettings = {
    memory: options.memory,
    vaWidthLg2,
    oaWidthLg2,
    signExtended,
    upperHalf: upperHalf && booleanOption(options, "upperHalf", false),
    sizesLow: lowOf(sizes),
    sizesHigh: highOf(sizes),
    flags,
    encryptionHigh: encryptionBit === undefined ? 0 : 1 << (encryptionBit - 32),
    topLevelLimit: limit,
    cachesNotPresent: booleanOption(options, "cachesNotPresent", false),
    toleratesSizeChange: booleanOption(options, "toleratesSizeChange", false),
    partialUnmap: partialUnmapOf(options.partialUnmap ?? "whole"),
    freesEmpty: freesEmpty(options.freeing ?? "covered"),
    cleaner: cleanerOf(options.incoherent),
  };
  return { settings, topLevel };
}

const PARTIAL_UNMAPS: readonly PartialUnmapName[] = ["whole", "cut", "refuse"];

/** The numbers of `PartialUnmap` are places in the list. */
function partialUnmapOf(wanted: PartialUnmapName): PartialUnmap {
  const chosen = [PartialUnmap.WHOLE, PartialUnmap.CUT, PartialUnmap.REFUSE][PARTIAL_UNMAPS.indexOf(wanted)];
  if (chosen === undefined) return fail("INVALID_OPTION", `partialUnmap: ${PARTIAL_UNMAPS.join(", ")}`);
  if (threads && wanted !== "whole") fail("UNSUPPORTED_OPTION", "partialUnmap: threads unmap whole entries");
  return chosen;
}

function freesEmpty(wanted: FreeingName): boolean {
  if (wanted !== "covered" && wanted !== "empty") fail("INVALID_OPTION", "freeing: covered or empty");
  if (threads && wanted === "empty") {
    fail("UNSUPPORTED_OPTION", "freeing: another thread may be about to fill a table that is empty");
  }
  return wanted === "empty";
}

function checkNames(options: AnyOptions): void {
  if (typeof options !== "object" || options === null) fail("INVALID_OPTION", "options: an object");
  const known = optionNames();
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) fail("UNSUPPORTED_OPTION", `${name} has no option "${key}"`);
  }
}

function topLevelOf(options: AnyOptions, oaWidthLg2: number, flags: number): number {
  const wanted = options.topLevel;
  if (features.widthNamesTop) {
    const width = options.vaWidthLg2 ?? features.vaWidthDefaultLg2;
    checkInteger("vaWidthLg2", width, 1, vaWidthMaxLg2);
    const level = rootLevelFor(width, oaWidthLg2, flags);
    if (level < 0)
      fail("INVALID_OPTION", `vaWidthLg2: no table has ${width} bits, for ${oaWidthLg2} bits of output`);
    return level;
  }
  if (wanted === undefined) return Math.min(Math.max(topLevelMin, features.topLevelDefault), topLevelMax);
  checkInteger("topLevel", wanted, 0, 7);
  if (wanted < topLevelMin || wanted > topLevelMax) {
    const code = features.topLevelIsValue ? "INVALID_OPTION" : "UNSUPPORTED_OPTION";
    fail(code, `topLevel: ${topLevelMin} to ${topLevelMax}, not ${wanted}`);
  }
  return wanted;
}

function vaWidthOf(options: AnyOptions, topLevel: number, signExtended: boolean): number {
  if (features.widthNamesTop) return options.vaWidthLg2 ?? features.vaWidthDefaultLg2;
  const reach = Math.min(levelLg2(topLevel + 1), vaWidthMaxLg2);
  const width = options.vaWidthLg2 ?? (growsTop ? vaWidthMaxLg2 : reach);
  checkInteger("vaWidthLg2", width, 1, vaWidthMaxLg2);
  if (width > reach && !growsTop) {
    fail("UNSUPPORTED_OPTION", `a top level of ${topLevel} covers ${reach} bits, not ${width}`);
  }
  if (width < levelLg2(topLevel)) {
    fail("UNSUPPORTED_OPTION", `${width} bits do not reach one item of level ${topLevel}`);
  }
  if (signExtended && width !== reach) {
    fail("UNSUPPORTED_OPTION", `sign extension needs all ${reach} bits of the top level`);
  }
  return width;
}

/** Whether every table can be pointed to, and the memory has frames that small. */
function checkMemory(memory: TableMemory, flags: number): void {
  if (memory.capacityBytes > tableWindowBytes) {
    fail("INVALID_OPTION", `memory: at most ${tableWindowBytes} bytes for ${name}`);
  }
  const reachLg2 = tableReachLg2(flags);
  if (memory.base + BigInt(memory.capacityBytes) > 1n << BigInt(reachLg2)) {
    fail("INVALID_OPTION", `memory: ${name} reaches tables below 2^${reachLg2} only`);
  }
  if (memory.smallestFrameLg2 > frameLg2) {
    fail("INVALID_OPTION", `memory: ${name} needs one with smallestFrameLg2 of at most ${frameLg2}`);
  }
}

function flagsOf(options: AnyOptions): number {
  let flags = 0;
  for (const [bit, flag] of features.flags.entries()) {
    if (booleanOption(options, flag, false)) flags |= 1 << bit;
  }
  return flags;
}

function booleanOption(options: object, key: string, otherwise: boolean): boolean {
  const value: unknown = Reflect.get(options, key) ?? otherwise;
  if (typeof value !== "boolean") return fail("INVALID_OPTION", `${key}: true or false`);
  return value;
}

function sizesOf(
  options: AnyOptions,
  topLevel: number,
  oaWidthLg2: number,
  encryptionBit: number,
  flags: number,
): bigint {
  const offered = offeredSizes(topLevel, oaWidthLg2, encryptionBit, flags);
  const allowed = options.pageSizes ?? offered;
  if (!isUint64(allowed)) return fail("INVALID_OPTION", "pageSizes: an unsigned 64-bit mask");
  if ((offered & allowed) === 0n) fail("INVALID_OPTION", "no page size is left that the format offers");
  return offered & allowed;
}

/** All sizes of the levels up to the top, up to the largest that an output address can hold. */
function offeredSizes(topLevel: number, oaWidthLg2: number, encryptionBit: number, flags: number): bigint {
  const largestLg2 = Math.min(oaWidthLg2 - 1, encryptionBit);
  let low = 0;
  let high = 0;
  for (let sizeLg2 = 0; sizeLg2 < levelLg2(topLevel + 1) && sizeLg2 <= largestLg2; sizeLg2++) {
    if (!offersSize(sizeLg2, flags, oaWidthLg2)) continue;
    if (sizeLg2 < 32) low |= 1 << sizeLg2;
    else high |= 1 << (sizeLg2 - 32);
  }
  return fromWords(low, high);
}

function cleanerOf(clean: Clean | undefined): CleanWords | undefined {
  if (clean === undefined) return undefined;
  if (typeof clean !== "function") return fail("INVALID_OPTION", "incoherent: a function");
  return {
    clean: (addressLow, addressHigh, lengthBytes) => clean(fromWords(addressLow, addressHigh), lengthBytes),
  };
}

function checkInteger(option: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  fail("INVALID_OPTION", `${option}: a whole number from ${least} to ${most}, not ${String(value)}`);
}

function fail(code: ErrorCode, detail: string): never {
  throw new PageTableError(code, detail);
}
