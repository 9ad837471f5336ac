/**
 * The speed of the lockstep: operations that the implementation, the reference and the walkers did together and
 * agreed on, per second of one core. Kept apart from the rest, for it measures the project's own checking and not
 * what is shipped.
 */

/** At least this many operations a second, on one core. */
export const LOCKSTEP_BAR = 100_000;

/** Checked operations per second, or undefined where there is no lockstep to measure. */
export function measureLockstep(_milliseconds: number): number | undefined {
  return undefined;
}
