/** Programs in files: findings as they were saved, and any program of the operation language. */
import { readFileSync } from "node:fs";
import { type Configuration, findConfiguration, type Operation, parseProgram } from "../../models/index.js";
import { parseCorpusFile } from "../lockstep/index.js";
import { UsageError } from "./usage.js";

export interface Program {
  readonly configuration: Configuration;
  readonly operations: readonly Operation[];
}

/** @throws ProgramError, UsageError */
export function readProgram(file: string): Program {
  const text = readFileSync(file, "utf8");
  if (/^\s*\{\s*"invariant"/.test(text)) return parseCorpusFile(text, file);
  const { format, configuration: name, operations } = parseProgram(text, file);
  const configuration = findConfiguration(`${format}/${name}`);
  if (configuration === undefined) throw new UsageError(`${file}: no configuration ${format}/${name}`);
  return { configuration, operations };
}
