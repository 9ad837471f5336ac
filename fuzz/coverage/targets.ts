/** What can be fuzzed under coverage: a target for each format. A target of another kind is a line more in `targets`. */
import type { Configuration } from "../../models/configuration.js";
import { configurationName, configurationsOf, findConfiguration, formatNames } from "../../models/index.js";
import { canCreate } from "../lockstep/index.js";

export interface Target {
  readonly name: string;
  /** What its inputs choose from by their first byte, in this order. */
  readonly configurations: readonly Configuration[];
}

export const targets: readonly Target[] = formatNames.map((name) => ({
  name,
  configurations: configurationsOf(name),
}));

/**
 * The full names of a target's configurations, but for those that the code under test cannot be made with.
 * @throws RangeError for a name that no target has
 */
export function configurationsOfTarget(name: string): readonly string[] {
  const target = targets.find((one) => one.name === name);
  if (target === undefined) throw new RangeError(`there is no target ${JSON.stringify(name)}`);
  return target.configurations.filter(canCreate).map(configurationName);
}

/** @throws RangeError for a name that no configuration has */
export function namedConfigurations(names: readonly string[]): readonly Configuration[] {
  return names.map((name) => {
    const configuration = findConfiguration(name);
    if (configuration === undefined) throw new RangeError(`there is no configuration ${name}`);
    return configuration;
  });
}
