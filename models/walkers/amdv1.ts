/**
 * AMD IOMMU host translation, "v1". Source: AMD I/O Virtualization Technology (IOMMU) Specification 48882
 * §2.2.3 (page table entries, page sizes, level skipping) and the Mode field of the device table entry.
 */
import type { Configuration } from "../configuration.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { isAligned, lowestSetBit } from "./words.js";

const PR = 1 << 0;
const A = 1 << 5;
const D = 1 << 6;
const NEXT_LEVEL_SHIFT = 9;
/** NextLevel of a leaf whose size is in its address. */
const SIZE_IN_ADDRESS = 7;
const ADDRESS_LOW = ~0xfff;
const ADDRESS_HIGH = 0x000f_ffff;

// Bits of the high word: 58:52 in a leaf, 60:52 in a pointer, IR 61, IW 62.
const LEAF_RESERVED_HIGH = 0x07f0_0000;
const POINTER_RESERVED_HIGH = 0x1ff0_0000;
const IR_HIGH = 1 << (61 - 32);
const IW_HIGH = 1 << (62 - 32);

/** The highest level that can hold a leaf. */
const LEAF_LEVEL_MAX = 4;
/** Where the zero of a size code may stand at most: a page is smaller than the 52-bit output space. */
const SIZE_ZERO_MAX = 50;

/**
 * Of several violations in one item the first of these is reported: reserved bits, the level, the size code,
 * the alignment. The device table entry's IR and IW are taken as 1. As in every format without execute
 * control, `execute` is what `read` is. The variant with a 2 KiB granule keeps all bits in place and counts
 * its addresses in units of 2 KiB; its tables stay 4 KiB.
 */
export class Amdv1Walker extends TableWalker {
  private readonly highestTop: number;
  /** How far the address stands below its field: 1 with the 2 KiB granule. */
  private readonly addressShift: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    const halfGranule = configuration.format === "amdv1-mock";
    super(memory, {
      granuleLg2: halfGranule ? 11 : 12,
      tableBitsLg2: configuration.tiny?.tableBitsLg2 ?? 9,
      itemBytesLg2: 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: false,
      rootWidthLg2: 52,
      encryptionBit: configuration.encryptionBit,
      accessedDirtyBits: A | D,
      dirtyBit: D,
      accessedBit: A,
    });
    this.highestTop = halfGranule ? 4 : 5;
    this.addressShift = halfGranule ? 1 : 0;
  }

  /** Mode 1…6 counts the levels; 0 is "no translation" and 7 is reserved. */
  protected override topLevelOf(mode: number): number {
    return mode >= 1 && mode - 1 <= this.highestTop ? mode - 1 : NO_TABLE;
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & PR) === 0) return WalkResult.NotPresent;
    this.itemRights =
      ((rawHigh & IR_HIGH) !== 0 ? Rights.read | Rights.execute : 0) |
      ((rawHigh & IW_HIGH) !== 0 ? Rights.write : 0);
    const fieldLow = rawLow & ADDRESS_LOW;
    const fieldHigh = rawHigh & ADDRESS_HIGH;
    this.addressLow = this.addressShift === 0 ? fieldLow : (fieldLow >>> 1) | (fieldHigh << 31);
    this.addressHigh = fieldHigh >>> this.addressShift;
    const next = (rawLow >>> NEXT_LEVEL_SHIFT) & 7;
    return next === 0 || next === SIZE_IN_ADDRESS
      ? this.decodeLeaf(level, rawLow, rawHigh, next)
      : this.decodePointer(level, rawHigh, next);
  }

  /** NextLevel counts from 1: the item of level n that points to the very next level holds n. */
  private decodePointer(level: number, rawHigh: number, next: number): Decoded {
    if ((rawHigh & POINTER_RESERVED_HIGH) !== 0) return WalkResult.ReservedBit;
    if (next > level) return WalkResult.IllegalLevel;
    this.addressHigh &= ~this.encryptionHigh;
    // Only the 2 KiB granule can express it: a table that is not aligned to its own 4 KiB.
    if (!isAligned(this.addressLow, this.addressHigh, 12)) return WalkResult.ReservedBit;
    this.nextLevel = next - 1;
    return Pointer;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number, next: number): Decoded {
    if ((rawHigh & LEAF_RESERVED_HIGH) !== 0) return WalkResult.ReservedBit;
    if (level > LEAF_LEVEL_MAX) return WalkResult.IllegalLevel;
    const defaultSizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    let sizeLg2 = defaultSizeLg2;
    if (next === SIZE_IN_ADDRESS) {
      const zero = sizeCodeZero(rawLow, rawHigh);
      sizeLg2 = zero + 1 - this.addressShift;
      const fitsLevel = sizeLg2 > defaultSizeLg2 && sizeLg2 < defaultSizeLg2 + this.tableBitsLg2;
      if (!fitsLevel || zero > SIZE_ZERO_MAX) return WalkResult.IllegalSize;
    } else if (!isAligned(this.addressLow, this.addressHigh, sizeLg2)) {
      return WalkResult.MisalignedLeaf;
    }
    // The encryption bit comes off only after the size is known: below the size it was part of the size code.
    if (this.encryptionBit >= sizeLg2) this.addressHigh &= ~this.encryptionHigh;
    this.entrySizeLg2 = sizeLg2;
    return WalkResult.Translated;
  }
}

/** The lowest 0 among the address bits 51:12, or 52: a page of size 2^s has ones up to bit s − 2 and a 0 at s − 1. */
function sizeCodeZero(rawLow: number, rawHigh: number): number {
  const zeroesLow = ~rawLow & ADDRESS_LOW;
  if (zeroesLow !== 0) return lowestSetBit(zeroesLow);
  const zeroesHigh = ~rawHigh & ADDRESS_HIGH;
  return zeroesHigh === 0 ? 52 : 32 + lowestSetBit(zeroesHigh);
}
