/** `genpt compare`: two images side by side, as a diff. */
import pc from "picocolors";
import type { FormatName } from "../../models/index.js";
import { compareItems, compareTranslations, diffLines, hex, type TableDifference } from "../images/index.js";
import { type ImageOptions, openTables } from "./image-options.js";
import { Exit, UsageError } from "./usage.js";

export interface CompareOptions extends ImageOptions {
  readonly otherFormat?: FormatName | undefined;
  readonly otherLevels?: number | undefined;
  readonly otherRoot?: bigint | undefined;
  readonly otherBase?: bigint | undefined;
  readonly items?: true | undefined;
  readonly ignore?: bigint | undefined;
  readonly sizes?: true | undefined;
  readonly dirty?: true | undefined;
  readonly json?: true | undefined;
}

export function compareCommand(path: string, otherPath: string, options: CompareOptions): Exit {
  const first = openTables(path, options);
  const second = openTables(otherPath, otherOptions(options));
  const found: TableDifference[] = [];
  let differences = 0;
  const tell = (difference: TableDifference) => {
    differences++;
    if (options.json === true) found.push(difference);
    else
      for (const line of diffLines(difference)) print(line.startsWith("-") ? pc.red(line) : pc.green(line));
  };
  try {
    if (options.items !== true) compareTranslations(first, second, tell, options);
    else if (first.configuration.format !== second.configuration.format) {
      throw new UsageError("--items compares tables of one format");
    } else if (first.configuration.topLevel !== second.configuration.topLevel) {
      throw new UsageError("--items compares tables with the same number of levels");
    } else compareItems(first, second, tell, options.ignore);
  } finally {
    first.memory.close();
    second.memory.close();
  }
  if (options.json === true) print(JSON.stringify({ differences: found.map(asJson) }, null, 2));
  else print(differences === 0 ? "no difference" : `${differences} differences`);
  return differences === 0 ? Exit.clean : Exit.finding;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What is not said of the second image is as in the first. */
function otherOptions(options: CompareOptions): ImageOptions {
  const { otherFormat = options.format, otherRoot = options.root, otherBase = options.base } = options;
  const own = { format: otherFormat, root: otherRoot, base: otherBase };
  if (otherFormat === options.format)
    return { ...options, ...own, levels: options.otherLevels ?? options.levels };
  return { ...own, levels: options.otherLevels };
}

function asJson({ iova, lengthBytes, first, second }: TableDifference): object {
  return { iova: hex(iova), lengthBytes: hex(lengthBytes), first, second };
}
