/**
 * What the stages of ARM's long descriptor share: types, levels, addresses. Source: Arm Architecture Reference
 * Manual DDI 0487 D8.3 (translation table descriptor formats), D8.6 (contiguous bit), D8.2 (address sizes); for
 * 32-bit LPAE also the Arm Architecture Reference Manual for ARMv7-A and ARMv7-R B3.6. Where the manual counts
 * levels from −1 to 3 downwards, here levels count from 0 upwards: level 0 is the manual's level 3.
 */
import type { Configuration } from "../configuration.js";
import { shapeOf } from "../shape.js";
import { type Decoded, Pointer, TableWalker } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { fits, isAligned, lowMask } from "./words.js";

const VALID = 1 << 0;
const TABLE_OR_PAGE = 1 << 1;
const AF = 1 << 10;
/** nT of a block, RES0 without FEAT_BBM; part of the address only where the page is smaller. */
const NT_BIT = 16;
/** The shareability field, whose value 1 is reserved; with LPA2 these bits are OA[51:50]. */
const SH = 3 << 8;
const SH_RESERVED = 1 << 8;

// Bits of the high word.
export const DBM_HIGH = 1 << (51 - 32);
const CONTIGUOUS_HIGH = 1 << (52 - 32);
/** 50:48, where the address ends at bit 47; with LPA2 only 50 (GP with FEAT_BTI, else RES0). */
const ABOVE_ADDRESS_HIGH = 7 << (48 - 32);
const ABOVE_LPA2_ADDRESS_HIGH = 1 << (50 - 32);

/** Wider than any input address. */
const NO_RUN = 64;

/** What differs between the granules. */
interface Granule {
  /** The highest level with leaves, and the one with 52-bit addresses. */
  readonly leafLevelMax: number;
  readonly leafLevelMax52: number;
  /** log2 of the items of a contiguous run, by level. Where a leaf may stand beyond these, bit 52 is RES0. */
  readonly contiguousLg2: readonly number[];
}

const GRANULES: ReadonlyMap<number, Granule> = new Map([
  [12, { leafLevelMax: 2, leafLevelMax52: 3, contiguousLg2: [4, 4, 4] }],
  [14, { leafLevelMax: 1, leafLevelMax52: 2, contiguousLg2: [7, 5] }],
  [16, { leafLevelMax: 1, leafLevelMax52: 2, contiguousLg2: [5, 5] }],
]);

/** What a stage says of itself. */
export interface Stage {
  /** The widest input address that geometry and registers allow; the mode may say less. */
  readonly vaWidthLg2: number;
  readonly upperHalf: boolean;
  /** Bits that are RES0 in every leaf, beyond what all stages have. */
  readonly leafReservedLow: number;
  readonly leafReservedHigh: number;
  readonly tableReservedHigh: number;
  /** Bit 1 is set in a page and bit 10 (AF) in every leaf: everywhere but on Mali. */
  readonly hasPageBit: boolean;
  readonly hasContiguous: boolean;
  /** The width of the addresses of tables. */
  readonly tableWidthLg2: number;
}

/**
 * `oaWidthLg2` is both the configured output size (PS, IPS) and what the machine implements. Bits that the manual
 * calls IGNORED may have any value; RES0 bits and reserved values of fields are held against whoever wrote them,
 * also where hardware would not look. Of several violations in one item the first of these is reported: the type
 * at this level, reserved bits, the address size, the alignment, the access flag. As in the architecture, the
 * address size binds the root and the table pointers as well. Hardware sets the access flag where the
 * configuration lets it; else its absence is a fault.
 */
export abstract class ArmLongDescriptorWalker extends TableWalker {
  protected readonly dirtyTracking: boolean;
  /** TCR.HA, VTCR.HA: the access flag is set where it is clear. */
  private readonly setsAccessFlag: boolean;
  protected readonly tiny: boolean;
  /** TCR.DS: addresses of 52 bits with granules of 4 and 16 KiB. */
  protected readonly lpa2: boolean;
  protected readonly oaWidthLg2: number;
  private readonly is64K: boolean;
  private readonly stage: Stage;
  private readonly leafLevelMax: number;
  private readonly contiguousLg2: readonly number[];
  private readonly addressMaskLow: number;
  private readonly leafReservedLow: number;
  private readonly leafReservedHigh: number;
  private readonly tableReservedLow: number;
  private readonly tableReservedHigh: number;

  constructor(configuration: Configuration, memory: PhysicalMemory, stage: Stage) {
    const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
    super(memory, {
      granuleLg2,
      tableBitsLg2,
      itemBytesLg2: 3,
      vaWidthLg2: stage.vaWidthLg2,
      signExtended: false,
      upperHalf: stage.upperHalf,
      rootWidthLg2: stage.tableWidthLg2,
      rootAlignmentLg2: 6,
      accessedDirtyBits: 0,
      dirtyBit: 0,
      accessedBit: configuration.dirtyTracking === true || configuration.accessedTracking === true ? AF : 0,
    });
    const granule = GRANULES.get(granuleLg2);
    if (granule === undefined) throw new RangeError(`a granule of 2^${granuleLg2} bytes`);
    const { oaWidthLg2, tiny } = configuration;
    this.stage = stage;
    this.dirtyTracking = configuration.dirtyTracking === true;
    this.setsAccessFlag = this.dirtyTracking || configuration.accessedTracking === true;
    this.tiny = tiny !== undefined;
    this.is64K = granuleLg2 === 16;
    this.lpa2 = configuration.lpa2 === true && !this.is64K;
    this.oaWidthLg2 = oaWidthLg2;
    const is52 = this.is64K ? oaWidthLg2 > 48 : this.lpa2;
    this.leafLevelMax = is52 ? granule.leafLevelMax52 : granule.leafLevelMax;
    const runs = stage.hasContiguous ? granule.contiguousLg2 : [];
    this.contiguousLg2 = tiny === undefined ? runs : runs.map(() => tiny.contiguousLg2);
    this.addressMaskLow = ~lowMask(granuleLg2);
    // With 64 KiB, bits 15:12 are the address's highest; with 16 KiB, 13:12 are nothing.
    const belowGranuleLow = this.is64K ? 0 : lowMask(granuleLg2) & ~lowMask(12);
    const aboveHigh = this.lpa2 ? ABOVE_LPA2_ADDRESS_HIGH : ABOVE_ADDRESS_HIGH;
    this.leafReservedLow = stage.leafReservedLow | belowGranuleLow;
    this.leafReservedHigh = stage.leafReservedHigh | aboveHigh | (this.dirtyTracking ? 0 : DBM_HIGH);
    this.tableReservedLow = belowGranuleLow;
    this.tableReservedHigh = stage.tableReservedHigh | aboveHigh | DBM_HIGH;
  }

  /** What a leaf allows, in rights of the stage's own. */
  protected abstract leafRights(rawLow: number, rawHigh: number): number;

  /** What a table pointer leaves of the rights of everything below it. */
  protected abstract pointerRights(rawHigh: number): number;

  /** Whether a field of a leaf has a value that is reserved. */
  protected abstract hasReservedValue(rawLow: number): boolean;

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & VALID) === 0) return WalkResult.NotPresent;
    this.takeAddress(rawLow, rawHigh);
    const hasBit1 = (rawLow & TABLE_OR_PAGE) !== 0;
    if (level > 0 && hasBit1) return this.decodePointer(level, rawLow, rawHigh);
    // 01 at the last level and blocks where there are none: translation faults, though not for want of VALID.
    const isLeafHere = level === 0 ? hasBit1 === this.stage.hasPageBit : level <= this.leafLevelMax;
    return isLeafHere ? this.decodeLeaf(level, rawLow, rawHigh) : WalkResult.IllegalLevel;
  }

  /** The whole address, also those bits of it that stand elsewhere. */
  private takeAddress(rawLow: number, rawHigh: number): void {
    this.addressLow = rawLow & this.addressMaskLow;
    if (this.is64K) this.addressHigh = (rawHigh & 0xffff) | ((rawLow & 0xf000) << 4);
    else if (this.lpa2) this.addressHigh = (rawHigh & 0x3_ffff) | ((rawLow & 0x300) << 10);
    else this.addressHigh = rawHigh & 0xffff;
  }

  private decodePointer(level: number, rawLow: number, rawHigh: number): Decoded {
    if (((rawLow & this.tableReservedLow) | (rawHigh & this.tableReservedHigh)) !== 0)
      return WalkResult.ReservedBit;
    if (!fits(this.addressLow, this.addressHigh, this.stage.tableWidthLg2)) return WalkResult.AddressSize;
    this.itemRights = this.pointerRights(rawHigh);
    this.nextLevel = level - 1;
    return Pointer;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number): Decoded {
    const itemSizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    const isContiguous = (rawHigh & CONTIGUOUS_HIGH) !== 0;
    const sizeLg2 = isContiguous ? itemSizeLg2 + (this.contiguousLg2[level] ?? NO_RUN) : itemSizeLg2;
    const reservedLow = itemSizeLg2 > NT_BIT ? this.leafReservedLow | (1 << NT_BIT) : this.leafReservedLow;
    if (
      ((rawLow & reservedLow) | (rawHigh & this.leafReservedHigh)) !== 0 ||
      (!this.lpa2 && (rawLow & SH) === SH_RESERVED) ||
      this.hasReservedValue(rawLow) ||
      // The contiguous bit at a level without, or of a run that is wider than the input addresses.
      (isContiguous && sizeLg2 > this.inputWidthLg2)
    ) {
      return WalkResult.ReservedBit;
    }
    if (!fits(this.addressLow, this.addressHigh, this.oaWidthLg2)) return WalkResult.AddressSize;
    if (!isAligned(this.addressLow, this.addressHigh, itemSizeLg2)) return WalkResult.MisalignedLeaf;
    if (this.stage.hasPageBit && (rawLow & AF) === 0 && !this.setsAccessFlag) return WalkResult.AccessedClear;
    this.entrySizeLg2 = sizeLg2;
    this.ownSizeLg2 = itemSizeLg2;
    this.itemRights = this.leafRights(rawLow, rawHigh);
    return WalkResult.Translated;
  }
}
