/** x86-64, three-level and legacy PAE tables. AMD64 APM vol. 2 §5.2–5.4; Intel SDM vol. 3 §4.4–4.5. */
import type { Configuration } from "../../../models/configuration.js";
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const P = 1 << 0;
const RW = 1 << 1;
const US = 1 << 2;
const A = 1 << 5;
const D = 1 << 6;
const PS = 1 << 7;
/** The first bit that is software's. */
const MARK = 1 << 9;

export class X86Bits extends ItemBits {
  override readonly accessedLow = A;
  override readonly markBit: number;
  readonly #encryptionHigh: number;
  readonly #isLegacy: boolean;

  constructor(configuration: Configuration) {
    super(configuration);
    const { format, encryptionBit, incoherent } = configuration;
    this.markBit = incoherent ? MARK : 0;
    this.#encryptionHigh = encryptionBit === undefined ? 0 : 1 << (encryptionBit - 32);
    this.#isLegacy = format === "x86-pae32";
  }

  override setLeaf(
    prot: number,
    level: number,
    _sizeLg2: number,
    _itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const write = (prot & Prot.write) !== 0 ? RW | D : 0;
    this.freeLow = A;
    this.low = P | US | A | write | (level > 0 ? PS : 0) | outputLow;
    this.high = ((prot & Prot.mmio) === 0 ? this.#encryptionHigh : 0) | outputHigh;
  }

  override setTable(level: number, tableLow: number, tableHigh: number): void {
    // The four entries of the legacy root have no permissions: the bits are reserved there.
    const bits = this.#isLegacy && level === 2 ? P : P | RW | US | A;
    this.freeLow = 0;
    this.low = bits | this.markBit | tableLow;
    this.high = this.#encryptionHigh | tableHigh;
  }
}
