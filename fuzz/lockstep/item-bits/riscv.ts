/** RISC-V, both stages. Privileged Architecture: Sv32 … Sv57, Svnapot, Svpbmt, "Two-Stage Address Translation". */
import type { Configuration } from "../../../models/configuration.js";
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const V = 1 << 0;
const R = 1 << 1;
const W = 1 << 2;
const X = 1 << 3;
const U = 1 << 4;
const A = 1 << 6;
const D = 1 << 7;
/** Bit 63. */
const N = 1 << 31;
/** Bits 62:61. */
const PBMT_SHIFT = 29;
const PBMT_NC = 1;
const PBMT_IO = 2;
/** PPN stands two bits below where the address does. */
const PPN_SHIFT = 2;
const GRANULE_LG2 = 12;

export class RiscvBits extends ItemBits {
  override readonly accessedLow: number;
  readonly #svpbmt: boolean;
  readonly #isNarrow: boolean;

  constructor(configuration: Configuration) {
    super(configuration);
    const { format, svpbmt, accessedTracking } = configuration;
    this.accessedLow = accessedTracking === true ? A : 0;
    this.#svpbmt = svpbmt === true;
    this.#isNarrow = format === "riscv32" || format === "riscv32-guest";
  }

  override setLeaf(
    prot: number,
    _level: number,
    sizeLg2: number,
    itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const write = (prot & Prot.write) !== 0 ? W | D : 0;
    const execute = (prot & Prot.noExec) === 0 ? X : 0;
    this.#setAddress(outputLow, outputHigh);
    this.freeLow = this.accessedLow;
    this.low |= V | R | U | A | write | execute;
    if (this.#svpbmt) this.high |= memoryTypeOf(prot) << PBMT_SHIFT;
    if (sizeLg2 === itemLg2) return;
    // A run of items: the lowest set bit of PPN is half the run's.
    this.low |= 1 << (sizeLg2 - 1 - PPN_SHIFT);
    this.high |= N;
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    this.#setAddress(tableLow, tableHigh);
    this.freeLow = 0;
    this.low |= V;
  }

  #setAddress(low: number, high: number): void {
    const field = (low >>> PPN_SHIFT) | (high << (32 - PPN_SHIFT));
    this.low = field & -(1 << (GRANULE_LG2 - PPN_SHIFT));
    this.high = this.#isNarrow ? 0 : high >>> PPN_SHIFT;
  }
}

function memoryTypeOf(prot: number): number {
  if ((prot & Prot.mmio) !== 0) return PBMT_IO;
  return (prot & Prot.cacheable) === 0 ? PBMT_NC : 0;
}
