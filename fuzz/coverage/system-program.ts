/**
 * Byte strings as programs of whole machines. Every string of bytes is a valid program:
 *
 *     16 bytes   what the machine is like: the choices of `drawShape`, each modulo its bound
 *     then       records, each an operation, until the bytes or the operations are over
 *
 * A record whose first byte is below 0xf0 is *drawn*: four bytes are the choices of the generator that campaigns use,
 * and what it draws is moved, three times of four, to where the domain's mappings begin and end at that moment. A
 * record whose first byte is 0xf0 or above is *literal*: a byte names the operation, and its arguments follow.
 */
import type { Draws } from "../../models/index.js";
import type { Accounts, DomainAccount } from "../system/account.js";
import { DEVICES, REQUESTERS, unityOf } from "../system/devices.js";
import { CPUS, DOMAINS, drawOperation, frameInPhase } from "../system/generate.js";
import type { SystemName } from "../system/names.js";
import type { SystemOperation } from "../system/operations.js";
import { PASIDS } from "../system/pasids.js";
import { dfnLimit, drawShape, type MachineShape } from "../system/shape.js";
import {
  ByteReader,
  bytesAtMost,
  bytesOfWord,
  DRAWN_BYTES,
  FIRST_LITERAL,
  operationsAtMost,
  RecordDraws,
} from "./bytes.js";

const HEADER_BYTES = 16;
/** Choices of a shape have fewer ways than this. */
const CHOICES = 12;
/** A choice of none of the rare facts, however few ways there are: what one fact rules out shows for what it is. */
const PLAIN = 11;
/** Pages of an operation: as many large ones, or as many small ones, as the generator of campaigns draws. */
const PAGES_AT_MOST = 2 ** 18;
const SMALL_PAGES_AT_MOST = 1100;
const PREEMPTED_PAGES_AT_MOST = 4096 + 512;
const LARGE_PAGE = 512;
/** Frames of every size lie below, and as many as an operation maps still fit behind them. */
const FRAMES = 2 ** 27 - PAGES_AT_MOST;

/** The operations of a byte string, one after the other, each for the state that those before it leave. */
export class SystemByteProgram {
  readonly shape: MachineShape;
  readonly #bytes: ByteReader;
  #operations = 0;

  constructor(bytes: Uint8Array, system: SystemName) {
    this.#bytes = new ByteReader(bytes, HEADER_BYTES);
    this.shape = shapeOf(system, this.#bytes.bytes(HEADER_BYTES));
  }

  /** The next operation for the machine's present state; undefined at the end. */
  next(accounts: Accounts): SystemOperation | undefined {
    const bytes = this.#bytes;
    if (bytes.isOver || this.#operations >= operationsAtMost) return undefined;
    this.#operations++;
    if (bytes.peek() >= FIRST_LITERAL) return this.#literal();
    const draws = new RecordDraws(bytes.bytes(DRAWN_BYTES));
    const drawn = drawOperation(draws, this.shape);
    return bounded(draws.below(4) === 0 ? drawn : moved(drawn, accounts, this.shape, draws), this.shape);
  }

  #literal(): SystemOperation {
    const bytes = this.#bytes;
    bytes.byte();
    const op = literalNames[bytes.byte() % literalNames.length];
    const operation: Record<string, unknown> = { op };
    for (const name of LITERALS[op]) operation[name] = FIELDS[name].read(bytes);
    return isWhole(operation) ? bounded(operation, this.shape) : { op: "readFaults" };
  }
}

function shapeOf(system: SystemName, header: readonly number[]): MachineShape {
  let at = 0;
  return drawShape(system, { below: (bound) => (header[at++] ?? 0) % bound });
}

/** A header of which this shape, or one as like it as a header can say, is made. */
function headerOf(shape: MachineShape): readonly number[] {
  const header = new Array<number>(HEADER_BYTES).fill(PLAIN);
  const wanted = Object.entries(shape);
  const likeness = () => {
    const made = new Map(Object.entries(shapeOf(shape.system, header)));
    return wanted.filter(([name, value]) => made.get(name) === value).length;
  };
  // A choice decides facts of its own, or asks for those before it.
  for (let at = 0; at < HEADER_BYTES; at++) {
    let [best, most] = [0, -1];
    for (let choice = 0; choice < CHOICES; choice++) {
      header[at] = choice;
      const like = likeness();
      if (like > most) [best, most] = [choice, like];
    }
    header[at] = best;
  }
  return header;
}

/** The operation at a place where the domain's mappings begin or end, up to where others do. */
function moved(
  operation: SystemOperation,
  accounts: Accounts,
  shape: MachineShape,
  draws: Draws,
): SystemOperation {
  if (operation.op === "createDomain") return operation;
  const present = [...accounts.domains.keys()];
  const placed =
    "domain" in operation && present.length > 0 ? { ...operation, domain: pick(draws, present) } : operation;
  if (!("dfn" in placed)) return placed;
  const number = "domain" in placed ? placed.domain : accounts.ownerOf(placed.device);
  const account = number === undefined ? undefined : accounts.domains.get(number);
  const edges = account?.frames.edges() ?? [];
  if (account === undefined || edges.length === 0) return placed;
  const dfn = Math.min(pick(draws, edges), dfnLimit(shape) - 1);
  if (!("pages" in placed)) return { ...placed, dfn };
  const isUpTo = draws.below(2) === 0;
  const ends = edges.filter((edge) => edge > dfn && edge - dfn <= PAGES_AT_MOST);
  const pages = isUpTo && ends.length > 0 ? pick(draws, ends) - dfn : placed.pages;
  if (!("mfn" in placed)) return { ...placed, dfn, pages };
  return { ...placed, dfn, pages, mfn: frameFor(account, dfn, placed.mfn, draws) };
}

/** The frame that goes on from the page before, one that pages grow together with, or any. */
function frameFor({ frames }: DomainAccount, dfn: number, drawn: number, draws: Draws): number {
  const way = draws.below(4);
  const before = frames.at(dfn - 1);
  if (way === 0 && before !== undefined) return (before.mfn + 1) % FRAMES;
  return way === 1 ? drawn : frameInPhase(dfn);
}

/** The operation, cut to what a machine of this shape has and what one may cost. */
function bounded(operation: SystemOperation, shape: MachineShape): SystemOperation {
  if (!("dfn" in operation)) return owned(operation);
  const limit = dfnLimit(shape);
  if (!("pages" in operation)) return { ...operation, dfn: operation.dfn % limit };
  // What firmware asks for is no program's to change.
  const unity = unityOf(shape, DEVICES[1]) ?? { firstDfn: limit, lastDfn: limit };
  const isUnity = operation.dfn >= unity.firstDfn && operation.dfn <= unity.lastDfn;
  const dfn = isUnity ? unity.lastDfn + 1 : operation.dfn % limit;
  const end = dfn < unity.firstDfn ? unity.firstDfn : limit;
  const pages = Math.min(Math.max(operation.pages, 1), PAGES_AT_MOST, end - dfn);
  const small = Math.min(pages, shape.preempts ? PREEMPTED_PAGES_AT_MOST : SMALL_PAGES_AT_MOST);
  if (!("mfn" in operation)) return { ...operation, dfn, pages: shape.superpages ? pages : small };
  const mfn = operation.mfn % FRAMES;
  const isLarge = shape.superpages && dfn % LARGE_PAGE === 0 && mfn % LARGE_PAGE === 0;
  return { ...operation, dfn, mfn, pages: isLarge ? pages : small };
}

/** A bridge's own id is no device's that anybody could own. */
function owned(operation: SystemOperation): SystemOperation {
  if (!("device" in operation) || DEVICES.some((device) => device === operation.device)) return operation;
  return { ...operation, device: DEVICES[2] };
}

function pick<Value>(draws: Draws, values: readonly Value[]): Value {
  return values[draws.below(values.length)];
}

/** How an argument stands in a literal record. */
interface Field {
  read(bytes: ByteReader): number | boolean;
  write(value: unknown): readonly number[];
}

function oneOf(values: readonly number[]): Field {
  return {
    read: (bytes) => values[bytes.byte() % values.length],
    write: (value) => [Math.max(values.indexOf(Number(value)), 0)],
  };
}

/** A whole number from `first` on, in a byte. */
function count(first: number): Field {
  return {
    read: (bytes) => first + (bytes.byte() % 32),
    write: (value) => [Math.min(Number(value) - first, 31)],
  };
}

const pageNumber: Field = {
  read: (bytes) => Number(bytes.word() & 0xffff_ffff_ffffn),
  write: (value) => bytesOfWord(BigInt(Number(value))),
};

const flag: Field = {
  read: (bytes) => bytes.byte() % 2 === 1,
  write: (value) => [value === true ? 1 : 0],
};

const FIELDS: Readonly<Record<string, Field>> = {
  domain: oneOf(DOMAINS),
  device: oneOf(REQUESTERS),
  cpu: oneOf(CPUS),
  pasid: oneOf(PASIDS),
  access: oneOf([1, 2, 3]),
  nth: count(1),
  atMost: count(1),
  dfn: pageNumber,
  mfn: pageNumber,
  pages: pageNumber,
  write: flag,
  ats: flag,
  everything: flag,
};

/** The arguments of each operation, in the order of a literal record. New ones go to the end. */
const LITERALS: Readonly<Record<string, readonly string[]>> = {
  createDomain: ["domain"],
  destroyDomain: ["domain"],
  assign: ["device", "domain"],
  quarantine: ["device"],
  map: ["domain", "dfn", "mfn", "pages", "access"],
  legacyMap: ["domain", "dfn", "mfn", "pages", "access"],
  unmap: ["domain", "dfn", "pages"],
  legacyUnmap: ["domain", "dfn", "pages"],
  beginBatch: ["domain"],
  endBatch: ["domain"],
  flush: ["domain", "everything"],
  dma: ["device", "dfn", "write", "ats"],
  failNextAllocation: ["nth"],
  idle: ["atMost"],
  runOn: ["cpu"],
  cpuUp: ["cpu"],
  cpuDown: ["cpu"],
  cpuStays: ["cpu"],
  cpuDead: ["cpu"],
  readFaults: [],
  attachPasid: ["device", "pasid"],
  detachPasid: ["device", "pasid"],
};
const literalNames = Object.keys(LITERALS);

/** All that `LITERALS` says of an operation is there. */
function isWhole(operation: Record<string, unknown>): operation is Record<string, unknown> & SystemOperation {
  return LITERALS[String(operation["op"])]?.every((name) => name in operation) === true;
}

/**
 * The bytes of a program, all of its records literal: `SystemByteProgram` gives it back, on a machine of this shape.
 * Operations that no longer fit are left out, as are those that bytes cannot say.
 */
export function encodeSystemProgram(shape: MachineShape, program: readonly SystemOperation[]): Uint8Array {
  const bytes = [...headerOf(shape)];
  for (const operation of program.slice(0, operationsAtMost)) {
    const index = literalNames.indexOf(operation.op);
    if (index < 0) continue;
    const values = new Map<string, unknown>(Object.entries(operation));
    const fields = LITERALS[operation.op].flatMap((name) => FIELDS[name].write(values.get(name)));
    if (bytes.length + 2 + fields.length > bytesAtMost) break;
    bytes.push(FIRST_LITERAL, index, ...fields);
  }
  return Uint8Array.from(bytes);
}
