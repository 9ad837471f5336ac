/** Replays the cases of a vector file on the implementation and compares everything that they record. */
import { type Deviation, type DeviationName, deviationOf } from "./deviations.js";
import { type Facts, factsOf } from "./facts.js";
import type { IoDeviationName } from "./io-deviations.js";
import type { IoOp } from "./io-vector.js";
import { inexpressible, knowsFormat } from "./options.js";
import { differingField, type Outcome, recordedOutcome } from "./outcome.js";
import { CountingMemory, TableUnderTest } from "./table-under-test.js";
import { diffTrees, geometryOf, sameTree } from "./tree.js";
import type { Creation, VectorCase, VectorOp } from "./vector.js";

/** The first thing that differs in a case. */
export interface Failure {
  /** Index of the operation; undefined: what differs is the state after all of them. */
  readonly opIndex: number | undefined;
  readonly op: VectorOp | IoOp | undefined;
  readonly field: string;
  readonly expected: string;
  readonly got: string;
  /** Where the tables differ after the last operation, item by item; empty if they do not. */
  readonly tableDiff: readonly string[];
}

export interface CaseResult {
  readonly line: number;
  readonly seed: number;
  readonly name: string | undefined;
  /** How many operations met each deviation. */
  readonly deviations: ReadonlyMap<DeviationName | IoDeviationName, number>;
  /** A deviation changed the tables at this operation: what follows it was not replayed. */
  readonly endedAt: number | undefined;
  readonly failure: Failure | undefined;
  /** What was recorded is no measure: the program was run for its own sake. */
  readonly isInput: boolean;
}

const TABLE_DIFF_ITEMS = 20;
/** The fields that a dragged gather makes incomparable, up to its sync. */
const GATHER_FIELDS = ["gather", "pending", "freed"];

/** Replays the cases of one configuration, one after the other. */
export class Replay {
  readonly #creation: Creation;
  readonly #facts: Facts;
  #memory: CountingMemory;

  /** @throws Error where the configuration has no counterpart here: `unreplayable` says why. */
  constructor(creation: Creation) {
    const reason = unreplayable(creation);
    if (reason !== undefined) throw new Error(reason);
    this.#creation = creation;
    this.#facts = factsOf(creation);
    this.#memory = new CountingMemory(creation);
  }

  run(vector: VectorCase): CaseResult {
    const { line, seed, name } = vector;
    let table: TableUnderTest;
    try {
      table = new TableUnderTest(this.#creation, this.#memory);
    } catch (error) {
      const failure = stateFailure("creation", "a table", String(error), []);
      return { line, seed, name, deviations: new Map(), endedAt: undefined, failure, isInput: false };
    }
    const state = new CaseState(this.#creation.exact === true ? undefined : this.#facts, table);
    let endedAt: number | undefined;
    for (const [index, op] of vector.ops.entries()) {
      if (state.step(index, op)) {
        endedAt = index;
        break;
      }
    }
    const failure = endedAt === undefined ? this.#end(vector, table, state.failure) : state.failure;
    const lost = this.#discard(table);
    const { deviations } = state;
    return { line, seed, name, deviations, endedAt, failure: failure ?? lost, isInput: false };
  }

  /** Compares what is left after the last operation. */
  #end(vector: VectorCase, table: TableUnderTest, earlier: Failure | undefined): Failure | undefined {
    const tree = table.tree();
    const tableDiff = sameTree(vector.tables, tree)
      ? []
      : diffTrees(geometryOf(this.#creation.format), vector.tables, tree, TABLE_DIFF_ITEMS);
    if (earlier !== undefined) return { ...earlier, tableDiff };
    if (tableDiff.length > 0) {
      return stateFailure("tables", "as recorded", `${tableDiff.length} lines of difference`, tableDiff);
    }
    if (table.live === vector.live) return undefined;
    return stateFailure("live", String(vector.live), String(table.live), []);
  }

  /** Destroys the table. What does not come back was lost, and the next case gets a memory of its own. */
  #discard(table: TableUnderTest): Failure | undefined {
    try {
      const lost = table.destroy();
      if (lost === 0) return undefined;
      this.#memory = new CountingMemory(this.#creation);
      return stateFailure("live after destruction", "0", String(lost), []);
    } catch (error) {
      this.#memory = new CountingMemory(this.#creation);
      return stateFailure("destruction", "no error", String(error), []);
    }
  }
}

/** Why cases of this configuration cannot be replayed, or undefined. */
export function unreplayable(creation: Creation): string | undefined {
  if (!knowsFormat(creation.format)) return `no format is called "${creation.format}"`;
  const reason = inexpressible(creation);
  return reason === undefined ? undefined : `no table can be made like this: ${reason}`;
}

/** A case while it is replayed. After a first failure it goes on, so that the tables at its end can be shown. */
class CaseState {
  readonly deviations = new Map<DeviationName, number>();
  failure: Failure | undefined;
  /** Undefined: deviations of deployed code are not looked for. */
  readonly #facts: Facts | undefined;
  readonly #table: TableUnderTest;
  /** Since a deviation dragged the shared gather: pages freed, as recorded and here. */
  #dragged: { recorded: number; got: number } | undefined;

  constructor(facts: Facts | undefined, table: TableUnderTest) {
    this.#facts = facts;
    this.#table = table;
  }

  /** Replays one operation. True: a deviation ends the case here. */
  step(index: number, op: VectorOp): boolean {
    const { table } = this.#table;
    let deviation: Deviation | undefined;
    let got: Outcome;
    try {
      const before = { topLevel: table.topLevel, entries: table.entries.bind(table) };
      deviation = this.#facts && deviationOf(this.#facts, before, op);
      got = this.#table.run(op);
    } catch (error) {
      this.#fail(
        index,
        op,
        "outcome",
        "no exception",
        error instanceof Error ? (error.stack ?? "") : String(error),
      );
      return true;
    }
    if (deviation !== undefined) {
      const { name } = deviation;
      this.deviations.set(name, (this.deviations.get(name) ?? 0) + 1);
      if (deviation.gatherDiffers === true) this.#dragged ??= { recorded: 0, got: 0 };
    }
    this.#compare(index, op, deviation, got);
    return deviation?.ends === true;
  }

  #compare(index: number, op: VectorOp, deviation: Deviation | undefined, got: Outcome): void {
    const recorded = recordedOutcome(op);
    if (deviation?.recorded !== undefined) {
      const neither = differingField(deviation.recorded, recorded);
      if (
        neither !== undefined &&
        differingField({ ...recorded, ...deviation.instead }, recorded) !== undefined
      ) {
        const field = `${neither}, as recorded under ${deviation.name},`;
        this.#fail(index, op, field, deviation.recorded[neither], recorded[neither]);
      }
    }
    const merged =
      op.op === "map" || op.op === "map_range" ? deviation?.instead : { ...recorded, ...deviation?.instead };
    const expected = { ...(merged ?? recorded) };
    if ((op.op === "unmap_fast" || op.op === "sync") && this.#dragged !== undefined) {
      for (const field of GATHER_FIELDS) delete expected[field];
      this.#dragged.recorded += op.freed;
      this.#dragged.got += Number(got["freed"]);
    }
    const field = differingField(expected, got);
    if (field !== undefined) this.#fail(index, op, field, expected[field], got[field] ?? "nothing");
    if (op.op === "sync" && this.#dragged !== undefined) {
      const { recorded: theirs, got: ours } = this.#dragged;
      if (theirs !== ours) this.#fail(index, op, "freed by the gather", String(theirs), String(ours));
      this.#dragged = undefined;
    }
  }

  #fail(opIndex: number, op: VectorOp, field: string, expected: string, got: string): void {
    this.failure ??= { opIndex, op, field, expected, got, tableDiff: [] };
  }
}

function stateFailure(field: string, expected: string, got: string, tableDiff: readonly string[]): Failure {
  return { opIndex: undefined, op: undefined, field, expected, got, tableDiff };
}
