/**
 * The part of a walk that no architecture changes: take an index from the address, read the item, and either
 * stop or go to the table below. What an item means is each architecture's own file.
 */

import type { Configuration } from "../configuration.js";
import {
  type PhysicalMemory,
  Pointer,
  type SweepVisitor,
  type Walker,
  WalkResult,
  type WalkResultCode,
} from "./walker.js";
import {
  bitsFrom,
  fits,
  highMask,
  isAligned,
  isSignExtended,
  lowMask,
  shiftedHigh,
  shiftedLow,
} from "./words.js";

export { Pointer };
/** A legal pointer to another table, a legal leaf (`WalkResult.Translated`), or why an item is neither. */
export type Decoded = WalkResultCode | typeof Pointer;

/** What `topLevelOf` answers for a mode that names no table. */
export const NO_TABLE = -1;

/**
 * A tiny geometry may have a number of levels that no mode of its architecture names: then the mode that the
 * architecture's formula gives for `topLevel` is legal too. `NO_TABLE` with the architecture's own geometry.
 */
export function tinyTopLevelOf(configuration: Configuration): number {
  return configuration.tiny === undefined ? NO_TABLE : configuration.topLevel;
}

/** What an item allows, as bits. An architecture with finer ones gives them the bits from 3 up: `effectiveRights`. */
export const Rights = { read: 1, write: 2, execute: 4, all: 7 } as const;

/** The unit in which memory is backed. */
const FRAME_LG2 = 12;
const FRAME_BYTES = 1 << FRAME_LG2;
/** Above every size: no item of an entry holds an address of its own. */
const NO_STEP = 64;

/** The shape of an architecture's tree, constant for one walker. */
export interface Geometry {
  /** The smallest page. */
  readonly granuleLg2: number;
  /** log2 of the items in a table. */
  readonly tableBitsLg2: number;
  /** 3 for 64-bit items, 2 for 32-bit items. */
  readonly itemBytesLg2: number;
  /** Input addresses are limited to this width, if the root's mode does not limit them further. */
  readonly vaWidthLg2: number;
  readonly signExtended: boolean;
  /** Valid input addresses have ones, not zeroes, in all bits above the input width (TTBR1). Default: false. */
  readonly upperHalf?: boolean | undefined;
  /** Width of the root register's address field. */
  readonly rootWidthLg2: number;
  /**
   * The least alignment that the root register's address field can express. A root that is larger is aligned to
   * its size. Default: 4 KiB.
   */
  readonly rootAlignmentLg2?: number | undefined;
  /** What the address of every other table is aligned to at least. Default: 4 KiB. */
  readonly tableAlignmentLg2?: number | undefined;
  /** The bit that marks encrypted memory (32…51); hardware takes it off addresses. */
  readonly encryptionBit?: number | undefined;
  /** Bits of a leaf's low word that a write sets, and the dirty bit among them; see also `wordAfterWrite`. */
  readonly accessedDirtyBits: number;
  readonly dirtyBit: number;
  /** The bit that every use sets; 0 where hardware sets none. */
  readonly accessedBit: number;
}

export abstract class TableWalker implements Walker {
  oaLow = 0;
  oaHigh = 0;
  sizeLg2 = 0;
  read = false;
  write = false;
  execute = false;
  dirty = false;
  accessed = false;
  level = 0;
  itemLow = 0;
  itemHigh = 0;
  rawLow = 0;
  rawHigh = 0;

  /** What `decode` found: the address of a pointer's table or of a leaf's page, still with its low bits. */
  protected addressLow = 0;
  protected addressHigh = 0;
  /** The level of the table that a pointer leads to. */
  protected nextLevel = 0;
  /** The size of a leaf's entry. */
  protected entrySizeLg2 = 0;
  /**
   * Below `entrySizeLg2` where each item of the entry holds its own address: then the size of one item. The
   * address bits between the two sizes must be the input's, or the leaf is misaligned.
   */
  protected ownSizeLg2: number = NO_STEP;
  /** What the item allows; the walk ANDs it, so a pointer that restricts nothing says `Rights.all`. */
  protected itemRights = 0;

  protected readonly granuleLg2: number;
  protected readonly tableBitsLg2: number;
  /** 64 where there is none, which is above every page size and address. */
  protected readonly encryptionBit: number;
  protected readonly encryptionHigh: number;
  /** The width of the input addresses that the root takes; 64 as long as there is none. */
  protected inputWidthLg2 = 64;
  private readonly memory: PhysicalMemory;
  private readonly indexMask: number;
  private readonly itemBytesLg2: number;
  private readonly vaWidthLg2: number;
  private readonly signExtended: boolean;
  private readonly upperHalf: boolean;
  private readonly rootWidthLg2: number;
  private readonly rootAlignmentLg2: number;
  private readonly tableAlignmentLg2: number;
  private readonly accessedDirtyBits: number;
  private readonly dirtyBit: number;
  private readonly accessedBit: number;

  private rootLow = 0;
  private rootHigh = 0;
  private topLevel: number = NO_TABLE;
  private rootBitsLg2 = 0;
  private reachLg2 = 0;

  constructor(memory: PhysicalMemory, geometry: Geometry) {
    this.memory = memory;
    this.granuleLg2 = geometry.granuleLg2;
    this.tableBitsLg2 = geometry.tableBitsLg2;
    this.indexMask = lowMask(geometry.tableBitsLg2);
    this.itemBytesLg2 = geometry.itemBytesLg2;
    this.vaWidthLg2 = geometry.vaWidthLg2;
    this.signExtended = geometry.signExtended;
    this.upperHalf = geometry.upperHalf ?? false;
    this.rootWidthLg2 = geometry.rootWidthLg2;
    this.rootAlignmentLg2 = geometry.rootAlignmentLg2 ?? FRAME_LG2;
    this.tableAlignmentLg2 = geometry.tableAlignmentLg2 ?? FRAME_LG2;
    this.encryptionBit = geometry.encryptionBit ?? 64;
    this.encryptionHigh = geometry.encryptionBit === undefined ? 0 : 1 << (geometry.encryptionBit - 32);
    this.accessedDirtyBits = geometry.accessedDirtyBits;
    this.dirtyBit = geometry.dirtyBit;
    this.accessedBit = geometry.accessedBit;
  }

  /** The level of the root table that a mode names, or `NO_TABLE`. */
  protected abstract topLevelOf(mode: number): number;

  /**
   * Says what an item is and fills the protected fields. `Pointer` and `Translated` promise a legal item;
   * every other answer is how the walk ends. Has no other effect: sweeps call it too.
   */
  protected abstract decode(level: number, rawLow: number, rawHigh: number): Decoded;

  /**
   * log2 of the items of the root of this level that the mode names, which may be more or fewer than another table
   * has. Negative: no such root.
   */
  protected rootBitsOf(_topLevel: number, _mode: number): number {
    return this.tableBitsLg2;
  }

  /** The low word of a leaf after a write that it allows. */
  protected wordAfterWrite(rawLow: number, _rawHigh: number): number {
    return rawLow | this.accessedDirtyBits;
  }

  /** Whether a leaf item says that its page was written. */
  protected isDirty(rawLow: number, _rawHigh: number): boolean {
    return (rawLow & this.dirtyBit) !== 0;
  }

  /** `Rights.read`, `write` and `execute` of a page, from what all items on the way to it allow. */
  protected effectiveRights(rights: number): number {
    return rights;
  }

  setRoot(rootLow: number, rootHigh: number, mode: number): void {
    const topLevel = this.topLevelOf(mode);
    const rootBitsLg2 = topLevel < 0 ? NO_TABLE : this.rootBitsOf(topLevel, mode);
    const alignmentLg2 = Math.max(this.rootAlignmentLg2, rootBitsLg2 + this.itemBytesLg2);
    const legal =
      rootBitsLg2 >= 0 &&
      isAligned(rootLow, rootHigh, alignmentLg2) &&
      fits(rootLow, rootHigh, this.rootWidthLg2);
    this.topLevel = legal ? topLevel : NO_TABLE;
    this.rootBitsLg2 = rootBitsLg2;
    this.rootLow = rootLow | 0;
    this.rootHigh = rootHigh & ~this.encryptionHigh;
    this.reachLg2 = Math.min(64, this.granuleLg2 + this.tableBitsLg2 * topLevel + rootBitsLg2);
    this.inputWidthLg2 = Math.min(this.reachLg2, this.vaWidthLg2);
  }

  walk(vaLow: number, vaHigh: number): WalkResultCode {
    const { memory, tableBitsLg2, itemBytesLg2 } = this;
    let level = this.topLevel;
    let shift = this.granuleLg2 + tableBitsLg2 * level;
    let tableLow = this.rootLow;
    let tableHigh = this.rootHigh;
    let indexMask = lowMask(this.rootBitsLg2);
    let rights = -1;
    this.level = level;
    this.itemLow = tableLow;
    this.itemHigh = tableHigh;
    this.rawLow = 0;
    this.rawHigh = 0;
    if (level < 0) return WalkResult.IllegalRoot;
    if (!this.isInput(vaLow, vaHigh)) return WalkResult.NotCanonical;
    for (;;) {
      const itemLow = tableLow | ((bitsFrom(vaLow, vaHigh, shift) & indexMask) << itemBytesLg2);
      if (!memory.contains(itemLow, tableHigh)) return WalkResult.OutsideMemory;
      this.level = level;
      this.itemLow = itemLow;
      this.itemHigh = tableHigh;
      const rawLow = memory.readWord(itemLow, tableHigh);
      const rawHigh = itemBytesLg2 === 3 ? memory.readWord(itemLow + 4, tableHigh) : 0;
      this.rawLow = rawLow;
      this.rawHigh = rawHigh;
      const decoded = this.decode(level, rawLow, rawHigh);
      if (decoded !== Pointer) {
        if (decoded !== WalkResult.Translated) return decoded;
        if (!this.isInStep(vaLow, vaHigh)) return WalkResult.MisalignedLeaf;
        this.translate(vaLow, vaHigh, rights & this.itemRights);
        return decoded;
      }
      rights &= this.itemRights;
      const nextLevel = this.nextLevel;
      if (nextLevel !== level - 1 && !this.skipsZeroBits(vaLow, vaHigh, level)) return WalkResult.IllegalSkip;
      shift -= tableBitsLg2 * (level - nextLevel);
      level = nextLevel;
      tableLow = this.addressLow;
      tableHigh = this.addressHigh;
      indexMask = this.indexMask;
    }
  }

  inspect(level: number, rawLow: number, rawHigh: number): Decoded {
    const decoded = this.decode(level, rawLow, rawHigh);
    this.level = level;
    this.rawLow = rawLow;
    this.rawHigh = rawHigh;
    if (decoded === WalkResult.Translated) {
      this.translate(0, 0, this.itemRights);
    } else if (decoded === Pointer) {
      this.level = this.nextLevel;
      this.oaLow = this.addressLow;
      this.oaHigh = this.addressHigh;
    }
    return decoded;
  }

  deviceWrite(vaLow: number, vaHigh: number): boolean {
    if (this.walk(vaLow, vaHigh) !== WalkResult.Translated || !this.write) return false;
    this.update(this.wordAfterWrite(this.rawLow, this.rawHigh) | this.accessedBit);
    return true;
  }

  deviceRead(vaLow: number, vaHigh: number): boolean {
    if (this.walk(vaLow, vaHigh) !== WalkResult.Translated || !this.read) return false;
    this.update(this.rawLow | this.accessedBit);
    return true;
  }

  private update(updated: number): void {
    if (updated === this.rawLow) return;
    this.memory.writeWord(this.itemLow, this.itemHigh, updated);
    this.rawLow = updated;
    this.dirty = this.isDirty(updated, this.rawHigh);
    this.accessed = (updated & this.accessedBit) !== 0;
  }

  /**
   * A table that is reached a second time at the same level is announced again but not entered again, so that
   * corrupted tables cannot make a sweep exponential. Items beyond the input width are not reachable and not
   * visited. An illegal root, or one outside the memory, is reported as an illegal item of that address. A table
   * of which any part is outside the memory is outside.
   */
  sweep(visitor: SweepVisitor): void {
    const fault = this.rootFault();
    if (fault === WalkResult.Translated) {
      const vaLow = this.upperHalf ? ~lowMask(this.inputWidthLg2) : 0;
      const vaHigh = this.upperHalf ? ~highMask(this.inputWidthLg2) : 0;
      this.sweepTable(visitor, new Set(), this.topLevel, this.rootLow, this.rootHigh, vaLow, vaHigh);
    } else {
      visitor.illegal(fault, Math.max(this.topLevel, 0), this.rootLow, this.rootHigh, 0, 0, 0, 0);
    }
  }

  private rootFault(): WalkResultCode {
    if (this.topLevel < 0) return WalkResult.IllegalRoot;
    return this.isBacked(this.rootLow, this.rootHigh, this.topLevel)
      ? WalkResult.Translated
      : WalkResult.OutsideMemory;
  }

  /** log2 of the items of a table: no other table has the root's level. */
  private bitsOfTable(level: number): number {
    return level === this.topLevel ? this.rootBitsLg2 : this.tableBitsLg2;
  }

  private isBacked(tableLow: number, tableHigh: number, level: number): boolean {
    const bytes = 2 ** (this.bitsOfTable(level) + this.itemBytesLg2);
    for (let offset = 0; offset < bytes; offset += FRAME_BYTES) {
      if (!this.memory.contains(tableLow | offset, tableHigh)) return false;
    }
    return true;
  }

  private isInput(vaLow: number, vaHigh: number): boolean {
    if (this.upperHalf) return fits(~vaLow, ~vaHigh, this.inputWidthLg2);
    return this.signExtended
      ? isSignExtended(vaLow, vaHigh, this.inputWidthLg2)
      : fits(vaLow, vaHigh, this.inputWidthLg2);
  }

  /** Whether a leaf item that holds an address of its own holds the one that its place in the entry demands. */
  private isInStep(vaLow: number, vaHigh: number): boolean {
    const { ownSizeLg2, entrySizeLg2 } = this;
    if (ownSizeLg2 >= entrySizeLg2) return true;
    const low = (vaLow ^ this.addressLow) & lowMask(entrySizeLg2) & ~lowMask(ownSizeLg2);
    const high = (vaHigh ^ this.addressHigh) & highMask(entrySizeLg2) & ~highMask(ownSizeLg2);
    return (low | high) === 0;
  }

  private translate(vaLow: number, vaHigh: number, allowed: number): void {
    const rights = this.effectiveRights(allowed);
    const offsetLow = lowMask(this.entrySizeLg2);
    const offsetHigh = highMask(this.entrySizeLg2);
    this.oaLow = (this.addressLow & ~offsetLow) | (vaLow & offsetLow);
    this.oaHigh = (this.addressHigh & ~offsetHigh) | (vaHigh & offsetHigh);
    this.sizeLg2 = this.entrySizeLg2;
    this.dirty = this.isDirty(this.rawLow, this.rawHigh);
    this.accessed = (this.rawLow & this.accessedBit) !== 0;
    this.read = (rights & Rights.read) !== 0;
    this.write = (rights & Rights.write) !== 0;
    this.execute = (rights & Rights.execute) !== 0;
  }

  private skipsZeroBits(vaLow: number, vaHigh: number, level: number): boolean {
    const from = this.granuleLg2 + this.tableBitsLg2 * (this.nextLevel + 1);
    const to = this.granuleLg2 + this.tableBitsLg2 * level;
    const low = vaLow & lowMask(to) & ~lowMask(from);
    const high = vaHigh & highMask(to) & ~highMask(from);
    return (low | high) === 0;
  }

  private sweepTable(
    visitor: SweepVisitor,
    entered: Set<number>,
    level: number,
    tableLow: number,
    tableHigh: number,
    vaLow: number,
    vaHigh: number,
  ): void {
    visitor.table(level, tableLow, tableHigh, vaLow, vaHigh);
    const { tableAlignmentLg2 } = this;
    const place = (tableHigh >>> 0) * 2 ** (32 - tableAlignmentLg2) + (tableLow >>> tableAlignmentLg2);
    const key = place * 8 + level;
    if (entered.has(key)) return;
    entered.add(key);
    const shift = this.granuleLg2 + this.tableBitsLg2 * level;
    const count = 2 ** this.bitsOfTable(level);
    for (let index = 0; index < count; index++) {
      const itemLow = tableLow | (index << this.itemBytesLg2);
      const rawLow = this.memory.readWord(itemLow, tableHigh);
      const rawHigh = this.itemBytesLg2 === 3 ? this.memory.readWord(itemLow + 4, tableHigh) : 0;
      // In every architecture an item of nothing but zeroes is not present.
      if ((rawLow | rawHigh) === 0) continue;
      // The top of a 64-bit space has fewer items than the others: the index may not be cut off.
      if (shift > 64 - this.tableBitsLg2 && index >>> (64 - shift) !== 0) break;
      let itemVaLow = vaLow | shiftedLow(index, shift);
      let itemVaHigh = vaHigh | shiftedHigh(index, shift);
      if (this.signExtended && (bitsFrom(itemVaLow, itemVaHigh, this.reachLg2 - 1) & 1) !== 0) {
        itemVaLow |= ~lowMask(this.reachLg2);
        itemVaHigh |= ~highMask(this.reachLg2);
      }
      if (!this.isInput(itemVaLow, itemVaHigh)) continue;
      this.sweepItem(visitor, entered, level, itemLow, tableHigh, rawLow, rawHigh, itemVaLow, itemVaHigh);
    }
  }

  private sweepItem(
    visitor: SweepVisitor,
    entered: Set<number>,
    level: number,
    itemLow: number,
    itemHigh: number,
    rawLow: number,
    rawHigh: number,
    vaLow: number,
    vaHigh: number,
  ): void {
    const decoded = this.decode(level, rawLow, rawHigh);
    if (decoded === WalkResult.NotPresent) return;
    if (decoded === WalkResult.Translated) {
      if (this.isInStep(vaLow, vaHigh))
        visitor.leaf(level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh, this.entrySizeLg2);
      else
        visitor.illegal(WalkResult.MisalignedLeaf, level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh);
    } else if (decoded !== Pointer) {
      visitor.illegal(decoded, level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh);
    } else if (this.isBacked(this.addressLow, this.addressHigh, this.nextLevel)) {
      this.sweepTable(visitor, entered, this.nextLevel, this.addressLow, this.addressHigh, vaLow, vaHigh);
    } else {
      visitor.illegal(WalkResult.OutsideMemory, level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh);
    }
  }
}
