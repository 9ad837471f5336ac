/** Replays recorded marker updates on the functions that the vendors' page tables use. */
import { TableMemory } from "../../impl/common.js";
import { replacing as amd } from "../../impl/stamps/amdv1-replacing.plain.stamp.js";
import { replacing as vtd } from "../../impl/stamps/vtd-second-stage-replacing.plain.stamp.js";
import type { XenMarkersOp, XenMarkersSequence } from "./xen-markers-vector.js";
import type { XenFailure, XenSequenceResult } from "./xen-result.js";

/** What a stamp gives for markers, and where in an item the marker stands. */
const VENDORS = {
  amd: { functions: amd, markerLg2: 1n },
  vtd: { functions: vtd, markerLg2: 52n },
} as const;

const WHAT = { null: 0, leaf: 1, table: 2 } as const;
const GRANULE_LG2 = 12;
const MARKER_MAX = 15n;

const NO_RULES = {
  countedLevels: 0,
  mergedLevels: 0,
  emptiedLevels: 0,
  makesTablesOneByOne: false,
  clearsEmptyItems: false,
  losesLeavesAtZero: false,
};

/** One table, as the recording has it. */
export class MarkedItems {
  readonly #vendor: (typeof VENDORS)["amd" | "vtd"];
  readonly #tableLg2: number;
  readonly #domain: InstanceType<typeof amd.ReplacingDomain>;
  readonly #words: BigUint64Array;

  constructor({ vendor, tableLg2, full }: XenMarkersSequence) {
    this.#vendor = VENDORS[vendor];
    this.#tableLg2 = tableLg2;
    const { functions, markerLg2 } = this.#vendor;
    const memory = new TableMemory({ capacityBytes: 4096 });
    this.#domain = new functions.ReplacingDomain(functions.domainSettings({ memory }).settings, NO_RULES);
    this.#words = new BigUint64Array(memory.words.buffer, 0, 1 << tableLg2);
    functions.markEmptyTable(this.#domain, memory.words, 0, tableLg2);
    if (full === undefined) return;
    const itemLg2 = BigInt(this.#itemLg2(full.level));
    // A table in which all are alike has the same markers, whatever it holds.
    for (const [index, empty] of this.#words.entries()) {
      this.#words[index] =
        full.item + (BigInt(index) << itemLg2) + (((empty >> markerLg2) & MARKER_MAX) << markerLg2);
    }
  }

  /** Stores an item and updates the markers; whether the table is one row then. */
  update({ index, level, kind, item }: XenMarkersOp): boolean {
    this.#words[index] = item;
    const { words } = this.#domain.memory;
    const itemLg2 = this.#itemLg2(level);
    const { updateMarkers } = this.#vendor.functions;
    return updateMarkers(this.#domain, words, 0, index, WHAT[kind], itemLg2, this.#tableLg2);
  }

  get markers(): readonly number[] {
    return Array.from(this.#words, (_, index) => this.markerAt(index));
  }

  markerAt(index: number): number {
    return Number((this.#words[index] >> this.#vendor.markerLg2) & MARKER_MAX);
  }

  /** The items without their markers. */
  get items(): readonly bigint[] {
    return [...this.#words].map((item) => item & ~(MARKER_MAX << this.#vendor.markerLg2));
  }

  #itemLg2(level: number): number {
    return GRANULE_LG2 + this.#tableLg2 * (level - 1);
  }
}

/** Replays a sequence; `check` looks at the table after every update, and says in words what is wrong. */
export function replayXenMarkers(
  sequence: XenMarkersSequence,
  check: (table: MarkedItems, opIndex: number) => string | undefined = () => undefined,
): XenSequenceResult {
  const table = new MarkedItems(sequence);
  const operations = sequence.ops.length;
  for (const [opIndex, op] of sequence.ops.entries()) {
    const ret = table.update(op);
    const failure =
      difference("ret", op.ret, ret) ??
      (op.markers && difference("markers", op.markers, table.markers)) ??
      difference("check", "", check(table, opIndex) ?? "");
    if (failure === undefined) continue;
    const words = `${op.kind} 0x${op.item.toString(16)} at ${op.index}, level ${op.level}`;
    return failed(sequence, operations, { opIndex, op: words, ...failure });
  }
  const failure = difference("markers", sequence.markers, table.markers);
  if (failure !== undefined)
    return failed(sequence, operations, { opIndex: undefined, op: "the end", ...failure });
  return { operations, deviations: new Map(), failure: undefined };
}

type Difference = Pick<XenFailure, "field" | "expected" | "got">;

function difference(field: string, expected: unknown, got: unknown): Difference | undefined {
  const [wanted, found] = [JSON.stringify(expected), JSON.stringify(got)];
  return wanted === found ? undefined : { field, expected: wanted, got: found };
}

function failed(
  { line, name, vendor, tableLg2 }: XenMarkersSequence,
  operations: number,
  failure: Omit<XenFailure, "line" | "name">,
): XenSequenceResult {
  const title = `${vendor} ${2 ** tableLg2} ${name}`;
  return { operations, deviations: new Map(), failure: { line, name: title, ...failure } };
}
