/**
 * What stands in an item beside its address, bit for bit: written from the manuals' tables once more, so that
 * neither the formats nor the walkers, which accept much that nobody should write, are taken at their word.
 */
import type { Configuration } from "../../models/configuration.js";
import { Prot } from "../../models/operations.js";
import { markBitOf } from "./subject.js";

/** The non-address bits of an item and its encryption bit; `set` computes them. */
export class ItemBits {
  low = 0;
  high = 0;
  /** Where the address stands, the encryption bit left out, and what hardware may set on its own. */
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly leafFreeLow: number;
  readonly pointerFreeLow: number;
  /** The dirty bit of a leaf's low word; 0 where the domain does not track it. */
  readonly dirtyLow: number;
  readonly #configuration: Configuration;
  readonly #encryptionHigh: number;
  readonly #markLow: number;

  constructor(configuration: Configuration) {
    const { format, encryptionBit } = configuration;
    this.#configuration = configuration;
    this.#encryptionHigh = encryptionBit === undefined ? 0 : 1 << (encryptionBit - 32);
    this.#markLow = markBitOf(configuration);
    const isRiscv = format === "riscv64" || format === "riscv32";
    this.addressLow = isRiscv ? ~0x3ff : ~0xfff;
    this.addressHigh = (isRiscv ? 0x3f_ffff : 0xf_ffff) & ~this.#encryptionHigh;
    const isAmdv1 = format === "amdv1" || format === "amdv1-mock";
    const isVtd = format === "vtd-second-stage";
    // AMDv1: A 5, D 6. VT-d: A 8, D 9. A of a pointer is hardware's as well.
    this.leafFreeLow = isAmdv1 ? 0x60 : isVtd ? 0x300 : 0;
    this.pointerFreeLow = isAmdv1 ? 0x20 : isVtd ? 0x100 : 0;
    this.dirtyLow = isAmdv1 ? 0x40 : isVtd ? 0x200 : 0;
  }

  /** A leaf with these effective permissions; `itemSizeLg2` is what one item of its level covers. */
  setLeaf(prot: number, level: number, sizeLg2: number, itemSizeLg2: number): void {
    const { format, forceCoherence } = this.#configuration;
    const read = (prot & Prot.read) !== 0;
    const write = (prot & Prot.write) !== 0;
    const encrypted = (prot & Prot.mmio) === 0 ? this.#encryptionHigh : 0;
    switch (format) {
      case "amdv1":
      case "amdv1-mock":
        // PR; NextLevel 7 for a size that is in the address; FC 60, IR 61, IW 62.
        this.low = 1 | (sizeLg2 === itemSizeLg2 ? 0 : 7 << 9);
        this.high = (forceCoherence ? 1 << 28 : 0) | (read ? 1 << 29 : 0) | (write ? 1 << 30 : 0) | encrypted;
        break;
      case "x86-64":
        // P, U/S, A; R/W with D; PS above level 0.
        this.low = 0x25 | (write ? 0x42 : 0) | (level > 0 ? 0x80 : 0);
        this.high = encrypted;
        break;
      case "vtd-second-stage":
        // R, W, PS above level 0, SNP.
        this.low = (read ? 1 : 0) | (write ? 2 : 0) | (level > 0 ? 0x80 : 0) | (forceCoherence ? 0x800 : 0);
        this.high = 0;
        break;
      case "riscv64":
      case "riscv32":
        // V, R, U, A; W with D; X; N for a run of items.
        this.low = 0x53 | (write ? 0x84 : 0) | ((prot & Prot.noExec) === 0 ? 8 : 0);
        this.high = sizeLg2 === itemSizeLg2 ? 0 : 1 << 31;
    }
  }

  /** A pointer in a table of this level. */
  setPointer(level: number): void {
    switch (this.#configuration.format) {
      case "amdv1":
      case "amdv1-mock":
        this.low = 1 | (level << 9);
        this.high = (1 << 29) | (1 << 30) | this.#encryptionHigh;
        break;
      case "x86-64":
        this.low = 0x27 | this.#markLow;
        this.high = this.#encryptionHigh;
        break;
      case "vtd-second-stage":
        this.low = 3 | this.#markLow;
        this.high = 0;
        break;
      case "riscv64":
      case "riscv32":
        this.low = 1;
        this.high = 0;
    }
  }
}
