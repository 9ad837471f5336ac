/**
 * ARM's short descriptor: two levels of 32-bit items, as ARMv7's processors, old SMMUs and MediaTek's M4U walk them,
 * with TTBCR.N = 0, the access flag (SCTLR.AFE) and TEX remap. Level 1 has sections and supersections, level 0 small
 * and large pages; supersections and large pages are 16 identical items, told apart by type bits.
 * Source: Arm Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.5 (short-descriptor format), B3.7 (access
 * permissions), B4.1.154 (TTBR0). MediaTek's address bits are known from deployed drivers and measurement.
 *
 * Output addresses from 4 GiB on are for supersections, which have 40 bits, and to MediaTek's walkers for all.
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const TYPE = 3;
/** At level 1: a table. At level 0: a large page. */
const TYPE_TABLE = 1;
const TYPE_LARGE = 1;
/** Bit 1: a section, or at level 0 a small page. */
const SECTION = 1 << 1;
const SMALL = 1 << 1;
/** Bit 18 of a section: it is one of 16 that make a supersection. */
const SUPER = 1 << 18;

/** B and C, bits 2 and 3, stand there at both levels; the others here are of sections. */
const B = 1 << 2;
const C = 1 << 3;
const XN = 1 << 4;
/** AP[0] is the access flag, AP[1] allows unprivileged accesses, AP[2] forbids writes. */
const AP0 = 1 << 10;
const AP1 = 1 << 11;
const TEX0 = 1 << 12;
const AP2 = 1 << 15;
const S = 1 << 16;
const NG = 1 << 17;
const NS = 1 << 19;
/** Bit 3 of a table item. */
const TABLE_NS = 1 << 3;

/** A page has AP, S and nG six bits lower than a section; a small page TEX as well, while a large one's stays. */
const PAGE_SHIFT = 6;
const LARGE_FIELDS = (AP0 | AP1 | AP2 | S | NG) >> PAGE_SHIFT;
const SMALL_FIELDS = LARGE_FIELDS | ((7 * TEX0) >> PAGE_SHIFT);
const PAGE_AP2 = AP2 >> PAGE_SHIFT;
const SMALL_XN = 1 << 0;
const LARGE_XN = 1 << 15;

/** Bit 0 of the attributes, which no section has: the leaf's address is written as MediaTek's. */
const AS_MEDIATEK = 1 << 0;

const NON_SECURE = 1;
const NO_PERMISSIONS = 2;
const MEDIATEK = 4;
const MEDIATEK_TABLES = 8;

export const name: string = "arm-short";
export const granuleLg2 = 12;
export const itemWords = 1;
export const tableBitsLg2 = 8;
export const frameLg2 = 10;
export const rootFrameLg2 = 14;
export const wideRoot = true;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 1;
export const topLevelMax = 1;
export const leafLevelMax = 1;
export const vaWidthMaxLg2 = 34;
export const oaWidthMaxLg2 = 40;
export const contiguous: Format["contiguous"] = "identical";
/** log2 of the items of a large page or a supersection. */
const RUN_LG2 = 4;
export const contiguousHigh = 0;
export const addressShift = 0;
/** Address bits from 32 up stand elsewhere. */
export const addressLinearLg2 = 32;
export const pageReachLg2 = 32;
export const breakBeforeMake: boolean = true;
export const tracksDirty = false;
export const dirtyFlag = 0;
export const tracksAccessed = false;
export const accessedFlags = 0;
export const growsTop = false;
export const incoherent: boolean = true;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 0;
export const presentBits = 3;
export const features: FormatFeatures = {
  topLevelDefault: 1,
  widthNamesTop: true,
  vaWidthDefaultLg2: 32,
  signExtended: false,
  encryption: false,
  flags: ["nonSecure", "noPermissions", "mediatek", "mediatekTables"],
};

/** Type 11 of level 1 is a section that only privileged code may not fetch from, where that exists. */
export function kindOf(low: number, level: number): EntryKind {
  const type = low & TYPE;
  if (type === 0) return EntryKind.Empty;
  return level !== 0 && type === TYPE_TABLE ? EntryKind.Table : EntryKind.Leaf;
}

export function isTable(low: number, _level: number): boolean {
  return (low & TYPE) === TYPE_TABLE;
}

export function isEmpty(low: number): boolean {
  return (low & TYPE) === 0;
}

/** Small pages and sections; the others have their size in these bits. */
export function plainLeafMask(level: number): number {
  return level === 0 ? SMALL : SECTION | SUPER;
}

export function plainLeafBits(level: number): number {
  return level === 0 ? SMALL : SECTION;
}

export function contiguousLg2Of(low: number, _high: number, level: number): number {
  const isRun = level === 0 ? (low & SMALL) === 0 : (low & SUPER) !== 0;
  return isRun ? RUN_LG2 : 0;
}

export function oaLow(low: number, _high: number, _level: number, _flags: number): number {
  return low & -4096;
}

/** A supersection's bits 35:32 stand in bits 23:20, its bits 39:36 in bits 8:5. */
export function oaHigh(low: number, _high: number, level: number, flags: number): number {
  if ((flags & MEDIATEK) !== 0) return ((low >>> 9) & 1) | ((low >>> 3) & 6);
  if (level === 0 || (low & SUPER) === 0) return 0;
  return ((low >>> 20) & 0xf) | ((low >>> 1) & 0xf0);
}

export function tableLow(low: number): number {
  return low & -1024;
}

export function readable(_low: number, _high: number): boolean {
  return true;
}

export function writable(low: number, _high: number, level: number, flags: number): boolean {
  return (flags & NO_PERMISSIONS) !== 0 || (low & (level === 0 ? PAGE_AP2 : AP2)) === 0;
}

export function executable(low: number, _high: number, level: number, flags: number): boolean {
  if ((flags & NO_PERMISSIONS) !== 0) return true;
  return (low & (level === 1 ? XN : (low & SMALL) !== 0 ? SMALL_XN : LARGE_XN)) === 0;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  return sizeLg2 === 12 || sizeLg2 === 16 || sizeLg2 === 20 || sizeLg2 === 24;
}

/** The bits of a section, from which `leafLow` makes those of the others. */
export function leafAttributesLow(prot: number, flags: number): number {
  let low = S | NG;
  if ((flags & NON_SECURE) !== 0) low |= NS;
  if ((flags & MEDIATEK) !== 0) low |= AS_MEDIATEK;
  if ((prot & Prot.mmio) !== 0) low |= B;
  else low |= (prot & Prot.cacheable) !== 0 ? TEX0 | C | B : TEX0;
  if ((flags & NO_PERMISSIONS) !== 0) return low;
  low |= AP0;
  if ((prot & Prot.privileged) === 0) low |= AP1;
  if ((prot & Prot.write) === 0) low |= AP2;
  if ((prot & Prot.noExec) !== 0) low |= XN;
  return low;
}

export function leafAttributesHigh(_prot: number, _flags: number, _encryptionHigh: number): number {
  return 0;
}

export function leafLow(
  paLow: number,
  paHigh: number,
  level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const fields =
    level === 1 ? sectionFields(attributes, contiguousLg2) : pageFields(attributes, contiguousLg2);
  if ((attributes & AS_MEDIATEK) !== 0) return paLow | mediatekBits(paHigh) | fields;
  return paLow | ((paHigh & 0xf) << 20) | ((paHigh & 0xf0) << 1) | fields;
}

function sectionFields(attributes: number, contiguousLg2: number): number {
  return (attributes & ~AS_MEDIATEK) | (contiguousLg2 === 0 ? SECTION : SECTION | SUPER);
}

function pageFields(attributes: number, contiguousLg2: number): number {
  const executeNever = (attributes & XN) !== 0;
  const shifted = attributes >> PAGE_SHIFT;
  const shared = attributes & (B | C);
  if (contiguousLg2 === 0) return shared | (shifted & SMALL_FIELDS) | SMALL | (executeNever ? SMALL_XN : 0);
  const ownTex = attributes & (7 * TEX0);
  return shared | (shifted & LARGE_FIELDS) | ownTex | TYPE_LARGE | (executeNever ? LARGE_XN : 0);
}

/** Address bits 32, 33, 34 in bits 9, 4, 5. */
function mediatekBits(addressHigh: number): number {
  return ((addressHigh & 1) << 9) | ((addressHigh & 6) << 3);
}

export function leafHigh(
  _paLow: number,
  _paHigh: number,
  _level: number,
  _contiguousLg2: number,
  _attributes: number,
): number {
  return 0;
}

/** As bits of a section again, whatever kind of leaf they stand in. */
export function attributesLowOf(low: number, level: number, flags: number): number {
  const fields = level === 1 ? sectionAttributes(low) : pageAttributes(low);
  const world = (flags & NON_SECURE) !== 0 ? NS : 0;
  const kind = (flags & MEDIATEK) !== 0 ? AS_MEDIATEK : 0;
  // Without permissions their bits may hold address.
  const permissions = (flags & NO_PERMISSIONS) !== 0 ? AP0 | AP1 | AP2 | XN : 0;
  return (fields & ~permissions) | world | kind;
}

export function attributesHighOf(_high: number, _encryptionHigh: number): number {
  return 0;
}

/** A supersection's bits 8:5 are address. */
function sectionAttributes(low: number): number {
  return low & (B | C | XN | AP0 | AP1 | (7 * TEX0) | AP2 | S | NG);
}

function pageAttributes(low: number): number {
  const isSmall = (low & SMALL) !== 0;
  const shifted = (low & (isSmall ? SMALL_FIELDS : LARGE_FIELDS)) << PAGE_SHIFT;
  const executeNever = (low & (isSmall ? SMALL_XN : LARGE_XN)) !== 0 ? XN : 0;
  return (low & (B | C)) | shifted | (isSmall ? 0 : low & (7 * TEX0)) | executeNever;
}

/** Domain 0, no PXN. */
export function tableAttributesLow(flags: number): number {
  return (flags & NON_SECURE) !== 0 ? TYPE_TABLE | TABLE_NS : TYPE_TABLE;
}

export function tableAttributesHigh(_flags: number, _encryptionHigh: number): number {
  return 0;
}

/** Only MediaTek's walkers have tables beyond 4 GiB: for the others the high word is 0. */
export function tableItemLow(
  addressLow: number,
  addressHigh: number,
  _level: number,
  attributes: number,
): number {
  return addressLow | mediatekBits(addressHigh) | attributes;
}

export function tableItemHigh(_addressLow: number, _addressHigh: number, _attributes: number): number {
  return 0;
}

/** Nothing is tracked. */
export function isDirty(_low: number, _high: number): boolean {
  return false;
}

export function dirtied(low: number, _high: number): number {
  return low;
}

export function cleaned(low: number): number {
  return low;
}

/**
 * A table item has no bit that walkers leave to software, so none says "cleaned to memory". Every item that is met
 * counts as cleaned: whoever links a table cleans its item before it goes on.
 */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** One root, of 4096 items or, for narrower inputs, as if it had them; MediaTek's 34 bits have 16384. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, flags: number): number {
  const most = (flags & MEDIATEK) !== 0 ? vaWidthMaxLg2 : 32;
  return vaWidthLg2 > granuleLg2 && vaWidthLg2 <= most ? 1 : -1;
}

export function conflictOf(_vaWidthLg2: number, oaWidthLg2: number, flags: number, _snoops: boolean): string {
  if ((flags & MEDIATEK) !== 0) {
    if ((flags & NO_PERMISSIONS) === 0) return "mediatek: needs noPermissions, whose bits it uses";
    if (oaWidthLg2 > 35) return `mediatek: output addresses of at most 35 bits, not ${oaWidthLg2}`;
  } else if ((flags & MEDIATEK_TABLES) !== 0) {
    return "mediatekTables: needs mediatek";
  }
  return "";
}

/** Supersections, or everything. */
export function farPageLg2(flags: number): number {
  return (flags & MEDIATEK) !== 0 ? 12 : 24;
}

export function tableReachLg2(flags: number): number {
  return (flags & MEDIATEK_TABLES) !== 0 ? 35 : 32;
}

/** TTBCR.N: TTBR0 translates everything. */
export function modeOf(_topLevel: number, _vaWidthLg2: number): number {
  return 0;
}

/** TTBR0.S; the walks' memory is inner (IRGN) and outer (RGN) write-back, write-allocate; NOS. */
const TTBR_S = 1 << 1;
const TTBR_RGN_WBWA = 1 << 3;
const TTBR_NOS = 1 << 5;
const TTBR_IRGN_WBWA = 1 << 6;
/** What B, C and TEX[0] select: PRRR makes memory types of them, NMRR their cacheability. */
const NMRR = 0x40004000;
const PRRR = 0x800b8204;

/** TTBR0, TTBCR, NMRR, PRRR. MediaTek's TTBR has address bits 34:32 in its bits 2:0, and no attributes. */
export function registersOf({ root, flags, snoops }: NamedTables): Registers {
  const walks = snoops ? TTBR_S | TTBR_NOS | TTBR_IRGN_WBWA | TTBR_RGN_WBWA : TTBR_S;
  const low = (flags & MEDIATEK) !== 0 ? root >> 32n : BigInt(walks);
  return { ttbr: BigInt.asUintN(32, root) | low, tcr: 0, nmrr: NMRR, prrr: PRRR };
}
