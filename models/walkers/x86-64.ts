/**
 * x86-64 long-mode tables: the CPU, AMD's "v2" guest tables, VT-d's first stage, and the same items in three
 * levels. Source: AMD64 Architecture Programmer's Manual vol. 2 §5.3–5.4; Intel SDM vol. 3 §4.5; Intel VT-d
 * specification §3.6.
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
const ADDRESS_WIDTH_LG2 = 52;

const LEAF_LEVEL_MAX = 2;

/**
 * A device's request is a user access: an item with U/S clear takes every permission away. Bits 51:MAXPHYADDR
 * are reserved, with `oaWidthLg2` as MAXPHYADDR in leaves; tables may lie anywhere in 52 bits, because the
 * limit of a domain's output addresses says nothing of where its tables are. Bit 12 of a large leaf (PAT) is
 * held to 0 like the rest of the address below the page.
 */
export class X8664Walker extends TableWalker {
  private readonly leafReservedLow: number;
  private readonly leafReservedHigh: number;
  private readonly lowestTop: number;
  private readonly highestTop: number;
  private readonly tinyTopLevel: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    super(memory, {
      granuleLg2: 12,
      tableBitsLg2: configuration.tiny?.tableBitsLg2 ?? 9,
      itemBytesLg2: 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: configuration.signExtended,
      rootWidthLg2: ADDRESS_WIDTH_LG2,
      encryptionBit: configuration.encryptionBit,
      accessedDirtyBits: A | D,
      dirtyBit: D,
      accessedBit: A,
    });
    const threeLevels = configuration.format === "x86-pae";
    this.lowestTop = threeLevels ? 2 : 3;
    this.highestTop = threeLevels ? 2 : 4;
    this.tinyTopLevel = tinyTopLevelOf(configuration);
    this.leafReservedLow = ADDRESS_LOW & ~lowMask(configuration.oaWidthLg2);
    this.leafReservedHigh = ADDRESS_HIGH & ~highMask(configuration.oaWidthLg2) & ~this.encryptionHigh;
  }

  /** The mode is the number of levels: four or five, of "x86-pae" three. */
  protected override topLevelOf(mode: number): number {
    const topLevel = mode - 1;
    const legal = topLevel >= this.lowestTop && topLevel <= this.highestTop;
    return legal || topLevel === this.tinyTopLevel ? topLevel : NO_TABLE;
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & P) === 0) return WalkResult.NotPresent;
    // XD is bit 63, the sign of the high word.
    this.itemRights =
      (rawLow & US) === 0
        ? 0
        : Rights.read | ((rawLow & RW) !== 0 ? Rights.write : 0) | (rawHigh >= 0 ? Rights.execute : 0);
    this.addressLow = rawLow & ADDRESS_LOW;
    this.addressHigh = rawHigh & ADDRESS_HIGH & ~this.encryptionHigh;
    // At level 0 bit 7 is PAT, and every item is a leaf.
    if (level === 0 || (rawLow & PS) !== 0) return this.decodeLeaf(level, rawLow, rawHigh);
    this.nextLevel = level - 1;
    return Pointer;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number): Decoded {
    if (level > LEAF_LEVEL_MAX) return WalkResult.ReservedBit;
    if (((rawLow & this.leafReservedLow) | (rawHigh & this.leafReservedHigh)) !== 0)
      return WalkResult.ReservedBit;
    this.entrySizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    if (!isAligned(this.addressLow, this.addressHigh, this.entrySizeLg2)) return WalkResult.MisalignedLeaf;
    return WalkResult.Translated;
  }
}
