/**
 * The speed of the lockstep: operations that the implementation, the reference and the walkers did together and
 * agreed on, per second of one core. Kept apart from the rest, for it measures the project's own checking and not
 * what is shipped.
 */
import { runUnit } from "../fuzz/lockstep/index.js";
import { findConfiguration } from "../models/index.js";

/** At least this many operations a second, on one core. */
export const LOCKSTEP_BAR = 100_000;

/** AMDv1 with four levels. */
const CONFIGURATION = "amdv1/top3-va64";

/** Checked operations per second in units of the default mix, after as long to warm up. */
export function measureLockstep(milliseconds: number): number | undefined {
  const configuration = findConfiguration(CONFIGURATION);
  if (configuration === undefined) throw new Error(`there is no configuration ${CONFIGURATION}`);
  const unitOf = (unit: number) => {
    const { operations, finding } = runUnit({ configuration, seed: "bench", unit, mix: "default" });
    if (finding !== undefined) throw new Error(`the lockstep found a violation of ${finding.invariant}`);
    return operations;
  };
  let unit = 0;
  const unitsFor = () => {
    // Processor time, collector included: what neighbours on the machine take away is not the lockstep's.
    const start = process.cpuUsage();
    const spent = () => {
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    };
    let operations = 0;
    while (spent() < milliseconds) operations += unitOf(unit++);
    return (operations * 1000) / spent();
  };
  unitsFor();
  return unitsFor();
}
