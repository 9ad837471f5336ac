/** Neighbouring leaf entries of one size and right whose addresses go on: what people read as one mapping. */
import type { LeafEntry } from "./tables.js";

export interface Run {
  readonly first: LeafEntry;
  readonly entries: number;
  readonly lengthBytes: bigint;
}

/** Takes entries in the order of their addresses, and gives runs as soon as each is whole. */
export class Runs {
  readonly #give: (run: Run) => void;
  #first: LeafEntry | undefined;
  #entries = 0;

  constructor(give: (run: Run) => void) {
    this.#give = give;
  }

  add(entry: LeafEntry): void {
    if (this.#first !== undefined && this.#goesOn(this.#first, entry)) {
      this.#entries++;
      return;
    }
    this.end();
    this.#first = entry;
    this.#entries = 1;
  }

  /** Gives the run in hand. */
  end(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    this.#give({
      first,
      entries: this.#entries,
      lengthBytes: BigInt(this.#entries) << BigInt(first.sizeLg2),
    });
  }

  #goesOn(first: LeafEntry, next: LeafEntry): boolean {
    const lengthBytes = BigInt(this.#entries) << BigInt(first.sizeLg2);
    return (
      next.iova === first.iova + lengthBytes &&
      next.pa === first.pa + lengthBytes &&
      next.sizeLg2 === first.sizeLg2 &&
      next.level === first.level &&
      next.read === first.read &&
      next.write === first.write &&
      next.execute === first.execute &&
      next.dirty === first.dirty
    );
  }
}
