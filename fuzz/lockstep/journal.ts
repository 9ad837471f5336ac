/** What happened to table memory during one operation: every store, and what the table told its owner. */
import type { Invalidation, MemoryObserver } from "../../impl/common.js";
import { spanOf, type TableWatch } from "../../models/iotlb/index.js";
import { SubjectFailure } from "./failure.js";

/** More stores than any legal operation makes: whoever passes this is going round in circles. */
const STORES_AT_MOST = 1 << 22;

/** More roots than any operation publishes. */
const PUBLICATIONS_AT_MOST = 64;

/** An operation did not come to an end. */
export class EndlessOperation extends SubjectFailure {
  override readonly name = "EndlessOperation";

  constructor(message: string) {
    super("I17", message);
  }
}

/** Root and top level were published as one: the cell before and after, as the observer is told it. */
export interface Publication {
  readonly oldTop: number;
  readonly newTop: number;
}

/** Where a cleaned table item is marked: the word of the item and the bit in it; 0 where nothing is. */
export interface Mark {
  readonly markWord: 0 | 1;
  readonly markBit: number;
}

export class Journal implements MemoryObserver {
  /** The words stored to, in order; `storeCount` of them. */
  stores = new Int32Array(1024);
  storeCount = 0;
  /** The first words of the frames handed out. */
  readonly allocations: number[] = [];
  readonly publications: Publication[] = [];
  readonly invalidations: Invalidation[] = [];
  /** Bytes of the frames that tables use, and of those that wait for an invalidation. */
  usedBytes = 0;
  /** Judges each store as it comes. */
  watch: TableWatch | undefined = undefined;
  /** Per word, whether it was stored and not yet written back. Undefined where the walker snoops. */
  readonly #unclean: Uint8Array | undefined;
  /** The bit of a table item that only software reads, and its word; a store of nothing else needs no writing back. */
  readonly #markWord: number;
  readonly #markBit: number;

  constructor(wordsOfIncoherent: number, { markWord, markBit }: Mark) {
    this.#unclean = wordsOfIncoherent === 0 ? undefined : new Uint8Array(wordsOfIncoherent);
    this.#markWord = markWord;
    this.#markBit = markBit;
  }

  /** Forgets what happened; said before each operation. What is not yet written back is not forgotten. */
  begin(): void {
    this.storeCount = 0;
    this.allocations.length = 0;
    this.publications.length = 0;
    this.invalidations.length = 0;
  }

  stored(word: number, oldValue: number, newValue: number): void {
    this.#note(word, oldValue, newValue);
    this.watch?.stored(word, oldValue, newValue);
  }

  /** One store of both words: whoever looks at memory sees neither without the other. */
  storedPair(word: number, oldLow: number, oldHigh: number, newLow: number, newHigh: number): void {
    this.#note(word, oldLow, newLow);
    this.#note(word + 1, oldHigh, newHigh);
    this.watch?.storedPair(word, oldLow, oldHigh, newLow, newHigh);
  }

  allocated(word: number, frameLg2: number): void {
    this.allocations.push(word);
    this.usedBytes += 1 << frameLg2;
    this.#unclean?.fill(1, word, word + (1 << (frameLg2 - 2)));
    this.watch?.allocated(word, frameLg2);
  }

  quarantined(): void {}

  released(word: number, frameLg2: number): void {
    this.usedBytes -= 1 << frameLg2;
    this.#unclean?.fill(0, word, word + (1 << (frameLg2 - 2)));
    this.watch?.released(word, frameLg2);
  }

  published(oldTop: number, newTop: number): void {
    if (this.publications.length === PUBLICATIONS_AT_MOST) {
      throw new EndlessOperation(`${PUBLICATIONS_AT_MOST} roots published and no end`);
    }
    this.publications.push({ oldTop, newTop });
    this.watch?.published(newTop & ~7, newTop & 7);
  }

  /** The hardware was told to forget. */
  invalidated(invalidation: Invalidation): void {
    this.invalidations.push(invalidation);
    const { first, last, leafLevels, tableLevels } = invalidation;
    this.watch?.invalidated(spanOf(first, last), leafLevels, tableLevels);
  }

  /** Bytes were written back. */
  cleaned(word: number, lengthBytes: number): void {
    this.#unclean?.fill(0, word, word + (lengthBytes >> 2));
    this.watch?.cleaned(word, lengthBytes);
  }

  /** Whether a walker that does not snoop may see an old value of this word. */
  isUnclean(word: number): boolean {
    return this.#unclean !== undefined && this.#unclean[word] !== 0;
  }

  #note(word: number, oldValue: number, newValue: number): void {
    const count = this.storeCount;
    if (count === this.stores.length) this.#widen();
    this.stores[count] = word;
    this.storeCount = count + 1;
    if (this.#unclean !== undefined) {
      const isMark = (oldValue ^ newValue) === this.#markBit && (word & 1) === this.#markWord;
      if (!isMark) this.#unclean[word] = 1;
    }
  }

  #widen(): void {
    if (this.storeCount >= STORES_AT_MOST) throw new EndlessOperation(`${this.storeCount} stores and no end`);
    const wider = new Int32Array(this.stores.length * 2);
    wider.set(this.stores);
    this.stores = wider;
  }
}
