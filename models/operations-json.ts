/**
 * Programs as JSON, the form in which they are kept, shared and replayed; and operations as one line of text.
 * 64-bit values are strings in hexadecimal, for JSON's numbers end at 2^53.
 */
import type { FormatName } from "./configuration.js";
import { configurationsOf, findConfiguration, formatNames } from "./configurations.js";
import { type Operation, type PhysicalRun, Prot } from "./operations.js";

/** The version of the JSON form; another one is refused. */
export const programVersion = 1;

/** A list of operations and the name of the configuration that it was made for. */
export interface Program {
  readonly version: typeof programVersion;
  readonly format: FormatName;
  /** The configuration's name within its format. */
  readonly configuration: string;
  readonly operations: readonly Operation[];
}

/** A text is not a program; the message begins with where: the file and the element in it. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

type ProtName = keyof typeof Prot;
type JsonObject = { readonly [key: string]: unknown };

/** Physical runs that a program may ask for in one list. */
const RUNS_AT_MOST = 1 << 16;

const protNames: readonly ProtName[] = ["read", "write", "noExec", "privileged", "cacheable", "mmio"];

/**
 * Reads a program. `where` names the text in error messages, usually its file.
 *
 * @throws ProgramError with the element's path, such as `crash.json: operations[3].iova: …`
 */
export function parseProgram(text: string, where: string): Program {
  const program = asObject(parseJson(text, where), where);
  allowOnly(program, ["version", "format", "configuration", "operations"], where);
  if (program["version"] !== programVersion) {
    throw unexpected(`${where}: version`, `${programVersion}`, program["version"]);
  }
  const format = asFormat(program["format"], `${where}: format`);
  const configuration = asConfiguration(format, program["configuration"], `${where}: configuration`);
  const operations = program["operations"];
  if (!Array.isArray(operations)) throw unexpected(`${where}: operations`, "an array", operations);
  return {
    version: programVersion,
    format,
    configuration,
    operations: operations.map((value, index) => operationFromJson(value, `${where}: operations[${index}]`)),
  };
}

/** Writes a program, one operation a line. `parseProgram` gives back an equal one. */
export function formatProgram(program: Omit<Program, "version">): string {
  const lines = program.operations.map((operation) => `    ${JSON.stringify(operationToJson(operation))}`);
  const operations = lines.length === 0 ? "[]" : `[\n${lines.join(",\n")}\n  ]`;
  return [
    "{",
    `  "version": ${programVersion},`,
    `  "format": ${JSON.stringify(program.format)},`,
    `  "configuration": ${JSON.stringify(program.configuration)},`,
    `  "operations": ${operations}`,
    "}\n",
  ].join("\n");
}

/** One operation as a plain JSON value. */
export function operationToJson(operation: Operation): JsonObject {
  switch (operation.op) {
    case "map":
      return {
        op: "map",
        iova: hexOf(operation.iova),
        pa: hexOf(operation.pa),
        length: hexOf(operation.length),
        prot: protNamesOf(operation.prot),
        ...(operation.pageSizes === undefined ? {} : { pageSizes: hexOf(operation.pageSizes) }),
      };
    case "mapRuns": {
      const { op, iova, runs, prot } = operation;
      return { op, iova: hexOf(iova), runs: runs.map((run) => run.map(hexOf)), prot: protNamesOf(prot) };
    }
    case "unmapRuns": {
      const { op, iova, length, capacity } = operation;
      return { op, iova: hexOf(iova), length: hexOf(length), capacity };
    }
    case "unmap":
    case "unmapGathered":
    case "entries":
      return { op: operation.op, iova: hexOf(operation.iova), length: hexOf(operation.length) };
    case "lookup":
    case "setDirty":
    case "deviceRead":
    case "deviceWrite":
      return { op: operation.op, iova: hexOf(operation.iova) };
    case "cut":
      return { op: "cut", iova: hexOf(operation.iova), ...gatheredOf(operation) };
    case "trim": {
      const { op, iova, length } = operation;
      return { op, iova: hexOf(iova), length: hexOf(length), ...gatheredOf(operation) };
    }
    case "resize": {
      const { op, iova, length, largestLg2 } = operation;
      return { op, iova: hexOf(iova), length: hexOf(length), largestLg2, ...gatheredOf(operation) };
    }
    case "readAndClearAccessed":
    case "readAndClearDirty": {
      const { op, iova, length, clear } = operation;
      return { op, iova: hexOf(iova), length: hexOf(length), clear };
    }
    case "sync":
    case "handover":
    case "failNextAllocation":
      return operation;
  }
}

/**
 * One operation from a JSON value. `where` begins the message of an error.
 *
 * @throws ProgramError
 */
export function operationFromJson(value: unknown, where: string): Operation {
  const object = asObject(value, where);
  const op = object["op"];
  const keys = (...allowed: string[]) => allowOnly(object, ["op", ...allowed], where);
  const word = (key: string) => asWord(object[key], `${where}.${key}`);
  const truth = (key: string) => asTruth(object[key], `${where}.${key}`);
  const gathered = () => ("gathered" in object ? { gathered: truth("gathered") } : {});
  switch (op) {
    case "map": {
      keys("iova", "pa", "length", "prot", "pageSizes");
      const prot = asProt(object["prot"], `${where}.prot`);
      const map = { op, iova: word("iova"), pa: word("pa"), length: word("length"), prot } as const;
      return "pageSizes" in object ? { ...map, pageSizes: word("pageSizes") } : map;
    }
    case "mapRuns":
      keys("iova", "runs", "prot");
      return {
        op,
        iova: word("iova"),
        runs: asRuns(object["runs"], `${where}.runs`),
        prot: asProt(object["prot"], `${where}.prot`),
      };
    case "unmapRuns": {
      keys("iova", "length", "capacity");
      const capacity = asWhole(object["capacity"], 1, `${where}.capacity`);
      if (capacity > RUNS_AT_MOST) throw unexpected(`${where}.capacity`, `at most ${RUNS_AT_MOST}`, capacity);
      return { op, iova: word("iova"), length: word("length"), capacity };
    }
    case "unmap":
    case "unmapGathered":
    case "entries":
      keys("iova", "length");
      return { op, iova: word("iova"), length: word("length") };
    case "lookup":
    case "setDirty":
    case "deviceRead":
    case "deviceWrite":
      keys("iova");
      return { op, iova: word("iova") };
    case "cut":
      keys("iova", "gathered");
      return { op, iova: word("iova"), ...gathered() };
    case "trim":
      keys("iova", "length", "gathered");
      return { op, iova: word("iova"), length: word("length"), ...gathered() };
    case "resize": {
      keys("iova", "length", "largestLg2", "gathered");
      const largestLg2 = asWhole(object["largestLg2"], 0, `${where}.largestLg2`);
      if (largestLg2 > 63) throw unexpected(`${where}.largestLg2`, "at most 63", largestLg2);
      return { op, iova: word("iova"), length: word("length"), largestLg2, ...gathered() };
    }
    case "readAndClearAccessed":
    case "readAndClearDirty": {
      keys("iova", "length", "clear");
      return { op, iova: word("iova"), length: word("length"), clear: truth("clear") };
    }
    case "sync":
    case "handover":
      keys();
      return { op };
    case "failNextAllocation": {
      keys("nth");
      return { op, nth: asWhole(object["nth"], 1, `${where}.nth`) };
    }
    default:
      throw unexpected(`${where}.op`, "the name of an operation", op);
  }
}

/** The operation as one line, as reports show it: `map 0x0000_0020_0000 → 0x8_4020_0000 2 MiB rw`. */
export function describeOperation(operation: Operation): string {
  switch (operation.op) {
    case "map": {
      const { iova, pa, length, prot, pageSizes } = operation;
      const narrowed = pageSizes === undefined ? "" : ` sizes ${describeHex(pageSizes)}`;
      const to = `${describeAddress(iova)} → ${describeHex(pa)}`;
      return `map ${to} ${describeLength(length)} ${describeProt(prot)}${narrowed}`;
    }
    case "mapRuns": {
      const { iova, runs, prot } = operation;
      const listed = runs.map(([pa, length]) => `${describeHex(pa)} ${describeLength(length)}`).join(", ");
      return `mapRuns ${describeAddress(iova)} → ${listed === "" ? "nothing" : listed} ${describeProt(prot)}`;
    }
    case "unmapRuns": {
      const { iova, length, capacity } = operation;
      const room = `into ${capacity} ${capacity === 1 ? "run" : "runs"}`;
      return `unmapRuns ${describeAddress(iova)} ${describeLength(length)} ${room}`;
    }
    case "unmap":
    case "unmapGathered":
    case "entries":
      return `${operation.op} ${describeAddress(operation.iova)} ${describeLength(operation.length)}`;
    case "trim": {
      const range = `${describeAddress(operation.iova)} ${describeLength(operation.length)}`;
      return `trim ${range}${gatheredName(operation)}`;
    }
    case "lookup":
    case "setDirty":
    case "deviceRead":
    case "deviceWrite":
      return `${operation.op} ${describeAddress(operation.iova)}`;
    case "cut":
      return `cut ${describeAddress(operation.iova)}${gatheredName(operation)}`;
    case "resize": {
      const { iova, length, largestLg2 } = operation;
      const most = describeLength(1n << BigInt(largestLg2));
      return `resize ${describeAddress(iova)} ${describeLength(length)} to at most ${most}${gatheredName(operation)}`;
    }
    case "readAndClearAccessed":
    case "readAndClearDirty": {
      const range = `${describeAddress(operation.iova)} ${describeLength(operation.length)}`;
      return `${operation.op} ${range}${operation.clear ? "" : " without clearing"}`;
    }
    case "sync":
    case "handover":
      return operation.op;
    case "failNextAllocation":
      return `failNextAllocation ${operation.nth}`;
  }
}

type MayGather = Extract<Operation, { gathered?: boolean | undefined }>;

function gatheredOf({ gathered }: MayGather): { gathered?: boolean } {
  return gathered === undefined ? {} : { gathered };
}

function gatheredName({ gathered }: MayGather): string {
  return gathered === true ? " gathered" : "";
}

/** Hexadecimal in groups of four digits: `0x8_4020_0000`. */
export function describeHex(value: bigint): string {
  return `0x${value.toString(16).replace(/\B(?=(?:[0-9a-f]{4})+$)/g, "_")}`;
}

/** An input address, at least 12 digits wide so that those below 2^48 line up: `0x0000_0020_0000`. */
export function describeAddress(iova: bigint): string {
  return `0x${iova
    .toString(16)
    .padStart(12, "0")
    .replace(/\B(?=(?:[0-9a-f]{4})+$)/g, "_")}`;
}

/** A length in the largest unit that divides it: `2 MiB`, `2052 KiB`, `1 B`. */
export function describeLength(lengthBytes: bigint): string {
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let value = lengthBytes;
  let unit = "B";
  for (const next of units) {
    if (value === 0n || (value & 0x3ffn) !== 0n) break;
    value >>= 10n;
    unit = next;
  }
  return `${value} ${unit}`;
}

/** `rw`, `r`, `w+noExec`, `none`. */
export function describeProt(prot: number): string {
  const access = `${(prot & Prot.read) === 0 ? "" : "r"}${(prot & Prot.write) === 0 ? "" : "w"}`;
  const others = protNames.slice(2).filter((name) => (prot & Prot[name]) !== 0);
  return [access === "" ? "none" : access, ...others].join("+");
}

function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const offset = /at position (\d+)/.exec(message)?.[1];
    const before = offset === undefined ? undefined : text.slice(0, Number(offset)).split("\n");
    const place = before === undefined ? "" : `:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    throw new ProgramError(`${where}${place}: not JSON: ${message}`);
  }
}

function asObject(value: unknown, where: string): JsonObject {
  if (!isObject(value)) throw unexpected(where, "an object", value);
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function allowOnly(object: JsonObject, keys: readonly string[], where: string): void {
  for (const key of Object.keys(object)) {
    if (!keys.includes(key)) {
      throw new ProgramError(`${where}: unknown key ${JSON.stringify(key)}; known are ${keys.join(", ")}`);
    }
  }
}

function asWord(value: unknown, where: string): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]+$/.test(value)) {
    throw unexpected(where, 'a hexadecimal string such as "0x1000"', value);
  }
  const word = BigInt(value);
  if (word > 0xffff_ffff_ffff_ffffn) throw unexpected(where, "at most 64 bits", value);
  return word;
}

function asWhole(value: unknown, least: number, where: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw unexpected(where, `a whole number from ${least}`, value);
}

function asTruth(value: unknown, where: string): boolean {
  if (typeof value === "boolean") return value;
  throw unexpected(where, "true or false", value);
}

function asRuns(value: unknown, where: string): PhysicalRun[] {
  if (!Array.isArray(value)) throw unexpected(where, "an array of runs", value);
  if (value.length > RUNS_AT_MOST) throw unexpected(where, `at most ${RUNS_AT_MOST} runs`, value.length);
  return value.map((element: unknown, index) => {
    const place = `${where}[${index}]`;
    if (!Array.isArray(element) || element.length !== 2) {
      throw unexpected(place, "a physical address and a length", element);
    }
    const [pa, length] = [asWord(element[0], `${place}[0]`), asWord(element[1], `${place}[1]`)];
    const isRun = length > 0n && pa + length <= 1n << 64n;
    if (!isRun) throw unexpected(`${place}[1]`, "a length that ends within 64 bits", element[1]);
    return [pa, length];
  });
}

function protNamesOf(prot: number): readonly ProtName[] {
  return protNames.filter((name) => (prot & Prot[name]) !== 0);
}

function asProt(value: unknown, where: string): number {
  if (!Array.isArray(value)) throw unexpected(where, "an array of permission names", value);
  let prot = 0;
  for (const [index, element] of value.entries()) {
    const name = protNames.find((candidate) => candidate === element);
    if (name === undefined) {
      throw unexpected(`${where}[${index}]`, `one of ${protNames.join(", ")}`, element);
    }
    prot |= Prot[name];
  }
  return prot;
}

function asFormat(value: unknown, where: string): FormatName {
  const format = formatNames.find((candidate) => candidate === value);
  if (format === undefined) throw unexpected(where, `one of ${formatNames.join(", ")}`, value);
  return format;
}

function asConfiguration(format: FormatName, value: unknown, where: string): string {
  if (typeof value === "string" && findConfiguration(`${format}/${value}`) !== undefined) return value;
  const names = configurationsOf(format).map(({ name }) => name);
  throw unexpected(where, `a configuration of ${format} (${names.join(", ")})`, value);
}

function unexpected(where: string, wanted: string, found: unknown): ProgramError {
  const shown = found === undefined ? "nothing" : JSON.stringify(found);
  const short = shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
  return new ProgramError(`${where}: expected ${wanted}, found ${short}`);
}
