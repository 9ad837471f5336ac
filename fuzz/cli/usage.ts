/** Arguments as people type them: checked here, and refused with a sentence. */
import { InvalidArgumentError } from "commander";
import type { Configuration, FormatName } from "../../models/index.js";
import { configurationsOf, formatNames } from "../../models/index.js";
import { type OracleName, oracleNames } from "../lockstep/index.js";

/** The exit status of a command. */
export const Exit = { clean: 0, finding: 1, usage: 2, internal: 3 } as const;

export type Exit = (typeof Exit)[keyof typeof Exit];

/** A request that cannot be met as it stands: the sentence is printed, without a stack trace. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9][0-9_]*$/.test(text) ? Number(text.replaceAll("_", "")) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`A whole number of at least ${least} is needed.`);
  };
}

export function seconds(text: string): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= 1e6) return value;
  throw new InvalidArgumentError("A number of seconds above 0 is needed, such as 60 or 0.5.");
}

export function hours(text: string): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : 0;
  if (value > 0 && value <= 200) return value;
  throw new InvalidArgumentError("A number of hours above 0 is needed, such as 8 or 0.5.");
}

/** A number of threads; `all` stands for one per core. */
export function workers(text: string): number | "all" {
  return text === "all" ? "all" : wholeNumber(1)(text);
}

/** One more of the formats that were asked for; `all` stands for every one. */
export function formats(text: string, others: readonly FormatName[] = []): readonly FormatName[] {
  if (text === "all") return formatNames;
  const found = formatNames.find((name) => name === text);
  if (found !== undefined) return [...others, found];
  throw new InvalidArgumentError(`There are ${formatNames.join(", ")}, and all.`);
}

/** One more of the oracles that were asked for; `all` stands for every one, `none` for no other. */
export function oracles(text: string, others: readonly OracleName[] = []): readonly OracleName[] {
  if (text === "all") return oracleNames;
  if (text === "none") return [];
  const found = oracleNames.find((name) => name === text);
  if (found !== undefined) return [...others, found];
  throw new InvalidArgumentError(`There are ${oracleNames.join(", ")}, all and none.`);
}

/**
 * The configurations that are meant by `--format` and `--config`.
 * @throws UsageError when no format has a configuration of this name.
 */
export function selectConfigurations(
  selected: readonly FormatName[] | undefined,
  configuration: string | undefined,
): readonly Configuration[] {
  const offered = formatNames.filter((name) => selected?.includes(name) ?? true).flatMap(configurationsOf);
  if (configuration === undefined) return offered;
  const found = offered.filter(({ format, name }) => [name, `${format}/${name}`].includes(configuration));
  if (found.length > 0) return found;
  const names = offered.map(({ format, name }) => `${format}/${name}`).join(", ");
  const there = selected === undefined ? "genpt formats lists them" : `there are ${names}`;
  throw new UsageError(`there is no configuration "${configuration}"; ${there}`);
}
