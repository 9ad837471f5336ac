/** Recorded updates of contiguity markers in one table; checked as they are read. */
import { asInteger, Fields, fail } from "./fields.js";

export interface XenMarkersSequence {
  readonly line: number;
  readonly name: string;
  readonly vendor: "amd" | "vtd";
  /** log2 of the table's items. */
  readonly tableLg2: number;
  /** Undefined: the table is empty at first. Else it is full: item 0, without marker, and the level of all. */
  readonly full: { readonly item: bigint; readonly level: number } | undefined;
  readonly ops: readonly XenMarkersOp[];
  /** The markers at the end. */
  readonly markers: readonly number[];
}

export interface XenMarkersOp {
  readonly index: number;
  /** Counts from 1 at the smallest pages. */
  readonly level: number;
  readonly kind: "null" | "leaf" | "table";
  /** What is stored at the index before the markers are updated. */
  readonly item: bigint;
  /** Whether the whole table is one row then. */
  readonly ret: boolean;
  /** The markers afterwards, where every step was recorded. */
  readonly markers: readonly number[] | undefined;
}

const ITEMS_AT_MOST = 512;
/** A leaf that may be read and written; which one a table is emptied of makes no difference. */
const LEAF = { amd: 0x7000_0000_0000_0001n, vtd: 3n } as const;
const KINDS = ["null", "leaf", "table"] as const;

/** A sequence of either file: with the markers after the last update, or after every one. */
export function readXenMarkers(value: object, line: number): XenMarkersSequence {
  const object = new Fields(value, "");
  const vendor = object.text("vendor");
  if (vendor !== "amd" && vendor !== "vtd") return fail("vendor", "amd or vtd");
  const entries = object.integer("entries", 2, ITEMS_AT_MOST);
  const tableLg2 = Math.log2(entries);
  if (!Number.isInteger(tableLg2)) return fail("entries", "not a power of two");
  const isFull = object.text("init") !== "null";
  const head = { line, name: object.text("name"), vendor, tableLg2 } as const;
  if (!object.has("steps")) {
    const ops = object.list("ops").map((op, index) => readOp(new Fields(op, `ops[${index}]`), entries));
    const full = isFull
      ? { item: object.address("init_pte0"), level: object.integer("init_level", 1, 6) }
      : undefined;
    return { ...head, full, ops, markers: readRuns(object, entries) };
  }
  const level = object.integer("level", 1, 6);
  const ops = object
    .list("steps")
    .map((op, index) => readOp(new Fields(op, `steps[${index}]`), entries, level));
  const full = isFull ? { item: firstItem(ops, tableLg2) ?? LEAF[vendor], level } : undefined;
  return { ...head, full, ops, markers: ops.at(-1)?.markers ?? readList(object, "start", entries) };
}

/** Item 0 of a full table, from the first item that is put back; it is not recorded of tables shown step by step. */
function firstItem(ops: readonly XenMarkersOp[], tableLg2: number): bigint | undefined {
  const restored = ops.find(({ kind }) => kind === "leaf");
  if (restored === undefined) return undefined;
  return restored.item - (BigInt(restored.index) << BigInt(12 + tableLg2 * (restored.level - 1)));
}

function readOp(object: Fields, entries: number, level?: number): XenMarkersOp {
  const text = object.text("kind");
  const kind = KINDS.find((one) => one === text) ?? fail(`${object.path}kind`, "null, leaf or table");
  return {
    index: object.integer("idx", 0, entries - 1),
    level: level ?? object.integer("level", 1, 6),
    kind,
    item: object.address("pte"),
    ret: object.flag("ret"),
    markers: object.has("markers") ? readList(object, "markers", entries) : undefined,
  };
}

/** `[[value, count], …]`. */
function readRuns(object: Fields, entries: number): readonly number[] {
  const markers: number[] = [];
  for (const [index, run] of object.list("markers").entries()) {
    const path = `${object.path}markers[${index}]`;
    if (!Array.isArray(run) || run.length !== 2) return fail(path, "not a value and a count");
    const marker = asInteger(run[0], 0, 15, path);
    const count = asInteger(run[1], 1, entries, path);
    for (let one = 0; one < count; one++) markers.push(marker);
  }
  return markers.length === entries ? markers : fail(`${object.path}markers`, `not ${entries} markers`);
}

function readList(object: Fields, name: string, entries: number): readonly number[] {
  const path = `${object.path}${name}`;
  const markers = object.list(name).map((marker, index) => asInteger(marker, 0, 15, `${path}[${index}]`));
  return markers.length === entries ? markers : fail(path, `not ${entries} markers`);
}
