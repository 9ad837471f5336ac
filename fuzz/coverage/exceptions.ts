/** Branches of `impl` that no property takes, each with its reason. `npm run coverage` refuses one that is taken. */
export interface CoverageException {
  /** Relative to `impl`: `engine/map.ts`. */
  readonly file: string;
  /** The line of the source, without the white space around it. */
  readonly line: string;
  /** Which way of it. */
  readonly kind: "function" | "then" | "else" | "right" | "case" | "body" | "default value";
  readonly reason: string;
}

export const exceptions: readonly CoverageException[] = [];
