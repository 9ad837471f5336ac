/** VT-d second stage. Intel VT-d §9.8. */
import type { Configuration } from "../../../models/configuration.js";
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const R = 1 << 0;
const W = 1 << 1;
const PS = 1 << 7;
const A = 1 << 8;
const D = 1 << 9;
const MARK = 1 << 10;
const SNP = 1 << 11;

export class VtdSecondStageBits extends ItemBits {
  override readonly accessedLow = A;
  override readonly markBit: number;
  readonly #snoop: number;

  constructor(configuration: Configuration) {
    super(configuration);
    this.markBit = configuration.incoherent ? MARK : 0;
    this.#snoop = configuration.forceCoherence ? SNP : 0;
  }

  override setLeaf(
    prot: number,
    level: number,
    _sizeLg2: number,
    _itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const rights = ((prot & Prot.read) !== 0 ? R : 0) | ((prot & Prot.write) !== 0 ? W : 0);
    this.freeLow = A | D;
    this.low = rights | (level > 0 ? PS : 0) | this.#snoop | outputLow;
    this.high = outputHigh;
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    // Hardware sets A of a pointer too.
    this.freeLow = A;
    this.low = R | W | this.markBit | tableLow;
    this.high = tableHigh;
  }

  override isDirty(low: number, _high: number): boolean {
    return (low & D) !== 0;
  }
}
