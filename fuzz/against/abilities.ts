/** What an implementation elsewhere can do, and by what it wants to be judged: the answer to `open`. */
import type { Configuration } from "../../models/configuration.js";
import type { Code, Operation } from "../../models/operations.js";
import type { Reference } from "../../reference/index.js";
import type { Answer } from "./answer.js";
import {
  type CanWord,
  canWords,
  hex,
  type JudgeWord,
  judgeWords,
  ProtocolError,
  requestOf,
  Words,
} from "./protocol.js";

const ALL_PROT = 0x3f;
const READ_OR_WRITE = 3;
/** Refusals of a map that say nothing against its input range. */
const OF_OTHERS: readonly Code[] = ["OK", "ADDRESS_IN_USE", "PA_OUT_OF_RANGE", "OUT_OF_MEMORY"];

/** The operations that are sent only to who can do them. */
const needed: Readonly<Partial<Record<Operation["op"], CanWord>>> = {
  lookup: "lookup",
  entries: "entries",
  unmapGathered: "gather",
  sync: "gather",
  readAndClearDirty: "dirty",
  setDirty: "setdirty",
  failNextAllocation: "fail",
  cut: "cut",
  resize: "resize",
  trim: "trim",
  mapRuns: "mapruns",
  unmapRuns: "unmapruns",
  handover: "handover",
};

type MapRequest = Extract<Operation, { op: "map" | "mapRuns" }>;
type UnmapRequest = Extract<Operation, { op: "unmap" | "unmapGathered" | "unmapRuns" }>;

export class Abilities {
  readonly can: ReadonlySet<CanWord>;
  readonly judge: ReadonlySet<JudgeWord>;
  /** Page sizes that it maps, of those that the configuration allows. */
  readonly pageSizes: bigint;
  /** What it does with an entry of which a part is unmapped, and when it frees tables. */
  readonly partialUnmap: Configuration["partialUnmap"];
  readonly freeing: Configuration["freeing"];
  /** The bits of a request's permissions that it knows. */
  readonly prot: number;

  /** @throws ProtocolError for words that are unknown or do not go together. */
  constructor({ said }: Answer, configuration: Configuration) {
    const wordsOf = (kind: string) =>
      said.filter(({ word }) => word === kind).flatMap(({ line }) => line.split(" "));
    this.can = new Set(wordsOf("can").map((word) => known(canWords, word)));
    this.judge = new Set(wordsOf("judge").map((word) => known(judgeWords, word)));
    const [sizes] = wordsOf("sizes");
    const [prot] = wordsOf("prot");
    const [parts = configuration.partialUnmap ?? "whole"] = wordsOf("parts");
    const [frees = configuration.freeing ?? "covered"] = wordsOf("frees");
    this.partialUnmap = known(["whole", "cut", "refuse"] as const, parts);
    this.freeing = known(["covered", "empty"] as const, frees);
    this.pageSizes = sizes === undefined ? configuration.pageSizes : new Words(sizes).number();
    this.prot = prot === undefined ? ALL_PROT : new Words(prot).small() & ALL_PROT;
    if ((this.prot & READ_OR_WRITE) === 0)
      throw new ProtocolError(`prot ${hex(this.prot)} never allows access`);
    if (this.can.has("fail") && !this.judge.has("tables")) {
      throw new ProtocolError(
        "can fail goes with judge tables: which allocation fails depends on the tables",
      );
    }
  }

  /** An invalidation is judged, by what it must cover at least. */
  get reportsInvalidations(): boolean {
    return this.judge.has("invalidations") || this.judge.has("ranges");
  }

  /** The operation as it is sent, in this state; undefined where it is left out. */
  adapt(wanted: Operation, reference: Reference): Operation | undefined {
    const operation = atOnce(wanted);
    if (operation.op !== "deviceWrite" && requestOf(operation, this.pageSizes) === undefined)
      return undefined;
    const word = needed[operation.op];
    if (word !== undefined && !this.can.has(word)) return undefined;
    switch (operation.op) {
      case "map":
        if (operation.pageSizes !== undefined && !this.can.has("sizes")) return undefined;
        return this.#adaptMap(operation, reference);
      case "mapRuns":
        return this.#adaptMap(operation, reference);
      case "unmap":
      case "unmapGathered":
      case "unmapRuns":
        return this.#takesUnmap(operation, reference) ? operation : undefined;
      case "readAndClearDirty":
      case "setDirty":
        return this.can.has("refusals") || isDone(operation, reference) ? operation : undefined;
      case "cut":
      case "resize":
      case "trim": {
        // The protocol has no gather for them.
        const atOnce = { ...operation, gathered: undefined };
        return this.can.has("refusals") || isDone(atOnce, reference) ? atOnce : undefined;
      }
      case "deviceWrite":
        return this.can.has("shared") || this.can.has("write") ? operation : undefined;
      default:
        return operation;
    }
  }

  #adaptMap(operation: MapRequest, reference: Reference): Operation | undefined {
    const adapted = { ...operation, prot: operation.prot & this.prot };
    if (this.can.has("refusals") && this.can.has("overlaps")) return adapted;
    const wanted = reference.clone().apply(adapted);
    if (!("code" in wanted) || wanted.code === "OK" || wanted.code === "OUT_OF_MEMORY") return adapted;
    return this.can.has(wanted.code === "ADDRESS_IN_USE" ? "overlaps" : "refusals") ? adapted : undefined;
  }

  /** Whether exactly what is asked for would go, or whatever goes is the implementation's to say. */
  #takesUnmap(operation: UnmapRequest, reference: Reference): boolean {
    const { configuration } = reference;
    // What else than one range over all waits in a gather is the reference's to say, and judged only as a whole.
    const isOther = operation.op === "unmapGathered" && configuration.gather !== "range";
    if (isOther && !this.judge.has("ranges")) return false;
    if (!this.can.has("refusals") && !isRange(operation, reference)) return false;
    if (this.can.has("partial")) return true;
    const { iova, length } = operation;
    // Where an unmap ends for want of room is no part of anything.
    const wanted = reference.clone().apply({ op: "unmap", iova, length });
    return "removedBytes" in wanted && wanted.removedBytes === length;
  }
}

/** What changes sizes or frees tables has a gather of its own here. */
function atOnce(operation: Operation): Operation {
  return "gathered" in operation ? { ...operation, gathered: undefined } : operation;
}

/** Whether the reference would do it, if there is memory. */
function isDone(operation: Operation, reference: Reference): boolean {
  const wanted = reference.clone().apply(operation);
  return "code" in wanted && (wanted.code === "OK" || wanted.code === "OUT_OF_MEMORY");
}

/** Whether the addresses are whole pages of the input space: a map of them is not refused for their sake. */
function isRange({ iova, length }: { iova: bigint; length: bigint }, reference: Reference): boolean {
  const wanted = reference.clone().apply({ op: "map", iova, pa: 0n, length, prot: READ_OR_WRITE });
  return "code" in wanted && OF_OTHERS.includes(wanted.code);
}

function known<Word extends string>(words: readonly Word[], text: string): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new ProtocolError(`"${text}" is none of ${words.join(", ")}`);
  return found;
}
