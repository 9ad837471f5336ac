/** The lines of an answer: what happened on the way, what was listed, and how it ended. */
import type { EntryFacts, PhysicalRun } from "../../models/operations.js";
import { hex, ProtocolError, Words } from "./protocol.js";

/** What an implementation reports while it does an operation, in the order in which it happened. */
export type Happening =
  /** A frame was taken for a table: not one that was given back before, unless it was released since. */
  | { readonly kind: "taken"; readonly address: bigint; readonly bytes: bigint }
  /** A frame may be used for anything again. */
  | { readonly kind: "given"; readonly address: bigint }
  /** The hardware was told to forget; the levels are masks, bit n for level n. */
  | {
      readonly kind: "invalidated";
      readonly first: bigint;
      readonly last: bigint;
      readonly leafLevels: number;
      readonly tableLevels: number;
    }
  /** Where hardware finds the tables from now on. */
  | { readonly kind: "root"; readonly address: bigint; readonly level: number };

export interface Answer {
  readonly happened: readonly Happening[];
  readonly entries: readonly EntryFacts[];
  readonly dirty: readonly { readonly iova: bigint; readonly length: bigint }[];
  readonly runs: readonly PhysicalRun[];
  /** The other lines, the first word of each taken off: what the answer to `open` says of its maker. */
  readonly said: readonly { readonly word: string; readonly line: string }[];
  readonly isOk: boolean;
  /** What follows `ok` or `no`. */
  readonly result: Words;
}

/** What begins the lines that say what an implementation is like. */
const traits: readonly string[] = ["can", "judge", "sizes", "prot", "parts", "frees"];

/** No report names levels: any may be meant. */
const ALL_LEVELS = 0xff;

/** @throws ProtocolError */
export function readAnswer(lines: readonly string[]): Answer {
  const happened: Happening[] = [];
  const entries: EntryFacts[] = [];
  const dirty: { iova: bigint; length: bigint }[] = [];
  const runs: PhysicalRun[] = [];
  const said: { word: string; line: string }[] = [];
  for (const line of lines.slice(0, -1)) {
    const words = new Words(line);
    const kind = words.word();
    if (kind === "entry") entries.push(readEntry(words));
    else if (kind === "dirty") dirty.push({ iova: words.number(), length: words.number() });
    else if (kind === "run") runs.push([words.number(), words.number()]);
    else if (traits.includes(kind)) {
      said.push({ word: kind, line: line.slice(kind.length + 1) });
      continue;
    } else happened.push(readHappening(kind, words));
    words.end();
  }
  const result = new Words(lines[lines.length - 1]);
  return { happened, entries, dirty, runs, said, isOk: result.word() === "ok", result };
}

function readHappening(kind: string, words: Words): Happening {
  switch (kind) {
    case "+":
      return { kind: "taken", address: words.number(), bytes: words.number() };
    case "-":
      return { kind: "given", address: words.number() };
    case "!": {
      const [first, last] = [words.number(), words.number()];
      if (last < first) throw new ProtocolError(`${hex(first)} … ${hex(last)} ends before it begins`);
      const levels = words.isAtEnd ? [ALL_LEVELS, ALL_LEVELS] : [words.small(), words.small()];
      return { kind: "invalidated", first, last, leafLevels: levels[0], tableLevels: levels[1] };
    }
    case "root":
      return { kind: "root", address: words.number(), level: words.small() };
    default:
      throw new ProtocolError(`no line of an answer begins with "${kind.slice(0, 40)}"`);
  }
}

function readEntry(words: Words): EntryFacts {
  const [iova, sizeLg2, pa, rights] = [words.number(), words.small(), words.number(), words.word()];
  if (!/^[r-][w-][x-]$/.test(rights)) throw new ProtocolError(`"${rights}" are no rights, such as rw-`);
  const [read, write, execute] = ["r", "w", "x"].map((right) => rights.includes(right));
  return { iova, sizeLg2, pa, read, write, execute, dirty: words.small() === 1 };
}
