/**
 * What the devices of one IOMMU domain see, in the plainest form: an ordered list of runs of pages. Mapping replaces
 * what is there; unmapping what is not there is nothing.
 */

/** What a page leads to. */
export interface FrameFact {
  readonly mfn: number;
  /** Bit 0: it may be read; bit 1: it may be written. */
  readonly access: number;
}

interface Run extends FrameFact {
  readonly first: number;
  readonly pages: number;
}

export class FrameMap {
  #runs: readonly Run[] = [];
  /** Asked for far more often than anything changes. */
  #edges: readonly number[] | undefined;

  /** A list of its own, as things stand. */
  copy(): FrameMap {
    const copied = new FrameMap();
    copied.#runs = this.#runs;
    copied.#edges = this.#edges;
    return copied;
  }

  map(dfn: number, mfn: number, pages: number, access: number): void {
    this.unmap(dfn, pages);
    const run = { first: dfn, pages, mfn, access };
    this.#edges = undefined;
    this.#runs = [...this.#runs, run].sort((one, other) => one.first - other.first);
  }

  unmap(dfn: number, pages: number): void {
    const end = dfn + pages;
    this.#edges = undefined;
    this.#runs = this.#runs.flatMap((run) => {
      const before = { ...run, pages: Math.min(run.pages, dfn - run.first) };
      const skipped = Math.max(0, end - run.first);
      const after = {
        ...run,
        first: run.first + skipped,
        mfn: run.mfn + skipped,
        pages: run.pages - skipped,
      };
      if (dfn >= run.first + run.pages || end <= run.first) return [run];
      return [before, after].filter(({ pages: left }) => left > 0);
    });
  }

  at(dfn: number): FrameFact | undefined {
    const run = this.#runs.find(({ first, pages }) => dfn >= first && dfn < first + pages);
    return run === undefined ? undefined : { mfn: run.mfn + (dfn - run.first), access: run.access };
  }

  /** The first and the last page of every run, and the pages beside them. */
  edges(): readonly number[] {
    this.#edges ??= this.#runs
      .flatMap(({ first, pages }) => [first - 1, first, first + pages - 1, first + pages])
      .filter((dfn) => dfn >= 0);
    return this.#edges;
  }
}
