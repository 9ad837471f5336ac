/**
 * The tables as hardware finds them, followed store by store: which frames hold them, at which level and for which
 * addresses, and how many leaf items there are. After each operation every item that was stored to is decoded as
 * hardware does and compared with the reference, so that no wrong item waits for a lucky probe.
 */
import { Pointer, type Walker, WalkResult } from "../../models/walkers/index.js";
import { itemSizeLg2, type Reference } from "../../reference/index.js";
import {
  type Differences,
  describeAddress,
  describeHex,
  itemName,
  sizeName,
  walkName,
} from "./difference.js";
import { ItemBits } from "./item-bits.js";
import { ItemRun } from "./item-run.js";
import type { ReferenceView } from "./reference-view.js";
import { Spans } from "./spans.js";
import type { Subject } from "./subject.js";
import { carryOf, joined, lowWord, maskHigh, maskLow, shiftedHigh, shiftedLow } from "./words.js";

const FRAME_WORDS_LG2 = 10;
const FRAME_WORDS = 1 << FRAME_WORDS_LG2;

const Kind = { empty: 0, leaf: 1, table: 2 } as const;
const NO_ITEM = -1;

export class MemoryTables {
  tableCount = 0;
  leafItemCount = 0;
  /** What the last update found taken away: the addresses, and the levels of leaves and tables as masks. */
  readonly removed = new Spans();
  removedLeafLevels = 0;
  removedTableLevels = 0;
  removedTables = 0;

  readonly #subject: Subject;
  readonly #reference: Reference;
  readonly #view: ReferenceView;
  readonly #walker: Walker;
  readonly #differences: Differences;
  readonly #bits: ItemBits;
  readonly #words: Int32Array;
  readonly #baseLow: number;
  /** 1 for items of 64 bits, 0 for items of 32. */
  readonly #itemWordsLg2: number;
  readonly #tableBitsLg2: number;
  readonly #granuleLg2: number;
  readonly #signBit: number;
  readonly #inputLg2: number;

  /** Per item, by its first word: what it was when last seen. */
  readonly #kinds: Uint8Array;
  /** Per frame: its level plus 1, 0 for no table; its first input address; the item that points to it. */
  readonly #levels: Uint8Array;
  readonly #vaLow: Int32Array;
  readonly #vaHigh: Int32Array;
  readonly #parents: Int32Array;
  readonly #childOf = new Map<number, number>();
  #rootFrame = -1;
  /** The address of the item in hand. */
  #itemVaLow = 0;
  #itemVaHigh = 0;
  readonly #run: ItemRun;
  #removedInRun = 0;
  /** Items to look at again, whatever the stores say. */
  readonly #again: number[] = [];

  constructor(
    subject: Subject,
    reference: Reference,
    view: ReferenceView,
    walker: Walker,
    differences: Differences,
  ) {
    const { configuration } = subject;
    this.#subject = subject;
    this.#reference = reference;
    this.#view = view;
    this.#walker = walker;
    this.#differences = differences;
    this.#bits = new ItemBits(configuration);
    this.#words = subject.words;
    this.#baseLow = lowWord(subject.base);
    this.#itemWordsLg2 = configuration.format === "riscv32" ? 0 : 1;
    this.#granuleLg2 = itemSizeLg2(configuration, 0);
    this.#tableBitsLg2 = itemSizeLg2(configuration, 1) - this.#granuleLg2;
    this.#inputLg2 = configuration.vaWidthLg2;
    this.#signBit = configuration.signExtended ? configuration.vaWidthLg2 - 1 : -1;
    this.#run = new ItemRun(subject, view);
    const frames = this.#words.length >> FRAME_WORDS_LG2;
    this.#kinds = new Uint8Array(this.#words.length >> this.#itemWordsLg2);
    this.#levels = new Uint8Array(frames);
    this.#vaLow = new Int32Array(frames);
    this.#vaHigh = new Int32Array(frames);
    this.#parents = new Int32Array(frames);
  }

  /** Follows what the journal tells of the last operation. The reference has done it already. */
  update(): void {
    const { journal } = this.#subject;
    this.removed.clear();
    this.removedLeafLevels = 0;
    this.removedTableLevels = 0;
    this.removedTables = 0;
    for (const word of journal.allocations) this.#forgetReused(word >> FRAME_WORDS_LG2);
    this.#unlinkStored();
    const oldRoot = this.#rootFrame;
    if (journal.publications.length > 0) this.#enterRoot();
    this.#checkStored();
    for (let item = this.#again.pop(); item !== undefined; item = this.#again.pop()) this.#check(item);
    if (oldRoot !== this.#rootFrame) this.#leaveRoot(oldRoot);
  }

  /** Whether a frame, by its first word, is a table that hardware reaches, and of which level. */
  levelAt(word: number): number {
    return this.#levels[word >> FRAME_WORDS_LG2] - 1;
  }

  /** A frame that was handed out anew is no table any more, whatever points to it. */
  #forgetReused(frame: number): void {
    if (this.#levels[frame] === 0) return;
    const parent = this.#parents[frame];
    this.#forget(frame);
    if (parent === NO_ITEM) return;
    this.#childOf.delete(parent);
    this.#kinds[parent >> this.#itemWordsLg2] = Kind.empty;
    this.#again.push(parent);
  }

  /** First of all, what was unlinked: a frame may have been freed here and linked again there. */
  #unlinkStored(): void {
    const { stores, storeCount } = this.#subject.journal;
    const itemMask = -(1 << this.#itemWordsLg2);
    for (let index = 0; index < storeCount; index++) {
      const item = stores[index] & itemMask;
      if (this.#kinds[item >> this.#itemWordsLg2] !== Kind.table) continue;
      const frame = item >> FRAME_WORDS_LG2;
      const child = this.#childOf.get(item);
      if (this.#levels[frame] === 0 || child === undefined) continue;
      const level = this.#levels[frame] - 1;
      const low = this.#words[item];
      const high = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
      if (this.#walker.inspect(level, low, high) === Pointer && this.#frameWalkedTo() === child) continue;
      this.#locate(frame, item, level);
      this.#noteRemoved(level);
      this.#childOf.delete(item);
      this.#kinds[item >> this.#itemWordsLg2] = Kind.empty;
      this.#forget(child);
    }
  }

  #checkStored(): void {
    const { journal } = this.#subject;
    const { stores, storeCount } = journal;
    const { incoherent } = this.#subject.configuration;
    const itemMask = -(1 << this.#itemWordsLg2);
    let before = -1;
    for (let index = 0; index < storeCount; index++) {
      const word = stores[index];
      if (incoherent && journal.isUnclean(word)) this.#unclean(word);
      const item = word & itemMask;
      if (item === before) continue;
      before = item;
      this.#visit(item);
    }
    this.#endRun();
  }

  #visit(item: number): void {
    if (this.#run.goesOn(item) && this.#followRun(item)) return;
    this.#endRun();
    this.#check(item);
  }

  /** An item that goes on as the run does, and its kind with it. False: it must be looked at for itself. */
  #followRun(item: number): boolean {
    const index = item >> this.#itemWordsLg2;
    const kind = this.#kinds[index];
    if (this.#run.isHole) {
      if (kind !== Kind.leaf) return false;
      this.#kinds[index] = Kind.empty;
      this.leafItemCount--;
      this.#removedInRun++;
    } else {
      if (kind === Kind.empty) this.leafItemCount++;
      this.#kinds[index] = Kind.leaf;
    }
    return true;
  }

  /** What a run of emptied items took away, beyond its first. */
  #endRun(): void {
    const run = this.#run;
    run.end();
    const count = this.#removedInRun;
    if (count === 0) return;
    this.#removedInRun = 0;
    const itemLg2 = this.#granuleLg2 + this.#tableBitsLg2 * run.level;
    const bytesLow = shiftedLow(count, itemLg2);
    const endLow = ((run.vaLow | maskLow(itemLg2)) + bytesLow) | 0;
    const carry = carryOf(endLow, bytesLow);
    const endHigh = ((run.vaHigh | maskHigh(itemLg2)) + shiftedHigh(count, itemLg2) + carry) | 0;
    this.removed.add(run.vaLow, run.vaHigh, endLow, endHigh);
    this.removedLeafLevels |= 1 << run.level;
  }

  #unclean(word: number): void {
    if (this.#levels[word >> FRAME_WORDS_LG2] === 0) return;
    const address = describeHex(this.#subject.base + BigInt(word * 4));
    this.#differences.add("I13", undefined, `the word at ${address} was stored but not written back`);
  }

  #enterRoot(): void {
    const { root, topLevel } = this.#subject.hardwareRoot();
    const frame = Number((root - this.#subject.base) >> 12n);
    if (frame === this.#rootFrame) return;
    this.#rootFrame = frame;
    this.#enter(frame, topLevel, 0, 0, NO_ITEM);
  }

  /** The old root of a tree that grew is item 0 of the level above, unless a leaf took its place at once. */
  #leaveRoot(frame: number): void {
    const level = (this.#levels[frame] ?? 0) - 1;
    if (level < 0 || this.#parents[frame] !== NO_ITEM) return;
    this.#itemVaLow = 0;
    this.#itemVaHigh = 0;
    this.#noteRemoved(level + 1);
    this.#forget(frame);
  }

  /** A table that hardware reaches now: of the right level and place, in use, and nobody else's. */
  #enter(frame: number, level: number, vaLow: number, vaHigh: number, parent: number): void {
    const va = joined(vaLow, vaHigh);
    const address = this.#subject.base + (BigInt(frame) << 12n);
    if (this.#levels[frame] !== 0) {
      // The old root of a tree that grew.
      if (
        this.#parents[frame] === NO_ITEM &&
        frame !== this.#rootFrame &&
        this.#levels[frame] === level + 1
      ) {
        this.#parents[frame] = parent;
        return;
      }
      this.#differences.add("I5", va, `the table frame ${describeHex(address)} is reached twice`);
      return;
    }
    if (!this.#subject.isLive(address)) {
      this.#differences.add(
        "I5",
        va,
        `hardware reaches the frame ${describeHex(address)}, which is not in use`,
      );
    }
    if (!this.#reference.tables.has(level, va)) {
      const what = `the table of level ${level} for ${describeAddress(va)} (frame ${describeHex(address)})`;
      this.#differences.add("I6", va, `${what} is alive; the reference has none there`);
    }
    this.#levels[frame] = level + 1;
    this.#vaLow[frame] = vaLow;
    this.#vaHigh[frame] = vaHigh;
    this.#parents[frame] = parent;
    this.tableCount++;
    const first = frame << FRAME_WORDS_LG2;
    if (this.#subject.configuration.incoherent) this.#checkWrittenBack(first);
    const words = this.#words;
    for (let item = first; item < first + FRAME_WORDS; item += 1 << this.#itemWordsLg2) {
      if ((words[item] | words[item | this.#itemWordsLg2]) !== 0) this.#visit(item);
    }
    this.#endRun();
  }

  #checkWrittenBack(first: number): void {
    for (let word = first; word < first + FRAME_WORDS; word++) {
      if (this.#subject.journal.isUnclean(word)) this.#unclean(word);
    }
  }

  /** A table that hardware no longer reaches, with all below it. */
  #forget(frame: number): void {
    const level = this.#levels[frame] - 1;
    if (level < 0) return;
    this.#levels[frame] = 0;
    this.tableCount--;
    this.removedTables++;
    this.removedTableLevels |= 1 << level;
    const first = frame << FRAME_WORDS_LG2;
    for (let item = first; item < first + FRAME_WORDS; item += 1 << this.#itemWordsLg2) {
      const kind = this.#kinds[item >> this.#itemWordsLg2];
      if (kind === Kind.empty) continue;
      this.#kinds[item >> this.#itemWordsLg2] = Kind.empty;
      if (kind === Kind.leaf) {
        this.leafItemCount--;
        this.removedLeafLevels |= 1 << level;
        continue;
      }
      const child = this.#childOf.get(item);
      this.#childOf.delete(item);
      if (child !== undefined) this.#forget(child);
    }
  }

  /** Looks at one item, if hardware reaches it, and compares it with the reference. */
  #check(item: number): void {
    const frame = item >> FRAME_WORDS_LG2;
    const level = this.#levels[frame] - 1;
    if (level < 0) return;
    const low = this.#words[item];
    const high = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
    const kind = this.#kinds[item >> this.#itemWordsLg2];
    this.#locate(frame, item, level);
    if ((low | high) === 0) {
      if (kind === Kind.leaf) this.#leafWentAway(level);
      this.#kinds[item >> this.#itemWordsLg2] = Kind.empty;
      this.#checkEmpty(item, level);
      return;
    }
    const result = this.#walker.inspect(level, low, high);
    if (result === WalkResult.Translated) {
      if (kind === Kind.empty) this.leafItemCount++;
      this.#kinds[item >> this.#itemWordsLg2] = Kind.leaf;
      this.#checkLeaf(item, level, low, high);
    } else if (result === Pointer) {
      if (kind === Kind.leaf) this.#leafWentAway(level);
      this.#kinds[item >> this.#itemWordsLg2] = Kind.table;
      this.#checkPointer(item, level, low, high);
    } else {
      const what = `the item ${itemName(low, high)} at level ${level} for ${this.#where()}`;
      const why =
        result === WalkResult.NotPresent
          ? "is empty but not 0"
          : `is illegal: ${walkName(this.#walker, result)}`;
      this.#differences.add("I14", this.#va(), `${what} ${why}`);
    }
  }

  #leafWentAway(level: number): void {
    this.leafItemCount--;
    this.removedLeafLevels |= 1 << level;
    this.#noteRemoved(level);
  }

  #noteRemoved(level: number): void {
    const lg2 = this.#granuleLg2 + this.#tableBitsLg2 * level;
    const low = this.#itemVaLow;
    const high = this.#itemVaHigh;
    this.removed.add(low, high, low | maskLow(lg2), high | maskHigh(lg2));
  }

  #checkEmpty(item: number, level: number): void {
    const view = this.#view;
    view.find(this.#itemVaLow, this.#itemVaHigh);
    if (!view.mapped) {
      this.#run.begin(item, level, this.#itemVaLow, this.#itemVaHigh);
      return;
    }
    const contiguous = view.sizeLg2 > this.#granuleLg2 + this.#tableBitsLg2 * level;
    const maps = `the reference maps ${this.#expected()}`;
    this.#differences.add(
      contiguous ? "I8" : "I1",
      this.#va(),
      `the item for ${this.#where()} is empty; ${maps}`,
    );
  }

  #checkLeaf(item: number, level: number, low: number, high: number): void {
    const view = this.#view;
    const walker = this.#walker;
    const vaLow = this.#itemVaLow;
    const vaHigh = this.#itemVaHigh;
    view.find(vaLow, vaHigh);
    if (!view.mapped) {
      const given = `hardware finds a leaf to ${walkName(walker, WalkResult.Translated)} for ${this.#where()}`;
      const isPart = walker.sizeLg2 > this.#granuleLg2 + this.#tableBitsLg2 * level;
      this.#differences.add(isPart ? "I8" : "I1", this.#va(), `${given}; the reference maps nothing there`);
      return;
    }
    if (walker.sizeLg2 !== view.sizeLg2) {
      const allowed = (this.#reference.pageSizes >> BigInt(walker.sizeLg2)) & 1n;
      const given = `the leaf for ${this.#where()} has ${sizeName(walker.sizeLg2)}`;
      const wanted = `the reference uses ${sizeName(view.sizeLg2)}`;
      this.#differences.add(allowed === 1n ? "I7" : "I20", this.#va(), `${given}; ${wanted}`);
      return;
    }
    const entryLow = vaLow & ~maskLow(view.sizeLg2);
    const entryHigh = vaHigh & ~maskHigh(view.sizeLg2);
    const itemLg2 = this.#granuleLg2 + this.#tableBitsLg2 * level;
    if (walker.oaLow !== view.outputLow(entryLow) || walker.oaHigh !== view.outputHigh(entryLow, entryHigh)) {
      const isInside = view.sizeLg2 > itemLg2 && (entryLow !== vaLow || entryHigh !== vaHigh);
      const given = `the leaf for ${this.#where()} goes to ${walkName(walker, WalkResult.Translated)}`;
      this.#differences.add(
        isInside ? "I8" : "I1",
        this.#va(),
        `${given}; the reference maps ${this.#expected()}`,
      );
    }
    const bits = this.#bits;
    bits.setLeaf(view.prot, level, view.sizeLg2, itemLg2);
    const differLow = (low ^ bits.low) & ~bits.addressLow & ~bits.leafFreeLow;
    const differHigh = (high ^ bits.high) & ~bits.addressHigh;
    if ((differLow | differHigh) !== 0) this.#wrongBits("leaf", low, high, differLow, differHigh);
    if ((low & bits.dirtyLow) !== 0 && !this.#reference.isDirty(joined(entryLow, entryHigh))) {
      this.#differences.add(
        "I15",
        this.#va(),
        `the item for ${this.#where()} is dirty; the reference's is clean`,
      );
    }
    if (this.#isBeyondInput(item, level)) {
      this.#differences.add("I14", this.#va(), `a leaf stands in an item that no input address reaches`);
    }
    this.#run.begin(item, level, vaLow, vaHigh);
  }

  #checkPointer(item: number, level: number, low: number, high: number): void {
    const nextLevel = this.#walker.level;
    const child = this.#frameWalkedTo();
    const bits = this.#bits;
    bits.setPointer(level);
    const differLow = (low ^ bits.low) & ~bits.addressLow & ~bits.pointerFreeLow;
    const differHigh = (high ^ bits.high) & ~bits.addressHigh;
    if ((differLow | differHigh) !== 0) this.#wrongBits("table item", low, high, differLow, differHigh);
    if (this.#childOf.get(item) === child) return;
    if (child < 0 || nextLevel !== level - 1) {
      const given = `the table item ${itemName(low, high)} at level ${level} for ${this.#where()}`;
      const wrong = child < 0 ? "leads outside of the memory" : `leads to level ${nextLevel}`;
      this.#differences.add("I14", this.#va(), `${given} ${wrong}`);
      return;
    }
    this.#childOf.set(item, child);
    this.#enter(child, nextLevel, this.#itemVaLow, this.#itemVaHigh, item);
  }

  #wrongBits(what: string, low: number, high: number, differLow: number, differHigh: number): void {
    const given = `the ${what} ${itemName(low, high)} for ${this.#where()}`;
    const bits = `the bits ${itemName(differLow, differHigh)} are not as the format and the request have them`;
    this.#differences.add("I14", this.#va(), `${given}: ${bits}`);
  }

  /** The frame that the last inspected pointer leads to, or −1. */
  #frameWalkedTo(): number {
    const { oaLow, oaHigh } = this.#walker;
    return this.#subject.physical.contains(oaLow, oaHigh) ? ((oaLow - this.#baseLow) >>> 0) >>> 12 : -1;
  }

  /** Computes the input address of an item. */
  #locate(frame: number, item: number, level: number): void {
    const index = (item & (FRAME_WORDS - 1)) >> this.#itemWordsLg2;
    const lg2 = this.#granuleLg2 + this.#tableBitsLg2 * level;
    let low = this.#vaLow[frame] | shiftedLow(index, lg2);
    let high = this.#vaHigh[frame] | shiftedHigh(index, lg2);
    const sign = this.#signBit;
    if (sign >= 0 && ((sign >= 32 ? high >>> (sign - 32) : low >>> sign) & 1) !== 0) {
      low |= ~maskLow(sign + 1);
      high |= ~maskHigh(sign + 1);
    }
    this.#itemVaLow = low;
    this.#itemVaHigh = high;
  }

  /** An index of the top table that the input width does not have. */
  #isBeyondInput(item: number, level: number): boolean {
    const index = (item & (FRAME_WORDS - 1)) >> this.#itemWordsLg2;
    const indexBits = this.#inputLg2 - (this.#granuleLg2 + this.#tableBitsLg2 * level);
    return indexBits < 31 && index >>> Math.max(indexBits, 0) !== 0;
  }

  #va(): bigint {
    return joined(this.#itemVaLow, this.#itemVaHigh);
  }

  #where(): string {
    return describeAddress(this.#va());
  }

  #expected(): string {
    const view = this.#view;
    const low = view.outputLow(this.#itemVaLow);
    const output = joined(low, view.outputHigh(this.#itemVaLow, this.#itemVaHigh));
    return `${describeHex(output)} (${sizeName(view.sizeLg2)})`;
  }
}
