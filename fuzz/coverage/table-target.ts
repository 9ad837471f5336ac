/** What the fuzzer calls with inputs that are programs of tables. */
import { configurationName } from "../../models/index.js";
import { formatCorpusFile } from "../lockstep/index.js";
import { type MutantStamp, subjectFactory } from "../mutants/index.js";
import { execute } from "./execute.js";
import { type TargetSettings, targetOf } from "./target.js";
import { namedConfigurations } from "./targets.js";

/** Makes the function that the fuzzer calls. */
export function createTarget(
  settings: TargetSettings,
  mutant?: ReadonlyMap<string, MutantStamp>,
): (bytes: Uint8Array) => void {
  const configurations = namedConfigurations(settings.configurations);
  const subjectOf = mutant === undefined ? undefined : subjectFactory(mutant);
  return targetOf(settings, (bytes) => {
    const { operations, features, finding } = execute(bytes, configurations, { subjectOf });
    const failure = finding && {
      kind: `${configurationName(finding.configuration)} ${finding.invariant}`,
      program: formatCorpusFile(finding),
    };
    return { operations: operations.length, features, failure };
  });
}
