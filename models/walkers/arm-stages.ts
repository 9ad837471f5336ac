/**
 * ARM's stage 1 and stage 2, of VMSAv8-64 and of 32-bit LPAE, and Mali's tables, which are like a stage 2 with
 * attributes as at stage 1. Source: Arm Architecture Reference Manual DDI 0487 D8.2 (TCR, VTCR, start level,
 * concatenated tables), D8.3 (attribute fields), D8.4 (permissions, hierarchical control), D8.5 (hardware update of
 * dirty state), FEAT_XNX, FEAT_S2FWB; for 32-bit LPAE the manual for ARMv7-A and ARMv7-R B3.6.
 */
import type { Configuration } from "../configuration.js";
import { rootBitsLg2 } from "../shape.js";
import { ArmLongDescriptorWalker, DBM_HIGH, type Stage } from "./arm-long-descriptor.js";
import { NO_TABLE, Rights } from "./table-walker.js";
import type { PhysicalMemory } from "./walker.js";

export interface ArmOptions {
  /** FEAT_XNX: stage 2 has two execute-never bits instead of one. Default: false. */
  readonly xnx?: boolean | undefined;
}

/** AP[1] and AP[2] of stage 1: accessible without privilege, and read-only. */
const AP1 = 1 << 6;
const AP2 = 1 << 7;
const S2_READ = 1 << 6;
const S2_WRITE = 1 << 7;
/** FnXS with FEAT_XS, else RES0. */
const S2_BIT_11 = 1 << 11;

// Bits of the high word.
const PXN_HIGH = 1 << (53 - 32);
const XN_HIGH = 1 << (54 - 32);
const PXN_TABLE_HIGH = 1 << (59 - 32);
const XN_TABLE_HIGH = 1 << (60 - 32);
const AP_TABLE_NO_UNPRIVILEGED_HIGH = 1 << (61 - 32);
const AP_TABLE_READ_ONLY_HIGH = 1 << (62 - 32);
/** 63:59, the hierarchical controls that a stage 1 alone has. */
const HIERARCHICAL_HIGH = 0xf800_0000 | 0;

/** Stage 1 keeps apart who may what; `read` and `write` are those of `Rights`. */
const UNPRIVILEGED = 1 << 3;
const UNPRIVILEGED_EXECUTE = 1 << 4;
const PRIVILEGED_EXECUTE = 1 << 5;
const ALL = Rights.read | Rights.write | UNPRIVILEGED | UNPRIVILEGED_EXECUTE | PRIVILEGED_EXECUTE;

/** T0SZ or T1SZ is 64 less the input width; here what a translation regime allows. */
interface InputWidths {
  readonly leastLg2: number;
  readonly mostLg2: number;
}

/**
 * VMSAv8-64 has 16 bits (with FEAT_TTST; 17 with 64 KiB) to 48, or 52 with FEAT_LVA and FEAT_LPA; 32-bit LPAE has a
 * field of three bits at stage 1 and of four at stage 2. A tiny geometry begins where it has two items.
 */
function inputWidthsOf({ format, granuleLg2, lpa2, tiny }: Configuration): InputWidths {
  const isLpae = format === "arm-lpae-stage1" || format === "arm-lpae-stage2";
  const is64K = granuleLg2 === 16;
  const leastLg2 = isLpae ? 25 : is64K ? 17 : 16;
  const lpaeMostLg2 = format === "arm-lpae-stage1" ? 32 : 40;
  return {
    leastLg2: tiny === undefined ? leastLg2 : (granuleLg2 ?? 12) + 1,
    mostLg2: isLpae ? lpaeMostLg2 : is64K || lpa2 === true ? 52 : 48,
  };
}

function stageOf(configuration: Configuration, special: Partial<Stage>): Stage {
  return {
    vaWidthLg2: 64,
    upperHalf: false,
    leafReservedLow: 0,
    leafReservedHigh: 0,
    tableReservedHigh: 0,
    hasPageBit: true,
    hasContiguous: true,
    tableWidthLg2: configuration.oaWidthLg2,
    ...special,
  };
}

/**
 * The mode is T0SZ, or T1SZ in the upper half. `write` and `execute` are what a privileged access may do where only
 * privileged ones are allowed, else an unprivileged one. PAN, WXN and HPD are off. NS and NSTable change nothing.
 */
export class ArmStage1Walker extends ArmLongDescriptorWalker {
  private readonly widths: InputWidths;
  /** In 32-bit LPAE bit 54 (XN) forbids privileged execution too; in VMSAv8-64 (UXN) only PXN does. */
  private readonly xnForAll: boolean;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    super(configuration, memory, stageOf(configuration, { upperHalf: configuration.upperHalf === true }));
    this.widths = inputWidthsOf(configuration);
    this.xnForAll = configuration.format === "arm-lpae-stage1";
  }

  protected override topLevelOf(mode: number): number {
    const inputLg2 = 64 - mode;
    if (inputLg2 < this.widths.leastLg2 || inputLg2 > this.widths.mostLg2) return NO_TABLE;
    return Math.ceil((inputLg2 - this.granuleLg2) / this.tableBitsLg2) - 1;
  }

  protected override rootBitsOf(topLevel: number, mode: number): number {
    return 64 - mode - this.granuleLg2 - this.tableBitsLg2 * topLevel;
  }

  protected override leafRights(rawLow: number, rawHigh: number): number {
    const isWritable = (rawLow & AP2) === 0 || this.isManaged(rawHigh);
    const noExecute = (rawHigh & XN_HIGH) !== 0;
    const noPrivilegedExecute = (rawHigh & PXN_HIGH) !== 0 || (this.xnForAll && noExecute);
    return (
      Rights.read |
      (isWritable ? Rights.write : 0) |
      ((rawLow & AP1) !== 0 ? UNPRIVILEGED : 0) |
      (noExecute ? 0 : UNPRIVILEGED_EXECUTE) |
      (noPrivilegedExecute ? 0 : PRIVILEGED_EXECUTE)
    );
  }

  protected override pointerRights(rawHigh: number): number {
    if ((rawHigh & HIERARCHICAL_HIGH) === 0) return ALL;
    const noExecute = (rawHigh & XN_TABLE_HIGH) !== 0;
    const noPrivilegedExecute = (rawHigh & PXN_TABLE_HIGH) !== 0 || (this.xnForAll && noExecute);
    return (
      Rights.read |
      ((rawHigh & AP_TABLE_READ_ONLY_HIGH) !== 0 ? 0 : Rights.write) |
      ((rawHigh & AP_TABLE_NO_UNPRIVILEGED_HIGH) !== 0 ? 0 : UNPRIVILEGED) |
      (noExecute ? 0 : UNPRIVILEGED_EXECUTE) |
      (noPrivilegedExecute ? 0 : PRIVILEGED_EXECUTE)
    );
  }

  protected override effectiveRights(rights: number): number {
    const executes = (rights & UNPRIVILEGED) !== 0 ? UNPRIVILEGED_EXECUTE : PRIVILEGED_EXECUTE;
    return (rights & (Rights.read | Rights.write)) | ((rights & executes) !== 0 ? Rights.execute : 0);
  }

  /** Every AttrIndx is legal: what MAIR holds is none of the tables' business. */
  protected override hasReservedValue(_rawLow: number): boolean {
    return false;
  }

  protected override wordAfterWrite(rawLow: number, rawHigh: number): number {
    return this.isManaged(rawHigh) ? rawLow & ~AP2 : rawLow;
  }

  protected override isDirty(rawLow: number, rawHigh: number): boolean {
    return this.isManaged(rawHigh) && (rawLow & AP2) === 0;
  }

  /** Hardware makes the page writable when it is written. */
  private isManaged(rawHigh: number): boolean {
    return this.dirtyTracking && (rawHigh & DBM_HIGH) !== 0;
  }
}

/** The rights in bits 7:6, the same for stage 2 and Mali; `readable` is what a page without execute-never allows. */
function readAndWrite(rawLow: number, isWritable: boolean, isExecutable: boolean): number {
  const readable = isExecutable ? Rights.read | Rights.execute : Rights.read;
  return ((rawLow & S2_READ) !== 0 ? readable : 0) | (isWritable ? Rights.write : 0);
}

/**
 * The mode is T0SZ | SL0 << 6 | SL2 << 8, the fields of VTCR_EL2. With FEAT_XNX `execute` is what any privilege may
 * do: XN[1:0] = 54:53 forbids it to both with 10 only.
 */
export class ArmStage2Walker extends ArmLongDescriptorWalker {
  private readonly widths: InputWidths;
  private readonly isLpae: boolean;
  private readonly xnx: boolean;
  private readonly forcedWriteBack: boolean;

  constructor(configuration: Configuration, memory: PhysicalMemory, options: ArmOptions = {}) {
    const xnx = options.xnx ?? false;
    super(
      configuration,
      memory,
      stageOf(configuration, {
        leafReservedLow: S2_BIT_11,
        leafReservedHigh: xnx ? 0 : PXN_HIGH,
        tableReservedHigh: HIERARCHICAL_HIGH,
      }),
    );
    this.widths = inputWidthsOf(configuration);
    this.isLpae = configuration.format === "arm-lpae-stage2";
    this.xnx = xnx;
    this.forcedWriteBack = configuration.forcedWriteBack === true;
  }

  /**
   * The start level must leave the root at least two items and at most 16 tables of them. A machine whose
   * addresses are short does not have the highest start level of each granule.
   */
  protected override topLevelOf(mode: number): number {
    const inputLg2 = 64 - (mode & 63);
    if (mode >>> 9 !== 0) return NO_TABLE;
    if (inputLg2 < this.widths.leastLg2 || inputLg2 > this.widths.mostLg2) return NO_TABLE;
    const topLevel = this.startLevelOf((mode >>> 6) & 3, (mode >>> 8) & 1);
    if (topLevel < 0) return NO_TABLE;
    const rootBits = this.rootBitsOf(topLevel, mode);
    return rootBits >= 1 && rootBits <= this.tableBitsLg2 + 4 ? topLevel : NO_TABLE;
  }

  protected override rootBitsOf(topLevel: number, mode: number): number {
    return 64 - (mode & 63) - this.granuleLg2 - this.tableBitsLg2 * topLevel;
  }

  /** The start level that SL0 and SL2 name, or `NO_TABLE`. */
  private startLevelOf(sl0: number, sl2: number): number {
    if (sl2 !== 0) return this.granuleLg2 === 12 && this.lpa2 && sl0 === 0 ? 4 : NO_TABLE;
    if (this.granuleLg2 === 12) {
      // 3 is the last level, with FEAT_TTST; LPAE has 0 and 1 only.
      if (this.isLpae) return sl0 <= 1 ? sl0 + 1 : NO_TABLE;
      if (sl0 === 3) return 0;
      return sl0 === 2 && this.isNarrowerThan(44) ? NO_TABLE : sl0 + 1;
    }
    if (sl0 === 3) return this.granuleLg2 === 14 && this.lpa2 ? 3 : NO_TABLE;
    const least = this.granuleLg2 === 14 ? 42 : 44;
    return sl0 === 2 && this.isNarrowerThan(least) ? NO_TABLE : sl0;
  }

  /** A tiny geometry has levels that the rule about the size of addresses does not know. */
  private isNarrowerThan(widthLg2: number): boolean {
    return !this.tiny && this.oaWidthLg2 < widthLg2;
  }

  protected override leafRights(rawLow: number, rawHigh: number): number {
    const neverMask = this.xnx ? XN_HIGH | PXN_HIGH : XN_HIGH;
    const isWritable = (rawLow & S2_WRITE) !== 0 || this.isManaged(rawHigh);
    return readAndWrite(rawLow, isWritable, (rawHigh & neverMask) !== XN_HIGH);
  }

  protected override pointerRights(_rawHigh: number): number {
    return Rights.all;
  }

  /**
   * MemAttr, bits 5:2. Without FWB 00xx is device memory, and elsewhere the lower half may not be 00; with FWB bit
   * 5 is RES0, 00xx is device memory, and 0100 is reserved.
   */
  protected override hasReservedValue(rawLow: number): boolean {
    const memAttr = (rawLow >>> 2) & 15;
    if (this.forcedWriteBack) return memAttr === 4 || memAttr >= 8;
    return memAttr >= 4 && (memAttr & 3) === 0;
  }

  protected override wordAfterWrite(rawLow: number, rawHigh: number): number {
    return this.isManaged(rawHigh) ? rawLow | S2_WRITE : rawLow;
  }

  protected override isDirty(rawLow: number, rawHigh: number): boolean {
    return this.isManaged(rawHigh) && (rawLow & S2_WRITE) !== 0;
  }

  /** Hardware makes the page writable when it is written. */
  private isManaged(rawHigh: number): boolean {
    return this.dirtyTracking && (rawHigh & DBM_HIGH) !== 0;
  }
}

// Of a Mali leaf: NS and nG of a stage 1, and the contiguous bit.
const MALI_RESERVED_LOW = (1 << 5) | (1 << 11);
const MALI_LEVELS = 4;
const MALI_TABLE_WIDTH_LG2 = 48;

/**
 * Mali's LPAE-like tables: always four levels, every leaf a block of type 01, no access flag (bit 10 is ignored),
 * no contiguous runs, no hierarchical control. Bit 54 forbids execution; bit 53 alone does not. The mode is 3, the
 * level of the root, which holds one item where the input has no more than 39 bits.
 */
export class MaliWalker extends ArmLongDescriptorWalker {
  private readonly rootBits: number;

  constructor(configuration: Configuration, memory: PhysicalMemory) {
    super(
      configuration,
      memory,
      stageOf(configuration, {
        vaWidthLg2: configuration.vaWidthLg2,
        leafReservedLow: MALI_RESERVED_LOW,
        tableReservedHigh: HIERARCHICAL_HIGH,
        hasPageBit: false,
        hasContiguous: false,
        tableWidthLg2: MALI_TABLE_WIDTH_LG2,
      }),
    );
    this.rootBits = Math.max(0, rootBitsLg2(configuration, MALI_LEVELS - 1));
  }

  protected override topLevelOf(mode: number): number {
    return mode === MALI_LEVELS - 1 ? mode : NO_TABLE;
  }

  protected override rootBitsOf(_topLevel: number): number {
    return this.rootBits;
  }

  protected override leafRights(rawLow: number, rawHigh: number): number {
    return readAndWrite(rawLow, (rawLow & S2_WRITE) !== 0, (rawHigh & XN_HIGH) === 0);
  }

  protected override pointerRights(_rawHigh: number): number {
    return Rights.all;
  }

  protected override hasReservedValue(_rawLow: number): boolean {
    return false;
  }

  protected override wordAfterWrite(rawLow: number, _rawHigh: number): number {
    return rawLow;
  }

  protected override isDirty(_rawLow: number, _rawHigh: number): boolean {
    return false;
  }
}
