/**
 * Legacy 32-bit PAE tables: CR3 leads to four PDPTEs, each of them to a directory of 2 MiB leaves and tables.
 * Source: Intel SDM vol. 3 §4.4 (PAE paging), tables 4-7 to 4-11; AMD64 Architecture Programmer's Manual vol. 2
 * §5.2.3.
 */
import type { Configuration } from "../configuration.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker, tinyTopLevelOf } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { highMask, isAligned, lowMask } from "./words.js";

const P = 1 << 0;
const RW = 1 << 1;
const US = 1 << 2;
const A = 1 << 5;
const D = 1 << 6;
const PS = 1 << 7;
const ADDRESS_LOW = ~0xfff;
const ADDRESS_HIGH = 0x000f_ffff;
/** Bits 2:1 and 8:5 of a PDPTE, which has neither permissions nor A, D, PS. */
const POINTER_TABLE_RESERVED_LOW = 0x1e6;

const DIRECTORY_LEVEL = 1;
const POINTER_TABLE_LEVEL = 2;
/** CR3 has 32 bits, of which 31:5 are the address. */
const ROOT_WIDTH_LG2 = 32;
const ROOT_ALIGN_LG2 = 5;
/** Four PDPTEs. */
const ROOT_BITS_LG2 = 2;

/**
 * MAXPHYADDR is `oaWidthLg2`: all bits from there up are reserved, also 63, because NXE is off. Below 32 bits it
 * limits leaves only, for tables may lie anywhere below 4 GiB. A processor checks the PDPTEs when CR3 is loaded;
 * here one is checked when a walk comes to it. A device's request is a user access: an item with U/S clear takes
 * every permission away. Bit 12 of a 2 MiB leaf (PAT) is held to 0 like the rest of the address below the page.
 */
export class X86Pae32Walker extends TableWalker {
  private readonly leafReservedLow: number;
  private readonly reservedHigh: number;
  private readonly tinyTopLevel: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    super(memory, {
      granuleLg2: 12,
      tableBitsLg2: configuration.tiny?.tableBitsLg2 ?? 9,
      itemBytesLg2: 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: false,
      rootWidthLg2: ROOT_WIDTH_LG2,
      rootAlignmentLg2: ROOT_ALIGN_LG2,
      accessedDirtyBits: A | D,
      dirtyBit: D,
      accessedBit: A,
    });
    this.tinyTopLevel = tinyTopLevelOf(configuration);
    const { oaWidthLg2 } = configuration;
    this.leafReservedLow = ADDRESS_LOW & ~lowMask(oaWidthLg2);
    this.reservedHigh = ~highMask(oaWidthLg2);
  }

  /** The mode is the number of levels: three. */
  protected override topLevelOf(mode: number): number {
    const topLevel = mode - 1;
    return topLevel === POINTER_TABLE_LEVEL || topLevel === this.tinyTopLevel ? topLevel : NO_TABLE;
  }

  protected override rootBitsOf(): number {
    return ROOT_BITS_LG2;
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & P) === 0) return WalkResult.NotPresent;
    this.addressLow = rawLow & ADDRESS_LOW;
    this.addressHigh = rawHigh & ADDRESS_HIGH;
    this.nextLevel = level - 1;
    if (level === POINTER_TABLE_LEVEL) {
      this.itemRights = Rights.all;
      const reserved = (rawLow & POINTER_TABLE_RESERVED_LOW) | (rawHigh & this.reservedHigh);
      return reserved === 0 ? Pointer : WalkResult.ReservedBit;
    }
    const writable = (rawLow & RW) !== 0 ? Rights.write : 0;
    this.itemRights = (rawLow & US) === 0 ? 0 : Rights.read | Rights.execute | writable;
    // At level 0 bit 7 is PAT, and every item is a leaf.
    if (level < DIRECTORY_LEVEL || (rawLow & PS) !== 0) return this.decodeLeaf(level, rawLow, rawHigh);
    return (rawHigh & this.reservedHigh) === 0 ? Pointer : WalkResult.ReservedBit;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number): Decoded {
    if (((rawLow & this.leafReservedLow) | (rawHigh & this.reservedHigh)) !== 0)
      return WalkResult.ReservedBit;
    this.entrySizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    if (!isAligned(this.addressLow, this.addressHigh, this.entrySizeLg2)) return WalkResult.MisalignedLeaf;
    return WalkResult.Translated;
  }
}
