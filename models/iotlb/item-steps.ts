/**
 * The steps that items take within one operation: what each was first, and everything in between that a walk could
 * have met. What it is in the end is asked when the operation is over.
 */
import { highMask, lowMask, shiftedHigh, shiftedLow } from "../walkers/words.js";
import { ItemKind, type ItemKindCode, type LiveTables, type Place } from "./live-tables.js";

/** A state that an item was in between two stores of one operation. */
export interface Between extends Place {
  readonly item: number;
  readonly low: number;
  readonly high: number;
}

/** A leaf of a level, and the first word of the table whose place it took. */
interface Merged {
  readonly table: number;
  readonly level: number;
  readonly low: number;
  readonly high: number;
}

/** Two translations differ: `wider` where the address is the same and only the permissions grew. */
export type Verdict = "same" | "other" | "wider";

const ITEMS_AT_FIRST = 1 << 12;

/** What a walk of an item's first address finds. */
class Meaning {
  kind: ItemKindCode = ItemKind.empty;
  oaLow = 0;
  oaHigh = 0;
  rights = 0;
}

export class ItemSteps {
  readonly #tables: LiveTables;
  /** Per item: the operation that touched it last, and its words before that. */
  #operation = new Int32Array(ITEMS_AT_FIRST);
  #firstLow = new Int32Array(ITEMS_AT_FIRST);
  #firstHigh = new Int32Array(ITEMS_AT_FIRST);
  /** The level of those words: the item's own, or that of the leaf that its table took the place of. */
  #firstLevel = new Uint8Array(ITEMS_AT_FIRST);
  readonly #between: Between[] = [];
  /** The leaves that took a table's place, for what the table's items are in the end. */
  readonly #merged: Merged[] = [];
  readonly #a = new Meaning();
  readonly #b = new Meaning();
  #now = 0;

  constructor(tables: LiveTables) {
    this.#tables = tables;
  }

  begin(): void {
    this.#now++;
    this.#between.length = 0;
    this.#merged.length = 0;
  }

  /** An item leaves a state in which it translated as these words do; a table without leaves counts as nothing. */
  leaves(item: number, place: Place, low: number, high: number): void {
    const index = item >> this.#tables.itemWordsLg2;
    if (this.#operation[index] === this.#now) {
      this.#between.push({ item, low, high, level: place.level, vaLow: place.vaLow, vaHigh: place.vaHigh });
      return;
    }
    this.#begins(index, place.level, low, high);
  }

  /** A table took the place of a leaf at once: before, each of its items translated as the leaf did. */
  inherit(table: number, level: number, low: number, high: number): void {
    const first = table >> this.#tables.itemWordsLg2;
    for (let index = 0; index < 1 << this.#tables.tableBitsLg2; index++) {
      this.#begins(first + index, level, low, high);
    }
  }

  /** A leaf of a level took a table's place at once: from now on each of its items translates as the leaf does. */
  merged(table: number, level: number, low: number, high: number): void {
    this.#merged.push({ table, level, low, high });
  }

  #mergedAt(item: number): Merged | undefined {
    const { tableBitsLg2, itemWordsLg2 } = this.#tables;
    const words = 1 << (tableBitsLg2 + itemWordsLg2);
    return this.#merged.find(({ table }) => item >= table && item < table + words);
  }

  #begins(index: number, level: number, low: number, high: number): void {
    while (index >= this.#operation.length) this.#widen();
    this.#operation[index] = this.#now;
    this.#firstLevel[index] = level;
    this.#firstLow[index] = low;
    this.#firstHigh[index] = high;
  }

  /** Memories are large and used from their beginning: most items are never seen. */
  #widen(): void {
    this.#operation = wider(this.#operation, new Int32Array(this.#operation.length * 2));
    this.#firstLow = wider(this.#firstLow, new Int32Array(this.#firstLow.length * 2));
    this.#firstHigh = wider(this.#firstHigh, new Int32Array(this.#firstHigh.length * 2));
    this.#firstLevel = wider(this.#firstLevel, new Uint8Array(this.#firstLevel.length * 2));
  }

  get between(): readonly Between[] {
    return this.#between;
  }

  /** Whether a state in between was a third one: neither what the item was nor what it is. */
  verdict(state: Between): Verdict {
    const tables = this.#tables;
    const index = state.item >> tables.itemWordsLg2;
    const firstLevel = this.#firstLevel[index];
    const before = this.#compare(state, firstLevel, this.#firstLow[index], this.#firstHigh[index]);
    if (before === "same") return "same";
    const isReached = tables.levelAt(state.item) === state.level;
    const leaf = isReached ? undefined : this.#mergedAt(state.item);
    const finalLow = isReached ? tables.words[state.item] : (leaf?.low ?? 0);
    const finalHigh = isReached ? tables.highOf(state.item) : (leaf?.high ?? 0);
    const after = this.#compare(state, leaf?.level ?? state.level, finalLow, finalHigh);
    if (after === "same") return "same";
    return before === "wider" && after === "wider" ? "wider" : "other";
  }

  /** A state in between with other words, of the same level or of the leaf above. */
  #compare(state: Between, level: number, low: number, high: number): Verdict {
    const tables = this.#tables;
    const kind = tables.kindOf(state.level, state.low, state.high);
    const otherKind = tables.kindOf(level, low, high);
    if (kind === ItemKind.table || otherKind === ItemKind.table) {
      return this.#compareTables(state, kind, low, high, otherKind);
    }
    if (kind === ItemKind.illegal) return state.low === low && state.high === high ? "same" : "other";
    this.#read(this.#a, state, state.low, state.high);
    this.#read(this.#b, state, low, high, level);
    return verdictOf(this.#a, this.#b);
  }

  #read(meaning: Meaning, place: Place, low: number, high: number, level = place.level): void {
    const { walker } = this.#tables;
    meaning.kind = this.#tables.kindOf(level, low, high);
    if (meaning.kind !== ItemKind.leaf) return;
    const { sizeLg2 } = walker;
    meaning.oaLow = (walker.oaLow & ~lowMask(sizeLg2)) | (place.vaLow & lowMask(sizeLg2));
    meaning.oaHigh = (walker.oaHigh & ~highMask(sizeLg2)) | (place.vaHigh & highMask(sizeLg2));
    meaning.rights = (walker.read ? 1 : 0) | (walker.write ? 2 : 0) | (walker.execute ? 4 : 0);
  }

  /** A table translates as a leaf does if each of its items does, for its own addresses. */
  #compareTables(
    state: Between,
    kind: ItemKindCode,
    low: number,
    high: number,
    other: ItemKindCode,
  ): Verdict {
    const tables = this.#tables;
    if (kind === ItemKind.table && other === ItemKind.table) {
      const target = this.#targetOf(state.level, state.low, state.high);
      return target === this.#targetOf(state.level, low, high) ? "same" : "other";
    }
    const tableLow = kind === ItemKind.table ? state.low : low;
    const tableHigh = kind === ItemKind.table ? state.high : high;
    const leafLow = kind === ItemKind.table ? low : state.low;
    const leafHigh = kind === ItemKind.table ? high : state.high;
    const word = this.#targetOf(state.level, tableLow, tableHigh);
    if (word < 0) return "other";
    this.#read(this.#b, state, leafLow, leafHigh);
    const itemLg2 = tables.itemLg2(state.level - 1);
    let verdict: Verdict = "same";
    for (let index = 0; index < 1 << tables.tableBitsLg2; index++) {
      const item = word + (index << tables.itemWordsLg2);
      const place = below(state, index, itemLg2);
      this.#read(this.#a, place, tables.words[item], tables.highOf(item));
      const expected = at(this.#b, state, place);
      const found = verdictOf(this.#a, expected);
      if (found === "other") return "other";
      if (found === "wider") verdict = "wider";
    }
    return verdict;
  }

  #targetOf(level: number, low: number, high: number): number {
    return this.#tables.kindOf(level, low, high) === ItemKind.table ? this.#tables.target : -1;
  }
}

function wider<Items extends Int32Array | Uint8Array>(items: Items, into: Items): Items {
  into.set(items);
  return into;
}

function verdictOf(a: Meaning, b: Meaning): Verdict {
  // A hole permits nothing.
  if (a.kind !== b.kind) return a.kind === ItemKind.leaf && b.kind === ItemKind.empty ? "wider" : "other";
  if (a.kind !== ItemKind.leaf) return "same";
  if (a.oaLow !== b.oaLow || a.oaHigh !== b.oaHigh) return "other";
  if (a.rights === b.rights) return "same";
  return (a.rights & ~b.rights) !== 0 ? "wider" : "other";
}

/** The place of an item in the table below another. */
function below(place: Place, index: number, itemLg2: number): Place {
  const vaLow = place.vaLow | shiftedLow(index, itemLg2);
  const vaHigh = place.vaHigh | shiftedHigh(index, itemLg2);
  return { level: place.level - 1, vaLow, vaHigh };
}

/** What a leaf means at an address further inside it. */
function at(meaning: Meaning, from: Place, to: Place): Meaning {
  const moved = new Meaning();
  moved.kind = meaning.kind;
  moved.rights = meaning.rights;
  moved.oaLow = meaning.oaLow | (to.vaLow ^ from.vaLow);
  moved.oaHigh = meaning.oaHigh | (to.vaHigh ^ from.vaHigh);
  return moved;
}
