/**
 * Apple's DART, second form: two or three levels of 64-bit items below one TTBR, 16 KiB pages, output addresses of 42
 * bits. There is no public manual; the fields are known from what deployed drivers write and from what was measured
 * of them. Only items of level 0 are leaves.
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
const NO_CACHE = 1 << 1;
const NO_WRITE = 1 << 2;
const NO_READ = 1 << 3;
/** Bits 37:10 hold address bits 41:14: an address stands four bits lower in the item than in memory. */
const ADDRESS_LOW = -1024;
const ADDRESS_HIGH = 0x3f;
/** Bits 63:52 are the first sub-page of a leaf, bits 51:40 the last: all of it. */
const ALL_SUBPAGES_HIGH = 0xfff << 8;

export const name: string = "dart2";
export const granuleLg2 = 14;
export const itemWords = 2;
export const tableBitsLg2 = 11;
export const frameLg2 = 14;
export const rootFrameLg2 = 14;
export const wideRoot = true;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 1;
export const topLevelMax = 2;
export const leafLevelMax = 0;
export const vaWidthMaxLg2 = 42;
export const vaWidthDefaultLg2: number = 32;
export const oaWidthMaxLg2 = 42;
export const contiguous: Format["contiguous"] = "none";
export const contiguousHigh = 0;
export const addressShift = -4;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = false;
export const tracksDirty = false;
export const dirtyFlag = 0;
export const tracksAccessed = false;
export const accessedFlags = 0;
export const growsTop = false;
export const incoherent: boolean = false;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 0;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 1,
  widthNamesTop: true,
  vaWidthDefaultLg2,
  signExtended: false,
  encryption: false,
  flags: [],
};

export function kindOf(low: number, level: number): EntryKind {
  if ((low & VALID) === 0) return EntryKind.Empty;
  return level === 0 ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, _level: number): boolean {
  return (low & VALID) !== 0;
}

export function isEmpty(low: number): boolean {
  return (low & VALID) === 0;
}

export function plainLeafMask(_level: number): number {
  return VALID;
}

/** No mask has bit 1: nothing is a leaf above level 0. */
export function plainLeafBits(level: number): number {
  return level === 0 ? VALID : 1 << 1;
}

export function contiguousLg2Of(_low: number, _high: number, _level: number): number {
  return 0;
}

export function oaLow(low: number, _high: number): number {
  return (low & ADDRESS_LOW) << 4;
}

export function oaHigh(low: number, high: number): number {
  return ((high & ADDRESS_HIGH) << 4) | (low >>> 28);
}

export function tableLow(low: number): number {
  return (low & ADDRESS_LOW) << 4;
}

export function readable(low: number, _high: number): boolean {
  return (low & NO_READ) === 0;
}

export function writable(low: number, _high: number): boolean {
  return (low & NO_WRITE) === 0;
}

/** There is no execute permission; who may read may fetch. */
export function executable(low: number, _high: number): boolean {
  return (low & NO_READ) === 0;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  return sizeLg2 === granuleLg2;
}

export function leafAttributesLow(prot: number, _flags: number): number {
  let low = VALID;
  if ((prot & Prot.cacheable) === 0) low |= NO_CACHE;
  if ((prot & Prot.read) === 0) low |= NO_READ;
  if ((prot & Prot.write) === 0) low |= NO_WRITE;
  return low;
}

export function leafAttributesHigh(_prot: number, _flags: number, _encryptionHigh: number): number {
  return ALL_SUBPAGES_HIGH;
}

export function leafLow(
  paLow: number,
  paHigh: number,
  _level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return (paLow >>> 4) | (paHigh << 28) | attributes;
}

export function leafHigh(
  _paLow: number,
  paHigh: number,
  _level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return (paHigh >>> 4) | attributes;
}

export function attributesLowOf(low: number, _level: number, _flags: number): number {
  return low & ~ADDRESS_LOW;
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~ADDRESS_HIGH;
}

/** A pointer has nothing beside the address: no sub-pages either. */
export function tableAttributesLow(_flags: number): number {
  return VALID;
}

export function tableAttributesHigh(_flags: number, _encryptionHigh: number): number {
  return 0;
}

export function tableItemLow(
  addressLow: number,
  addressHigh: number,
  _level: number,
  attributes: number,
): number {
  return (addressLow >>> 4) | (addressHigh << 28) | attributes;
}

export function tableItemHigh(_addressLow: number, addressHigh: number, attributes: number): number {
  return (addressHigh >>> 4) | attributes;
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

/** DART snoops: there is nothing to mark. */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** At least two levels below the TTBR. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  const levels = Math.ceil((vaWidthLg2 - granuleLg2) / tableBitsLg2);
  const level = Math.max(topLevelMin, levels - 1);
  return vaWidthLg2 > granuleLg2 && level <= topLevelMax ? level : -1;
}

export function conflictOf(vaWidthLg2: number, oaWidthLg2: number, _flags: number, _snoops: boolean): string {
  if (vaWidthLg2 <= oaWidthLg2) return "";
  return `${name} has no input addresses of more bits, ${vaWidthLg2}, than output addresses, ${oaWidthLg2}`;
}

export function farPageLg2(_flags: number): number {
  return granuleLg2;
}

export function tableReachLg2(_flags: number): number {
  return 42;
}

/** The number of levels below the TTBR: 2 or 3. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel + 1;
}

/** The address of the TTBR's table, and the number of levels, in which the TTBR counts as one. */
export function registersOf({ root, topLevel }: NamedTables): Registers {
  return { ttbrs: [root], levels: topLevel + 2 };
}
