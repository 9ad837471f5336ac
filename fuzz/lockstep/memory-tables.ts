/**
 * The tables as hardware finds them, followed store by store: which frames hold them, at which level and for which
 * addresses, and how many leaf items there are. After each operation every item that was stored to is decoded as
 * hardware does and compared with the reference, so that no wrong item waits for a lucky probe.
 */

import { shapeOf } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { Pointer, type Walker, WalkResult } from "../../models/walkers/index.js";
import type { Reference } from "../../reference/index.js";
import {
  type Differences,
  describeAddress,
  describeHex,
  itemName,
  sizeName,
  walkName,
} from "./difference.js";
import { Frames, NO_ITEM } from "./frames.js";
import { createItemBits, type ItemBits } from "./item-bits/index.js";
import { ItemRun } from "./item-run.js";
import type { ReferenceView } from "./reference-view.js";
import { Spans } from "./spans.js";
import type { Subject } from "./subject.js";
import { carryOf, joined, lowWord, maskHigh, maskLow, shiftedHigh, shiftedLow } from "./words.js";

const Kind = { empty: 0, leaf: 1, table: 2 } as const;
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
  /** A fresh writable leaf is dirty. */
  readonly #mapsDirty: boolean;
  readonly #tracksAccessed: boolean;
  readonly #judgesBits: boolean;
  readonly #judgesTables: boolean;

  /** Per item, by its first word: what it was when last seen. */
  readonly #kinds: Uint8Array;
  readonly #frames: Frames;
  readonly #childOf = new Map<number, number>();
  #root = -1;
  /** The address of the item in hand. */
  #itemVaLow = 0;
  #itemVaHigh = 0;
  /** The operation in hand may leave items of one run different: they are looked at one by one. */
  #isOfDirt = false;
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
    this.#bits = createItemBits(configuration);
    this.#judgesBits = subject.scope?.bits ?? true;
    this.#judgesTables = subject.scope?.tables ?? true;
    this.#words = subject.words;
    this.#baseLow = lowWord(subject.base);
    const { itemBytesLg2, granuleLg2, tableBitsLg2, mapsDirty, tracksAccessed } = shapeOf(configuration);
    this.#itemWordsLg2 = itemBytesLg2 - 2;
    this.#granuleLg2 = granuleLg2;
    this.#tableBitsLg2 = tableBitsLg2;
    this.#mapsDirty = mapsDirty;
    this.#tracksAccessed = tracksAccessed && subject.scope?.accessed !== false;
    this.#run = new ItemRun(subject, view, this.#bits);
    this.#kinds = new Uint8Array(this.#words.length >> this.#itemWordsLg2);
    this.#frames = new Frames(configuration, subject.base, this.#words.length);
  }

  /** Follows what the journal tells of the last operation. The reference has done it already. */
  update(op?: Operation["op"]): void {
    const { journal } = this.#subject;
    this.#isOfDirt = op === "readAndClearDirty" || op === "readAndClearAccessed" || op === "setDirty";
    this.removed.clear();
    this.removedLeafLevels = 0;
    this.removedTableLevels = 0;
    this.removedTables = 0;
    for (const word of journal.allocations) this.#forgetReused(word);
    this.#unlinkStored();
    const oldRoot = this.#root;
    if (journal.publications.length > 0) this.#enterRoot();
    this.#checkStored();
    for (let item = this.#again.pop(); item !== undefined; item = this.#again.pop()) this.#check(item);
    if (oldRoot !== this.#root) this.#leaveRoot(oldRoot);
  }

  /** A frame that was handed out anew is no table any more, whatever points to it. */
  #forgetReused(table: number): void {
    if (this.#frames.levelAt(table) < 0) return;
    const parent = this.#frames.parentOf(table);
    this.#forget(table);
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
      const level = this.#frames.levelAt(item);
      const child = this.#childOf.get(item);
      if (level < 0 || child === undefined) continue;
      const low = this.#words[item];
      const high = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
      if (this.#walker.inspect(level, low, high) === Pointer && this.#tableWalkedTo() === child) continue;
      this.#locate(item, level);
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
    if (this.#frames.levelAt(word) < 0) return;
    const address = describeHex(this.#subject.base + BigInt(word * 4));
    this.#differences.add("I13", undefined, `the word at ${address} was stored but not written back`);
  }

  #enterRoot(): void {
    const { root, topLevel } = this.#subject.hardwareRoot();
    const table = Number(root - this.#subject.base) / 4;
    if (table === this.#root) return;
    this.#root = table;
    this.#enter(table, topLevel, 0, 0, NO_ITEM);
  }

  /** The old root of a tree that grew is item 0 of the level above, unless a leaf took its place at once. */
  #leaveRoot(table: number): void {
    const level = table < 0 ? -1 : this.#frames.levelAt(table);
    if (level < 0 || this.#frames.parentOf(table) !== NO_ITEM) return;
    this.#itemVaLow = 0;
    this.#itemVaHigh = 0;
    this.#noteRemoved(level + 1);
    this.#forget(table);
  }

  /** A table that hardware reaches now: of the right level and place, in use, and nobody else's. */
  #enter(table: number, level: number, vaLow: number, vaHigh: number, parent: number): void {
    const frames = this.#frames;
    const va = joined(vaLow, vaHigh);
    const address = this.#subject.base + BigInt(table * 4);
    const levelBefore = frames.levelAt(table);
    if (levelBefore >= 0) {
      // The old root of a tree that grew.
      if (frames.parentOf(table) === NO_ITEM && table !== this.#root && levelBefore === level) {
        frames.setParent(table, parent);
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
    if (this.#judgesTables && !this.#reference.tables.has(level, va)) {
      const what = `the table of level ${level} for ${describeAddress(va)} (frame ${describeHex(address)})`;
      this.#differences.add("I6", va, `${what} is alive; the reference has none there`);
    }
    frames.enter(table, level, vaLow, vaHigh, parent);
    this.tableCount++;
    const end = table + frames.wordsOf(level);
    if (this.#subject.configuration.incoherent) this.#checkWrittenBack(table, end);
    const words = this.#words;
    for (let item = table; item < end; item += 1 << this.#itemWordsLg2) {
      if ((words[item] | words[item + this.#itemWordsLg2]) !== 0) this.#visit(item);
    }
    this.#endRun();
  }

  #checkWrittenBack(first: number, end: number): void {
    for (let word = first; word < end; word++) {
      if (this.#subject.journal.isUnclean(word)) this.#unclean(word);
    }
  }

  /** A table that hardware no longer reaches, with all below it. */
  #forget(table: number): void {
    const level = this.#frames.levelAt(table);
    if (level < 0) return;
    this.#frames.forget(table, level);
    this.tableCount--;
    this.removedTables++;
    this.removedTableLevels |= 1 << level;
    const end = table + this.#frames.wordsOf(level);
    for (let item = table; item < end; item += 1 << this.#itemWordsLg2) {
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
    const level = this.#frames.levelAt(item);
    if (level < 0) return;
    const low = this.#words[item];
    const high = this.#itemWordsLg2 === 1 ? this.#words[item + 1] : 0;
    const kind = this.#kinds[item >> this.#itemWordsLg2];
    this.#locate(item, level);
    if ((low | high) === 0 || (!this.#judgesBits && this.#isNotPresent(level, low, high))) {
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

  /** Whether the item is empty to hardware, whatever software keeps in it. */
  #isNotPresent(level: number, low: number, high: number): boolean {
    return this.#walker.inspect(level, low, high) === WalkResult.NotPresent;
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
      this.#beginRun(item, level);
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
    const isEntry = view.sizeLg2 === itemLg2;
    const bits = this.#bits;
    const [outLow, outHigh] = bits.stepped ? [vaLow, vaHigh] : [entryLow, entryHigh];
    bits.setLeaf(
      view.prot,
      level,
      view.sizeLg2,
      itemLg2,
      view.outputLow(outLow),
      view.outputHigh(outLow, outHigh),
    );
    this.#checkBits("leaf", low, high);
    this.#checkDirt(low, high, isEntry, entryLow, entryHigh);
    if (this.#tracksAccessed) this.#checkAccessed(low, isEntry, entryLow, entryHigh);
    if (this.#frames.isBeyondInput(item, level)) {
      this.#differences.add("I14", this.#va(), `a leaf stands in an item that no input address reaches`);
    }
    if (!this.#isOfDirt) this.#beginRun(item, level);
  }

  /** An item that is dirty makes its entry dirty; that of an entry of one item says all there is to say. */
  #checkDirt(low: number, high: number, isEntry: boolean, entryLow: number, entryHigh: number): void {
    const dirty = this.#bits.isDirty(low, high);
    if (!dirty && !(isEntry && this.#mapsDirty)) return;
    const wanted = this.#reference.isDirty(joined(entryLow, entryHigh));
    if (dirty === wanted || (wanted && !isEntry)) return;
    const [given, other] = dirty ? ["dirty", "clean"] : ["clean", "dirty"];
    const sentence = `the item for ${this.#where()} is ${given}; the reference's is ${other}`;
    this.#differences.add("I15", this.#va(), sentence);
  }

  #checkAccessed(low: number, isEntry: boolean, entryLow: number, entryHigh: number): void {
    const accessed = (low & this.#bits.accessedLow) !== 0;
    const wanted = this.#reference.isAccessed(joined(entryLow, entryHigh));
    if (accessed === wanted || (wanted && !isEntry)) return;
    const [given, other] = accessed ? ["accessed", "not"] : ["not accessed", "accessed"];
    const sentence = `the item for ${this.#where()} is ${given}; the reference's is ${other}`;
    this.#differences.add("I15", this.#va(), sentence);
  }

  #checkPointer(item: number, level: number, low: number, high: number): void {
    const nextLevel = this.#walker.level;
    const child = this.#tableWalkedTo();
    this.#bits.setTable(level, this.#walker.oaLow, this.#walker.oaHigh);
    this.#checkBits("table item", low, high);
    if (this.#childOf.get(item) === child) return;
    if (child < 0 || nextLevel !== level - 1) {
      const given = `the table item ${itemName(low, high)} at level ${level} for ${this.#where()}`;
      const wrong = child < 0 ? "leads to no frame of the memory" : `leads to level ${nextLevel}`;
      this.#differences.add("I14", this.#va(), `${given} ${wrong}`);
      return;
    }
    this.#childOf.set(item, child);
    this.#enter(child, nextLevel, this.#itemVaLow, this.#itemVaHigh, item);
  }

  #checkBits(what: string, low: number, high: number): void {
    if (!this.#judgesBits) return;
    const differLow = (low ^ this.#bits.low) & ~this.#bits.freeLow;
    const differHigh = high ^ this.#bits.high;
    if ((differLow | differHigh) === 0) return;
    const given = `the ${what} ${itemName(low, high)} for ${this.#where()}`;
    const bits = `the bits ${itemName(differLow, differHigh)} are not as the format and the request have them`;
    this.#differences.add("I14", this.#va(), `${given}: ${bits}`);
  }

  /** The table that the last inspected pointer leads to, or −1 where none can be. */
  #tableWalkedTo(): number {
    const { oaLow, oaHigh, level } = this.#walker;
    if (!this.#subject.physical.contains(oaLow, oaHigh)) return -1;
    const word = ((oaLow - this.#baseLow) >>> 0) >>> 2;
    return (oaLow & 3) === 0 && this.#frames.tableOf(word, level) === word ? word : -1;
  }

  #beginRun(item: number, level: number): void {
    const frames = this.#frames;
    const end = frames.tableOf(item, level) + frames.wordsOf(level);
    this.#run.begin(item, end, level, this.#itemVaLow, this.#itemVaHigh);
  }

  /** Computes the input address of an item. */
  #locate(item: number, level: number): void {
    const frames = this.#frames;
    frames.locate(item, level);
    this.#itemVaLow = frames.vaLow;
    this.#itemVaHigh = frames.vaHigh;
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
