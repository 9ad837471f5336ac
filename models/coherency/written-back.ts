/**
 * What a walker that does not snoop the CPU's caches can see. A store stays in the cache until its line is written
 * back; the cache may also write a line back whenever it likes, so a program may rely on neither.
 *
 * Two questions are asked of it. After an operation: was everything written back that the walker must see? And at
 * the store that makes a table reachable: was the table written back before? For a line with the pointer may be
 * evicted at once.
 *
 * Sources: Intel VT-d specification, "Memory Coherency" (ECAP.C, SMPWC); Arm ARM D8.2.12 (walk cacheability).
 */

/** Bytes that are written back together; 4 is the strictest: nothing is written back that was not named. */
export type LineBytes = 4 | 32 | 64 | 128;

export class WrittenBack {
  readonly #lineWords: number;
  /** Per word: whether the walker may still see what was there before. */
  readonly #dirty: Uint8Array;
  readonly #baseWords: number;

  /** `base`: physical address of the first word; lines are aligned in physical memory. */
  constructor(words: number, base: bigint, lineBytes: LineBytes = 4) {
    this.#lineWords = lineBytes / 4;
    this.#dirty = new Uint8Array(words);
    this.#baseWords = Number((base >> 2n) % 32n);
  }

  stored(word: number): void {
    this.#dirty[word] = 1;
  }

  /** A frame was handed out: its zeroes are stores like any other. */
  zeroed(word: number, words: number): void {
    this.#dirty.fill(1, word, word + words);
  }

  /** A frame was given back: nobody looks at it any more. */
  released(word: number, words: number): void {
    this.#dirty.fill(0, word, word + words);
  }

  /** The owner was told to write these bytes back: every line that holds one of them goes. */
  cleaned(word: number, lengthBytes: number): void {
    if (lengthBytes <= 0) return;
    const end = word + Math.ceil(lengthBytes / 4);
    const first = this.#startOfLine(word);
    const last = this.#startOfLine(end - 1) + this.#lineWords;
    this.#dirty.fill(0, Math.max(first, 0), last);
  }

  /** The first word from `first` on, before `end`, that the walker may see as it was; −1 for none. */
  firstDirty(first: number, end: number): number {
    for (let word = first; word < end; word++) if (this.#dirty[word] !== 0) return word;
    return -1;
  }

  isDirty(word: number): boolean {
    return this.#dirty[word] === 1;
  }

  #startOfLine(word: number): number {
    return word - ((word + this.#baseWords) & (this.#lineWords - 1));
  }
}
