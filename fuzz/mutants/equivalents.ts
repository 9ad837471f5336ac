/** Operator mutants that survive and may: what they change, no operation, store or invalidation can show. */
export interface Equivalent {
  /** As `OperatorMutant.key`. */
  readonly key: string;
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [];
