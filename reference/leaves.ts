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
  readonly runs: Run[];

  constructor(runs: readonly Run[] = []) {
    this.runs = [...runs];
  }

  /** The run that holds the address, or the first one after it. */
  atOrAfter(address: bigint): Run | undefined {
    return this.runs[this.#indexAtOrAfter(address)];
  }

  /** The leaf that holds the address, as a run of one. */
  at(address: bigint): Run | undefined {
    const run = this.atOrAfter(address);
    if (run === undefined || run.iova > address) return undefined;
    return slice(run, (address - run.iova) >> BigInt(run.sizeLg2), 1n);
  }

  /** The leaves that touch `[first, end)`, each as a run of one. */
  within(first: bigint, end: bigint): Run[] {
    const leaves: Run[] = [];
    for (let index = this.#indexAtOrAfter(first); index < this.runs.length; index++) {
      const run = this.runs[index];
      const size = BigInt(run.sizeLg2);
      const from = run.iova < first ? (first - run.iova) >> size : 0n;
      if (run.iova >= end) break;
      for (let i = from; i < run.count && run.iova + (i << size) < end; i++) leaves.push(slice(run, i, 1n));
    }
    return leaves;
  }

  /** Adds a run where nothing is mapped. */
  add(run: Run): void {
    const index = this.#indexAtOrAfter(run.iova);
    const joinsBefore = index > 0 && continues(this.runs[index - 1], run);
    const joinsAfter = index < this.runs.length && continues(run, this.runs[index]);
    const first = joinsBefore ? this.runs[index - 1] : run;
    const after = joinsAfter ? this.runs[index].count : 0n;
    const count = run.count + (joinsBefore ? first.count : 0n) + after;
    const start = joinsBefore ? index - 1 : index;
    this.runs.splice(start, Number(joinsBefore) + Number(joinsAfter), { ...first, count });
  }

  /** Removes whole leaves of one run: `count` of them, from the one that begins at `iova`. */
  remove(iova: bigint, count: bigint): void {
    const index = this.#indexAtOrAfter(iova);
    const run = this.runs[index];
    const first = (iova - run.iova) >> BigInt(run.sizeLg2);
    const kept = [slice(run, 0n, first), slice(run, first + count, run.count - first - count)];
    this.runs.splice(index, 1, ...kept.filter((piece) => piece.count > 0n));
  }

  /** The index of the first run that ends above the address. */
  #indexAtOrAfter(address: bigint): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.runs[middle].iova <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && endOf(this.runs[low - 1]) > address ? low - 1 : low;
  }
}

function continues(run: Run, next: Run): boolean {
  if (run.sizeLg2 !== next.sizeLg2 || run.prot !== next.prot) return false;
  const bytes = run.count << BigInt(run.sizeLg2);
  return run.iova + bytes === next.iova && run.pa + bytes === next.pa;
}
