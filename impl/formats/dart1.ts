/**
 * Apple's DART, first form: two or three levels of 64-bit items below one, two or four TTBRs. There is no public
 * manual; the fields are known from what deployed drivers write and from what was measured of them.
 *
 * The TTBRs' tables stand side by side in one frame and are, together, the root of these tables. Only items of level
 * 0 are leaves. With a granule of 16 KiB there is one TTBR; with one of 4 KiB the addresses' upper two bits choose it.
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
/** A leaf has no sub-pages. */
const SP_DIS = 1 << 1;
const NO_WRITE = 1 << 7;
const NO_READ = 1 << 8;
/** Bits 35:12 hold the address. */
const ADDRESS_LOW = -4096;
const ADDRESS_HIGH = 0xf;
/** Bits 63:52 are the first sub-page of a leaf, bits 51:40 the last: all of it. */
const ALL_SUBPAGES_HIGH = 0xfff << 8;

export const name: string = "dart1";
export const granuleLg2: number = 14;
export const itemWords = 2;
export const tableBitsLg2: number = 11;
export const frameLg2: number = 14;
export const rootFrameLg2: number = 14;
export const wideRoot = true;
export const rootIsLoaded: boolean = false;
/** log2 of how many TTBRs there are at most. */
export const ttbrBitsLg2: number = 0;
export const upperHalf: boolean = false;
export const topLevelMin = 1;
export const topLevelMax: number = 1;
export const leafLevelMax = 0;
export const vaWidthMaxLg2 = 36;
export const vaWidthDefaultLg2: number = 32;
export const oaWidthMaxLg2 = 36;
export const contiguous: Format["contiguous"] = "none";
export const contiguousHigh = 0;
export const addressShift = 0;
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
  return low & ADDRESS_LOW;
}

export function oaHigh(_low: number, high: number): number {
  return high & ADDRESS_HIGH;
}

export function tableLow(low: number): number {
  return low & ADDRESS_LOW;
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
  let low = VALID | SP_DIS;
  if ((prot & Prot.read) === 0) low |= NO_READ;
  if ((prot & Prot.write) === 0) low |= NO_WRITE;
  return low;
}

export function leafAttributesHigh(_prot: number, _flags: number, _encryptionHigh: number): number {
  return ALL_SUBPAGES_HIGH;
}

export function leafLow(
  paLow: number,
  _paHigh: number,
  _level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return paLow | attributes;
}

export function leafHigh(
  _paLow: number,
  paHigh: number,
  _level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return paHigh | attributes;
}

export function attributesLowOf(low: number, _level: number, _flags: number): number {
  return low & ~ADDRESS_LOW;
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~ADDRESS_HIGH;
}

/** A pointer has nothing beside the address: neither SP_DIS nor sub-pages. */
export function tableAttributesLow(_flags: number): number {
  return VALID;
}

export function tableAttributesHigh(_flags: number, _encryptionHigh: number): number {
  return 0;
}

export function tableItemLow(
  addressLow: number,
  _addressHigh: number,
  _level: number,
  attributes: number,
): number {
  return addressLow | attributes;
}

export function tableItemHigh(_addressLow: number, addressHigh: number, attributes: number): number {
  return addressHigh | attributes;
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

/** At least two levels below the TTBRs; the TTBRs take what these leave of the address, as far as they can. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  const levels = Math.ceil((vaWidthLg2 - granuleLg2 - ttbrBitsLg2) / tableBitsLg2);
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
  return 36;
}

/** The number of levels below the TTBRs: 2 or 3. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel + 1;
}

/** The addresses of the TTBRs' tables, and the number of levels, in which the TTBRs count as one. */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  const bits = vaWidthLg2 - granuleLg2 - (topLevel + 1) * tableBitsLg2;
  const count = 2 ** Math.max(bits, 0);
  const ttbrs = Array.from({ length: count }, (_, n) => root + (BigInt(n) << BigInt(frameLg2)));
  return { ttbrs, levels: topLevel + 2 };
}
