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

interface Table {
  readonly level: number;
  /** The words where the tables below it begin. */
  below: readonly number[];
}

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
  readonly #fresh: Uint8Array;
  readonly #freshWords: Int32Array;
  readonly #walker: Walker;
  readonly #itemWords: number;
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
    this.#fresh = new Uint8Array(bytes);
    this.#freshWords = new Int32Array(this.#fresh.buffer);
    this.physical = new ForwardingMemory(this.words, this.base, source);
    this.#walker = createWalker(configuration, this.physical);
    this.#itemWords = 1 << (shapeOf(configuration).itemBytesLg2 - 2);
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
   * Reads all tables that can be reached from a root. `entered` is told those that were not reached before; every
   * other change goes to the journal: first what was unlinked, then what is linked nowhere, then what was linked.
   */
  update(
    root: number,
    topLevel: number,
    journal: Journal,
    entered: (word: number, frameLg2: number) => void,
  ): void {
    const before = this.#tables;
    const now = new Map<number, Table>();
    const changes: Change[] = [];
    if (this.#source.isShared) this.#read(0, this.#end);
    const pending: [word: number, level: number][] = [[root, topLevel]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [word, level] = next;
      const bytes = 2 ** this.frameLg2(level, topLevel);
      if (now.has(word) || word < 0 || word * 4 + bytes > this.#bytes.length) continue;
      this.#readTable(word * 4, word * 4 + bytes);
      const known = before.get(word);
      const isSame = known?.level === level && this.#isUnchanged(word, bytes);
      if (!isSame) this.#take(word, bytes, level, known === undefined ? undefined : changes);
      const table = isSame ? known : { level, below: this.#tablesBelow(word, bytes, level) };
      now.set(word, table);
      if (known === undefined) entered(word, this.frameLg2(level, topLevel));
      for (const child of table.below) pending.push([child, level - 1]);
    }
    this.#tables = now;
    this.#tell(changes, journal);
  }

  #readTable(first: number, end: number): void {
    if (!this.#source.isShared) this.#read(first, end);
    else if (end > this.#end) this.#read(this.#end, end);
    this.#end = Math.max(this.#end, end);
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

  #tablesBelow(word: number, bytes: number, level: number): readonly number[] {
    const below: number[] = [];
    if (level === 0) return below;
    for (let item = word; item < word + bytes / 4; item += this.#itemWords) {
      const table = this.#pointedTo(level, this.words[item], this.#highOf(item));
      if (table >= 0) below.push(table);
    }
    return below;
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
      const low = this.words[item];
      if (this.#itemWords === 1) journal.stored(item, oldLow, low);
      else journal.storedPair(item, oldLow, oldHigh, low, this.words[item + 1]);
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
