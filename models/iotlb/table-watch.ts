/**
 * Watches every store to table memory with the eyes of a device that may walk between any two of them.
 *
 * A store changes one item, and an item decides the translation of its own addresses and of no other: so what every
 * walk of every address sees after a store is known from that item alone, and from the tables below it. Therefore
 * nothing is sampled here. Each item that changes more than once within an operation is compared, at each step, with
 * what it was before and what it is in the end (I12, I19). Each step that a device may have read and that memory no
 * longer holds must be forgotten in time (I9, I10). Where the hardware asks for break-before-make (Arm ARM D8.16.1),
 * a live item may not become another live one, nor a broken one a live one before it is forgotten.
 */

import { type LineBytes, WrittenBack } from "../coherency/written-back.js";
import type { Configuration } from "../configuration.js";
import { highMask, lowMask } from "../walkers/words.js";
import { type BreakRule, breakRuleOf } from "./break-rule.js";
import { DeviceCache, type InvalidationLanguage, isInside, type StaleStep } from "./device-cache.js";
import { type Between, ItemSteps } from "./item-steps.js";
import { ItemKind, type ItemKindCode, LiveTables, type Place, type TableWindow } from "./live-tables.js";
import { overlaps, type Span, spanAround } from "./span.js";

export interface Violation {
  readonly invariant: "I9" | "I10" | "I12" | "I13" | "I16" | "I19";
  /** What else was broken within the operation. */
  readonly also?: readonly Violation["invariant"][] | undefined;
  readonly sentence: string;
  readonly iova: bigint;
}

export interface WatchOptions {
  /** log2 of the smallest frame of the memory; default 12. */
  readonly smallestFrameLg2?: number | undefined;
  /** Languages in which invalidations reach the hardware; each must suffice. Default: the format's own. */
  readonly languages?: readonly InvalidationLanguage[] | undefined;
  /** The device remembers misses as well. Default false. */
  readonly cachesNotPresent?: boolean | undefined;
  /** The bits of an item's word that the walker ignores, such as one that says "written back"; 0 for none. */
  readonly markLow?: number | undefined;
  readonly markHigh?: number | undefined;
  /** What is written back together, for a walker that does not snoop; default 4, the strictest. */
  readonly lineBytes?: LineBytes | undefined;
}

export class TableWatch {
  readonly cache: DeviceCache;
  readonly #tables: LiveTables;
  readonly #steps: ItemSteps;
  readonly #rule: BreakRule | undefined;
  readonly #remembersMisses: boolean;
  readonly #writtenBack: WrittenBack | undefined;
  readonly #markLow: number;
  readonly #markHigh: number;
  readonly #place: Place = { level: 0, vaLow: 0, vaHigh: 0 };
  readonly #old = { oaLow: 0, oaHigh: 0, sizeLg2: 0, rights: 0, dirty: false, accessed: false, target: -1 };
  readonly #storedItems: number[] = [];
  /** So many of them had been stored when the hardware was last told to forget something. */
  #itemsLookedAt = 0;
  #violation: Violation | undefined = undefined;
  readonly #also = new Set<Violation["invariant"]>();
  #pending: Span | undefined = undefined;
  #root = -1;

  constructor(configuration: Configuration, window: TableWindow, options: WatchOptions = {}) {
    this.#tables = new LiveTables(configuration, window, options.smallestFrameLg2);
    this.#steps = new ItemSteps(this.#tables);
    this.#rule = breakRuleOf(configuration);
    this.#remembersMisses = options.cachesNotPresent ?? false;
    this.cache = new DeviceCache(options.languages ?? languagesOf(configuration));
    this.#writtenBack = configuration.incoherent
      ? new WrittenBack(window.words.length, window.base, options.lineBytes)
      : undefined;
    this.#markLow = options.markLow ?? 0;
    this.#markHigh = options.markHigh ?? 0;
  }

  /** An operation begins; `pending` is what waits in a gather that its caller holds open. */
  begin(pending: Span | undefined): void {
    this.#steps.begin();
    this.#pending = pending;
    this.cache.begin(pending);
    this.#storedItems.length = 0;
    this.#itemsLookedAt = 0;
  }

  /** An operation has returned; what it left to its caller to invalidate is `pending`. The first violation, if any. */
  end(pending: Span | undefined): Violation | undefined {
    for (const state of this.#steps.between) this.#judge(state);
    const left = this.cache.uncovered(pending);
    if (left !== undefined) this.#report("I9", left.firstLow, left.firstHigh, outlived(left));
    this.#checkWrittenBack();
    const violation = this.#violation;
    const also = [...this.#also];
    this.#violation = undefined;
    this.#also.clear();
    return violation && also.length > 0 ? { ...violation, also } : violation;
  }

  /** A word of table memory was stored. */
  stored(word: number, oldValue: number, newValue: number): void {
    const tables = this.#tables;
    const item = tables.itemWordsLg2 === 1 ? word & ~1 : word;
    const isLow = word === item;
    this.#noteStore(word, item, (oldValue ^ newValue) | 0, isLow ? this.#markLow : this.#markHigh);
    const low = tables.words[item];
    const oldLow = isLow ? oldValue : low;
    // No architecture finds an item present of which the low word is 0.
    if ((low | oldLow) === 0 || oldValue === newValue) return;
    const level = tables.levelAt(word);
    if (level < 0) return;
    const high = tables.highOf(item);
    this.#changed(item, level, oldLow, isLow ? high : oldValue, low, high);
  }

  /** Both words of an item were stored at once: nobody saw one of them without the other. */
  storedPair(item: number, oldLow: number, oldHigh: number, newLow: number, newHigh: number): void {
    this.#noteStore(item, item, oldLow ^ newLow, this.#markLow);
    this.#noteStore(item + 1, item, oldHigh ^ newHigh, this.#markHigh);
    if ((oldLow | newLow) === 0 || (oldLow === newLow && oldHigh === newHigh)) return;
    const level = this.#tables.levelAt(item);
    if (level >= 0) this.#changed(item, level, oldLow, oldHigh, newLow, newHigh);
  }

  /** Root and top level were published: at once, what the old root translated is reached from the new one. */
  published(rootWord: number, topLevel: number): void {
    const old = this.#root;
    this.#root = rootWord;
    this.#tables.enterRoot(rootWord, topLevel);
    if (old < 0 || old === rootWord || this.#tables.leadsTo(rootWord, topLevel, old)) return;
    this.#report("I16", 0, 0, "a root was published before its first item led to the old one");
  }

  allocated(word: number, frameLg2: number): void {
    this.#writtenBack?.zeroed(word, 2 ** (frameLg2 - 2));
  }

  /** A frame is free for whatever use. */
  released(word: number, frameLg2: number): void {
    this.#writtenBack?.released(word, 2 ** (frameLg2 - 2));
    const step = this.cache.reaching(word);
    if (step === undefined) return;
    const frame = `the table of level ${step.level}`;
    this.#report(
      "I10",
      step.firstLow,
      step.firstHigh,
      `the frame at word ${word} was given back before the invalidation that covers it: a device may still walk ${frame}`,
    );
  }

  invalidated(span: Span, leafLevels: number, tableLevels: number): void {
    this.#checkWrittenBack(span);
    this.cache.invalidated(span, leafLevels, tableLevels);
  }

  /** Bytes were written back. What is reached must be named table by table: more would be somebody else's. */
  cleaned(word: number, lengthBytes: number): void {
    this.#writtenBack?.cleaned(word, lengthBytes);
    const level = this.#tables.levelAt(word);
    if (level < 0 || this.#tables.levelAt(word + (lengthBytes >> 2) - 1) === level) return;
    this.#tables.locate(word, this.#place);
    const sentence = `a write-back of ${lengthBytes} bytes leaves the table of level ${level} in which it begins`;
    this.#report("I13", this.#place.vaLow, this.#place.vaHigh, sentence);
  }

  /** A store must reach memory unless the mark is all that it changed. */
  #noteStore(word: number, item: number, difference: number, mark: number): void {
    if (this.#writtenBack === undefined || (mark !== 0 && (difference & ~mark) === 0)) return;
    this.#writtenBack.stored(word);
    this.#storedItems.push(item);
  }

  #changed(item: number, level: number, oldLow: number, oldHigh: number, low: number, high: number): void {
    const tables = this.#tables;
    const oldKind = oldLow === 0 ? ItemKind.empty : tables.kindOf(level, oldLow, oldHigh);
    if (oldKind !== ItemKind.empty) this.#remember(oldKind);
    const kind = low === 0 ? ItemKind.empty : tables.kindOf(level, low, high);
    if (oldKind === ItemKind.empty && kind === ItemKind.empty) return;
    const place = this.#place;
    tables.locate(item, place);
    if (oldKind === ItemKind.table) {
      const target = kind === ItemKind.table ? tables.target : -1;
      if (target === this.#old.target) return;
      this.#unlinked(item, place, oldLow, oldHigh);
      if (kind === ItemKind.leaf) this.#steps.merged(this.#old.target, level, low, high);
    } else {
      if (oldKind === ItemKind.leaf) this.#leafGone(place, kind);
      this.#steps.leaves(item, place, oldLow, oldHigh);
    }
    if (this.#rule !== undefined)
      this.#judgeMake(this.#rule, place, oldKind, kind, oldLow ^ low, oldHigh ^ high);
    let appears = kind === ItemKind.leaf;
    if (kind === ItemKind.table) {
      const table = this.#linked(place, low, high);
      if (oldKind === ItemKind.leaf && table >= 0) this.#steps.inherit(table, level, oldLow, oldHigh);
      // A table that nothing is in translates as the miss did that a device may remember.
      appears = this.#remembersMisses && table >= 0 && tables.holdsLeaf(table, level - 1);
    }
    if (this.#remembersMisses && oldKind === ItemKind.empty && appears) {
      this.cache.appeared(place.vaLow, place.vaHigh, level, tables.itemLg2(level));
    }
  }

  /** Keeps what the walker said of an item before. */
  #remember(kind: ItemKindCode): void {
    const { walker } = this.#tables;
    const old = this.#old;
    old.target = kind === ItemKind.table ? this.#tables.target : -1;
    if (kind !== ItemKind.leaf) return;
    old.oaLow = walker.oaLow;
    old.oaHigh = walker.oaHigh;
    old.sizeLg2 = walker.sizeLg2;
    old.rights = rightsOf(this.#tables);
    old.dirty = walker.dirty;
    old.accessed = walker.accessed;
  }

  /** A leaf that a device may have cached is no more, or not what it was; more rights and marks that hardware sets don't count. */
  #leafGone(place: Place, kind: ItemKindCode): void {
    const { walker } = this.#tables;
    const old = this.#old;
    const isSame =
      kind === ItemKind.leaf &&
      walker.oaLow === old.oaLow &&
      walker.oaHigh === old.oaHigh &&
      walker.sizeLg2 === old.sizeLg2 &&
      (old.rights & ~rightsOf(this.#tables)) === 0 &&
      (!old.dirty || walker.dirty) &&
      (!old.accessed || walker.accessed);
    if (!isSame) this.cache.leafChanged(place.vaLow, place.vaHigh, place.level, old.sizeLg2);
  }

  #unlinked(item: number, place: Place, oldLow: number, oldHigh: number): void {
    const frames: number[] = [];
    const holdsLeaf = this.#tables.unlink(this.#old.target, place.level - 1, frames);
    const lg2 = this.#tables.itemLg2(place.level);
    this.cache.pointerChanged(place.vaLow, place.vaHigh, place.level - 1, lg2, frames);
    this.#steps.leaves(item, place, holdsLeaf ? oldLow : 0, holdsLeaf ? oldHigh : 0);
  }

  /** A table is reachable now; its first word, or −1. */
  #linked(place: Place, low: number, high: number): number {
    const tables = this.#tables;
    // Others asked the walker since: it must look at these words again.
    tables.kindOf(place.level, low, high);
    const first = tables.target;
    tables.link(place);
    if (this.#writtenBack === undefined || first < 0) return first;
    const dirty = this.#writtenBack.firstDirty(
      first,
      first + (1 << (tables.tableBitsLg2 + tables.itemWordsLg2)),
    );
    if (dirty < 0) return first;
    const sentence = `a table was made reachable before its word ${dirty - first} was written back`;
    this.#report("I13", place.vaLow, place.vaHigh, sentence);
    return first;
  }

  /** Break before make: from live only to invalid, and from invalid to live only when it was forgotten. */
  #judgeMake(
    rule: BreakRule,
    place: Place,
    oldKind: ItemKindCode,
    kind: ItemKindCode,
    differLow: number,
    differHigh: number,
  ): void {
    if (kind === ItemKind.empty) return;
    if (oldKind !== ItemKind.empty) {
      if (((differLow & ~rule.freeLow) | (differHigh & ~rule.freeHigh)) === 0) return;
      if (rule.sizeMayChange === true && this.#translatesAlike(place, oldKind, kind)) return;
      const sentence = `a live item of level ${place.level} became another live one: it must be broken first`;
      this.#report("I12", place.vaLow, place.vaHigh, sentence);
      return;
    }
    const span = spanAround(place.vaLow, place.vaHigh, this.#tables.itemLg2(place.level));
    const step = this.cache.overlapping(span);
    if (step === undefined || step.kind === "not-present") return;
    // What waits in a gather that the caller holds open is the caller's to sync before it maps there again.
    const pending = this.#pending;
    if (pending && isInside(step, pending)) return;
    const sentence = `an item of level ${place.level} was made before the ${step.kind} it broke was invalidated`;
    this.#report("I12", place.vaLow, place.vaHigh, sentence);
  }

  /** Whether one live item leads where the other did. Of a table, each item is judged for itself. */
  #translatesAlike(place: Place, oldKind: ItemKindCode, kind: ItemKindCode): boolean {
    if (oldKind !== ItemKind.leaf || kind !== ItemKind.leaf) return kind !== ItemKind.illegal;
    const { walker } = this.#tables;
    const old = this.#old;
    const [mask, oldMask] = [walker.sizeLg2, old.sizeLg2].map((lg2) => [lowMask(lg2), highMask(lg2)]);
    const low = (walker.oaLow & ~mask[0]) | (place.vaLow & mask[0]);
    const high = (walker.oaHigh & ~mask[1]) | (place.vaHigh & mask[1]);
    const oldLow = (old.oaLow & ~oldMask[0]) | (place.vaLow & oldMask[0]);
    const oldHigh = (old.oaHigh & ~oldMask[1]) | (place.vaHigh & oldMask[1]);
    return low === oldLow && high === oldHigh && old.rights === rightsOf(this.#tables);
  }

  #judge(state: Between): void {
    const verdict = this.#steps.verdict(state);
    if (verdict === "same") return;
    const isEmpty = this.#tables.kindOf(state.level, state.low, state.high) === ItemKind.empty;
    if (isEmpty && this.#rule !== undefined && this.#rule.sizeMayChange !== true) return;
    const wrong = isEmpty
      ? "was a hole between two stores"
      : "had a third translation between two stores, neither the old nor the new";
    const sentence =
      verdict === "wider"
        ? `an item of level ${state.level} permitted more between two stores than before and after`
        : `an item of level ${state.level} ${wrong}`;
    this.#report(verdict === "wider" ? "I19" : "I12", state.vaLow, state.vaHigh, sentence);
  }

  /**
   * What the operation stored has been written back; what it emptied in a span that is being invalidated, before that:
   * from memory the walker would read the old items again.
   */
  #checkWrittenBack(invalidated?: Span): void {
    const writtenBack = this.#writtenBack;
    if (writtenBack === undefined) return;
    const place = this.#place;
    const items = this.#storedItems;
    const first = invalidated ? this.#itemsLookedAt : 0;
    this.#itemsLookedAt = items.length;
    for (let index = first; index < items.length; index++) {
      const item = items[index];
      const end = item + (1 << this.#tables.itemWordsLg2);
      if (invalidated && this.#tables.words[item] !== 0) continue;
      if (writtenBack.firstDirty(item, end) < 0 || this.#tables.levelAt(item) < 0) continue;
      this.#tables.locate(item, place);
      const { level, vaLow, vaHigh } = place;
      if (invalidated && !overlaps(spanAround(vaLow, vaHigh, this.#tables.itemLg2(level)), invalidated))
        continue;
      const when = invalidated ? " before its addresses were invalidated" : "";
      this.#report("I13", vaLow, vaHigh, `an item of level ${level} was stored and not written back${when}`);
      return;
    }
  }

  #report(invariant: Violation["invariant"], low: number, high: number, sentence: string): void {
    if (this.#violation !== undefined) {
      if (this.#violation.invariant !== invariant) this.#also.add(invariant);
      return;
    }
    const iova = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    this.#violation = { invariant, sentence, iova };
  }
}

function rightsOf({ walker }: LiveTables): number {
  return (walker.read ? 1 : 0) | (walker.write ? 2 : 0) | (walker.execute ? 4 : 0);
}

function outlived({ kind, level }: StaleStep): string {
  if (kind === "leaf") return `a cached leaf of level ${level} outlived its invalidation`;
  if (kind === "table") return `a cached pointer to a table of level ${level} outlived its invalidation`;
  return `a remembered miss at level ${level} outlived the mapping of its address`;
}

/** AMD's command names one power of two; the other architectures name ranges. */
function languagesOf({ format }: Configuration): readonly InvalidationLanguage[] {
  return format === "amdv1" || format === "amdv1-mock" ? ["range", "power-of-two"] : ["range"];
}
