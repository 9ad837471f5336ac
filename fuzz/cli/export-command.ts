/** `genpt export`: programs as vectors, for `genpt conform` and for other people's unit tests. */
import { existsSync, writeFileSync } from "node:fs";
import { type Configuration, configurationName, ProgramError } from "../../models/index.js";
import { ExportError, exportHeader, exportProgram, exportUnit, leftOut } from "../conform/index.js";
import { parseToken, TokenError } from "../lockstep/index.js";
import { readProgram } from "./program-file.js";
import { seedFrom } from "./seeds.js";
import { Exit, selectConfigurations, UsageError } from "./usage.js";

export interface ExportOptions {
  readonly config?: string | undefined;
  readonly seed?: string | undefined;
  readonly count: number;
  readonly ops: number;
  readonly out?: string | undefined;
}

/** A case to be written: its configuration, and its line. */
interface Case {
  readonly configuration: Configuration;
  /** What of a program vectors have no words for; of a unit such operations are not drawn. */
  readonly leftOut?: string;
  line(): string;
}

export function exportCommand(whats: readonly string[], options: ExportOptions): Exit {
  try {
    const cases = whats.length === 0 ? generated(options) : whats.map(caseOf);
    const [{ configuration }] = cases;
    const name = configurationName(configuration);
    const other = cases.map((one) => configurationName(one.configuration)).find((one) => one !== name);
    if (other !== undefined) throw new UsageError(`one file has one configuration: ${name}, or ${other}`);
    const text = `${[exportHeader(configuration), ...cases.map((one) => one.line())].join("\n")}\n`;
    for (const one of cases) if (one.leftOut !== undefined) process.stderr.write(`${one.leftOut}\n`);
    if (options.out === undefined) process.stdout.write(text);
    else {
      writeFileSync(options.out, text);
      process.stderr.write(`${cases.length} cases of ${name}: ${options.out}\n`);
    }
    return Exit.clean;
  } catch (error) {
    if (error instanceof ExportError || error instanceof ProgramError) throw new UsageError(error.message);
    if (error instanceof TokenError) throw new UsageError(`no such file; ${error.message}`);
    throw error;
  }
}

/** Units of a seed. */
function generated({ config, seed: text, count, ops: operations }: ExportOptions): readonly Case[] {
  if (config === undefined) throw new UsageError("a token, a program's file or --config is needed");
  const [configuration] = selectConfigurations(undefined, config);
  const seed = seedFrom(text);
  return Array.from({ length: count }, (_, unit) => ({
    configuration,
    line: () => exportUnit({ configuration, seed, unit, operations, mix: undefined }),
  }));
}

function caseOf(what: string): Case {
  if (!existsSync(what)) {
    const token = parseToken(what);
    return { configuration: token.configuration, line: () => exportUnit(token) };
  }
  const { configuration, operations } = readProgram(what);
  const lost = [...leftOut(configuration, operations)].map(([op, count]) => `${count} ${op}`);
  return {
    configuration,
    line: () => exportProgram(configuration, operations, what),
    ...(lost.length > 0 && { leftOut: `${what}: vectors have no words for ${lost.join(", ")}: left out` }),
  };
}
