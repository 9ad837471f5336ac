/**
 * Findings as files: a program in the JSON form of the operation language, and the invariant that it breaks. The
 * name says what it is: `i1-amdv1-1f2e3d4c.json`.
 */

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Configuration } from "../../models/configuration.js";
import { findConfiguration, formatProgram, ProgramError, parseProgram } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import type { Finding } from "./finding.js";
import { type Invariant, invariantNames } from "./invariants.js";

export interface CorpusFile {
  readonly configuration: Configuration;
  readonly operations: readonly Operation[];
  /** The invariant that the program broke when it was saved. */
  readonly invariant: Invariant;
}

/** The file's text. It is a program of the operation language with one key more. */
export function formatCorpusFile({ configuration, operations, invariant }: CorpusFile): string {
  const program = formatProgram({
    format: configuration.format,
    configuration: configuration.name,
    operations,
  });
  return program.replace("{\n", `{\n  "invariant": ${JSON.stringify(invariant)},\n`);
}

/**
 * Reads a file's text; `where` names it in errors.
 * @throws ProgramError
 */
export function parseCorpusFile(text: string, where: string): CorpusFile {
  const line = /^\{\n {2}"invariant": "([^"]*)",\n/.exec(text);
  const name = line?.[1];
  const invariant = invariantNames.find((candidate) => candidate === name);
  if (line === null || invariant === undefined) {
    throw new ProgramError(
      `${where}: the second line must be "invariant", one of ${invariantNames.join(", ")}`,
    );
  }
  const program = parseProgram(`{\n${text.slice(line[0].length)}`, where);
  const configuration = findConfiguration(`${program.format}/${program.configuration}`);
  if (configuration === undefined) throw new ProgramError(`${where}: unknown configuration`);
  return { configuration, operations: program.operations, invariant };
}

/** @throws ProgramError for what is not a corpus file; whatever reading a file may throw. */
export async function loadCorpusFile(file: string): Promise<CorpusFile> {
  return parseCorpusFile(await readFile(file, "utf8"), file);
}

/** Saves a finding's program and returns the file's path. The same program gives the same name. */
export async function saveCorpusFile(directory: string, finding: Finding): Promise<string> {
  const text = formatCorpusFile(finding);
  const file = join(directory, corpusFileName(finding));
  await mkdir(directory, { recursive: true });
  await writeFile(file, text);
  return file;
}

/** `invariant-format-hash.json`, all in lower case. */
export function corpusFileName(file: CorpusFile): string {
  const hash = createHash("sha256").update(formatCorpusFile(file)).digest("hex").slice(0, 8);
  return `${file.invariant.toLowerCase()}-${file.configuration.format}-${hash}.json`;
}
