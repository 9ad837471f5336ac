/**
 * The long descriptor: VMSAv8-64 of every granule, LPAE, and Mali's relative of it. Arm ARM DDI 0487 §D8.3 (the
 * descriptors), §D8.5 (memory attributes, FEAT_S2FWB), §D8.4 (permissions), FEAT_LPA2, FEAT_HAFDBS; DDI 0406 §B3.6.
 */
import type { Configuration } from "../../../models/configuration.js";
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const VALID = 1 << 0;
/** A page at the last level, a table above it. */
const PAGE_OR_TABLE = 1 << 1;
const ATTRIBUTES_SHIFT = 2;
const NS = 1 << 5;
const AP1_UNPRIVILEGED = 1 << 6;
const AP2_READ_ONLY = 1 << 7;
const S2AP_READ = 1 << 6;
const S2AP_WRITE = 1 << 7;
const SH_OUTER = 2 << 8;
const SH_INNER = 3 << 8;
const AF = 1 << 10;
const NG = 1 << 11;

// Of the high word: bits 51 to 55 and 63.
const DBM = 1 << 19;
const CONTIGUOUS = 1 << 20;
const PXN = 1 << 21;
const UXN = 1 << 22;
const CLEANED = 1 << 23;
const NS_TABLE = 1 << 31;

type Stage = "1" | "2" | "mali";
/** What the address field does with address bits beyond those that stand where they are. */
type Packing = "none" | "51:48 in 15:12" | "51:50 in 9:8";

export class ArmLongBits extends ItemBits {
  override readonly stepped = true;
  override readonly linearLg2: number;
  override readonly markWord = 1;
  override readonly markBit: number;
  override readonly accessedLow: number;
  readonly #stage: Stage;
  readonly #packing: Packing;

  constructor(configuration: Configuration) {
    super(configuration);
    const { format, granuleLg2, lpa2, incoherent, dirtyTracking, accessedTracking } = configuration;
    this.#stage = format === "mali" ? "mali" : format.endsWith("stage1") ? "1" : "2";
    this.#packing = lpa2 === true ? "51:50 in 9:8" : granuleLg2 === 16 ? "51:48 in 15:12" : "none";
    this.linearLg2 = lpa2 === true ? 50 : 48;
    this.markBit = incoherent ? CLEANED : 0;
    this.accessedLow = dirtyTracking === true || accessedTracking === true ? AF : 0;
  }

  override setLeaf(
    prot: number,
    level: number,
    sizeLg2: number,
    itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    this.freeLow = this.accessedLow;
    this.#setAddress(outputLow, outputHigh);
    this.low |= VALID;
    if (sizeLg2 > itemLg2) this.high |= CONTIGUOUS;
    if (this.#stage === "mali") {
      this.#addMali(prot);
      return;
    }
    if (level === 0) this.low |= PAGE_OR_TABLE;
    this.low |= AF;
    // With 52-bit addresses in small granules, TCR says the shareability.
    if (this.#packing !== "51:50 in 9:8") {
      this.low |= (prot & Prot.cacheable) !== 0 ? SH_INNER : SH_OUTER;
    }
    if (this.#stage === "1") this.#addStage1(prot);
    else this.#addStage2(prot);
    if (this.configuration.dirtyTracking !== true || (prot & Prot.write) === 0) return;
    this.high |= DBM;
    this.freeLow |= this.#stage === "1" ? AP2_READ_ONLY : S2AP_WRITE;
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    this.freeLow = 0;
    this.#setAddress(tableLow, tableHigh);
    this.low |= VALID | PAGE_OR_TABLE;
    this.high |= this.markBit | (this.configuration.nonSecure === true ? NS_TABLE : 0);
  }

  override isDirty(low: number, high: number): boolean {
    if (this.configuration.dirtyTracking !== true || (high & DBM) === 0) return false;
    return this.#stage === "1" ? (low & AP2_READ_ONLY) === 0 : (low & S2AP_WRITE) !== 0;
  }

  /** MAIR index 0 is not cached, 1 is write-back, 2 is a device. */
  #addStage1(prot: number): void {
    const index = (prot & Prot.mmio) !== 0 ? 2 : (prot & Prot.cacheable) !== 0 ? 1 : 0;
    this.low |= (index << ATTRIBUTES_SHIFT) | NG;
    if (this.configuration.nonSecure === true) this.low |= NS;
    if ((prot & Prot.privileged) === 0) this.low |= AP1_UNPRIVILEGED;
    if ((prot & Prot.write) === 0) this.low |= AP2_READ_ONLY;
    if ((prot & Prot.noExec) !== 0) this.high |= PXN | UXN;
  }

  /** MemAttr: 1 is Device-nGnRE, 5 not cached, 15 write-back, which FEAT_S2FWB forces as 6. */
  #addStage2(prot: number): void {
    const writeBack = this.configuration.forcedWriteBack === true ? 6 : 15;
    const type = (prot & Prot.mmio) !== 0 ? 1 : (prot & Prot.cacheable) !== 0 ? writeBack : 5;
    this.low |= type << ATTRIBUTES_SHIFT;
    if ((prot & Prot.read) !== 0) this.low |= S2AP_READ;
    if ((prot & Prot.write) !== 0) this.low |= S2AP_WRITE;
    // XN[1:0] = 10: nobody executes, with FEAT_XNX and without it.
    if ((prot & Prot.noExec) !== 0) this.high |= UXN;
  }

  /** Stage 2's permissions and stage 1's memory attributes; no access flag, and the type of a block everywhere. */
  #addMali(prot: number): void {
    const index = (prot & Prot.mmio) !== 0 ? 2 : (prot & Prot.cacheable) !== 0 ? 1 : 0;
    this.low |= (index << ATTRIBUTES_SHIFT) | SH_OUTER;
    if ((prot & Prot.read) !== 0) this.low |= S2AP_READ;
    if ((prot & Prot.write) !== 0) this.low |= S2AP_WRITE;
    if ((prot & Prot.noExec) !== 0) this.high |= PXN | UXN;
  }

  #setAddress(low: number, high: number): void {
    switch (this.#packing) {
      case "none":
        this.low = low;
        this.high = high;
        break;
      case "51:48 in 15:12":
        this.low = low | (((high >>> 16) & 0xf) << 12);
        this.high = high & 0xffff;
        break;
      case "51:50 in 9:8":
        this.low = low | (((high >>> 18) & 3) << 8);
        this.high = high & 0x3_ffff;
    }
  }
}
