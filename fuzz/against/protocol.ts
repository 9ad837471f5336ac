/**
 * The lines in which an implementation elsewhere is asked and answers; `docs/against.md` has the grammar. Words
 * between single spaces, numbers decimal or with 0x, so that C reads a line with `strtok` and `strtoull(…, 0)`.
 */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type { Code, Operation } from "../../models/operations.js";

export const protocolVersion = 1;

/** What an implementation may say that it can do. */
export const canWords = [
  "reset",
  "shared",
  "write",
  "lookup",
  "entries",
  "gather",
  "dirty",
  "setdirty",
  "fail",
  "sizes",
  "refusals",
  "overlaps",
  "partial",
  "cut",
  "resize",
  "trim",
  "mapruns",
  "unmapruns",
  "handover",
] as const;

/** What an implementation may ask to be judged by, beyond what can be seen from outside. */
export const judgeWords = ["frames", "tables", "invalidations", "ranges", "bits"] as const;

export type CanWord = (typeof canWords)[number];
export type JudgeWord = (typeof judgeWords)[number];

/** A line is not what was agreed on; the message says what is wrong with it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** The lines that describe a table to be made, without the `open` that follows them. */
export function configurationLines(configuration: Configuration, bytes: number, file?: string): string[] {
  const { format, name, tableBase, tiny, ...rest } = configuration;
  const { granuleLg2, tableBitsLg2, itemBytesLg2 } = shapeOf(configuration);
  const values: Record<string, unknown> = {
    format,
    configuration: name,
    ...rest,
    granuleLg2,
    tableBitsLg2,
    itemBytesLg2,
    tiny: tiny !== undefined,
    memoryBase: tableBase,
    memoryBytes: bytes,
    ...(file === undefined ? {} : { memoryFile: file }),
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return [`genpt ${protocolVersion}`, ...known.map(([key, value]) => `set ${key} ${valueText(value)}`)];
}

function valueText(value: unknown): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  return typeof value === "bigint" ? hex(value) : String(value);
}

/** The request for an operation; undefined for one that this version of the protocol does not have. */
export function requestOf(operation: Operation, pageSizes: bigint): string | undefined {
  if ("gathered" in operation && operation.gathered === true) return undefined;
  switch (operation.op) {
    case "map": {
      const { iova, pa, length, prot } = operation;
      const numbers = [iova, pa, length, prot, operation.pageSizes ?? pageSizes];
      return ["map", ...numbers.map(hex)].join(" ");
    }
    case "unmap":
      return `unmap ${hex(operation.iova)} ${hex(operation.length)}`;
    case "unmapGathered":
      return `gather ${hex(operation.iova)} ${hex(operation.length)}`;
    case "sync":
      return "sync";
    case "lookup":
      return `lookup ${hex(operation.iova)}`;
    case "entries":
      return `entries ${hex(operation.iova)} ${hex(operation.length)}`;
    case "readAndClearDirty":
      return `dirty ${hex(operation.iova)} ${hex(operation.length)} ${operation.clear ? 1 : 0}`;
    case "setDirty":
      return `setdirty ${hex(operation.iova)}`;
    case "failNextAllocation":
      return `fail ${operation.nth}`;
    case "cut":
      return `cut ${hex(operation.iova)}`;
    case "resize": {
      const { iova, length, largestLg2 } = operation;
      return `resize ${hex(iova)} ${hex(length)} ${largestLg2}`;
    }
    case "trim":
      return `trim ${hex(operation.iova)} ${hex(operation.length)}`;
    case "mapRuns": {
      const { iova, prot, runs } = operation;
      return ["mapruns", ...[iova, prot, ...runs.flat()].map(hex)].join(" ");
    }
    case "unmapRuns": {
      const { iova, length, capacity } = operation;
      return `unmapruns ${hex(iova)} ${hex(length)} ${capacity}`;
    }
    case "handover":
      return "handover";
    default:
      return undefined;
  }
}

/** A line of an answer, taken apart word by word. */
export class Words {
  readonly #words: readonly string[];
  #next = 0;

  constructor(line: string) {
    this.#words = line.split(" ");
  }

  get isAtEnd(): boolean {
    return this.#next === this.#words.length;
  }

  word(): string {
    if (this.isAtEnd) throw new ProtocolError("a word is missing at its end");
    return this.#words[this.#next++];
  }

  /** An unsigned number of at most 64 bits. */
  number(): bigint {
    const word = this.word();
    const value = /^(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$/.test(word) ? BigInt(word) : -1n;
    if (value >= 0n && value <= 0xffff_ffff_ffff_ffffn) return value;
    throw new ProtocolError(`"${word}" is no number of 64 bits, decimal or with 0x`);
  }

  /** A number of at most 31 bits. */
  small(): number {
    const value = this.number();
    if (value < 1n << 31n) return Number(value);
    throw new ProtocolError(`${hex(value)} is too large here`);
  }

  end(): void {
    if (!this.isAtEnd) throw new ProtocolError(`"${this.word()}" is a word too many`);
  }
}

/** The errno by which deployed code says what a code says: many say EINVAL of whatever is wrong with a request. */
const errnos: Readonly<Record<Exclude<Code, "OK">, readonly string[]>> = {
  NO_PERMISSION: ["EINVAL"],
  PA_OUT_OF_RANGE: ["ERANGE", "EINVAL"],
  READ_ONLY_REFUSED: ["EINVAL"],
  ZERO_LENGTH: ["EINVAL"],
  WRAPS: ["EOVERFLOW", "ERANGE", "EINVAL"],
  MISALIGNED: ["ENXIO", "EINVAL"],
  IOVA_OUT_OF_RANGE: ["ERANGE", "EINVAL"],
  ADDRESS_IN_USE: ["EADDRINUSE", "EEXIST"],
  OUT_OF_MEMORY: ["ENOMEM"],
  NOT_SUPPORTED: ["EOPNOTSUPP", "ENOTSUP"],
  NOT_MAPPED: ["ENOENT"],
  PARTIAL_ENTRY: ["EINVAL"],
};

/** What a refusal's word means, where another code is expected: that one if the word fits it as well. */
export function codeOfRefusal(word: string, wanted: Code): Code {
  if (wanted !== "OK" && (word === "REFUSED" || word === wanted || errnos[wanted].includes(word)))
    return wanted;
  if (word === "REFUSED") return "NOT_SUPPORTED";
  for (const [code, names] of Object.entries(errnos)) {
    if (code !== word && !names.includes(word)) continue;
    const found = codes.find((candidate) => candidate === code);
    if (found !== undefined) return found;
  }
  throw new ProtocolError(`"${word}" is no reason that is known`);
}

const codes: readonly Code[] = [
  "NO_PERMISSION",
  "PA_OUT_OF_RANGE",
  "READ_ONLY_REFUSED",
  "ZERO_LENGTH",
  "WRAPS",
  "MISALIGNED",
  "IOVA_OUT_OF_RANGE",
  "ADDRESS_IN_USE",
  "OUT_OF_MEMORY",
  "NOT_SUPPORTED",
  "PARTIAL_ENTRY",
  "NOT_MAPPED",
];
