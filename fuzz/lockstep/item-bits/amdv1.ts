/** AMDv1 host tables, and the mock's, of which the address fields lie one bit higher. AMD IOMMU 48882 §2.2.3. */
import type { Configuration } from "../../../models/configuration.js";
import { Prot } from "../../../models/operations.js";
import { maskHigh, maskLow } from "../words.js";
import { ItemBits } from "./item-bits.js";

const PR = 1;
const A = 1 << 5;
const D = 1 << 6;
const FC = 1 << 28;
const IR = 1 << 29;
const IW = 1 << 30;

export class Amdv1Bits extends ItemBits {
  override readonly accessedLow = A;
  readonly #shift: 0 | 1;
  readonly #encryptionHigh: number;
  readonly #coherenceHigh: number;

  constructor(configuration: Configuration) {
    super(configuration);
    const { format, encryptionBit, forceCoherence } = configuration;
    this.#shift = format === "amdv1-mock" ? 1 : 0;
    this.#encryptionHigh = encryptionBit === undefined ? 0 : 1 << (encryptionBit - 32);
    this.#coherenceHigh = forceCoherence ? FC : 0;
  }

  override setLeaf(
    prot: number,
    _level: number,
    sizeLg2: number,
    itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const read = (prot & Prot.read) !== 0 ? IR : 0;
    const write = (prot & Prot.write) !== 0 ? IW : 0;
    const encrypted = (prot & Prot.mmio) === 0 ? this.#encryptionHigh : 0;
    this.freeLow = A | D;
    this.#setAddress(outputLow, outputHigh);
    this.low |= PR;
    this.high |= this.#coherenceHigh | read | write | encrypted;
    if (sizeLg2 === itemLg2) return;
    // NextLevel 7, and the size in the address: ones from bit 12 up, then a zero that says where the page begins.
    const ones = sizeLg2 - 1 + this.#shift;
    this.low |= (7 << 9) | (maskLow(ones) & ~0xfff);
    this.high |= maskHigh(ones);
  }

  override setTable(level: number, tableLow: number, tableHigh: number): void {
    this.freeLow = A;
    this.#setAddress(tableLow, tableHigh);
    this.low |= PR | (level << 9);
    this.high |= IR | IW | this.#encryptionHigh;
  }

  override isDirty(low: number, _high: number): boolean {
    return (low & D) !== 0;
  }

  #setAddress(low: number, high: number): void {
    this.low = low << this.#shift;
    this.high = this.#shift === 0 ? high : (high << 1) | (low >>> 31);
  }
}
