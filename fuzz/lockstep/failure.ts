/** What a subject may do instead of answering. */
import type { Invariant } from "./invariants.js";

/** The subject failed in a way that has a name: it went in circles, crashed, hung, or broke the protocol. */
export class SubjectFailure extends Error {
  override readonly name: string;
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(message);
    this.name = invariant;
    this.invariant = invariant;
  }
}

/** Nothing can be said of the program: the subject has no room for it, or does not know one of its operations. */
export class Inconclusive extends Error {
  override readonly name: string = "Inconclusive";
}
