/**
 * Apple's DART, first and second form: two or three levels of 64-bit items under one or several TTBRs. There is no
 * public manual; what the fields mean is what deployed drivers write and what was measured of them.
 */
import type { Configuration } from "../configuration.js";
import { shapeOf } from "../shape.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { fits, isAligned } from "./words.js";

const VALID = 1 << 0;

// The high word: bits 19:8 are the last sub-page that a leaf covers, bits 31:20 the first.
const SUBPAGES_HIGH = 0xffff_ff00 | 0;
const ALL_SUBPAGES_HIGH = 0x000f_ff00;

/** Where the two forms differ. */
interface Form {
  /** Bits of a leaf that must be 1, beside VALID. */
  readonly ones: number;
  readonly noRead: number;
  readonly noWrite: number;
  /** Bits of a leaf that may be anything. */
  readonly free: number;
  /** The address's place in the item's words. */
  readonly fieldLow: number;
  readonly fieldHigh: number;
  /** How far an address stands above its place. */
  readonly shift: 0 | 4;
  /** What the field reaches; a TTBR reaches as far. */
  readonly addressWidthLg2: number;
}

/** Bit 1 is SP_DIS: there are no sub-pages. PA[35:12] stands in bits 35:12. */
const DART_1: Form = {
  ones: 1 << 1,
  noRead: 1 << 8,
  noWrite: 1 << 7,
  free: 0,
  fieldLow: ~0xfff,
  fieldHigh: 0xf,
  shift: 0,
  addressWidthLg2: 36,
};
/** Bit 1 is NO_CACHE, which permits and forbids nothing. PA[41:14] stands in bits 37:10. */
const DART_2: Form = {
  ones: 0,
  noRead: 1 << 3,
  noWrite: 1 << 2,
  free: 1 << 1,
  fieldLow: ~0x3ff,
  fieldHigh: 0x3f,
  shift: 4,
  addressWidthLg2: 42,
};

/** log2 of the TTBRs at most. Their tables stand side by side and are the first level together. */
const ttbrsLg2 = (granuleLg2: number) => (granuleLg2 === 12 ? 2 : 0);

/**
 * Leaves stand at level 0 alone, so every other item is a pointer, which holds nothing but VALID and the address. A
 * leaf covers its whole page; other sub-pages are reported as `IllegalSize`. Whoever may read may execute. Of several
 * violations in one item the first of these is reported: reserved bits, the sub-pages, the alignment, the width.
 */
export class DartWalker extends TableWalker {
  private readonly form: Form;
  private readonly oaWidthLg2: number;
  /** Bits of the input that the tables resolve, all levels together. */
  private readonly indexBits: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    const form = configuration.format === "dart1" ? DART_1 : DART_2;
    const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
    super(memory, {
      granuleLg2,
      tableBitsLg2,
      itemBytesLg2: 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: false,
      rootWidthLg2: form.addressWidthLg2,
      rootAlignmentLg2: granuleLg2,
      tableAlignmentLg2: granuleLg2,
      accessedDirtyBits: 0,
      dirtyBit: 0,
      accessedBit: 0,
    });
    this.form = form;
    this.oaWidthLg2 = configuration.oaWidthLg2;
    this.indexBits = configuration.vaWidthLg2 - this.granuleLg2;
  }

  /** The mode is the number of levels, two or three. */
  protected override topLevelOf(mode: number): number {
    const topLevel = mode - 1;
    return topLevel === 1 || topLevel === 2 ? topLevel : NO_TABLE;
  }

  /** Of the input the first level resolves what is left, and there may not be more left than there are TTBRs for. */
  protected override rootBitsOf(topLevel: number): number {
    const bits = this.indexBits - this.tableBitsLg2 * topLevel;
    return bits <= this.tableBitsLg2 + ttbrsLg2(this.granuleLg2) ? bits : NO_TABLE;
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & VALID) === 0) return WalkResult.NotPresent;
    const { fieldLow, fieldHigh, shift } = this.form;
    this.addressLow = (rawLow & fieldLow) << shift;
    this.addressHigh = (rawHigh & fieldHigh) << shift;
    if (shift !== 0) this.addressHigh |= rawLow >>> (32 - shift);
    return level === 0 ? this.decodeLeaf(rawLow, rawHigh) : this.decodePointer(level, rawLow, rawHigh);
  }

  private decodePointer(level: number, rawLow: number, rawHigh: number): Decoded {
    const { fieldLow, fieldHigh } = this.form;
    if (((rawLow & ~fieldLow & ~VALID) | (rawHigh & ~fieldHigh)) !== 0) return WalkResult.ReservedBit;
    // Tables are as large as pages, and the address's bits below are as little used as those beside it.
    if (!isAligned(this.addressLow, this.addressHigh, this.granuleLg2)) return WalkResult.ReservedBit;
    this.itemRights = Rights.all;
    this.nextLevel = level - 1;
    return Pointer;
  }

  private decodeLeaf(rawLow: number, rawHigh: number): Decoded {
    const { ones, noRead, noWrite, free, fieldLow, fieldHigh } = this.form;
    if ((rawLow & ones) !== ones) return WalkResult.ReservedBit;
    const known = VALID | ones | noRead | noWrite | free | fieldLow;
    if (((rawLow & ~known) | (rawHigh & ~(fieldHigh | SUBPAGES_HIGH))) !== 0) return WalkResult.ReservedBit;
    if ((rawHigh & SUBPAGES_HIGH) !== ALL_SUBPAGES_HIGH) return WalkResult.IllegalSize;
    if (!isAligned(this.addressLow, this.addressHigh, this.granuleLg2)) return WalkResult.MisalignedLeaf;
    if (!fits(this.addressLow, this.addressHigh, this.oaWidthLg2)) return WalkResult.AddressSize;
    this.entrySizeLg2 = this.granuleLg2;
    this.itemRights =
      ((rawLow & noRead) === 0 ? Rights.read | Rights.execute : 0) |
      ((rawLow & noWrite) === 0 ? Rights.write : 0);
    return WalkResult.Translated;
  }
}
