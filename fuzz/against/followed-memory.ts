/**
 * Table memory that lies elsewhere, as far as hardware reaches it. After each operation every table that a walk from
 * the root can meet is read again and compared with what it held before; what changed is told as stores.
 */
import type { Configuration } from "../../models/configuration.js";
import { createWalker, Pointer, shapeOf, type Walker } from "../../models/index.js";
import { frameSizesLg2 } from "../lockstep/frames.js";
import type { Journal } from "../lockstep/journal.js";
import { WindowMemory } from "../lockstep/subject.js";
import { joined } from "../lockstep/words.js";

/** Where the memory really is; places count bytes from the window's first. */
export interface MemorySource {
  /** A read of everything costs little more than one of a table. */
  readonly isShared: boolean;
  read(place: number, into: Uint8Array): void;
  writeWord(place: number, value: number): void;
}

/** Where a table begins, and the first input address below it. */
interface Place {
  readonly word: number;
  readonly va: bigint;
}

interface Table {
  readonly level: number;
  readonly below: readonly Place[];
}

/** The input addresses near which something may have changed; undefined: anywhere. */
export type Near = readonly [first: bigint, last: bigint] | undefined;

const SMALLEST_NEIGHBOUR = 1n << 21n;

interface Change {
  readonly item: number;
  readonly level: number;
  readonly oldLow: number;
  readonly oldHigh: number;
}

export class FollowedMemory {
  readonly base: bigint;
  /** What was read last, word for word. */
  readonly words: Int32Array;
  readonly physical: WindowMemory;
  readonly #configuration: Configuration;
  readonly #source: MemorySource;
  readonly #bytes: Uint8Array;
  /** What is read now; as large as what was ever read. */
  #freshWords = new Int32Array(1 << 14);
  #fresh = new Uint8Array(this.#freshWords.buffer);
  readonly #walker: Walker;
  readonly #itemWords: number;
  readonly #granuleLg2: number;
  readonly #tableBitsLg2: number;
  /** By a table's first word. */
  #tables: ReadonlyMap<number, Table> = new Map();
  /** Above every byte that was ever part of a table. */
  #end = 0;

  constructor(configuration: Configuration, bytes: number, source: MemorySource) {
    this.base = configuration.tableBase;
    this.#configuration = configuration;
    this.#source = source;
    this.words = new Int32Array(bytes / 4);
    this.#bytes = new Uint8Array(this.words.buffer);
    this.physical = new ForwardingMemory(this.words, this.base, source);
    this.#walker = createWalker(configuration, this.physical);
    const { itemBytesLg2, granuleLg2, tableBitsLg2 } = shapeOf(configuration);
    this.#itemWords = 1 << (itemBytesLg2 - 2);
    this.#granuleLg2 = granuleLg2;
    this.#tableBitsLg2 = tableBitsLg2;
  }

  get tableCount(): number {
    return this.#tables.size;
  }

  isReached(word: number): boolean {
    return this.#tables.has(word);
  }

  /** log2 of the bytes of a table's frame. */
  frameLg2(level: number, topLevel: number): number {
    const { table, root } = frameSizesLg2(this.#configuration, topLevel);
    return level === topLevel ? root : table;
  }

  /** The word at which an address stands; −1 outside of the window. */
  wordOf(address: bigint): number {
    const place = address - this.base;
    return place >= 0n && place < BigInt(this.#bytes.length) ? Number(place) / 4 : -1;
  }

  /**
   * Reads the tables that can be reached from a root and are near something. `entered` is told those that were not
   * reached before; every other change goes to the journal: first what was unlinked, then what is linked nowhere,
   * then what was linked. Returns how many items changed.
   */
  update(
    root: number,
    topLevel: number,
    near: Near,
    journal: Journal,
    entered: (word: number, frameLg2: number) => void,
  ): number {
    const before = this.#tables;
    const now = new Map<number, Table>();
    const changes: Change[] = [];
    if (this.#source.isShared) this.#read(0, this.#end);
    const pending: [place: Place, level: number][] = [[{ word: root, va: 0n }, topLevel]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [{ word, va }, level] = next;
      const bytes = 2 ** this.frameLg2(level, topLevel);
      if (now.has(word) || word < 0 || word * 4 + bytes > this.#bytes.length) continue;
      const known = before.get(word);
      let table = known?.level === level ? known : undefined;
      const isSkipped = table !== undefined && level !== topLevel && !this.#isNear(va, level, near);
      if (!isSkipped) {
        this.#readTable(word * 4, word * 4 + bytes);
        if (table === undefined || !this.#isUnchanged(word, bytes)) {
          this.#take(word, bytes, level, known === undefined ? undefined : changes);
          table = { level, below: this.#tablesBelow(word, bytes, level, va) };
        }
      }
      if (table === undefined) continue;
      now.set(word, table);
      if (known === undefined) entered(word, this.frameLg2(level, topLevel));
      for (const child of table.below) pending.push([child, level - 1]);
    }
    this.#tables = now;
    this.#tell(changes, journal);
    return changes.length;
  }

  /** Whether addresses of a table are within a neighbour's reach of what is near. */
  #isNear(va: bigint, level: number, near: Near): boolean {
    if (near === undefined || this.#source.isShared) return true;
    const span = 1n << BigInt(this.#itemLg2(level) + this.#tableBitsLg2);
    return va <= near[1] + SMALLEST_NEIGHBOUR && va + span + SMALLEST_NEIGHBOUR > near[0];
  }

  #itemLg2(level: number): number {
    return this.#granuleLg2 + level * this.#tableBitsLg2;
  }

  #readTable(first: number, end: number): void {
    if (end > this.#fresh.length) this.#widen(end);
    if (!this.#source.isShared) this.#read(first, end);
    else if (end > this.#end) this.#read(this.#end, end);
    this.#end = Math.max(this.#end, end);
  }

  #widen(bytes: number): void {
    const wider = new Int32Array(2 ** Math.ceil(Math.log2(bytes)) / 4);
    wider.set(this.#freshWords);
    this.#freshWords = wider;
    this.#fresh = new Uint8Array(wider.buffer);
  }

  #read(first: number, end: number): void {
    if (end > first) this.#source.read(first, this.#fresh.subarray(first, end));
  }

  #isUnchanged(word: number, bytes: number): boolean {
    const [first, end] = [word * 4, word * 4 + bytes];
    return Buffer.compare(this.#fresh.subarray(first, end), this.#bytes.subarray(first, end)) === 0;
  }

  /** Takes over what was read; notes the items that differ where somebody wants to know. */
  #take(word: number, bytes: number, level: number, changes: Change[] | undefined): void {
    const { words } = this;
    const end = word + bytes / 4;
    const isPair = this.#itemWords === 2;
    for (let item = word; changes !== undefined && item < end; item += this.#itemWords) {
      const [oldLow, oldHigh] = [words[item], isPair ? words[item + 1] : 0];
      const differs = oldLow !== this.#freshWords[item] || (isPair && oldHigh !== this.#freshWords[item + 1]);
      if (differs) changes.push({ item, level, oldLow, oldHigh });
    }
    words.set(this.#freshWords.subarray(word, end), word);
  }

  #tablesBelow(word: number, bytes: number, level: number, va: bigint): readonly Place[] {
    const below: Place[] = [];
    if (level === 0) return below;
    for (let item = word; item < word + bytes / 4; item += this.#itemWords) {
      const table = this.#pointedTo(level, this.words[item], this.#highOf(item));
      if (table < 0) continue;
      const index = BigInt((item - word) / this.#itemWords);
      below.push({ word: table, va: this.#inputAddress(va + (index << BigInt(this.#itemLg2(level)))) });
    }
    return below;
  }

  /** The bits above the input width are the sign's, or ones throughout. */
  #inputAddress(va: bigint): bigint {
    const { signExtended, upperHalf, vaWidthLg2 } = this.#configuration;
    if (signExtended) return BigInt.asUintN(64, BigInt.asIntN(vaWidthLg2, va));
    return upperHalf === true ? BigInt.asUintN(64, va | (-1n << BigInt(vaWidthLg2))) : va;
  }

  /** The word at which the table begins to which an item points; −1 for none. */
  #pointedTo(level: number, low: number, high: number): number {
    if ((low | high) === 0 || this.#walker.inspect(level, low, high) !== Pointer) return -1;
    // A pointer that skips levels, or leads out of the window, is the lockstep's to name.
    if (this.#walker.level !== level - 1) return -1;
    return this.wordOf(joined(this.#walker.oaLow, this.#walker.oaHigh));
  }

  #highOf(item: number): number {
    return this.#itemWords === 2 ? this.words[item + 1] : 0;
  }

  #tell(changes: readonly Change[], journal: Journal): void {
    const [unlinked, others, linked]: [Change[], Change[], Change[]] = [[], [], []];
    for (const change of changes) {
      const { item, level, oldLow, oldHigh } = change;
      if (this.#pointedTo(level, oldLow, oldHigh) >= 0) unlinked.push(change);
      else if (this.#pointedTo(level, this.words[item], this.#highOf(item)) >= 0) linked.push(change);
      else others.push(change);
    }
    for (const { item, oldLow, oldHigh } of [...unlinked, ...others, ...linked]) {
      const [low, high] = [this.words[item], this.#highOf(item)];
      // In which order two words were stored cannot be seen: the best is assumed.
      if (low === oldLow) journal.stored(item + 1, oldHigh, high);
      else if (high === oldHigh) journal.stored(item, oldLow, low);
      else journal.storedPair(item, oldLow, oldHigh, low, high);
    }
  }
}

/** The window as hardware writes it: here and where it really is. */
class ForwardingMemory extends WindowMemory {
  readonly #base: bigint;
  readonly #source: MemorySource;

  constructor(words: Int32Array, base: bigint, source: MemorySource) {
    super(words, base);
    this.#base = base;
    this.#source = source;
  }

  override writeWord(low: number, high: number, value: number): void {
    super.writeWord(low, high, value);
    this.#source.writeWord(Number(joined(low, high) - this.#base), value);
  }
}
