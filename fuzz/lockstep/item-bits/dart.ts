/** Apple's DART, both layouts, as measured on running tables. */
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const VALID = 1 << 0;
/** The sub-page goes from its first unit (bits 63:52) to its last (bits 51:40). */
const WHOLE_PAGE = 0xfff << 8;

/** PA[35:12] in place; a bit that switches sub-pages off. */
export class Dart1Bits extends ItemBits {
  override setLeaf(
    prot: number,
    _level: number,
    _sizeLg2: number,
    _itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const noWrite = (prot & Prot.write) === 0 ? 1 << 7 : 0;
    const noRead = (prot & Prot.read) === 0 ? 1 << 8 : 0;
    this.low = VALID | (1 << 1) | noWrite | noRead | outputLow;
    this.high = outputHigh | WHOLE_PAGE;
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    this.low = VALID | tableLow;
    this.high = tableHigh;
  }
}

/** PA[41:14] four bits lower; bit 1 says that nothing is cached. */
export class Dart2Bits extends ItemBits {
  override setLeaf(
    prot: number,
    level: number,
    _sizeLg2: number,
    _itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    this.setTable(level, outputLow, outputHigh);
    if ((prot & Prot.cacheable) === 0) this.low |= 1 << 1;
    if ((prot & Prot.write) === 0) this.low |= 1 << 2;
    if ((prot & Prot.read) === 0) this.low |= 1 << 3;
    this.high |= WHOLE_PAGE;
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    this.low = VALID | (tableLow >>> 4) | (tableHigh << 28);
    this.high = tableHigh >>> 4;
  }
}
