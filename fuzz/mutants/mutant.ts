/**
 * A mutant is a bug put into our own source on purpose: a small patch, known by name, that the suite must notice.
 * What ships knows nothing of it; the patch is applied to a copy of the compiled source when a stamp is made of it.
 */
import type { Invariant } from "../lockstep/index.js";

/** One replacement in a compiled module. */
export interface Patch {
  /** Relative to `impl`, without extension: `engine/unmap`. */
  readonly file: string;
  /** Text that stands in the module exactly once; any white space matches any other. */
  readonly find: string;
  readonly replace: string;
  /** Where the text begins, for patches that were made by looking: it may then stand elsewhere too. */
  readonly at?: number | undefined;
}

export interface Mutant {
  /** `M…` as in the table of known bugs, with a letter where one row has several places; `F…` for other faults; `C…` for controls. */
  readonly id: string;
  /** What goes wrong, as a clause. */
  readonly title: string;
  /** Where it happened, or why it is feared. */
  readonly source: string;
  /** Full names, `format/name`: the units fall to them in turn. */
  readonly configurations: readonly string[];
  /** The mutant must be reported under one of these; the first is the one that the table of known bugs names first. */
  readonly invariants: readonly Invariant[];
  readonly patches: readonly Patch[];
  /** What a reader would ask of the invariants or the place. */
  readonly note?: string | undefined;
}

/** A change of the source that changes no answer: it must survive. */
export type Control = Omit<Mutant, "invariants">;

/** A known bug whose code this project does not have yet. */
export interface Pending {
  readonly id: string;
  readonly title: string;
  /** Which part of the project brings the code. */
  readonly waitsFor: string;
}
