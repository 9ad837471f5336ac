/**
 * The replay token: one word that says everything a unit follows from.
 *
 *     amdv1/top2-va64:1:5eed-0042:77:2000:9f3a12bc
 *     configuration : generator version : seed : unit : operations : checksum
 *
 * A mix that was asked for by name follows the configuration: `amdv1/top2-va64+failing:…`.
 */
import type { Configuration } from "../../models/configuration.js";
import {
  configurationName,
  configurationsOf,
  findConfiguration,
  formatNames,
  generatorVersion,
} from "../../models/index.js";
import type { Finding, UnitName } from "./finding.js";
import { type MixName, mixNames } from "./mixes.js";

export interface Token extends UnitName {
  readonly configuration: Configuration;
  /** The version of the generator that made the unit. */
  readonly generatorVersion: number;
}

/** A text is not a token; the message says which part is wrong and what it may be. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

/** Whether a text can be a seed: it must fit a token and a file name. */
export function isSeed(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text);
}

export function formatToken(token: Omit<Token, "generatorVersion">): string {
  const { configuration, seed, unit, operations, checksum, mix } = token;
  const name = `${configurationName(configuration)}${mix === undefined ? "" : `+${mix}`}`;
  return [name, generatorVersion, seed, unit, operations, checksum.toString(16).padStart(8, "0")].join(":");
}

/** The token of a finding; undefined where it came from no unit. */
export function tokenOf(finding: Finding): string | undefined {
  const { unit, configuration } = finding;
  return unit && formatToken({ ...unit, configuration });
}

/** @throws TokenError */
export function parseToken(text: string): Token {
  const parts = text.trim().split(":");
  if (parts.length !== 6) {
    throw new TokenError(
      `a token has 6 parts between colons (configuration:version:seed:unit:operations:checksum), not ${parts.length}: ${text}`,
    );
  }
  const [name, version, seed, unit, operations, checksum] = parts;
  const [configuration, mix] = parseName(name);
  if (!isSeed(seed)) {
    throw new TokenError(`the seed has letters, digits, "-", "_" and "." only: ${JSON.stringify(seed)}`);
  }
  if (!/^[0-9a-f]{8}$/.test(checksum)) {
    throw new TokenError(`the checksum has 8 hexadecimal digits: ${JSON.stringify(checksum)}`);
  }
  return {
    configuration,
    generatorVersion: wholeNumber("the generator version", version),
    seed,
    unit: wholeNumber("the unit", unit),
    operations: wholeNumber("the number of operations", operations),
    checksum: Number.parseInt(checksum, 16),
    mix,
  };
}

/** What must be said before a token of another generator version is replayed; undefined when it is this one's. */
export function versionWarning(token: Token): string | undefined {
  if (token.generatorVersion === generatorVersion) return undefined;
  return `the token was made by generator version ${token.generatorVersion}, this is version ${generatorVersion}: the unit's operations differ`;
}

function parseName(text: string): [Configuration, MixName | undefined] {
  const [name, mixText] = text.split("+");
  const configuration = findConfiguration(name);
  if (configuration === undefined) throw new TokenError(unknownConfiguration(name));
  if (mixText === undefined) return [configuration, undefined];
  const mix = mixNames.find((candidate) => candidate === mixText);
  if (mix === undefined) {
    throw new TokenError(`there is no mix ${JSON.stringify(mixText)}; there are ${mixNames.join(", ")}`);
  }
  return [configuration, mix];
}

function unknownConfiguration(name: string): string {
  const [formatText] = name.split("/");
  const format = formatNames.find((candidate) => candidate === formatText);
  if (format === undefined) {
    return `there is no format ${JSON.stringify(formatText)}; there are ${formatNames.join(", ")}`;
  }
  const names = configurationsOf(format).map((configuration) => configuration.name);
  return `there is no configuration ${JSON.stringify(name)}; ${format} has ${names.join(", ")}`;
}

function wholeNumber(what: string, text: string): number {
  const value = /^(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new TokenError(`${what} is a whole number: ${JSON.stringify(text)}`);
  return value;
}
