/** The mutants of `npm test`: one of each kind that dies soon. */
export const quick: readonly string[] = [];
