/**
 * Intel VT-d second-stage tables. Source: Intel VT-d Architecture Specification §3.7 (second-stage
 * translation) and §9.8 (paging entries), with second-stage I/O read/write permission and EMTE off.
 */
import type { Configuration } from "../configuration.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker, tinyTopLevelOf } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { highMask, isAligned, lowMask } from "./words.js";

const R = 1 << 0;
const W = 1 << 1;
const PS = 1 << 7;
const A = 1 << 8;
const D = 1 << 9;
const SNP = 1 << 11;
const ADDRESS_LOW = ~0xfff;
const ADDRESS_HIGH = 0x000f_ffff;
const ADDRESS_WIDTH_LG2 = 52;
/** Bit 62, which older revisions gave to device TLBs. */
const RESERVED_HIGH = 1 << (62 - 32);

const LEAF_LEVEL_MAX = 2;

/**
 * The capabilities come from the configuration: snoop control where coherence is forced, the large page sizes
 * (SSLPS) that `pageSizes` has, and `oaWidthLg2` as the host address width of leaves. Tables may lie anywhere
 * in 52 bits. Nothing here controls execution: `execute` is what `read` is.
 */
export class VtdSecondStageWalker extends TableWalker {
  private readonly leafReservedLow: number;
  private readonly leafReservedHigh: number;
  /** Bit n: a leaf may stand at level n. */
  private readonly leafLevels: number;
  private readonly tinyTopLevel: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    super(memory, {
      granuleLg2: 12,
      tableBitsLg2: configuration.tiny?.tableBitsLg2 ?? 9,
      itemBytesLg2: 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: false,
      rootWidthLg2: ADDRESS_WIDTH_LG2,
      accessedDirtyBits: A | D,
      dirtyBit: D,
      accessedBit: A,
    });
    this.tinyTopLevel = tinyTopLevelOf(configuration);
    const oaWidthLg2 = configuration.oaWidthLg2;
    const snoopReserved = configuration.forceCoherence ? 0 : SNP;
    this.leafReservedLow = (ADDRESS_LOW & ~lowMask(oaWidthLg2)) | snoopReserved;
    this.leafReservedHigh = (ADDRESS_HIGH & ~highMask(oaWidthLg2)) | RESERVED_HIGH;
    let leafLevels = 1;
    for (let level = 1; level <= LEAF_LEVEL_MAX; level++) {
      const sizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
      if (((configuration.pageSizes >> BigInt(sizeLg2)) & 1n) !== 0n) leafLevels |= 1 << level;
    }
    this.leafLevels = leafLevels;
  }

  /** AGAW 1, 2, 3 are three, four and five levels. */
  protected override topLevelOf(mode: number): number {
    const topLevel = mode + 1;
    return (topLevel >= 2 && topLevel <= 4) || topLevel === this.tinyTopLevel ? topLevel : NO_TABLE;
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & (R | W)) === 0) return WalkResult.NotPresent;
    this.itemRights =
      ((rawLow & R) !== 0 ? Rights.read | Rights.execute : 0) | ((rawLow & W) !== 0 ? Rights.write : 0);
    this.addressLow = rawLow & ADDRESS_LOW;
    this.addressHigh = rawHigh & ADDRESS_HIGH;
    // PS is ignored at level 0, where every item is a leaf.
    if (level === 0 || (rawLow & PS) !== 0) return this.decodeLeaf(level, rawLow, rawHigh);
    if ((rawLow & SNP) !== 0 || (rawHigh & RESERVED_HIGH) !== 0) return WalkResult.ReservedBit;
    this.nextLevel = level - 1;
    return Pointer;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number): Decoded {
    // PS itself is the reserved bit at a level without leaves.
    if (((this.leafLevels >>> level) & 1) === 0) return WalkResult.ReservedBit;
    if (((rawLow & this.leafReservedLow) | (rawHigh & this.leafReservedHigh)) !== 0)
      return WalkResult.ReservedBit;
    this.entrySizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    if (!isAligned(this.addressLow, this.addressHigh, this.entrySizeLg2)) return WalkResult.MisalignedLeaf;
    return WalkResult.Translated;
  }
}
