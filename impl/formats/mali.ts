/**
 * The tables of Mali GPUs (Midgard, Bifrost) with ARM's long descriptor: a 4 KiB granule and always four levels.
 * They have the permissions of stage 2 with the memory attributes of stage 1, no access flag, and one type for
 * leaves of every level.
 * Source: Arm Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.6, for the descriptors; the GPU's own
 * deviations and its TRANSTAB and MEMATTR registers are in no public manual and were measured.
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
/** Set in tables, in leaves of no level. */
const TABLE = 1 << 1;
/** AttrIndx: which field of MEMATTR describes the memory. */
const ATTR_CACHEABLE = 1 << 2;
const ATTR_DEVICE = 2 << 2;
const READ = 1 << 6;
const WRITE = 1 << 7;
const OUTER_SHAREABLE = 2 << 8;
/** Bits 54:53. */
const EXECUTE_NEVER_HIGH = 3 << 21;
/** Software bit 55: this table item was cleaned to memory. */
const CLEANED_HIGH = 1 << 23;
const ADDRESS_LOW = -4096;
/** PA[47:32]. */
const ADDRESS_HIGH = 0xffff;

export const name: string = "mali";
export const granuleLg2 = 12;
export const itemWords = 2;
export const tableBitsLg2 = 9;
export const frameLg2 = 12;
export const rootFrameLg2 = 6;
export const wideRoot: boolean = true;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
export const topLevelMin = 3;
export const topLevelMax: number = 3;
export const leafLevelMax = 2;
export const vaWidthMaxLg2 = 48;
export const oaWidthMaxLg2 = 40;
export const contiguous: Format["contiguous"] = "none";
export const contiguousHigh = 0;
export const addressShift = 0;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = true;
export const tracksDirty = false;
export const dirtyFlag = 0;
export const tracksAccessed = false;
export const accessedFlags = 0;
export const growsTop = false;
export const incoherent: boolean = true;
export const cleanMarkWord: Format["cleanMarkWord"] = 1;
export const accessedLow = 0;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 3,
  widthNamesTop: true,
  vaWidthDefaultLg2: 48,
  signExtended: false,
  encryption: false,
  flags: [],
};

export function kindOf(low: number, level: number): EntryKind {
  if ((low & VALID) === 0) return EntryKind.Empty;
  return level === 0 || (low & TABLE) === 0 ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, _level: number): boolean {
  return (low & (VALID | TABLE)) === (VALID | TABLE);
}

export function isEmpty(low: number): boolean {
  return (low & VALID) === 0;
}

export function plainLeafMask(level: number): number {
  return level === 0 ? VALID : VALID | TABLE;
}

export function plainLeafBits(_level: number): number {
  return VALID;
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
  return (low & READ) !== 0;
}

export function writable(low: number, _high: number): boolean {
  return (low & WRITE) !== 0;
}

export function executable(low: number, high: number): boolean {
  return (high & EXECUTE_NEVER_HIGH) === 0 && (low & READ) !== 0;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  const aboveGranule = sizeLg2 - granuleLg2;
  return (
    aboveGranule >= 0 && aboveGranule % tableBitsLg2 === 0 && aboveGranule <= leafLevelMax * tableBitsLg2
  );
}

/** A device's memory stays device memory if it is also said to be cacheable. */
export function leafAttributesLow(prot: number, _flags: number): number {
  let low = VALID | OUTER_SHAREABLE;
  if ((prot & Prot.read) !== 0) low |= READ;
  if ((prot & Prot.write) !== 0) low |= WRITE;
  if ((prot & Prot.mmio) !== 0) low |= ATTR_DEVICE;
  else if ((prot & Prot.cacheable) !== 0) low |= ATTR_CACHEABLE;
  return low;
}

export function leafAttributesHigh(prot: number, _flags: number, _encryptionHigh: number): number {
  return (prot & Prot.noExec) !== 0 ? EXECUTE_NEVER_HIGH : 0;
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

export function tableAttributesLow(_flags: number): number {
  return VALID | TABLE;
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

/** The format has no dirty bit. */
export function isDirty(_low: number, _high: number): boolean {
  return false;
}

export function dirtied(low: number, _high: number): number {
  return low;
}

export function cleaned(low: number): number {
  return low;
}

export function isMarkedClean(word: number): boolean {
  return (word & CLEANED_HIGH) !== 0;
}

export function markedClean(word: number): number {
  return word | CLEANED_HIGH;
}

/** Always four levels; narrow inputs use one item of the root, or a part of the table below it. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  return vaWidthLg2 > granuleLg2 ? topLevelMax : -1;
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
  return 48;
}

/** TRANSTAB's low bits: the GPU walks these tables. */
export function modeOf(_topLevel: number, _vaWidthLg2: number): number {
  return 3;
}

/** MEMATTR: one byte for each AttrIndx. TRANSTAB: mode, and that inner caches may hold what is read (bit 2). */
export function registersOf({ root, snoops }: NamedTables): Registers {
  return { memattr: 0x888d88, transtab: root | (snoops ? 0x17n : 0x7n) };
}
