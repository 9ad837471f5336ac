/**
 * VT-d second-stage tables.
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification, §3.7 (second-stage
 * translation) and §9.8 (second-stage paging entries).
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const R = 1 << 0;
const W = 1 << 1;
const PS = 1 << 7;
const D = 1 << 9;
/** Software bit 0, bit 10: this table item was cleaned to memory. */
const CLEANED = 1 << 10;
const SNP = 1 << 11;
/** Bits 51:12 hold the address. */
const ADDRESS_LOW = -4096;
const ADDRESS_HIGH = 0xfffff;

const FORCE_COHERENCE = 1;

export const name: string = "vtd-second-stage";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 12;
export const wideRoot: boolean = false;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 2;
export const topLevelMax = 4;
export const leafLevelMax = 2;
export const vaWidthMaxLg2 = 57;
export const oaWidthMaxLg2 = 52;
export const contiguous: Format["contiguous"] = "none";
export const contiguousHigh = 0;
export const addressShift = 0;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = false;
export const tracksDirty = true;
export const dirtyFlag = 0;
/** Hardware that sets D sets A; none faults without it. */
export const tracksAccessed = true;
export const accessedFlags = 0;
export const growsTop = false;
export const incoherent: boolean = true;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
/** Four bits that hardware ignores in every item, where the replacing policy keeps its markers: Bits 55:52 are for software. */
export const markerWord: Format["cleanMarkWord"] = 1;
export const markerShift = 20;
export const accessedLow = 256;
export const presentBits = 3;
export const features: FormatFeatures = {
  topLevelDefault: 3,
  widthNamesTop: false,
  vaWidthDefaultLg2: 48,
  signExtended: false,
  encryption: false,
  flags: ["forceCoherence", "forceWriteable"],
};

/** There is no present bit: an item with neither R nor W is empty. */
export function kindOf(low: number, level: number): EntryKind {
  if ((low & (R | W)) === 0) return EntryKind.Empty;
  return level === 0 || (level <= leafLevelMax && (low & PS) !== 0) ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, level: number): boolean {
  return (low & (R | W)) !== 0 && ((low & PS) === 0 || level > leafLevelMax);
}

export function isEmpty(low: number): boolean {
  return (low & (R | W)) === 0;
}

/** Every readable leaf; one that can only be written is rare. */
export function plainLeafMask(level: number): number {
  return level === 0 ? R : R | PS;
}

/** No mask has bit 3 (EMT): nothing is a leaf above the highest level that has them. */
export function plainLeafBits(level: number): number {
  return level <= leafLevelMax ? plainLeafMask(level) : 1 << 3;
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
  return (low & R) !== 0;
}

export function writable(low: number, _high: number): boolean {
  return (low & W) !== 0;
}

/** The legacy mode has no execute permission. */
export function executable(_low: number, _high: number): boolean {
  return true;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  const aboveGranule = sizeLg2 - granuleLg2;
  return (
    aboveGranule >= 0 && aboveGranule % tableBitsLg2 === 0 && aboveGranule <= leafLevelMax * tableBitsLg2
  );
}

export function leafAttributesLow(prot: number, flags: number): number {
  let low = (flags & FORCE_COHERENCE) !== 0 ? SNP : 0;
  if ((prot & Prot.read) !== 0) low |= R;
  if ((prot & Prot.write) !== 0) low |= W;
  return low;
}

export function leafAttributesHigh(_prot: number, _flags: number, _encryptionHigh: number): number {
  return 0;
}

export function leafLow(
  paLow: number,
  _paHigh: number,
  level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return paLow | attributes | (level === 0 ? 0 : PS);
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

export function attributesLowOf(low: number, level: number, _flags: number): number {
  return low & ~(level === 0 ? ADDRESS_LOW : ADDRESS_LOW | PS);
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~ADDRESS_HIGH;
}

export function tableAttributesLow(_flags: number): number {
  return R | W;
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

export function isDirty(low: number, _high: number): boolean {
  return (low & D) !== 0;
}

export function dirtied(low: number, _high: number): number {
  return low | D;
}

export function cleaned(low: number): number {
  return low & ~D;
}

export function isMarkedClean(word: number): boolean {
  return (word & CLEANED) !== 0;
}

export function markedClean(word: number): number {
  return word | CLEANED;
}

/** The lowest top that covers the width; `topLevel` may ask for a higher one. */
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

/** The address-width field (AGAW): 1, 2, 3 for 3, 4, 5 levels. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel - 1;
}

/** Context entry or PASID-table entry: AW, and SLPTPTR (bits 63:12). */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  return { aw: modeOf(topLevel, vaWidthLg2), slptptr: root };
}
