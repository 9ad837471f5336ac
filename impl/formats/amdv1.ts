/**
 * AMDv1: the host translation tables of AMD's IOMMU, "v1".
 * Source: AMD I/O Virtualization Technology (IOMMU) Specification, 48882, §2.2.3 (I/O page tables for host
 * translations) and §2.2.2.1 (device table entry).
 *
 * With a granule of 2 KiB the same source is the "mock" variant, which tests hosts whose page is not the table
 * granule: the address field then counts 2 KiB units.
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const PR = 1 << 0;
const D = 1 << 6;
/** NextLevel, bits 11:9. In a leaf 0 is the level's own size and 7 a size encoded in the address. */
const NEXT_LEVEL_SHIFT = 9;
const NEXT_LEVEL = 7 << NEXT_LEVEL_SHIFT;
/** Bits 51:12 hold the address. */
const ADDRESS_LOW = -4096;
const ADDRESS_HIGH = 0xfffff;
/** Bits 60, 61, 62 in the high word. */
const FC = 1 << 28;
const IR = 1 << 29;
const IW = 1 << 30;

const FORCE_COHERENCE = 1;

export const name: string = "amdv1";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 12;
export const wideRoot: boolean = false;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 1;
export const topLevelMax = 5;
export const leafLevelMax = 4;
export const vaWidthMaxLg2 = 64;
export const oaWidthMaxLg2 = 52;
export const contiguous: Format["contiguous"] = "identical";
export const contiguousHigh = 0;
export const addressShift: number = 12 - granuleLg2;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = false;
export const tracksDirty = true;
export const dirtyFlag = 0;
/** Hardware that sets D sets A; none faults without it. */
export const tracksAccessed = true;
export const accessedFlags = 0;
export const growsTop: boolean = true;
export const incoherent: boolean = false;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
/** Four bits that hardware ignores in every item, where the replacing policy keeps its markers: Bits 4:1 are ignored. */
export const markerWord: Format["cleanMarkWord"] = 0;
export const markerShift = 1;
export const accessedLow = 32;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 2,
  topLevelIsValue: true,
  widthNamesTop: false,
  vaWidthDefaultLg2: 64,
  signExtended: false,
  // No hardware has the mock, and nothing says on which side of its shift the bit would stand.
  encryption: addressShift === 0,
  flags: ["forceCoherence"],
};

export function kindOf(low: number, level: number): EntryKind {
  if ((low & PR) === 0) return EntryKind.Empty;
  if (level === 0) return EntryKind.Leaf;
  const nextLevel = low & NEXT_LEVEL;
  return nextLevel === 0 || nextLevel === NEXT_LEVEL ? EntryKind.Leaf : EntryKind.Table;
}

/** NextLevel 1 to 6: adding one carries 0 and 7, and only those, out of the field's upper two bits. */
export function isTable(low: number, _level: number): boolean {
  return (low & PR) !== 0 && ((low + (1 << NEXT_LEVEL_SHIFT)) & (6 << NEXT_LEVEL_SHIFT)) !== 0;
}

export function isEmpty(low: number): boolean {
  return (low & PR) === 0;
}

export function plainLeafMask(_level: number): number {
  return PR | NEXT_LEVEL;
}

export function plainLeafBits(_level: number): number {
  return PR;
}

export function contiguousLg2Of(low: number, high: number, level: number): number {
  if ((low & NEXT_LEVEL) !== NEXT_LEVEL) return 0;
  return encodedSizeLg2(low, high) - (granuleLg2 + level * tableBitsLg2);
}

/** NextLevel 7: address bits s−2 … 12 are 1 and bit s−1 is 0, on the field as it stands in the item. */
function encodedSizeLg2(low: number, high: number): number {
  const lowestZero = ~low & ADDRESS_LOW;
  const bit =
    lowestZero !== 0 ? 31 - Math.clz32(lowestZero & -lowestZero) : 63 - Math.clz32(~high & (high + 1));
  return bit + 1 - addressShift;
}

export function oaLow(low: number, high: number, _level: number, _flags: number): number {
  const field = low & ADDRESS_LOW;
  return addressShift === 0 ? field : (field >>> 1) | (high << 31);
}

export function oaHigh(_low: number, high: number, _level: number, _flags: number): number {
  return (high & ADDRESS_HIGH) >>> addressShift;
}

export function tableLow(low: number): number {
  const field = low & ADDRESS_LOW;
  return addressShift === 0 ? field : field >>> 1;
}

export function readable(_low: number, high: number, _level: number, _flags: number): boolean {
  return (high & IR) !== 0;
}

export function writable(_low: number, high: number, _level: number, _flags: number): boolean {
  return (high & IW) !== 0;
}

/** The host tables have no execute permission. */
export function executable(_low: number, _high: number, _level: number, _flags: number): boolean {
  return true;
}

/** Every power of two that the leaf levels hold, except 2^39 (an erratum forbids 512 GiB). */
export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  const end = granuleLg2 + (leafLevelMax + 1) * tableBitsLg2;
  return sizeLg2 >= granuleLg2 && sizeLg2 < end && sizeLg2 !== 39;
}

export function leafAttributesLow(_prot: number, _flags: number): number {
  return PR;
}

/** MMIO is never encrypted. */
export function leafAttributesHigh(prot: number, flags: number, encryptionHigh: number): number {
  let high = (prot & Prot.mmio) === 0 ? encryptionHigh : 0;
  if ((flags & FORCE_COHERENCE) !== 0) high |= FC;
  if ((prot & Prot.read) !== 0) high |= IR;
  if ((prot & Prot.write) !== 0) high |= IW;
  return high;
}

export function leafLow(
  paLow: number,
  _paHigh: number,
  level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const low = (paLow << addressShift) | attributes;
  if (contiguousLg2 === 0) return low;
  const zeroBit = sizeCodeZeroBit(level, contiguousLg2);
  const code = zeroBit < 32 ? ((1 << zeroBit) - 1) & ADDRESS_LOW : ADDRESS_LOW;
  return low | code | NEXT_LEVEL;
}

export function leafHigh(
  paLow: number,
  paHigh: number,
  level: number,
  contiguousLg2: number,
  attributes: number,
): number {
  const high = (addressShift === 0 ? paHigh : (paHigh << 1) | (paLow >>> 31)) | attributes;
  if (contiguousLg2 === 0) return high;
  const zeroBit = sizeCodeZeroBit(level, contiguousLg2);
  return zeroBit < 32 ? high : high | ((1 << (zeroBit - 32)) - 1);
}

/** The lowest zero bit of a size code, for an entry of `2^contiguousLg2` items of a level. */
function sizeCodeZeroBit(level: number, contiguousLg2: number): number {
  return granuleLg2 + addressShift + level * tableBitsLg2 + contiguousLg2 - 1;
}

export function attributesLowOf(low: number, _level: number, _flags: number): number {
  return low & ~(ADDRESS_LOW | NEXT_LEVEL);
}

/** The encryption bit stands inside the address field. */
export function attributesHighOf(high: number, encryptionHigh: number): number {
  return high & (~ADDRESS_HIGH | encryptionHigh);
}

export function tableAttributesLow(_flags: number): number {
  return PR;
}

export function tableAttributesHigh(_flags: number, encryptionHigh: number): number {
  return encryptionHigh | IR | IW;
}

export function tableItemLow(
  addressLow: number,
  _addressHigh: number,
  level: number,
  attributes: number,
): number {
  return (addressLow << addressShift) | (level << NEXT_LEVEL_SHIFT) | attributes;
}

export function tableItemHigh(addressLow: number, addressHigh: number, attributes: number): number {
  const high = addressShift === 0 ? addressHigh : (addressHigh << 1) | (addressLow >>> 31);
  return high | attributes;
}

export function isDirty(low: number, _high: number): boolean {
  return (low & D) !== 0;
}

export function dirtied(low: number, _high: number): number {
  return low | D;
}

export function cleaned(low: number): number {
  return low & ~D;
}

/** AMD's IOMMU snoops: there is nothing to mark. */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** Any level covers some width; `topLevel` says which is wanted. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  return Math.max(topLevelMin, Math.ceil((vaWidthLg2 - granuleLg2) / tableBitsLg2) - 1);
}

export function conflictOf(
  _vaWidthLg2: number,
  _oaWidthLg2: number,
  _flags: number,
  _snoops: boolean,
): string {
  return "";
}

export function farPageLg2(_flags: number): number {
  return granuleLg2;
}

export function tableReachLg2(_flags: number): number {
  return 52;
}

/** DTE.Mode: the number of levels. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel + 1;
}

/** DTE: Mode, Host Page Table Root Pointer (bits 51:12). */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  return { mode: modeOf(topLevel, vaWidthLg2), hostPageTableRoot: root };
}
