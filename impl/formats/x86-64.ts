/**
 * x86-64 long-mode tables: the CPU, AMD's IOMMU "v2" (guest) tables, VT-d's first stage.
 * Source: AMD64 Architecture Programmer's Manual vol. 2 §5.3–5.4; Intel SDM vol. 3 §4.5; Intel VT-d
 * Architecture Specification §3.6 and §9.7.
 *
 * With one level less the same items make tables of 39 bits, "x86-pae" here, which VT-d's first stage does not have.
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const P = 1 << 0;
const RW = 1 << 1;
const US = 1 << 2;
const A = 1 << 5;
const D = 1 << 6;
const PS = 1 << 7;
/** Software bit 0, bit 9: this table item was cleaned to memory. */
const CLEANED = 1 << 9;
/** Bits 51:12 hold the address. */
const ADDRESS_LOW = -4096;
const ADDRESS_HIGH = 0xfffff;
/** Bit 63: execute disable. Never set here; read for tables that others made. */
const XD_HIGH = 1 << 31;

export const name: string = "x86-64";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 12;
export const wideRoot: boolean = false;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 3;
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
/** Hardware has the bits, the deployed users of this format do not offer tracking by them. */
export const tracksDirty = false;
export const dirtyFlag = 0;
/** Every walker sets A itself. */
export const tracksAccessed = true;
export const accessedFlags = 0;
export const growsTop = false;
export const incoherent: boolean = true;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 32;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 3,
  widthNamesTop: false,
  vaWidthDefaultLg2: 48,
  signExtended: true,
  encryption: true,
  flags: [],
};

export function kindOf(low: number, level: number): EntryKind {
  if ((low & P) === 0) return EntryKind.Empty;
  return level === 0 || (level <= leafLevelMax && (low & PS) !== 0) ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, level: number): boolean {
  return (low & P) !== 0 && ((low & PS) === 0 || level > leafLevelMax);
}

export function isEmpty(low: number): boolean {
  return (low & P) === 0;
}

export function plainLeafMask(level: number): number {
  return level === 0 ? P : P | PS;
}

/** No mask has bit 3 (PWT): nothing is a leaf above the highest level that has them. */
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

/** P implies read. */
export function readable(_low: number, _high: number): boolean {
  return true;
}

export function writable(low: number, _high: number): boolean {
  return (low & RW) !== 0;
}

export function executable(_low: number, high: number): boolean {
  return (high & XD_HIGH) === 0;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  const aboveGranule = sizeLg2 - granuleLg2;
  return (
    aboveGranule >= 0 && aboveGranule % tableBitsLg2 === 0 && aboveGranule <= leafLevelMax * tableBitsLg2
  );
}

export function leafAttributesLow(prot: number, _flags: number): number {
  return (prot & Prot.write) !== 0 ? P | RW | US | A | D : P | US | A;
}

/** MMIO is never encrypted. */
export function leafAttributesHigh(prot: number, _flags: number, encryptionHigh: number): number {
  return (prot & Prot.mmio) === 0 ? encryptionHigh : 0;
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

export function attributesHighOf(high: number, encryptionHigh: number): number {
  return high & (~ADDRESS_HIGH | encryptionHigh);
}

export function tableAttributesLow(_flags: number): number {
  return P | RW | US | A;
}

export function tableAttributesHigh(_flags: number, encryptionHigh: number): number {
  return encryptionHigh;
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

/** The number of levels: 4 or 5, or 3 of x86-pae. */
export function modeOf(topLevel: number, _vaWidthLg2: number): number {
  return topLevel + 1;
}

/** CR3, GCR3, FLPTPTR: the root's address; the number of levels goes into CR4.LA57, GLX or FLPM. */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  return { levels: modeOf(topLevel, vaWidthLg2), root };
}
