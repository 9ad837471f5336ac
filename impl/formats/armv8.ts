/**
 * ARM's long descriptor: VMSAv8-64 stages 1 and 2 with granules of 4, 16 and 64 KiB, with and without LPA2, and
 * the LPAE tables of ARMv7. Each is a stamp of its own, in which `stage`, `granuleLg2` and the other constants
 * that vary are literals. ARM counts levels from the root: its lookup level is 3 minus the level here.
 * Source: Arm Architecture Reference Manual for A-profile (DDI 0487), chapter D8, "The AArch64 Virtual Memory
 * System Architecture": translation table descriptor formats, concatenated translation tables, the Contiguous
 * bit, hardware management of dirty state; TCR_EL1, VTCR_EL2, MAIR_EL1. Arm ARM ARMv7-A/R (DDI 0406), B3.6.
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const VALID = 1 << 0;
/** Above level 0 a table and not a block; at level 0 every valid item has it. */
const TABLE_OR_PAGE = 1 << 1;
/** AttrIndx, bits 4:2 of stage 1: which field of MAIR describes the memory. */
const ATTR_CACHEABLE = 1 << 2;
const ATTR_DEVICE = 2 << 2;
/** MemAttr, bits 5:2 of stage 2: the memory type itself, or what forced write-back (S2FWB) makes of it. */
const MEM_DEVICE = 0x1 << 2;
const MEM_NON_CACHEABLE = 0x5 << 2;
const MEM_FORCED_WRITE_BACK = 0x6 << 2;
const MEM_WRITE_BACK = 0xf << 2;
/** NS of stage 1. */
const NON_SECURE = 1 << 5;
/** AP[1] and AP[2] of stage 1: unprivileged accesses are allowed; writes are not. */
const UNPRIVILEGED = 1 << 6;
const READ_ONLY = 1 << 7;
/** S2AP of stage 2. */
const S2_READ = 1 << 6;
const S2_WRITE = 1 << 7;
const OUTER_SHAREABLE = 2 << 8;
const INNER_SHAREABLE = 3 << 8;
/** AF: without it the first access faults, or hardware sets it. */
const ACCESSED = 1 << 10;
const NOT_GLOBAL = 1 << 11;
/** DBM, bit 51: a write to a clean leaf makes it dirty instead of faulting. */
const DBM_HIGH = 1 << 19;
const CONTIGUOUS_HIGH = 1 << 20;
/** Stage 1: PXN and UXN, bits 53 and 54. */
const EXECUTE_NEVER_HIGH = 3 << 21;
const PXN_HIGH = 1 << 21;
const UXN_HIGH = 1 << 22;
/** Stage 2: XN[1] alone forbids everything, also where FEAT_XNX gives XN[0] a meaning. */
const S2_EXECUTE_NEVER_HIGH = 1 << 22;
/** Software bit 55: this table item was cleaned to memory. */
const CLEANED_HIGH = 1 << 23;
/** NSTable, bit 63. */
const NON_SECURE_TABLE_HIGH = 1 << 31;

export const name: string = "armv8";
export const stage: number = 1;
export const granuleLg2: number = 12;
/** TCR.DS: 52-bit addresses with granules of 4 and 16 KiB, for which SH moves from the items to TCR. */
export const lpa2: boolean = false;
export const itemWords = 2;
export const tableBitsLg2: number = 9;
export const frameLg2: number = 12;
/** A root of few items is aligned to 64 bytes at least: the bits below name PA[51:48]. */
export const rootFrameLg2 = 6;
export const wideRoot: boolean = true;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = true;
export const topLevelMin = 0;
export const topLevelMax: number = 3;
export const leafLevelMax: number = 2;
export const vaWidthMaxLg2: number = 48;
export const vaWidthDefaultLg2: number = 48;
export const oaWidthMaxLg2: number = 48;
export const contiguous: Format["contiguous"] = "stepped";
/** Bit 52. */
export const contiguousHigh = 1048576;
/** log2 of the items of a contiguous run of pages (level 0), and of blocks. */
export const pageRunLg2: number = 4;
export const blockRunLg2: number = 4;
/** The highest level at which bit 52 means anything. */
export const contiguousLevelMax: number = 2;
export const addressShift = 0;
export const addressLinearLg2: number = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = true;
export const tracksDirty: boolean = true;
export const dirtyFlag = 4;
/** Hardware that sets AF itself (TCR.HA, VTCR.HA), which tracking of dirty state needs as well. */
export const tracksAccessed: boolean = true;
export const accessedFlags = 12;
export const growsTop = false;
export const incoherent: boolean = true;
export const cleanMarkWord: Format["cleanMarkWord"] = 1;
export const accessedLow: number = 1024;
export const presentBits = 1;

/** The domain's `flags`; bit 2 is `dirtyFlag`, bit 3 what else `accessedFlags` has. */
const STAGE1_NON_SECURE = 1;
const STAGE1_OUTER_WRITE_BACK = 2;
const STAGE2_FORCED_WRITE_BACK = 1;
const STAGE2_EAGER_CONCATENATION = 2;
const FLAGS = stage === 1 ? ["nonSecure", "outerWriteBack"] : ["forcedWriteBack", "eagerConcatenation"];

export const features: FormatFeatures = {
  topLevelDefault: 3,
  widthNamesTop: true,
  vaWidthDefaultLg2,
  signExtended: false,
  encryption: false,
  flags: tracksDirty ? [...FLAGS, "dirtyTracking", "accessedTracking"] : FLAGS,
};

/** Level 0 has pages only, and a block where none can be counts as in use: nobody makes one. */
export function kindOf(low: number, level: number): EntryKind {
  if ((low & VALID) === 0) return EntryKind.Empty;
  return level === 0 || (low & TABLE_OR_PAGE) === 0 ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, _level: number): boolean {
  return (low & (VALID | TABLE_OR_PAGE)) === (VALID | TABLE_OR_PAGE);
}

export function isEmpty(low: number): boolean {
  return (low & VALID) === 0;
}

export function plainLeafMask(level: number): number {
  return level === 0 ? VALID : VALID | TABLE_OR_PAGE;
}

export function plainLeafBits(_level: number): number {
  return VALID;
}

export function contiguousLg2Of(_low: number, high: number, level: number): number {
  if ((high & CONTIGUOUS_HIGH) === 0 || level > contiguousLevelMax) return 0;
  return level === 0 ? pageRunLg2 : blockRunLg2;
}

/** Everything above the granule; a 64 KiB granule leaves bits 15:12 to PA[51:48]. */
const ADDRESS_LOW = granuleLg2 === 16 ? -65536 : -4096;
/** PA[47:32], with LPA2 PA[49:32]. */
const ADDRESS_HIGH = lpa2 ? 0x3ffff : 0xffff;

export function oaLow(low: number, _high: number): number {
  return low & ADDRESS_LOW;
}

/** The address bits from 48 (64 KiB granule) or 50 (LPA2) on stand in the low word. */
export function oaHigh(low: number, high: number): number {
  const standing = high & ADDRESS_HIGH;
  if (granuleLg2 === 16) return standing | ((low & 0xf000) << 4);
  return lpa2 ? standing | ((low & 0x300) << 10) : standing;
}

export function tableLow(low: number): number {
  return low & ADDRESS_LOW;
}

/** Stage 1 has no way to forbid reads. */
export function readable(low: number, _high: number): boolean {
  return stage === 1 || (low & S2_READ) !== 0;
}

/** A clean leaf with DBM is writable: hardware makes it dirty. */
export function writable(low: number, high: number): boolean {
  return hasWrite(low) || (high & DBM_HIGH) !== 0;
}

/** Stage 1: for privileged code where the page is privileged, else for unprivileged. */
export function executable(low: number, high: number): boolean {
  if (stage === 2) return (high & S2_EXECUTE_NEVER_HIGH) === 0 && (low & S2_READ) !== 0;
  return (high & ((low & UNPRIVILEGED) !== 0 ? UXN_HIGH : PXN_HIGH)) === 0;
}

function hasWrite(low: number): boolean {
  return stage === 1 ? (low & READ_ONLY) === 0 : (low & S2_WRITE) !== 0;
}

/** Blocks of 4 TiB (64 KiB granule) exist only with output addresses of 52 bits. */
export function offersSize(sizeLg2: number, _flags: number, oaWidthLg2: number): boolean {
  if (sizeLg2 < granuleLg2) return false;
  const level = Math.floor((sizeLg2 - granuleLg2) / tableBitsLg2);
  const items = (sizeLg2 - granuleLg2) % tableBitsLg2;
  if (level > leafLevelMax || (granuleLg2 === 16 && level === 2 && oaWidthLg2 <= 48)) return false;
  return items === 0 || (level <= contiguousLevelMax && items === (level === 0 ? pageRunLg2 : blockRunLg2));
}

export function leafAttributesLow(prot: number, flags: number): number {
  const permission = stage === 1 ? stage1Low(prot, flags) : stage2Low(prot, flags);
  // With LPA2 the two bits are address, and TCR says what is shared.
  const shared = lpa2 ? 0 : (prot & Prot.cacheable) !== 0 ? INNER_SHAREABLE : OUTER_SHAREABLE;
  return VALID | ACCESSED | shared | permission;
}

/** A device's memory stays device memory if it is also said to be cacheable. */
function stage1Low(prot: number, flags: number): number {
  let low = NOT_GLOBAL;
  if ((prot & Prot.mmio) !== 0) low |= ATTR_DEVICE;
  else if ((prot & Prot.cacheable) !== 0) low |= ATTR_CACHEABLE;
  if ((prot & Prot.privileged) === 0) low |= UNPRIVILEGED;
  if ((prot & Prot.write) === 0) low |= READ_ONLY;
  if ((flags & STAGE1_NON_SECURE) !== 0) low |= NON_SECURE;
  return low;
}

function stage2Low(prot: number, flags: number): number {
  let low = (prot & Prot.read) !== 0 ? S2_READ : 0;
  if ((prot & Prot.write) !== 0) low |= S2_WRITE;
  if ((prot & Prot.mmio) !== 0) return low | MEM_DEVICE;
  if ((prot & Prot.cacheable) === 0) return low | MEM_NON_CACHEABLE;
  return low | ((flags & STAGE2_FORCED_WRITE_BACK) !== 0 ? MEM_FORCED_WRITE_BACK : MEM_WRITE_BACK);
}

/** Writable leaves begin dirty: DBM and the permission to write. */
export function leafAttributesHigh(prot: number, flags: number, _encryptionHigh: number): number {
  let high = tracksDirty && (flags & dirtyFlag) !== 0 && (prot & Prot.write) !== 0 ? DBM_HIGH : 0;
  if ((prot & Prot.noExec) !== 0) high |= stage === 1 ? EXECUTE_NEVER_HIGH : S2_EXECUTE_NEVER_HIGH;
  return high;
}

/** Where the address bits stand that the high word has no room for. */
function spilledLow(addressHigh: number): number {
  if (granuleLg2 === 16) return (addressHigh >>> 4) & 0xf000;
  return lpa2 ? (addressHigh >>> 10) & 0x300 : 0;
}

export function leafLow(
  paLow: number,
  paHigh: number,
  level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return paLow | spilledLow(paHigh) | attributes | (level === 0 ? TABLE_OR_PAGE : 0);
}

export function leafHigh(
  _paLow: number,
  paHigh: number,
  _level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const high = (paHigh & ADDRESS_HIGH) | attributes;
  return contiguousLg2 === 0 ? high : high | CONTIGUOUS_HIGH;
}

/** Bits 15:12 of a 64 KiB granule and 9:8 of LPA2 are address. */
export function attributesLowOf(low: number, _level: number, _flags: number): number {
  const spilled = lpa2 ? 0x300 : 0;
  return low & 0xfff & ~(TABLE_OR_PAGE | spilled);
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~(ADDRESS_HIGH | CONTIGUOUS_HIGH);
}

/** The hierarchical permissions stay clear: the leaves decide. */
export function tableAttributesLow(_flags: number): number {
  return VALID | TABLE_OR_PAGE;
}

export function tableAttributesHigh(flags: number, _encryptionHigh: number): number {
  return stage === 1 && (flags & STAGE1_NON_SECURE) !== 0 ? NON_SECURE_TABLE_HIGH : 0;
}

export function tableItemLow(
  addressLow: number,
  addressHigh: number,
  _level: number,
  attributes: number,
): number {
  return addressLow | spilledLow(addressHigh) | attributes;
}

export function tableItemHigh(_addressLow: number, addressHigh: number, attributes: number): number {
  return (addressHigh & ADDRESS_HIGH) | attributes;
}

export function isDirty(low: number, high: number): boolean {
  return (high & DBM_HIGH) !== 0 && hasWrite(low);
}

/** A leaf without DBM is read-only: there is nothing that a write could change. */
export function dirtied(low: number, high: number): number {
  if ((high & DBM_HIGH) === 0) return low;
  return stage === 1 ? low & ~READ_ONLY : low | S2_WRITE;
}

export function cleaned(low: number): number {
  return stage === 1 ? low | READ_ONLY : low & ~S2_WRITE;
}

export function isMarkedClean(word: number): boolean {
  return (word & CLEANED_HIGH) !== 0;
}

export function markedClean(word: number): number {
  return word | CLEANED_HIGH;
}

/** At most so many tables of stage 2 stand side by side as its root. */
const CONCATENATED_LG2 = 4;

/** As few levels as the width needs; a stage 2 may or must have one less, with several tables at its start. */
export function rootLevelFor(vaWidthLg2: number, oaWidthLg2: number, flags: number): number {
  const natural = Math.ceil((vaWidthLg2 - granuleLg2) / tableBitsLg2) - 1;
  if (natural < 0 || stage === 1) return natural;
  const rootBits = vaWidthLg2 - granuleLg2 - natural * tableBitsLg2;
  const demanded = demandsConcatenation(natural, oaWidthLg2);
  if (demanded && rootBits > CONCATENATED_LG2) return -1;
  const lowest = granuleLg2 === 12 ? 2 : 1;
  const wanted =
    (flags & STAGE2_EAGER_CONCATENATION) !== 0 && rootBits <= CONCATENATED_LG2 && natural >= lowest;
  return demanded || wanted ? natural - 1 : natural;
}

/** Starts that hardware does not have: in LPAE, with so few output bits, or, with 16 KiB, without LPA2. */
function demandsConcatenation(natural: number, oaWidthLg2: number): boolean {
  if (natural > topLevelMax) return true;
  if (granuleLg2 === 12) return natural === 3 && oaWidthLg2 < 44;
  if (granuleLg2 === 14) return (natural === 3 && !lpa2) || (natural === 2 && oaWidthLg2 < 42);
  return natural === 2 && oaWidthLg2 < 44;
}

/** TCR.IPS, VTCR.PS, in the order of their values. */
const OUTPUT_WIDTHS = [32, 36, 40, 42, 44, 48, 52];

export function conflictOf(_vaWidthLg2: number, oaWidthLg2: number, flags: number, snoops: boolean): string {
  if (!OUTPUT_WIDTHS.includes(oaWidthLg2)) return `oaWidthLg2: one of ${OUTPUT_WIDTHS.join(", ")}`;
  if (stage === 1 && (flags & STAGE1_OUTER_WRITE_BACK) !== 0 && snoops) {
    return "outerWriteBack: for a walker that does not snoop (incoherent)";
  }
  return "";
}

export function farPageLg2(_flags: number): number {
  return granuleLg2;
}

export function tableReachLg2(_flags: number): number {
  return granuleLg2 === 16 || lpa2 ? 52 : 48;
}

/** TCR.T0SZ or T1SZ; for stage 2 with VTCR's start level above it: T0SZ, SL0 from bit 6, SL2 in bit 8. */
export function modeOf(topLevel: number, vaWidthLg2: number): number {
  const tsz = 64 - vaWidthLg2;
  return stage === 1 ? tsz : tsz | (startLevel0(topLevel) << 6) | (startLevel2(topLevel) << 8);
}

/** VTCR.SL0. Level −1 of LPA2 is 0, with SL2 set. */
function startLevel0(topLevel: number): number {
  if (startLevel2(topLevel) === 1) return 0;
  return ~(3 - topLevel + (granuleLg2 === 12 ? 1 : 0)) & 3;
}

function startLevel2(topLevel: number): number {
  return lpa2 && granuleLg2 === 12 && topLevel === 4 ? 1 : 0;
}

/** MAIR: non-cacheable, write-back, device nGnRE; the last, which no leaf uses, is inner non-cacheable. */
const MAIR = 0xf404ff44;

/** TCR or VTCR, MAIR, TTBR or VTTBR. */
export function registersOf(tables: NamedTables): Registers {
  const { topLevel, vaWidthLg2, oaWidthLg2, flags, snoops } = tables;
  const tsz = 64 - vaWidthLg2;
  const tg = granuleField(tables.upperHalf);
  const fetch = { sh: snoops ? 3 : 2, irgn: snoops ? 1 : 0, orgn: snoops || fetchesOuter(flags) ? 1 : 0 };
  const ps = OUTPUT_WIDTHS.indexOf(oaWidthLg2);
  const dirty = tracksDirty && (flags & dirtyFlag) !== 0 ? { hd: 1 } : {};
  const managed = tracksAccessed && (flags & accessedFlags) !== 0 ? { ha: 1, ...dirty } : {};
  const ds = lpa2 ? { ds: 1 } : {};
  const base = baseOf(tables.root);
  if (stage === 1) return { tsz, tg, ...fetch, ips: ps, ...ds, ...managed, mair: MAIR, ttbr: base };
  const start = lpa2 ? { sl2: startLevel2(topLevel) } : {};
  return { tsz, sl: startLevel0(topLevel), ...start, tg, ...fetch, ps, ...ds, ...managed, vttbr: base };
}

function fetchesOuter(flags: number): boolean {
  return stage === 1 && (flags & STAGE1_OUTER_WRITE_BACK) !== 0;
}

/** TCR.TG0 and VTCR.TG0, or TCR.TG1, which counts otherwise. */
function granuleField(isUpper: boolean): number {
  if (granuleLg2 === 12) return isUpper ? 2 : 0;
  if (granuleLg2 === 14) return isUpper ? 1 : 2;
  return isUpper ? 3 : 1;
}

/** TTBR's address field: bits 5:2 hold PA[51:48]. */
function baseOf(root: bigint): bigint {
  return BigInt.asUintN(48, root) | ((root >> 48n) << 2n);
}
