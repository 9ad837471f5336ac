/** Branches of `impl` that no property takes, each with its reason. `npm run coverage` refuses one that is taken. */
export interface CoverageException {
  /** Relative to `impl`: `engine/map.ts`. */
  readonly file: string;
  /** How the line of the source begins, without the white space before it. */
  readonly line: string;
  /** Which way of it. */
  readonly kind: "function" | "then" | "else" | "right" | "case" | "body" | "default value";
  readonly reason: string;
}

const MISTAKE = "asserts on the engine itself: only a mistake in it gets here, and mutants do";

export const exceptions: readonly CoverageException[] = [
  {
    file: "engine/variants/observed.ts",
    line: "if (!Number.isInteger(word) || word < 0 || word >= words.length || (value | 0) !== value) {",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "engine/variants/observed.ts",
    line: "if (!Number.isInteger(item) || item < 0 || item + 1 >= words.length || (item & 1) !== 0) {",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "engine/variants/observed.ts",
    line: "if ((low | 0) !== low || (high | 0) !== high) throw",
    kind: "then",
    reason: MISTAKE,
  },
  {
    file: "memory/frame-books.ts",
    line: "if (acquireWithin(counters, TRIES) || (!rest(counters) && acquireWithin(counters, RESTLESS_TRIES)))",
    kind: "right",
    reason: "only a browser's main thread may not sleep",
  },
  {
    file: "page-table-set-up.ts",
    line: 'return new PageTableError(code === "OK" ?',
    kind: "then",
    reason: "narrows a type: nobody fails with OK",
  },
];
