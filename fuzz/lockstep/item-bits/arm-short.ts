/**
 * The short descriptor, and MediaTek's wider addresses in it. Arm ARM v7-A/R DDI 0406 §B3.5.1 (formats), §B3.7
 * (access control with the access flag), §B3.8 (TEX, C, B).
 */
import { Prot } from "../../../models/operations.js";
import { ItemBits } from "./item-bits.js";

const B = 1 << 2;
const C = 1 << 3;
const TABLE = 1;
const TABLE_NS = 1 << 3;

/** Where the fields stand; they move from one kind of leaf to the next. */
interface Layout {
  readonly type: number;
  readonly executeNever: number;
  readonly accessFlag: number;
  readonly unprivileged: number;
  readonly readOnly: number;
  /** TEX = 1. */
  readonly normal: number;
  readonly shared: number;
  readonly notGlobal: number;
  readonly nonSecure: number;
}

const smallPage: Layout = {
  type: 2,
  executeNever: 1 << 0,
  accessFlag: 1 << 4,
  unprivileged: 1 << 5,
  readOnly: 1 << 9,
  normal: 1 << 6,
  shared: 1 << 10,
  notGlobal: 1 << 11,
  nonSecure: 0,
};
const largePage: Layout = { ...smallPage, type: 1, executeNever: 1 << 15, normal: 1 << 12 };
const section: Layout = {
  type: 2,
  executeNever: 1 << 4,
  accessFlag: 1 << 10,
  unprivileged: 1 << 11,
  readOnly: 1 << 15,
  normal: 1 << 12,
  shared: 1 << 16,
  notGlobal: 1 << 17,
  nonSecure: 1 << 19,
};
const supersection: Layout = { ...section, type: section.type | (1 << 18) };

export class ArmShortBits extends ItemBits {
  override readonly linearLg2 = 32;

  override setLeaf(
    prot: number,
    level: number,
    sizeLg2: number,
    itemLg2: number,
    outputLow: number,
    outputHigh: number,
  ): void {
    const isRun = sizeLg2 > itemLg2;
    const layout = level === 0 ? (isRun ? largePage : smallPage) : isRun ? supersection : section;
    this.low = layout.type | layout.shared | layout.notGlobal | this.#access(prot, layout) | outputLow;
    if ((prot & Prot.mmio) !== 0) this.low |= B;
    else this.low |= layout.normal | ((prot & Prot.cacheable) !== 0 ? B | C : 0);
    if (this.configuration.nonSecure === true) this.low |= layout.nonSecure;
    this.low |= this.#isMediatek ? mediatekBits(outputHigh) : supersectionBits(outputHigh);
  }

  override setTable(_level: number, tableLow: number, tableHigh: number): void {
    this.low = TABLE | tableLow | (this.configuration.mediatekTables === true ? mediatekBits(tableHigh) : 0);
    if (this.configuration.nonSecure === true) this.low |= TABLE_NS;
  }

  get #isMediatek(): boolean {
    return this.configuration.mediatek === true;
  }

  #access(prot: number, layout: Layout): number {
    if (this.configuration.noPermissions === true) return 0;
    let bits = layout.accessFlag;
    if ((prot & Prot.privileged) === 0) bits |= layout.unprivileged;
    if ((prot & Prot.write) === 0) bits |= layout.readOnly;
    return (prot & Prot.noExec) === 0 ? bits : bits | layout.executeNever;
  }
}

/** PA[34:32] in bits 5, 4 and 9. */
function mediatekBits(high: number): number {
  return ((high & 1) << 9) | (((high >>> 1) & 1) << 4) | (((high >>> 2) & 1) << 5);
}

/** PA[35:32] in bits 23:20, PA[39:36] in bits 8:5. Other leaves reach no such address. */
function supersectionBits(high: number): number {
  return ((high & 0xf) << 20) | (((high >>> 4) & 0xf) << 5);
}
