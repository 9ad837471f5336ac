/** What the fuzzer calls with inputs that are programs of machines. */
import { systemFindingToText } from "../system/saved.js";
import { executeSystem } from "./system-execute.js";
import { type TargetSettings, targetOf } from "./target.js";

/** Makes the function that the fuzzer calls. */
export function createTarget(settings: TargetSettings): (bytes: Uint8Array) => void {
  const { system } = settings;
  if (system === undefined) throw new RangeError("there is no machine to run");
  return targetOf(settings, (bytes) => {
    const { operations, features, finding } = executeSystem(bytes, system);
    const failure = finding && { kind: finding.invariant, program: systemFindingToText(finding) };
    return { operations: operations.length, features, failure };
  });
}
