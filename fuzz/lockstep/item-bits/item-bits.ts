import type { Configuration } from "../../../models/configuration.js";

/**
 * What stands in an item, bit for bit: written from the manuals' tables once more, so that neither the formats nor
 * the walkers, which accept much that nobody should write, are taken at their word.
 */
export abstract class ItemBits {
  /** The words that an item must hold, as the last `setLeaf` or `setTable` computed them. */
  low = 0;
  high = 0;
  /** Bits of the low word that hardware, or a clear of what it wrote, may have changed since the item was fresh. */
  freeLow = 0;
  /** The bit of a leaf's low word that hardware sets when it uses it; 0 where the domain does not track that. */
  readonly accessedLow: number = 0;
  /** Each item of a contiguous entry holds its own output address; else all hold the entry's. */
  readonly stepped: boolean = false;
  /** Adding to an item's address is adding to its words within blocks of `2^linearLg2` bytes of output. */
  readonly linearLg2: number = 64;
  /** The word and the bit in it that say "this table item was cleaned", which only software reads; 0 for none. */
  readonly markWord: 0 | 1 = 0;
  readonly markBit: number = 0;
  protected readonly configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /**
   * A fresh leaf with these effective permissions; `itemLg2` is log2 of what one item of its level covers, and the
   * output address the item's own where entries are stepped, else the entry's.
   */
  abstract setLeaf(
    prot: number,
    level: number,
    sizeLg2: number,
    itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void;

  /** An item of this level that points to a table. */
  abstract setTable(level: number, tableLow: number, tableHigh: number): void;

  /** Whether a leaf item says that a device wrote. Always false where the domain does not track it. */
  isDirty(_low: number, _high: number): boolean {
    return false;
  }
}
