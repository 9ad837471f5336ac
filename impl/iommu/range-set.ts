/** A set of frame numbers, kept as few ranges. */

/** Frame numbers from the first to the last, both included. */
export interface FrameRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges in ascending order that neither overlap nor touch. */
export class RangeSet {
  #ranges: FrameRange[] = [];

  constructor(ranges: Iterable<FrameRange> = []) {
    for (const { first, last } of ranges) this.add(first, last);
  }

  get ranges(): readonly FrameRange[] {
    return this.#ranges;
  }

  /** How many frames are in it. */
  get size(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  has(frame: number): boolean {
    return this.overlaps(frame, frame);
  }

  overlaps(first: number, last: number): boolean {
    const at = this.#endingFrom(first);
    return at < this.#ranges.length && this.#ranges[at].first <= last;
  }

  add(first: number, last: number): void {
    // Ranges that touch become one.
    const from = this.#endingFrom(first - 1);
    const to = this.#beginningAfter(last + 1);
    const merged =
      from === to
        ? { first, last }
        : {
            first: Math.min(first, this.#ranges[from].first),
            last: Math.max(last, this.#ranges[to - 1].last),
          };
    this.#ranges.splice(from, to - from, merged);
  }

  remove(first: number, last: number): void {
    const from = this.#endingFrom(first);
    const to = this.#beginningAfter(last);
    if (from === to) return;
    const kept: FrameRange[] = [];
    const { first: leftmost } = this.#ranges[from];
    const { last: rightmost } = this.#ranges[to - 1];
    if (leftmost < first) kept.push({ first: leftmost, last: first - 1 });
    if (rightmost > last) kept.push({ first: last + 1, last: rightmost });
    this.#ranges.splice(from, to - from, ...kept);
  }

  removeAll(ranges: Iterable<FrameRange>): void {
    for (const { first, last } of ranges) this.remove(first, last);
  }

  /** The index of the first range that ends at this frame or after it. */
  #endingFrom(frame: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle].last < frame) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the first range that begins after this frame. */
  #beginningAfter(frame: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle].first <= frame) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
