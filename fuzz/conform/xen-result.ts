/** What became of a file of recordings of an IOMMU layer: sequences of operations, replayed once or twice. */

/** The first difference of a sequence. */
export interface XenFailure {
  readonly line: number;
  /** Which sequence, as the recording calls it. */
  readonly name: string;
  /** Undefined: after the last operation. */
  readonly opIndex: number | undefined;
  /** The operation in words. */
  readonly op: string;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** What became of one sequence. */
export interface XenSequenceResult {
  readonly operations: number;
  /** Operations that met a deviation, by its name. */
  readonly deviations: ReadonlyMap<string, number>;
  readonly failure: XenFailure | undefined;
}

/** All sequences, one way. */
export interface XenPass {
  /** Which way: the file's subject, and whether known mistakes are made. */
  readonly name: string;
  readonly sequences: number;
  readonly operations: number;
  readonly matched: number;
  readonly deviated: number;
  readonly failed: number;
  readonly deviations: ReadonlyMap<string, { readonly sequences: number; readonly operations: number }>;
  readonly firstFailure: XenFailure | undefined;
}

export interface XenResult {
  readonly kind: "xen";
  readonly file: string;
  readonly passes: readonly XenPass[];
  /** Over all passes. */
  readonly failed: number;
}

/** Sums up the sequences of one pass. */
export function xenPass(name: string, results: readonly XenSequenceResult[]): XenPass {
  const deviations = new Map<string, { sequences: number; operations: number }>();
  for (const result of results) {
    for (const [deviation, operations] of result.deviations) {
      const sum = deviations.get(deviation) ?? { sequences: 0, operations: 0 };
      deviations.set(deviation, { sequences: sum.sequences + 1, operations: sum.operations + operations });
    }
  }
  const failures = results.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  const good = results.filter(({ failure }) => failure === undefined);
  return {
    name,
    sequences: results.length,
    operations: results.reduce((sum, { operations }) => sum + operations, 0),
    matched: good.filter(({ deviations }) => deviations.size === 0).length,
    deviated: good.filter(({ deviations }) => deviations.size > 0).length,
    failed: failures.length,
    deviations,
    firstFailure: failures[0],
  };
}
