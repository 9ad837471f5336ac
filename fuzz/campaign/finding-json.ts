/** A finding as JSON text: its program in the form of the corpus, and what is known beside it. */
import {
  configurationName,
  findConfiguration,
  operationFromJson,
  operationToJson,
} from "../../models/index.js";
import { type Finding, type Invariant, invariantNames, type MixName, mixNames } from "../lockstep/index.js";

/** The JSON text of a finding; `findingFromJson` gives back an equal one. */
export function findingToJson(finding: Finding): string {
  const { configuration, operations, iova, ...plain } = finding;
  return JSON.stringify({
    ...plain,
    iova: iova === undefined ? undefined : String(iova),
    configuration: configurationName(configuration),
    operations: operations.map(operationToJson),
  });
}

/**
 * @throws Error where the text is none, or names a configuration, a mix or an operation that is no longer there
 */
export function findingFromJson(text: string): Finding {
  const value: Record<string, unknown> = JSON.parse(text);
  const name = String(value["configuration"]);
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new Error(`there is no configuration ${name}`);
  const operations = Array.isArray(value["operations"]) ? value["operations"] : [];
  const { also, iova, shrunkFrom, unit } = value;
  return {
    invariant: invariantFrom(value["invariant"]),
    also: Array.isArray(also) ? also.map(invariantFrom) : undefined,
    sentence: String(value["sentence"]),
    iova: iova === undefined ? undefined : BigInt(String(iova)),
    configuration,
    operations: operations.map((one, index) => operationFromJson(one, `operations[${index}]`)),
    atFinish: value["atFinish"] === true,
    shrunkFrom: typeof shrunkFrom === "number" ? shrunkFrom : undefined,
    unit: typeof unit === "object" && unit !== null ? unitFrom({ ...unit }) : undefined,
  };
}

function unitFrom(unit: Record<string, unknown>): Finding["unit"] {
  const { seed, unit: number, mix, operations, checksum } = unit;
  return {
    seed: String(seed),
    unit: Number(number),
    mix: mix === undefined ? undefined : mixFrom(mix),
    operations: Number(operations),
    checksum: Number(checksum),
  };
}

function invariantFrom(name: unknown): Invariant {
  const found = invariantNames.find((one) => one === name);
  if (found === undefined) throw new Error(`there is no invariant ${String(name)}`);
  return found;
}

function mixFrom(name: unknown): MixName {
  const found = mixNames.find((one) => one === name);
  if (found === undefined) throw new Error(`there is no mix ${String(name)}`);
  return found;
}
