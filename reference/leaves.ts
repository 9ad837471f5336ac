/** What is mapped, in order: runs of equal leaves side by side. Arithmetic does the rest; no leaf is listed alone. */

/** `count` leaves of `2^sizeLg2` bytes; leaf i maps `iova + (i << sizeLg2)` to `pa + (i << sizeLg2)`. */
export interface Run {
  readonly iova: bigint;
  readonly count: bigint;
  readonly sizeLg2: number;
  readonly pa: bigint;
  /** The effective bits of `Prot`. */
  readonly prot: number;
}

/** One past the last byte of the run. */
export function endOf(run: Run): bigint {
  return run.iova + (run.count << BigInt(run.sizeLg2));
}

/** The leaves `[first, first + count)` of a run, as a run. */
export function slice({ iova, sizeLg2, pa, prot }: Run, first: bigint, count: bigint): Run {
  const offset = first << BigInt(sizeLg2);
  return { iova: iova + offset, count, sizeLg2, pa: pa + offset, prot };
}

/** The runs of a domain, ordered by address, disjoint; neighbours that could be one run are one. */
export class Leaves {
  readonly #runs: Run[];

  constructor(runs: readonly Run[] = []) {
    this.#runs = [...runs];
  }

  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** The run that holds the address, or the first one after it. */
  atOrAfter(address: bigint): Run | undefined {
    return this.#runs[this.#indexAtOrAfter(address)];
  }

  /** The leaf that holds the address, as a run of one. */
  at(address: bigint): Run | undefined {
    const run = this.atOrAfter(address);
    if (run === undefined || run.iova > address) return undefined;
    return slice(run, (address - run.iova) >> BigInt(run.sizeLg2), 1n);
  }

  /** The runs that overlap `[first, end)`. */
  touching(first: bigint, end: bigint): readonly Run[] {
    const from = this.#indexAtOrAfter(first);
    let to = from;
    while (to < this.#runs.length && this.#runs[to].iova < end) to++;
    return this.#runs.slice(from, to);
  }

  /** Adds a run where nothing is mapped. */
  add(run: Run): void {
    const index = this.#indexAtOrAfter(run.iova);
    const before = index > 0 ? this.#runs[index - 1] : undefined;
    const after = index < this.#runs.length ? this.#runs[index] : undefined;
    let { iova, count, pa } = run;
    let start = index;
    let joined = 0;
    if (before !== undefined && continues(before, run)) {
      iova = before.iova;
      pa = before.pa;
      count += before.count;
      start--;
      joined++;
    }
    if (after !== undefined && continues(run, after)) {
      count += after.count;
      joined++;
    }
    this.#runs.splice(start, joined, { iova, count, sizeLg2: run.sizeLg2, pa, prot: run.prot });
  }

  /** Removes whole leaves of one run: `count` of them, from the one that begins at `iova`. */
  remove(iova: bigint, count: bigint): void {
    const index = this.#indexAtOrAfter(iova);
    const run = this.#runs[index];
    const first = (iova - run.iova) >> BigInt(run.sizeLg2);
    const rest = run.count - first - count;
    const kept: Run[] = [];
    if (first > 0n) kept.push(slice(run, 0n, first));
    if (rest > 0n) kept.push(slice(run, first + count, rest));
    this.#runs.splice(index, 1, ...kept);
  }

  /** The index of the first run that ends above the address. */
  #indexAtOrAfter(address: bigint): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#runs[middle].iova <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && endOf(this.#runs[low - 1]) > address ? low - 1 : low;
  }
}

function continues(run: Run, next: Run): boolean {
  if (run.sizeLg2 !== next.sizeLg2 || run.prot !== next.prot) return false;
  const bytes = run.count << BigInt(run.sizeLg2);
  return run.iova + bytes === next.iova && run.pa + bytes === next.pa;
}
