/**
 * Legacy 32-bit PAE tables: CR3 names four page-directory-pointer-table entries (PDPTEs), each of which leads to a
 * directory of 2 MiB leaves and tables. Without execute-disable, whose enabling is the owner's affair.
 * Source: Intel SDM vol. 3 §4.4 (PAE paging), tables 4-7 to 4-11; AMD64 Architecture Programmer's Manual vol. 2
 * §5.2.3.
 *
 * A processor loads the PDPTEs with CR3 and looks at no other (§4.4.1). So a map that links one is told as an
 * invalidation, as an unmap that takes one away is: where `tableLevels` has level 1, CR3 must be loaded again.
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
/** Bits 51:12 hold the address. */
const ADDRESS_LOW = -4096;
const ADDRESS_HIGH = 0xfffff;
/** The level of the PDPTEs, which have neither permissions nor A: those bits must be 0. */
const POINTER_LEVEL = 2;

export const name: string = "x86-pae32";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 5;
export const wideRoot = true;
export const rootIsLoaded: boolean = true;
export const upperHalf: boolean = false;
export const topLevelMin = 2;
export const topLevelMax = 2;
export const leafLevelMax = 1;
export const vaWidthMaxLg2 = 32;
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
export const incoherent: boolean = false;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 32;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 2,
  widthNamesTop: false,
  vaWidthDefaultLg2: 32,
  signExtended: false,
  encryption: false,
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

/** There is no execute permission without NXE. */
export function executable(_low: number, _high: number): boolean {
  return true;
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
  _attributes: number,
): number {
  return paHigh;
}

export function attributesLowOf(low: number, level: number, _flags: number): number {
  return low & ~(level === 0 ? ADDRESS_LOW : ADDRESS_LOW | PS);
}

export function attributesHighOf(high: number, _encryptionHigh: number): number {
  return high & ~ADDRESS_HIGH;
}

export function tableAttributesLow(_flags: number): number {
  return P | RW | US | A;
}

export function tableAttributesHigh(_flags: number, _encryptionHigh: number): number {
  return 0;
}

export function tableItemLow(
  addressLow: number,
  _addressHigh: number,
  level: number,
  attributes: number,
): number {
  return addressLow | (level === POINTER_LEVEL ? P : attributes);
}

export function tableItemHigh(_addressLow: number, addressHigh: number, _attributes: number): number {
  return addressHigh;
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

/** The processor snoops: there is nothing to mark. */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** There is one root. */
export function rootLevelFor(_vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  return topLevelMax;
}

/** The processor always looks at all four PDPTEs. */
export function conflictOf(
  vaWidthLg2: number,
  _oaWidthLg2: number,
  _flags: number,
  _snoops: boolean,
): string {
  return vaWidthLg2 === vaWidthMaxLg2 ? "" : `${name} has ${vaWidthMaxLg2} bits of input, not ${vaWidthLg2}`;
}

export function farPageLg2(_flags: number): number {
  return granuleLg2;
}

/** CR3 has 32 bits, and whoever puts the root there wants the other tables beside it. */
export function tableReachLg2(_flags: number): number {
  return 32;
}

/** The number of levels. */
export function modeOf(_topLevel: number, _vaWidthLg2: number): number {
  return 3;
}

/** CR3, whose bits 31:5 are the root's address. */
export function registersOf({ root }: NamedTables): Registers {
  return { cr3: root };
}
