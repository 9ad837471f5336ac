/**
 * RISC-V Sv32, Sv39, Sv48 and Sv57 as the first stage of a RISC-V IOMMU, and Sv32x4, Sv39x4, Sv48x4 and Sv57x4 as
 * its second (G-stage), with Svnapot and Svpbmt. Source: RISC-V Privileged Architecture (virtual memory systems,
 * Svnapot, Svpbmt; hypervisor extension, guest physical address translation) and RISC-V IOMMU Architecture.
 */
import type { Configuration } from "../configuration.js";
import { type Decoded, NO_TABLE, Pointer, Rights, TableWalker, tinyTopLevelOf } from "./table-walker.js";
import { type PhysicalMemory, WalkResult } from "./walker.js";
import { isAligned, lowMask } from "./words.js";

const V = 1 << 0;
const R = 1 << 1;
const W = 1 << 2;
const X = 1 << 3;
const U = 1 << 4;
const A = 1 << 6;
const D = 1 << 7;
const PPN_LOW = ~0x3ff;
const PPN_SHIFT = 10;

// Bits of the high word: reserved 60:54, PBMT 62:61 (3 is reserved), N 63.
const RESERVED_HIGH = 0x1fc0_0000;
const PBMT_HIGH = 0x6000_0000;
const PBMT_RESERVED = 0x6000_0000;
const N_HIGH = 1 << 31;

/** A G-stage root is four tables wide: two address bits more. */
const GUEST_ROOT_BITS = 2;

/** 64 KiB: a run of 16 items. */
const NAPOT_LG2 = 4;

export interface RiscvOptions {
  /** The IOMMU sets A and D itself (SADE; G-stage: GADE) instead of faulting. Default: as the configuration says. */
  readonly hardwareUpdating?: boolean | undefined;
}

/**
 * The device's transactions are user accesses: a leaf without U gives no permission, which a G-stage reports as a
 * guest-page fault, for it takes all accesses as a user's. Svpbmt is there where the configuration says so,
 * Svrsw60t59b is absent. A G-stage has no sign extension and ignores G, as everyone here does. Without hardware
 * updating, A = 0 is a fault of every access, and D = 0 takes only the write
 * permission away. Of several violations in one item the first of these is reported: reserved bits, the
 * permission encoding, the level, the size code, the alignment, the accessed bit.
 */
export class RiscvWalker extends TableWalker {
  private readonly is32: boolean;
  private readonly isGuest: boolean;
  /** log2 of the items of a Svnapot run; 0 without Svnapot. */
  private readonly napotLg2: number;
  /** The PBMT bits that no leaf may have on its own: all without Svpbmt, none with it. */
  private readonly pbmtAbsent: number;
  private readonly hardwareUpdating: boolean;
  private readonly tinyTopLevel: number;

  constructor(configuration: Configuration, memory: PhysicalMemory, options: RiscvOptions = {}) {
    const { format } = configuration;
    const is32 = format === "riscv32" || format === "riscv32-guest";
    const isGuest = format === "riscv64-guest" || format === "riscv32-guest";
    const hardwareUpdating = options.hardwareUpdating ?? configuration.accessedTracking === true;
    super(memory, {
      granuleLg2: 12,
      tableBitsLg2: configuration.tiny?.tableBitsLg2 ?? (is32 ? 10 : 9),
      itemBytesLg2: is32 ? 2 : 3,
      vaWidthLg2: configuration.vaWidthLg2,
      signExtended: configuration.signExtended && !is32 && !isGuest,
      rootWidthLg2: is32 ? 34 : 56,
      accessedDirtyBits: hardwareUpdating ? A | D : 0,
      dirtyBit: D,
      accessedBit: hardwareUpdating ? A : 0,
    });
    this.is32 = is32;
    this.isGuest = isGuest;
    this.napotLg2 = configuration.svnapot && !is32 ? (configuration.tiny?.contiguousLg2 ?? NAPOT_LG2) : 0;
    this.pbmtAbsent = configuration.svpbmt === true ? 0 : PBMT_HIGH;
    this.hardwareUpdating = hardwareUpdating;
    this.tinyTopLevel = tinyTopLevelOf(configuration);
  }

  /** MODE 8, 9, 10 are Sv39, Sv48, Sv57; with SXL = 1 (G-stage: GXL = 1), MODE 8 is Sv32. The x4 alike. */
  protected override topLevelOf(mode: number): number {
    const topLevel = this.is32 ? mode - 7 : mode - 6;
    const tinySv32 = this.is32 && this.tinyTopLevel !== NO_TABLE && mode === 8;
    if (topLevel === this.tinyTopLevel || tinySv32) return this.tinyTopLevel;
    const legal = this.is32 ? topLevel === 1 : topLevel >= 2 && topLevel <= 4;
    return legal ? topLevel : NO_TABLE;
  }

  protected override rootBitsOf(): number {
    return this.tableBitsLg2 + (this.isGuest ? GUEST_ROOT_BITS : 0);
  }

  protected override decode(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & V) === 0) return WalkResult.NotPresent;
    if ((rawHigh & (RESERVED_HIGH | this.pbmtAbsent)) !== 0) return WalkResult.ReservedBit;
    // Sv32's high word is 0, so that one formula gives both its 34 bits and the 56 bits of the others.
    this.addressLow = (rawLow & PPN_LOW) << 2;
    this.addressHigh = ((rawHigh & 0x003f_ffff) << 2) | (rawLow >>> 30);
    return (rawLow & (R | W | X)) === 0
      ? this.decodePointer(level, rawLow, rawHigh)
      : this.decodeLeaf(level, rawLow, rawHigh);
  }

  private decodePointer(level: number, rawLow: number, rawHigh: number): Decoded {
    if ((rawLow & (U | A | D)) !== 0 || (rawHigh & (N_HIGH | PBMT_HIGH)) !== 0) return WalkResult.ReservedBit;
    if (level === 0) return WalkResult.IllegalLevel;
    // A pointer restricts nothing: only the leaf has permissions.
    this.itemRights = Rights.all;
    this.nextLevel = level - 1;
    return Pointer;
  }

  private decodeLeaf(level: number, rawLow: number, rawHigh: number): Decoded {
    const napot = (rawHigh & N_HIGH) !== 0;
    if (napot && this.napotLg2 === 0) return WalkResult.ReservedBit;
    if ((rawHigh & PBMT_HIGH) === PBMT_RESERVED) return WalkResult.ReservedBit;
    if ((rawLow & (R | W)) === W) return WalkResult.ReservedPermission;
    this.entrySizeLg2 = this.granuleLg2 + this.tableBitsLg2 * level;
    if (napot) {
      // The only size code: of the run's page number bits the highest is 1 and the others are 0.
      const code = (rawLow >>> PPN_SHIFT) & lowMask(this.napotLg2);
      if (level !== 0 || code !== 1 << (this.napotLg2 - 1)) return WalkResult.IllegalSize;
      this.entrySizeLg2 += this.napotLg2;
    } else if (!isAligned(this.addressLow, this.addressHigh, this.entrySizeLg2)) {
      return WalkResult.MisalignedLeaf;
    }
    if ((rawLow & A) === 0 && !this.hardwareUpdating) return WalkResult.AccessedClear;
    this.itemRights = this.leafRights(rawLow);
    return WalkResult.Translated;
  }

  private leafRights(rawLow: number): number {
    if ((rawLow & U) === 0) return 0;
    const writable = (rawLow & W) !== 0 && ((rawLow & D) !== 0 || this.hardwareUpdating);
    return (
      ((rawLow & R) !== 0 ? Rights.read : 0) |
      (writable ? Rights.write : 0) |
      ((rawLow & X) !== 0 ? Rights.execute : 0)
    );
  }
}
