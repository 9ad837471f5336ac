import { PageTableError } from "../errors.js";
import { fromWords, highOf, isUint64, lowOf } from "../words.js";
import {
  FRAME_LG2_MAX,
  FREE,
  FRESH,
  FrameBooks,
  LIVE_FRAMES,
  NO_FRAME,
  QUARANTINED_FRAMES,
} from "./frame-books.js";

/**
 * Table memory: the frames in which page tables live, at physical addresses.
 *
 * One window of at most 4 GiB, so that the place of an item is `(address low − base low) >>> 0`. Frames are
 * powers of two, naturally aligned, with a free list for each size; allocation and release take constant time.
 * A frame that was freed stays quarantined until the invalidation that covers it is done (see `Gather`).
 */

export { NO_FRAME };

const UNIT_LG2_MIN = 5;
const UNIT_LG2_MAX = 12;
const LIVE = 0x40;
const QUARANTINED = 0x80;
const STATE_SIZE = 0x3f;
/** Written over released frames where `poison` is asked for: a walk of one meets reserved bits at once. */
const POISON = 0x5eadbee7;

export interface TableMemoryOptions {
  /** Physical address of the first byte, a multiple of 4 KiB. Default 0x1_0000_0000. */
  readonly base?: bigint;
  /** Bytes of the window, a multiple of 4 KiB up to 4 GiB; untouched memory costs nothing. Default 64 MiB. */
  readonly capacityBytes?: number;
  /** log2 of the smallest frame that will be asked for, 5 to 12. Default 12. */
  readonly smallestFrameLg2?: number;
  /** Fill frames with a pattern when they are released, to catch walks of freed tables. Default false. */
  readonly poison?: boolean;
  /** Other threads may attach to this memory (see `share`). Default false. */
  readonly shared?: boolean;
}

export interface TableMemoryWindow {
  /**
   * Memory that exists already: a dump, another program's buffer. Nothing in it is changed by opening it; of a frame
   * that a table opened in it frees, `2^smallestFrameLg2` bytes may be used again.
   */
  readonly buffer: ArrayBufferLike;
  /** Physical address of the buffer's first byte, a multiple of 4 KiB. */
  readonly base: bigint;
  /** From this byte of the buffer on, frames may be allocated. Default: none may. */
  readonly allocatableFromBytes?: number;
  /** log2 of the smallest frame that tables in it have or will ask for, 5 to 12. Default 12. */
  readonly smallestFrameLg2?: number;
  /** As for a new memory. */
  readonly poison?: boolean | undefined;
}

/** A memory that threads share, as a message can carry it: made by `share`, taken by `TableMemory.attach`. */
export interface SharedTableMemory {
  readonly buffer: ArrayBufferLike;
  /** Which frames are in use, free or quarantined. */
  readonly books: ArrayBufferLike;
  readonly base: bigint;
  readonly smallestFrameLg2: number;
  readonly poison: boolean;
}

/** A memory whose frames another process handed over: the contents, and which frames are in use. */
export interface AdoptedTableMemory {
  /** The same memory, or a copy of it; nothing in it is changed. */
  readonly buffer: ArrayBufferLike;
  readonly base: bigint;
  readonly smallestFrameLg2: number;
  /** Up to here frames were handed out before; from here on the memory is zero. */
  readonly usedBytes: number;
  /** Every frame in use: its physical address, and log2 of its bytes. */
  readonly frames: Iterable<readonly [address: bigint, frameLg2: number]>;
  /** As for a new memory. */
  readonly poison?: boolean | undefined;
}

/** What whoever watches a memory is told. `word` counts 32-bit words from the base. */
export interface MemoryObserver {
  /** One 32-bit store into table memory. */
  stored(word: number, oldValue: number, newValue: number): void;
  /** One 64-bit store of an item of two words; `word` is that of its low one. */
  storedPair(word: number, oldLow: number, oldHigh: number, newLow: number, newHigh: number): void;
  allocated(word: number, frameLg2: number): void;
  quarantined(word: number, frameLg2: number): void;
  released(word: number, frameLg2: number): void;
  /** The cell that holds the root and its level was published (see `Engine.top`). */
  published(oldTop: number, newTop: number): void;
}

export class TableMemory {
  readonly base: bigint;
  readonly baseLow: number;
  readonly baseHigh: number;
  /** The window as signed 32-bit words; item offsets index it. */
  readonly words: Int32Array;
  /** Receives every store of tables made by an observed stamp. */
  observer: MemoryObserver | undefined = undefined;

  #failCountdown = 0;
  /** Frames below this word came with a window, so that they were never handed out here. */
  readonly #given: number;
  readonly #unitLg2: number;
  readonly #poison: boolean;
  readonly #books: FrameBooks;
  /** The books' arrays. In `state` a frame is `LIVE` or `QUARANTINED`, in the unit that begins it. */
  readonly #counters: Int32Array;
  readonly #state: Uint8Array;
  readonly #next: Int32Array;
  #usedOffsets: Uint16Array | undefined;

  constructor(options: TableMemoryOptions | TableMemoryWindow | SharedTableMemory = {}) {
    const window = "buffer" in options ? options : undefined;
    const made = "buffer" in options ? {} : options;
    const joined = "books" in options ? options : undefined;
    const isShared = joined !== undefined || made.shared === true;
    const capacityBytes = window?.buffer.byteLength ?? made.capacityBytes ?? 1 << 26;
    this.#unitLg2 = options.smallestFrameLg2 ?? UNIT_LG2_MAX;
    this.#poison = options.poison ?? false;
    this.base = options.base ?? 0x1_0000_0000n;
    checkPlace(this.base, capacityBytes, this.#unitLg2);
    this.baseLow = lowOf(this.base);
    this.baseHigh = highOf(this.base);
    const buffer = window?.buffer ?? newBuffer(capacityBytes, isShared);
    checkBuffer(buffer);
    this.words = new Int32Array(buffer, 0, capacityBytes / 4);
    const units = Math.ceil(capacityBytes / 2 ** this.#unitLg2);
    this.#books = new FrameBooks(units, isShared, joined?.books);
    this.#counters = this.#books.counters;
    this.#state = this.#books.state;
    this.#next = this.#books.next;
    const isGiven = window !== undefined && joined === undefined;
    const fresh = isGiven ? firstAllocatable(window, capacityBytes) : 0;
    // A division, for 4 GiB are one more than fits the words of a shift.
    this.#given = (fresh / 4) | 0;
    if (joined === undefined) this.#counters[FRESH] = this.#given;
  }

  /** The memory that another thread shares, for this thread. */
  static attach(shared: SharedTableMemory): TableMemory {
    if (typeof shared !== "object" || shared === null || !("books" in shared)) {
      throw new PageTableError("INVALID_ARGUMENT", "attach: what `share` of a memory gave");
    }
    return new TableMemory(shared);
  }

  /**
   * The memory that another process handed over. What is in use is said; everything else may be allocated.
   * @throws PageTableError INVALID_ARGUMENT where frames lie outside, overlap or are not aligned.
   */
  static adopt(adopted: AdoptedTableMemory): TableMemory {
    const { buffer, base, smallestFrameLg2, usedBytes, frames, poison } = adopted;
    const memory = new TableMemory({ buffer, base, smallestFrameLg2, allocatableFromBytes: 0, poison });
    memory.#adopt(frames, usedBytes);
    return memory;
  }

  /** Whether other threads may attach. */
  get isShared(): boolean {
    return this.#books.isShared;
  }

  /** What another thread needs for `attach`. Only of a memory that was made with `shared: true`. */
  share(): SharedTableMemory {
    if (!this.isShared) {
      throw new PageTableError("INVALID_ARGUMENT", "share: this memory was not made with `shared: true`");
    }
    const { base, smallestFrameLg2 } = this;
    const books = this.#books.buffer;
    return { buffer: this.words.buffer, books, base, smallestFrameLg2, poison: this.#poison };
  }

  get capacityBytes(): number {
    return this.words.length * 4;
  }

  /** log2 of the smallest frame there is. */
  get smallestFrameLg2(): number {
    return this.#unitLg2;
  }

  /** Bytes from the first on that were ever part of a frame; what follows is as it was at first. */
  get usedBytes(): number {
    return this.#counters[FRESH] * 4;
  }

  /** Frames that tables are using, those left out that came with a window. */
  get liveFrames(): number {
    return this.#counters[LIVE_FRAMES];
  }

  /** Frames that were freed, whose covering invalidation is not done yet. */
  get quarantinedFrames(): number {
    return this.#counters[QUARANTINED_FRAMES];
  }

  /**
   * @internal For each `2^smallestFrameLg2` bytes a number that the tables which stand there use as they like; every
   * table begins at one of its own. Each thread has its own numbers.
   */
  get usedOffsets(): Uint16Array {
    this.#usedOffsets ??= new Uint16Array(this.#state.length);
    return this.#usedOffsets;
  }

  /** Makes the nth allocation from now on fail, once. 1 is the very next; 0 disarms. */
  failNextAllocation(nth: number): void {
    if (!Number.isInteger(nth) || nth < 0) throw new PageTableError("INVALID_ARGUMENT", `nth = ${nth}`);
    this.#failCountdown = nth;
  }

  /** A zeroed frame of `2^frameLg2` bytes as an index into `words`, or `NO_FRAME`. */
  allocate(frameLg2: number): number {
    if (!(frameLg2 >= this.#unitLg2 && frameLg2 <= FRAME_LG2_MAX)) {
      throw new PageTableError("INVALID_ARGUMENT", `this table memory has no frames of 2^${frameLg2} bytes`);
    }
    if (this.#failCountdown > 0 && --this.#failCountdown === 0) return NO_FRAME;
    this.#books.open();
    const fresh = this.#counters[FRESH];
    const word = this.#take(frameLg2);
    this.#books.close();
    if (word === NO_FRAME) return NO_FRAME;
    // From there on, nothing was handed out before: it is zero.
    if (word < fresh) this.words.fill(0, word, word + wordsOf(frameLg2));
    this.observer?.allocated(word, frameLg2);
    return word;
  }

  /** Takes a live frame out of use; it keeps its contents until `release`. Links it before the list `next`. */
  quarantine(word: number, next: number): void {
    const unit = this.#unitOf(word);
    const state = this.#state[unit];
    const isGiven = state === 0 && word < this.#given;
    if ((state & LIVE) === 0 && !isGiven) throw new Error(`frame at word ${word} is freed but not live`);
    const frameLg2 = isGiven ? this.#unitLg2 : state & STATE_SIZE;
    this.#next[unit] = next;
    this.#books.open();
    this.#state[unit] = QUARANTINED | frameLg2;
    if (!isGiven) this.#counters[LIVE_FRAMES]--;
    this.#counters[QUARANTINED_FRAMES]++;
    this.#books.close();
    this.observer?.quarantined(word, frameLg2);
  }

  /** Makes a list of quarantined frames, or NO_FRAME, free for use again. */
  releaseList(first: number): void {
    for (let word = first; word !== NO_FRAME; ) {
      const next = this.#next[this.#unitOf(word)];
      this.#release(word);
      word = next;
    }
  }

  /** As `releaseList`, but no more than so many frames; gives the first that is left, or NO_FRAME. */
  releaseSome(first: number, atMost: number): number {
    let word = first;
    for (let left = atMost; left > 0 && word !== NO_FRAME; left--) {
      const next = this.#next[this.#unitOf(word)];
      this.#release(word);
      word = next;
    }
    return word;
  }

  /** Appends the list `second` to the one that ends in the frame `last`. */
  joinLists(last: number, second: number): void {
    this.#next[this.#unitOf(last)] = second;
  }

  /** Whether the frame that begins at a word was freed and not released yet. */
  isQuarantined(word: number): boolean {
    return (this.#state[this.#unitOf(word)] & QUARANTINED) !== 0;
  }

  /** Whether the frame that begins at this physical address is in use, quarantined or neither. */
  frameState(address: bigint): "live" | "quarantined" | "free" {
    const offset = address - this.base;
    if (offset < 0n || offset >= BigInt(this.capacityBytes)) return "free";
    const state = this.#state[Number(offset >> BigInt(this.#unitLg2))];
    if ((state & LIVE) !== 0) return "live";
    return (state & QUARANTINED) !== 0 ? "quarantined" : "free";
  }

  /** Physical address of a word, low half. */
  addressLow(word: number): number {
    return (this.baseLow + word * 4) | 0;
  }

  /** Physical address of a word, high half. */
  addressHigh(word: number): number {
    const low = (this.baseLow >>> 0) + word * 4;
    return (this.baseHigh + (low > 0xffff_ffff ? 1 : 0)) | 0;
  }

  /** Physical address of a word. */
  addressOf(word: number): bigint {
    return fromWords(this.addressLow(word), this.addressHigh(word));
  }

  #unitOf(word: number): number {
    return word >>> (this.#unitLg2 - 2);
  }

  #release(word: number): void {
    const unit = this.#unitOf(word);
    const state = this.#state[unit];
    if ((state & QUARANTINED) === 0) throw new Error(`frame at word ${word} is released but not quarantined`);
    const frameLg2 = state & STATE_SIZE;
    if (this.#poison) this.words.fill(POISON, word, word + wordsOf(frameLg2));
    this.#books.open();
    this.#state[unit] = 0;
    this.#counters[QUARANTINED_FRAMES]--;
    this.#pushFree(word, frameLg2);
    this.#books.close();
    this.observer?.released(word, frameLg2);
  }

  #pushFree(word: number, frameLg2: number): void {
    this.#next[this.#unitOf(word)] = this.#counters[FREE + frameLg2];
    this.#counters[FREE + frameLg2] = word;
  }

  /** The first free frame of a size, off its list, or NO_FRAME. */
  #popFree(frameLg2: number): number {
    const word = this.#counters[FREE + frameLg2];
    if (word !== NO_FRAME) this.#counters[FREE + frameLg2] = this.#next[this.#unitOf(word)];
    return word;
  }

  #adopt(frames: AdoptedTableMemory["frames"], usedBytes: number): void {
    const places = [...frames].map(([address, frameLg2]) => ({
      word: Number(address - this.base) / 4,
      frameLg2,
    }));
    places.sort((one, other) => one.word - other.word);
    let next = 0;
    for (const { word, frameLg2 } of places) {
      const isPlace = word >= next && Number.isInteger(word) && frameLg2 >= this.#unitLg2;
      const isInside = frameLg2 <= FRAME_LG2_MAX && (word + wordsOf(frameLg2)) * 4 <= usedBytes;
      if (!isPlace || !isInside || (this.addressLow(word) & (2 ** frameLg2 - 1)) !== 0) {
        throw new PageTableError(
          "INVALID_ARGUMENT",
          "frames overlap, are not aligned or lie outside the memory",
        );
      }
      this.#freeBetween(next, word);
      this.#state[this.#unitOf(word)] = LIVE | frameLg2;
      this.#counters[LIVE_FRAMES]++;
      next = word + wordsOf(frameLg2);
    }
    if (usedBytes > this.capacityBytes || usedBytes % 2 ** this.#unitLg2 !== 0) {
      throw new PageTableError("INVALID_ARGUMENT", "usedBytes: whole frames inside the memory");
    }
    this.#freeBetween(next, usedBytes / 4);
    this.#counters[FRESH] = usedBytes / 4;
  }

  /** Puts a stretch of words on the free lists, in frames as large as their places allow. */
  #freeBetween(first: number, end: number): void {
    for (let word = first; word < end; ) {
      let frameLg2 = this.#unitLg2;
      const fits = (lg2: number) =>
        (this.addressLow(word) & (2 ** lg2 - 1)) === 0 && word + wordsOf(lg2) <= end && lg2 <= FRAME_LG2_MAX;
      while (fits(frameLg2 + 1)) frameLg2++;
      this.#pushFree(word, frameLg2);
      word += wordsOf(frameLg2);
    }
  }

  /** A frame that is in use from now on, with whatever is in it, or NO_FRAME. */
  #take(frameLg2: number): number {
    let word = this.#popFree(frameLg2);
    if (word === NO_FRAME) word = this.#allocateFresh(frameLg2);
    if (word === NO_FRAME) return NO_FRAME;
    this.#state[this.#unitOf(word)] = LIVE | frameLg2;
    this.#counters[LIVE_FRAMES]++;
    return word;
  }

  /** Takes a frame nobody had before. What alignment skips goes on the free lists of the smaller sizes. */
  #allocateFresh(frameLg2: number): number {
    // Alignment is of the physical address, of which the base is a part.
    const baseWords = (this.baseLow >>> 2) & (wordsOf(FRAME_LG2_MAX) - 1);
    const size = wordsOf(frameLg2);
    let fresh = this.#counters[FRESH];
    for (let lg2 = this.#unitLg2; lg2 < frameLg2; lg2++) {
      const step = wordsOf(lg2);
      if (((fresh + baseWords) & step) === 0) continue;
      if (fresh + step > this.words.length) return this.#split(frameLg2);
      this.#pushFree(fresh, lg2);
      fresh += step;
      this.#counters[FRESH] = fresh;
    }
    if (fresh + size > this.words.length) return this.#split(frameLg2);
    this.#counters[FRESH] = fresh + size;
    return fresh;
  }

  /** Halves the smallest free frame that is larger, when nothing fresh is left. */
  #split(frameLg2: number): number {
    for (let lg2 = frameLg2 + 1; lg2 <= FRAME_LG2_MAX; lg2++) {
      const word = this.#popFree(lg2);
      if (word === NO_FRAME) continue;
      for (let half = lg2 - 1; half >= frameLg2; half--) this.#pushFree(word + wordsOf(half), half);
      return word;
    }
    return NO_FRAME;
  }
}

/** 32-bit words of a frame. A shift, not a power: powers are doubles, and would make every index one. */
function wordsOf(frameLg2: number): number {
  return 1 << (frameLg2 - 2);
}

function newBuffer(capacityBytes: number, isShared: boolean): ArrayBufferLike {
  return isShared ? new SharedArrayBuffer(capacityBytes) : new ArrayBuffer(capacityBytes);
}

/** The byte of a window from which on frames may be allocated. */
function firstAllocatable({ allocatableFromBytes }: TableMemoryWindow, capacityBytes: number): number {
  const first = allocatableFromBytes ?? capacityBytes;
  if (!Number.isInteger(first) || first < 0 || first > capacityBytes || first % 4096 !== 0) {
    throw new PageTableError("INVALID_OPTION", "allocatableFromBytes: a multiple of 4096 inside the buffer");
  }
  return first;
}

/** A view of a buffer would be copied, not shared. */
function checkBuffer(buffer: unknown): void {
  if (/^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(buffer))) return;
  throw new PageTableError("INVALID_OPTION", "buffer: an ArrayBuffer or a SharedArrayBuffer");
}

function checkPlace(base: bigint, capacityBytes: number, unitLg2: number): void {
  if (!isUint64(base) || (base & 4095n) !== 0n) {
    throw new PageTableError("INVALID_OPTION", "base: an unsigned 64-bit multiple of 4096");
  }
  if (!Number.isInteger(capacityBytes) || capacityBytes <= 0 || capacityBytes > 2 ** 32) {
    throw new PageTableError("INVALID_OPTION", "the table memory's size: above 0, up to 4 GiB");
  }
  if (capacityBytes % 4096 !== 0) {
    throw new PageTableError("INVALID_OPTION", "the table memory's size: a multiple of 4096 bytes");
  }
  if (base + BigInt(capacityBytes) > 1n << 64n) {
    throw new PageTableError("INVALID_OPTION", "the table memory wraps around the end of physical memory");
  }
  if (!Number.isInteger(unitLg2) || unitLg2 < UNIT_LG2_MIN || unitLg2 > UNIT_LG2_MAX) {
    throw new PageTableError("INVALID_OPTION", `smallestFrameLg2: ${UNIT_LG2_MIN} to ${UNIT_LG2_MAX}`);
  }
}
