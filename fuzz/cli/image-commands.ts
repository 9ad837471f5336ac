/** `genpt dump`, `walk`, `check` and `decode`: tables in memory images, and single items, for people. */
import pc from "picocolors";
import {
  type Configuration,
  createWalker,
  describeAddress,
  describeWalk,
  type Field,
  type FormatName,
  itemFields,
  itemKind,
  lastItemMeaning,
  Pointer,
  SparseMemory,
  shapeOf,
  WalkResult,
  type WalkStep,
  walkResultName,
  walkSteps,
} from "../../models/index.js";
import { check, dump, dumpJson, hex, type LayoutName, rawItem, type Violation } from "../images/index.js";
import { joined, lowWord } from "../lockstep/words.js";
import { configurationOf, type ImageOptions, openTables } from "./image-options.js";
import { Exit, UsageError } from "./usage.js";

interface AsJson {
  readonly json?: true | undefined;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

/** What the tables hold. */
export function dumpCommand(
  path: string,
  options: ImageOptions & AsJson & { readonly layout: LayoutName },
): Exit {
  const tables = openTables(path, options);
  try {
    if (options.json === true) print(JSON.stringify(dumpJson(tables), null, 2));
    else dump(tables, options.layout, print);
  } finally {
    tables.memory.close();
  }
  return Exit.clean;
}

/** What hardware reads on the way from one address, and where it arrives. */
export function walkCommand(path: string, options: ImageOptions & AsJson & { readonly iova: bigint }): Exit {
  const tables = openTables(path, options);
  const { configuration, memory, root } = tables;
  try {
    const { steps, result, walker } = walkSteps(configuration, memory, root, options.iova);
    const translated = result === WalkResult.Translated;
    if (options.json === true) {
      const pa = translated ? hex(joined(walker.oaLow, walker.oaHigh)) : undefined;
      const { read, write, execute, dirty, sizeLg2 } = walker;
      const leaf = translated ? { pa, sizeLg2, read, write, execute, dirty } : {};
      const items = steps.map((step) => stepJson(configuration, step));
      print(
        JSON.stringify({ iova: hex(options.iova), result: walkResultName(result), ...leaf, items }, null, 2),
      );
    } else {
      print(
        `walk of ${describeAddress(options.iova)} from root ${describeAddress(root.address)}, mode ${root.mode}`,
      );
      for (const [index, step] of steps.entries()) {
        const meaning = index < steps.length - 1 ? "table" : lastItemMeaning(result);
        const item = `item at ${describeAddress(step.address)} = ${rawItem(tables, step.raw)}`;
        print(`\n${pc.bold(`level ${step.level}`)}  ${item}  ${meaning}`);
        for (const line of fieldLines(fieldsOf(configuration, step))) print(line);
      }
      print(`\n${describeWalk(walker, result)}`);
    }
    return translated ? Exit.clean : Exit.finding;
  } finally {
    memory.close();
  }
}

/** Every item and table that may not be as it is. */
export function checkCommand(path: string, options: ImageOptions & AsJson): Exit {
  const tables = openTables(path, options);
  try {
    const found: Violation[] = [];
    const isJson = options.json === true;
    const summary = check(tables, (violation) => {
      if (isJson) found.push(violation);
      else print(`${violation.invariant}  ${describeAddress(violation.iova)}  ${violation.sentence}`);
    });
    if (isJson) {
      const violations = found.map(({ iova, ...rest }) => ({ iova: hex(iova), ...rest }));
      print(JSON.stringify({ ...summary, violations }, null, 2));
    } else {
      print(`${summary.tables} tables, ${summary.entries} leaf entries, ${summary.violations} violations`);
    }
    return summary.violations === 0 ? Exit.clean : Exit.finding;
  } finally {
    tables.memory.close();
  }
}

export type DecodeOptions = AsJson &
  Pick<ImageOptions, "config" | "set" | "levels"> & { readonly level: number };

/** One item. */
export function decodeCommand(format: FormatName, raw: bigint, options: DecodeOptions): Exit {
  const configuration = configurationOf({ ...options, format });
  const { itemBytesLg2 } = shapeOf(configuration);
  if (raw >> BigInt(8 << itemBytesLg2) !== 0n) {
    throw new UsageError(`an item of ${format} has ${8 << itemBytesLg2} bits`);
  }
  const walker = createWalker(configuration, new SparseMemory());
  const result = walker.inspect(options.level, lowWord(raw), lowWord(raw >> 32n));
  const step = { level: options.level, address: 0n, raw };
  if (options.json === true) {
    const { address: _, ...item } = stepJson(configuration, step);
    const verdict = result === Pointer ? "Table" : walkResultName(result);
    print(JSON.stringify({ format, verdict, ...item }, null, 2));
  } else {
    for (const line of fieldLines(fieldsOf(configuration, step))) print(line);
    const target = describeAddress(joined(walker.oaLow, walker.oaHigh));
    print(
      result === Pointer
        ? `points to a table of level ${walker.level} at ${target}`
        : describeWalk(walker, result),
    );
  }
  return result === Pointer || result === WalkResult.Translated || result === WalkResult.NotPresent
    ? Exit.clean
    : Exit.finding;
}

function fieldsOf(configuration: Configuration, { level, raw }: WalkStep): readonly Field[] {
  return itemFields(configuration, itemKind(configuration, level, raw), level, raw);
}

/** A line for each field: the bits, the name, the value, and what it means. */
function fieldLines(fields: readonly Field[]): readonly string[] {
  return fields.map(({ high, low, name, value, meaning }) => {
    const where = (high === low ? `${high}` : `${high}:${low}`).padStart(7);
    const what = `${where}  ${name.padEnd(22)} ${hex(value)}${meaning === "" ? "" : `  ${meaning}`}`;
    return name === "ignored" && value === 0n ? pc.dim(what) : what;
  });
}

function stepJson(configuration: Configuration, step: WalkStep) {
  const fields = fieldsOf(configuration, step).map(({ value, ...field }) => ({
    ...field,
    value: hex(value),
  }));
  return { level: step.level, address: hex(step.address), raw: hex(step.raw), fields };
}
