/**
 * Byte strings as programs, for a fuzzer that mutates bytes. Every string of bytes is a valid program: nothing is
 * refused, and the same bytes mean the same program.
 *
 *     byte 0   which of the configurations, modulo their number
 *     byte 1   which mix of operations, modulo their number
 *     then     records, each an operation, until the bytes or the operations are over
 *
 * A record whose first byte is below 0xf0 is *drawn*: four bytes are the generator's first choices, and what it asks
 * for beyond them follows from the four. Its arguments are relative to what is mapped at that moment, as in every
 * campaign, so that a mutation keeps colliding with the rest of the program. A record whose first byte is 0xf0 or
 * above is *literal*: the low bits name the operation and its arguments follow, which is how a known program becomes
 * a seed. Bytes that are missing at the end are zeros.
 */
import type { Configuration } from "../../models/configuration.js";
import { canonical, lastOf } from "../../models/generator/space.js";
import {
  nextOperation,
  operationFromJson,
  operationToJson,
  type Profile,
  Prot,
  profileFor,
} from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { itemSizeLg2, levelOfSize, type Reference } from "../../reference/index.js";
import { mixNames, mixOf } from "../lockstep/index.js";
import {
  ByteReader,
  bytesAtMost,
  bytesOfWord,
  DRAWN_BYTES,
  FIRST_LITERAL,
  operationsAtMost,
  RecordDraws,
} from "./bytes.js";

const HEADER_BYTES = 2;
/** Items that a literal map may write: arbitrary numbers would ask for millions. */
const ITEMS_AT_MOST = 1 << 15;

/** How an argument stands in a literal record: a word, a set of permissions, a byte, or a byte that counts from 1. */
type Field = readonly [name: string, kind: "word" | "prot" | "byte" | "count"];

/** An operation in its JSON form: what is always so, and what the bytes say. */
interface Layout {
  readonly always: Readonly<Record<string, unknown>>;
  readonly fields: readonly Field[];
}

const IOVA: Field = ["iova", "word"];
const LENGTH: Field = ["length", "word"];
const MAP: readonly Field[] = [IOVA, ["pa", "word"], LENGTH, ["prot", "prot"]];

/** By the low four bits of a literal record's first byte, modulo their number. New ones go to the end. */
const LAYOUTS: readonly Layout[] = [
  { always: { op: "map" }, fields: MAP },
  { always: { op: "map" }, fields: [...MAP, ["pageSizes", "word"]] },
  { always: { op: "unmap" }, fields: [IOVA, LENGTH] },
  { always: { op: "unmapGathered" }, fields: [IOVA, LENGTH] },
  { always: { op: "sync" }, fields: [] },
  { always: { op: "lookup" }, fields: [IOVA] },
  { always: { op: "readAndClearDirty", clear: true }, fields: [IOVA, LENGTH] },
  { always: { op: "readAndClearDirty", clear: false }, fields: [IOVA, LENGTH] },
  { always: { op: "setDirty" }, fields: [IOVA] },
  { always: { op: "deviceWrite" }, fields: [IOVA] },
  { always: { op: "entries" }, fields: [IOVA, LENGTH] },
  { always: { op: "failNextAllocation" }, fields: [["nth", "count"]] },
  { always: { op: "cut" }, fields: [IOVA] },
  { always: { op: "resize" }, fields: [IOVA, LENGTH, ["largestLg2", "byte"]] },
  { always: { op: "trim" }, fields: [IOVA, LENGTH] },
  { always: { op: "unmapRuns" }, fields: [IOVA, LENGTH, ["capacity", "count"]] },
];

/** The operations of a byte string, one after the other, each for the state that those before it leave. */
export class ByteProgram {
  readonly configuration: Configuration;
  readonly #bytes: ByteReader;
  readonly #profile: Profile;
  readonly #reference: Reference;
  #operations = 0;

  /** @param referenceOf gives the reference that follows the program, for the configuration that the bytes name */
  constructor(
    bytes: Uint8Array,
    configurations: readonly Configuration[],
    referenceOf: (configuration: Configuration) => Reference,
  ) {
    this.#bytes = new ByteReader(bytes, HEADER_BYTES);
    this.configuration = configurations[this.#bytes.byte() % configurations.length];
    const mix = mixNames[this.#bytes.byte() % mixNames.length];
    this.#reference = referenceOf(this.configuration);
    this.#profile = profileFor(this.#reference, mixOf(this.configuration, mix));
  }

  /** The next operation for the reference's present state; undefined at the end. */
  next(): Operation | undefined {
    const bytes = this.#bytes;
    if (bytes.isOver || this.#operations >= operationsAtMost) return undefined;
    this.#operations++;
    if (bytes.peek() >= FIRST_LITERAL) return this.#literal(LAYOUTS[(bytes.byte() & 15) % LAYOUTS.length]);
    return nextOperation(new RecordDraws(bytes.bytes(DRAWN_BYTES)), this.#reference, this.#profile);
  }

  #literal({ always, fields }: Layout): Operation {
    const bytes = this.#bytes;
    const json: Record<string, unknown> = { ...always };
    for (const [name, kind] of fields) {
      if (kind === "word") json[name] = `0x${bytes.word().toString(16)}`;
      else if (kind === "prot") json[name] = namesOf(bytes.byte());
      else json[name] = bytes.byte() + (kind === "count" ? 1 : 0);
    }
    const operation = operationOf(json);
    return operation.op === "map" ? bounded(operation, this.#reference, this.#profile) : operation;
  }
}

/** What the language refuses, whatever that is, does the least that can be done. */
function operationOf(json: unknown): Operation {
  try {
    return operationFromJson(json, "");
  } catch {
    return { op: "sync" };
  }
}

const PROTS = Object.entries(Prot);

function namesOf(prot: number): readonly string[] {
  return PROTS.flatMap(([name, bit]) => ((prot & bit) === 0 ? [] : [name]));
}

/**
 * The bytes of a program, all of its records literal: `ByteProgram` gives it back. Operations that no longer fit are
 * left out, as are those that bytes cannot say.
 */
export function encodeProgram(configurationIndex: number, operations: readonly Operation[]): Uint8Array {
  const bytes = [configurationIndex, 0];
  for (const operation of operations.slice(0, operationsAtMost)) {
    const record = recordOf(operation);
    if (bytes.length + record.length > bytesAtMost) break;
    bytes.push(...record);
  }
  return Uint8Array.from(bytes);
}

function recordOf(operation: Operation): readonly number[] {
  const json: Record<string, unknown> = operationToJson(operation);
  const index = LAYOUTS.findIndex(({ always, fields }) => {
    const isSo = Object.entries(always).every(([name, value]) => json[name] === value);
    return isSo && Object.keys(json).length === Object.keys(always).length + fields.length;
  });
  if (index < 0) return [];
  const { fields } = LAYOUTS[index];
  return [FIRST_LITERAL + index, ...fields.flatMap(([name, kind]) => bytesOfField(json[name], kind))];
}

function bytesOfField(value: unknown, kind: Field[1]): readonly number[] {
  if (kind === "word") return bytesOfWord(BigInt(String(value)));
  if (kind !== "prot") return [Math.min(Number(value) - (kind === "count" ? 1 : 0), 255)];
  return [
    PROTS.reduce(
      (prot, [name, bit]) => (Array.isArray(value) && value.includes(name) ? prot | bit : prot),
      0,
    ),
  ];
}

type MapOperation = Extract<Operation, { op: "map" }>;

/** The map, cut where it would write more items than an operation may cost. What will be refused stays as it is. */
function bounded(
  map: MapOperation,
  { configuration, pageSizes }: Reference,
  { space }: Profile,
): MapOperation {
  const isOutside =
    canonical(space, map.iova) !== map.iova || map.iova + map.length - 1n > lastOf(space, map.iova);
  if (isOutside || map.pa + map.length > 1n << BigInt(space.outputLg2)) return map;
  const allowed = pageSizes & (map.pageSizes ?? -1n);
  const sizesLg2 = Array.from({ length: 64 }, (_, lg2) => lg2).filter((lg2) => (allowed >> BigInt(lg2)) & 1n);
  const difference = map.iova ^ map.pa;
  let items = ITEMS_AT_MOST;
  let done = 0n;
  while (done < map.length) {
    const [at, left] = [map.iova + done, map.length - done];
    const fits = (lg2: number) => isAligned(at | difference, lg2) && 1n << BigInt(lg2) <= left;
    const sizeLg2 = sizesLg2.filter(fits).at(-1);
    if (sizeLg2 === undefined) return map;
    const size = BigInt(sizeLg2);
    const largerLg2 = sizesLg2.find((lg2) => lg2 > sizeLg2 && isAligned(difference, lg2));
    const boundary = largerLg2 === undefined ? left : -at & ((1n << BigInt(largerLg2)) - 1n);
    const span = boundary === 0n || boundary > left ? left : boundary;
    const itemsOfLeaf = 2 ** (sizeLg2 - itemSizeLg2(configuration, levelOfSize(configuration, sizeLg2)));
    const affordable = BigInt(Math.floor(items / itemsOfLeaf));
    const leaves = span >> size;
    if (affordable < leaves)
      return done + affordable === 0n ? map : { ...map, length: done + (affordable << size) };
    items -= Number(leaves) * itemsOfLeaf;
    done += leaves << size;
  }
  return map;
}

function isAligned(value: bigint, lg2: number): boolean {
  return (value & ((1n << BigInt(lg2)) - 1n)) === 0n;
}
