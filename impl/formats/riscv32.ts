/**
 * RISC-V Sv32: two levels of 32-bit items, 34-bit output addresses.
 * Source: RISC-V Instruction Set Manual, Volume II: Privileged Architecture, "Supervisor-Level ISA" (Sv32);
 * RISC-V IOMMU Architecture Specification (iosatp, fsc).
 *
 * With a root four times as large the same items are those of the G-stage, Sv32x4 ("Hypervisor Extension", two-stage
 * address translation).
 */
import {
  EntryKind,
  type Format,
  type FormatFeatures,
  type NamedTables,
  Prot,
  type Registers,
} from "./format.js";

const V = 1 << 0;
const R = 1 << 1;
const W = 1 << 2;
const X = 1 << 3;
const U = 1 << 4;
const A = 1 << 6;
const D = 1 << 7;
/** PPN, bits 31:10: a page number, so an address stands two bits lower in the item than in memory. */
const PPN = -1024;

export const name: string = "riscv32";
export const granuleLg2 = 12;
export const itemWords = 1;
export const tableBitsLg2 = 10;
export const frameLg2 = 12;
export const rootFrameLg2 = 12;
export const wideRoot: boolean = false;
export const rootIsLoaded: boolean = false;
export const upperHalf: boolean = false;
/** Bits that the root decodes beyond those of a table. */
export const rootBitsLg2: number = 0;
export const vaWidthDefaultLg2: number = 32;
export const topLevelMin = 1;
export const topLevelMax = 1;
export const leafLevelMax = 1;
export const vaWidthMaxLg2 = 32;
export const oaWidthMaxLg2 = 34;
export const contiguous: Format["contiguous"] = "none";
export const contiguousHigh = 0;
export const addressShift = -2;
export const addressLinearLg2 = 64;
export const pageReachLg2 = 64;
export const breakBeforeMake: boolean = false;
/** The base architecture does not offer tracking by the dirty bit. */
export const tracksDirty = false;
export const dirtyFlag = 0;
/** Hardware that sets A itself (Svadu; SADE, GADE) is asked for; other hardware faults without it. */
export const tracksAccessed = true;
export const accessedFlags = 1;
export const growsTop = false;
export const incoherent: boolean = false;
export const cleanMarkWord: Format["cleanMarkWord"] = 0;
export const accessedLow = 64;
export const presentBits = 1;
export const features: FormatFeatures = {
  topLevelDefault: 1,
  widthNamesTop: true,
  vaWidthDefaultLg2,
  signExtended: false,
  encryption: false,
  flags: ["accessedTracking"],
};

/** V with R, W and X clear points to a table. */
export function kindOf(low: number, level: number): EntryKind {
  if ((low & V) === 0) return EntryKind.Empty;
  return level === 0 || (low & (R | W | X)) !== 0 ? EntryKind.Leaf : EntryKind.Table;
}

export function isTable(low: number, _level: number): boolean {
  return (low & (V | R | W | X)) === V;
}

export function isEmpty(low: number): boolean {
  return (low & V) === 0;
}

/** Every readable leaf: W without R is reserved, and the engine maps nothing that can only be executed. */
export function plainLeafMask(_level: number): number {
  return V | R;
}

export function plainLeafBits(_level: number): number {
  return V | R;
}

export function contiguousLg2Of(_low: number, _high: number, _level: number): number {
  return 0;
}

export function oaLow(low: number, _high: number): number {
  return (low & PPN) << 2;
}

export function oaHigh(low: number, _high: number): number {
  return low >>> 30;
}

export function tableLow(low: number): number {
  return (low & PPN) << 2;
}

export function readable(low: number, _high: number): boolean {
  return (low & R) !== 0;
}

export function writable(low: number, _high: number): boolean {
  return (low & W) !== 0;
}

export function executable(low: number, _high: number): boolean {
  return (low & X) !== 0;
}

export function offersSize(sizeLg2: number, _flags: number, _oaWidthLg2: number): boolean {
  const aboveGranule = sizeLg2 - granuleLg2;
  return (
    aboveGranule >= 0 && aboveGranule % tableBitsLg2 === 0 && aboveGranule <= leafLevelMax * tableBitsLg2
  );
}

/** Write implies read: W without R is reserved. A, and D where writable, are set so that no access faults. */
export function leafAttributesLow(prot: number, _flags: number): number {
  let low = V | U | A | R;
  if ((prot & Prot.write) !== 0) low |= W | D;
  if ((prot & Prot.noExec) === 0) low |= X;
  return low;
}

export function leafAttributesHigh(_prot: number, _flags: number, _encryptionHigh: number): number {
  return 0;
}

export function leafLow(
  paLow: number,
  paHigh: number,
  _level: number,
  _contiguousLg2: number,
  attributes: number,
): number {
  return (paLow >>> 2) | (paHigh << 30) | attributes;
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

export function attributesLowOf(low: number, _level: number, _flags: number): number {
  return low & ~PPN;
}

export function attributesHighOf(_high: number, _encryptionHigh: number): number {
  return 0;
}

export function tableAttributesLow(_flags: number): number {
  return V;
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
  return (addressLow >>> 2) | (addressHigh << 30) | attributes;
}

export function tableItemHigh(_addressLow: number, _addressHigh: number, _attributes: number): number {
  return 0;
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

/** This format is offered for walkers that snoop only: there is nothing to mark. */
export function isMarkedClean(_word: number): boolean {
  return true;
}

export function markedClean(word: number): number {
  return word;
}

/** The width names the table: only whole tables exist, with the root's own further bits. */
export function rootLevelFor(vaWidthLg2: number, _oaWidthLg2: number, _flags: number): number {
  const level = (vaWidthLg2 - rootBitsLg2 - granuleLg2) / tableBitsLg2 - 1;
  return Number.isInteger(level) && level >= topLevelMin && level <= topLevelMax ? level : -1;
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
  return 34;
}

/** iosatp.MODE, fsc.MODE with SXL = 1, iohgatp.MODE with GXL = 1: 8 is Sv32 and Sv32x4. */
export function modeOf(_topLevel: number, _vaWidthLg2: number): number {
  return 8;
}

/** satp, iosatp, fsc, hgatp, iohgatp: MODE and PPN. */
export function registersOf({ root, topLevel, vaWidthLg2 }: NamedTables): Registers {
  return { mode: modeOf(topLevel, vaWidthLg2), ppn: root >> 12n };
}
