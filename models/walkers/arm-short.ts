/**
 * The ARMv7 short descriptor: two levels of 32-bit items, TTBCR.N = 0, access flag enabled (SCTLR.AFE = 1), TEX
 * remap on, everything in domain 0. Source: Arm Architecture Reference Manual ARMv7-A/R (DDI 0406), B3.5, B3.7.
 */
import type { Configuration } from "../configuration.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { fits, lowMask } from "./words.js";

const TYPE = 3;
const TYPE_01 = 1;
const TYPE_11 = 3;
/** Of a level-0 item: the small page's type is 1X. */
const SMALL = 1 << 1;
/** Of a section's type: bit 18 makes it a supersection. */
const SUPER = 1 << 18;

/** Of a table pointer: PXN, should-be-zero, domain, implementation defined. Bit 3 is NS, which is free. */
const POINTER_ZERO = (1 << 2) | (1 << 4) | (0xf << 5) | (1 << 9);
const POINTER_ADDRESS = ~0x3ff;

/** A supersection's PA[35:32] and PA[39:36]. */
const EXTENDED_BASE = (0xf << 20) | (0xf << 5);
/** MediaTek's PA[32], PA[33] and PA[34], in this order. */
const MEDIATEK_ADDRESS = (1 << 9) | (1 << 4) | (1 << 5);

/** Where a kind of leaf has its fields. TEX, C, B, S, nG and NS are memory types and worlds, free to be anything. */
interface Leaf {
  readonly sizeLg2: number;
  readonly executeNever: number;
  /** AP[0], the access flag; AP[1], unprivileged access; AP[2], no writes. */
  readonly accessed: number;
  readonly unprivileged: number;
  readonly readOnly: number;
  /** Bits that must be 0: should-be-zero, implementation defined, the domain. */
  readonly zero: number;
}

const SMALL_PAGE: Leaf = {
  sizeLg2: 12,
  executeNever: 1 << 0,
  accessed: 1 << 4,
  unprivileged: 1 << 5,
  readOnly: 1 << 9,
  zero: 0,
};
const LARGE_PAGE: Leaf = { ...SMALL_PAGE, sizeLg2: 16, executeNever: 1 << 15, zero: 7 << 6 };
const SECTION: Leaf = {
  sizeLg2: 20,
  executeNever: 1 << 4,
  accessed: 1 << 10,
  unprivileged: 1 << 11,
  readOnly: 1 << 15,
  zero: (1 << 9) | (0xf << 5),
};
const SUPERSECTION: Leaf = { ...SECTION, sizeLg2: 24, zero: 1 << 9 };

/**
 * Large pages and supersections are 16 identical items; a walk of any of them gives the whole run, whose first
 * address is all that the item's address field can hold. An access is privileged where AP[1] demands it, so AP[1]
 * takes nothing away.
 *
 * With `noPermissions` there is no permission, access or execute-never bit: they must be 0 and everything is
 * allowed. MediaTek's walkers are such, and use three of the bits that this frees for the address, at both levels; they
 * have no extended base. Of several violations in one item the first of these is reported: the type, bits that
 * must be 0, the address's width, the access flag.
 */
export class ArmShortWalker extends TableWalker {
  private readonly oaWidthLg2: number;
  private readonly sectionNumberBits: number;
  private readonly noPermissions: boolean;
  private readonly mediatek: boolean;
  private readonly mediatekTables: boolean;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    if (configuration.tiny !== undefined) {
      throw new RangeError(
        "a large page's and a section's fields leave no room for smaller ones: no tiny tables",
      );
    }
    const mediatek = configuration.mediatek ?? false;
    const mediatekTables = configuration.mediatekTables ?? false;
    super(memory, {
      granuleLg2: SMALL_PAGE.sizeLg2,
      tableBitsLg2: SECTION.sizeLg2 - SMALL_PAGE.sizeLg2,
      itemBytesLg2: 2,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: false,
      rootWidthLg2: mediatekTables ? 35 : 32,
      rootAlignmentLg2: 14,
      tableAlignmentLg2: 10,
      accessedDirtyBits: 0,
      dirtyBit: 0,
      accessedBit: 0,
    });
    this.oaWidthLg2 = configuration.oaWidthLg2;
    this.sectionNumberBits = configuration.vaWidthLg2 - SECTION.sizeLg2;
    this.noPermissions = mediatek || (configuration.noPermissions ?? false);
    this.mediatek = mediatek;
    this.mediatekTables = mediatekTables;
  }

  /** The mode is TTBCR.N. */
  protected override topLevelOf(mode: number): number {
    return mode === 0 ? 1 : NO_TABLE;
  }

  /** 4096 items of 1 MiB each; MediaTek's 34 bits of input need 16384. */
  protected override rootBitsOf(): number {
    return this.sectionNumberBits;
  }

  protected override decode(level: number, rawLow: number): Decoded {
    const type = rawLow & TYPE;
    if (type === 0) return WalkResult.NotPresent;
    if (level === 0) return this.decodeLeaf(rawLow, (rawLow & SMALL) !== 0 ? SMALL_PAGE : LARGE_PAGE);
    if (type === TYPE_01) return this.decodePointer(rawLow);
    // Without PXN in the implementation type 11 is reserved.
    if (type === TYPE_11) return WalkResult.IllegalLevel;
    return this.decodeLeaf(rawLow, (rawLow & SUPER) !== 0 ? SUPERSECTION : SECTION);
  }

  private decodePointer(rawLow: number): Decoded {
    const address = this.mediatekTables ? MEDIATEK_ADDRESS : 0;
    if ((rawLow & POINTER_ZERO & ~address) !== 0) return WalkResult.ReservedBit;
    this.addressLow = rawLow & POINTER_ADDRESS;
    // Without MediaTek's wide tables these bits are 0 by now.
    this.addressHigh = mediatekHigh(rawLow);
    // With domain 0 and no PXN a pointer restricts nothing.
    this.itemRights = Rights.all;
    this.nextLevel = 0;
    return Pointer;
  }

  private decodeLeaf(rawLow: number, leaf: Leaf): Decoded {
    if ((rawLow & this.zeroBitsOf(leaf)) !== 0) return WalkResult.ReservedBit;
    this.addressLow = rawLow & ~lowMask(leaf.sizeLg2);
    this.addressHigh = this.addressHighOf(rawLow, leaf);
    if (!fits(this.addressLow, this.addressHigh, this.oaWidthLg2)) return WalkResult.AddressSize;
    this.entrySizeLg2 = leaf.sizeLg2;
    this.itemRights = Rights.all;
    if (this.noPermissions) return WalkResult.Translated;
    if ((rawLow & leaf.accessed) === 0) return WalkResult.AccessedClear;
    if ((rawLow & leaf.readOnly) !== 0) this.itemRights &= ~Rights.write;
    if ((rawLow & leaf.executeNever) !== 0) this.itemRights &= ~Rights.execute;
    return WalkResult.Translated;
  }

  private zeroBitsOf(leaf: Leaf): number {
    if (!this.noPermissions) return leaf.zero;
    const zero = leaf.zero | leaf.executeNever | leaf.accessed | leaf.unprivileged | leaf.readOnly;
    if (!this.mediatek) return zero;
    return (leaf === SUPERSECTION ? zero | EXTENDED_BASE : zero) & ~MEDIATEK_ADDRESS;
  }

  private addressHighOf(rawLow: number, leaf: Leaf): number {
    if (this.mediatek) return mediatekHigh(rawLow);
    return leaf === SUPERSECTION ? ((rawLow >>> 20) & 0xf) | ((rawLow >>> 1) & 0xf0) : 0;
  }
}

/** PA[34:32] from bits 5, 4 and 9. */
function mediatekHigh(rawLow: number): number {
  return ((rawLow >>> 9) & 1) | ((rawLow >>> 3) & 6);
}
