/**
 * Two stages of translation: the tables of the first are a guest's and hold guest-physical addresses (ARM: IPA),
 * which the second stage translates, those of the tables themselves as well as that of the page. Source: Arm ARM
 * DDI 0487 D8.2 (translation stages) and IHI 0070 (SMMUv3) §3.3, §7.3; RISC-V Privileged Architecture, hypervisor
 * extension, "Two-Stage Address Translation"; Intel VT-d specification §3.8 (nested translation); AMD IOMMU
 * specification 48882 §2.2.6 (guest translation); AMD64 APM vol. 2 §15.25 (nested paging).
 */
import type { Configuration, FormatName } from "../configuration.js";
import { shapeOf } from "../shape.js";
import { createWalker, type WalkerOptions } from "./create-walker.js";
import { type ReadItem, StageTwoView } from "./stage-two-view.js";
import { Rights } from "./table-walker.js";
import { type PhysicalMemory, type Walker, WalkResult, type WalkResultCode } from "./walker.js";

/** What `TwoStageWalker.walk` answers when every table is legal and a stage does not permit the access. */
export const Refused = -2;
export type TwoStageResult = WalkResultCode | typeof Refused;

/** What an access needs, as bits. */
export const Access = { none: 0, read: Rights.read, write: Rights.write, execute: Rights.execute } as const;

/** A root as `Walker.setRoot` takes it. */
export interface RootWords {
  readonly low: number;
  readonly high: number;
  readonly mode: number;
}

export interface TwoStageOptions {
  readonly stage1?: WalkerOptions | undefined;
  readonly stage2?: WalkerOptions | undefined;
}

/** The first-stage items in which every access sets an accessed bit, unless it is set. */
interface AccessedRule {
  readonly bit: number;
  /** How many items from the root on have none. */
  readonly without: number;
  /** Only the leaf has one. */
  readonly leafOnly: boolean;
}

/**
 * A translated access goes to `oa`. Otherwise `stage` says whose fault it is and `onTableWalk` whether a second
 * stage refused an item of a first-stage table, not the page itself; the walkers `stage1` and `stage2` show the item
 * at which it ended. The permission of the first stage is asked before the second stage is asked for the page, and
 * hardware's own writes of accessed and dirty bits come between the two.
 */
export class TwoStageWalker {
  /** The first stage alone; its `itemLow` and `itemHigh` are guest-physical. */
  readonly stage1: Walker;
  readonly stage2: Walker;

  oaLow = 0;
  oaHigh = 0;
  /** The smaller of the two translations. */
  sizeLg2 = 0;
  /** Permitted by both stages. */
  read = false;
  write = false;
  execute = false;
  /** 0 after `Translated`, else the stage whose tables refuse the access. */
  stage: 0 | 1 | 2 = 0;
  /** The second stage refused, or is behind, the access to an item of a first-stage table. */
  onTableWalk = false;
  /** The input address that was walked. */
  vaLow = 0;
  vaHigh = 0;
  /** The address that the second stage was asked for last: the page's, or that of a first-stage item. */
  ipaLow = 0;
  ipaHigh = 0;

  private readonly view: StageTwoView;
  private readonly accessed: AccessedRule | undefined;
  private readonly readsAsWrites: boolean;

  constructor(
    stage1: Configuration,
    stage2: Configuration,
    memory: PhysicalMemory,
    options: TwoStageOptions = {},
  ) {
    this.stage2 = createWalker(stage2, memory, options.stage2);
    const { itemBytesLg2 } = shapeOf(stage1);
    this.readsAsWrites = readsTablesAsWrites(stage2.format);
    this.view = new StageTwoView(memory, this.stage2, itemBytesLg2, this.readsAsWrites);
    this.stage1 = createWalker(stage1, this.view, options.stage1);
    this.accessed = accessedRuleOf(stage1.format);
  }

  /** The first root is a guest-physical address. */
  setRoots(root1: RootWords, root2: RootWords): void {
    this.stage1.setRoot(root1.low, root1.high, root1.mode);
    this.stage2.setRoot(root2.low, root2.high, root2.mode);
  }

  /** Translates for an access that needs these rights; without any, the fields say what would be permitted. */
  walk(vaLow: number, vaHigh: number, needed: number = Access.none): TwoStageResult {
    const { stage1, stage2, view } = this;
    this.vaLow = vaLow;
    this.vaHigh = vaHigh;
    view.beginWalk();
    const result1 = stage1.walk(vaLow, vaHigh);
    if (result1 !== WalkResult.Translated) return this.endOfTableWalk(result1);
    const { oaLow, oaHigh } = stage1;
    const allowed1 = rightsOf(stage1);
    if ((needed & ~allowed1) !== 0) return this.end(Refused, 1, oaLow, oaHigh);

    const accessedBlocked = this.itemThatStaysUnaccessed();
    if (accessedBlocked !== undefined) return this.endAtItem(accessedBlocked);
    const dirtyBlocked = this.itemThatStaysClean(allowed1, vaLow, vaHigh);
    if (dirtyBlocked !== undefined && (needed & Rights.write) !== 0) return this.endAtItem(dirtyBlocked);

    const result2 = stage2.walk(oaLow, oaHigh);
    if (result2 !== WalkResult.Translated) return this.end(result2, 2, oaLow, oaHigh);
    const allowed = allowed1 & rightsOf(stage2) & (dirtyBlocked === undefined ? Rights.all : ~Rights.write);
    if ((needed & ~allowed) !== 0) return this.end(Refused, 2, oaLow, oaHigh);
    this.translate(allowed);
    return this.end(WalkResult.Translated, 0, oaLow, oaHigh);
  }

  /** A device writes: each stage sets its accessed and dirty bits. Returns whether the write was permitted. */
  deviceWrite(vaLow: number, vaHigh: number): boolean {
    if (this.walk(vaLow, vaHigh, Access.write) !== WalkResult.Translated) return false;
    const { ipaLow, ipaHigh, view, accessed } = this;
    for (let index = 0; index < view.count; index++) {
      const { ipaLow: low, ipaHigh: high, rawLow } = view.items[index];
      if (accessed !== undefined && this.lacksAccessed(index, accessed))
        view.writeWord(low, high, rawLow | accessed.bit);
      else if (this.readsAsWrites) this.stage2.deviceWrite(low, high);
    }
    this.stage1.deviceWrite(vaLow, vaHigh);
    return this.stage2.deviceWrite(ipaLow, ipaHigh);
  }

  private translate(allowed: number): void {
    this.oaLow = this.stage2.oaLow;
    this.oaHigh = this.stage2.oaHigh;
    this.sizeLg2 = Math.min(this.stage1.sizeLg2, this.stage2.sizeLg2);
    this.read = (allowed & Rights.read) !== 0;
    this.write = (allowed & Rights.write) !== 0;
    this.execute = (allowed & Rights.execute) !== 0;
  }

  private end(result: TwoStageResult, stage: 0 | 1 | 2, ipaLow: number, ipaHigh: number): TwoStageResult {
    this.stage = stage;
    this.onTableWalk = false;
    this.ipaLow = ipaLow;
    this.ipaHigh = ipaHigh;
    return result;
  }

  /** The first stage ended early: by itself, or because the second did not let it have an item. */
  private endOfTableWalk(result1: WalkResultCode): TwoStageResult {
    const { view } = this;
    if (!view.refused) return this.end(result1, 1, view.askedLow, view.askedHigh);
    const result = view.refusal === WalkResult.Translated ? Refused : view.refusal;
    this.end(result, 2, view.askedLow, view.askedHigh);
    this.onTableWalk = true;
    return result;
  }

  /** The second stage does not permit a write to this item that hardware must do. */
  private endAtItem({ ipaLow, ipaHigh }: ReadItem): TwoStageResult {
    this.stage2.walk(ipaLow, ipaHigh);
    this.end(Refused, 2, ipaLow, ipaHigh);
    this.onTableWalk = true;
    return Refused;
  }

  private itemThatStaysUnaccessed(): ReadItem | undefined {
    const { view, accessed } = this;
    if (accessed === undefined) return undefined;
    for (let index = 0; index < view.count; index++) {
      if (!view.items[index].writable && this.lacksAccessed(index, accessed)) return view.items[index];
    }
    return undefined;
  }

  private lacksAccessed(index: number, { bit, without, leafOnly }: AccessedRule): boolean {
    const { items, count } = this.view;
    return index >= (leafOnly ? count - 1 : without) && (items[index].rawLow & bit) === 0;
  }

  /** The leaf, if a write would have to mark it dirty and may not. The first stage is asked by a write held back. */
  private itemThatStaysClean(allowed1: number, vaLow: number, vaHigh: number): ReadItem | undefined {
    const { view } = this;
    if ((allowed1 & Rights.write) === 0 || view.items[view.count - 1].writable) return undefined;
    view.beginWalk();
    view.holdStores();
    this.stage1.deviceWrite(vaLow, vaHigh);
    return view.releaseStores() === 0 ? undefined : view.items[view.count - 1];
  }
}

function rightsOf({ read, write, execute }: Walker): number {
  return (read ? Rights.read : 0) | (write ? Rights.write : 0) | (execute ? Rights.execute : 0);
}

/**
 * AMD64 APM vol. 2 §15.25.5: a processor's walk of guest tables is a user's write for the nested tables, whether it
 * sets a bit or not. Everywhere else it is a read, and a write only where hardware sets accessed or dirty bits.
 */
function readsTablesAsWrites(stage2: FormatName): boolean {
  return stage2.startsWith("x86-");
}

/**
 * x86 sets A in every item that it uses, but for the PDPTEs of 32-bit PAE. RISC-V sets it in leaves, and where it
 * does not its walker faults before; so it is with ARM's access flag.
 */
function accessedRuleOf(stage1: FormatName): AccessedRule | undefined {
  switch (stage1) {
    case "x86-64":
    case "x86-pae":
      return { bit: 1 << 5, without: 0, leafOnly: false };
    case "x86-pae32":
      return { bit: 1 << 5, without: 1, leafOnly: false };
    case "riscv64":
    case "riscv32":
      return { bit: 1 << 6, without: 0, leafOnly: true };
    case "armv8-stage1":
      return { bit: 1 << 10, without: 0, leafOnly: true };
    default:
      return undefined;
  }
}
