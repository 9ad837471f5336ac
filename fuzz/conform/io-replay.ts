/** Replays the cases of an `io-pgtable` recording on the implementation and compares what they record. */
import type { TableMemory } from "../../impl/common.js";
import { type IoDeviation, type IoDeviationName, ioDeviationOf, rightTree } from "./io-deviations.js";
import { type IoFacts, ioFactsOf } from "./io-facts.js";
import { ioRecordedOutcome } from "./io-outcome.js";
import { IoTableUnderTest, ioMemory } from "./io-table-under-test.js";
import { pruned } from "./io-tree.js";
import type { IoCase, IoCreation, IoOp } from "./io-vector.js";
import { differingField, type Outcome } from "./outcome.js";
import type { CaseResult, Failure } from "./replay.js";
import { diffTrees, sameTree } from "./tree.js";
import type { VectorTable } from "./vector.js";

const TABLE_DIFF_ITEMS = 20;

/** Replays the cases of one configuration, one after the other. */
export class IoReplay {
  readonly #creation: IoCreation;
  readonly #facts: IoFacts;
  #memory: TableMemory;

  /** @throws Error where the recorded creation failed. */
  constructor(creation: IoCreation) {
    const { made } = creation;
    if (made === undefined) throw new Error("the cases of a failed creation");
    const { vaWidthLg2, oaWidthLg2, pageSizes } = made;
    // What deployed code made of the request is asked for here: `io-creates.ts` judges the request.
    this.#creation = { ...creation, config: { ...creation.config, vaWidthLg2, oaWidthLg2, pageSizes } };
    this.#facts = ioFactsOf(creation, made);
    this.#memory = ioMemory(this.#creation);
  }

  run(vector: IoCase): CaseResult {
    const { line, seed, isInput } = vector;
    const deviations = new Map<IoDeviationName, number>();
    const result = (failure: Failure | undefined, endedAt?: number): CaseResult => {
      return { line, seed, name: undefined, deviations, endedAt, failure, isInput };
    };
    let table: IoTableUnderTest;
    try {
      table = new IoTableUnderTest(this.#creation, this.#facts, this.#memory);
    } catch (error) {
      return result(stateFailure("creation", "a table", String(error)));
    }
    const ran = isInput ? this.#feed(vector, table) : this.#compare(vector, table, deviations);
    const failure = ran.failure ?? sanity(table, isInput);
    return result(this.#discard(table) ?? failure, ran.endedAt);
  }

  /** Runs the operations of a program of errors: none may crash, whatever it is refused with. */
  #feed(vector: IoCase, table: IoTableUnderTest): Ran {
    for (const [index, op] of vector.ops.entries()) {
      try {
        table.run(op);
      } catch (error) {
        return { failure: opFailure(index, op, "outcome", "no exception", textOf(error)) };
      }
    }
    return {};
  }

  #compare(vector: IoCase, table: IoTableUnderTest, deviations: Map<IoDeviationName, number>): Ran {
    let failure: Failure | undefined;
    for (const [index, op] of vector.ops.entries()) {
      let deviation: IoDeviation | undefined;
      let got: Outcome;
      try {
        deviation = ioDeviationOf(this.#facts, (iova, length) => table.table.entries(iova, length), op);
        got = table.run(op);
      } catch (error) {
        return { failure: opFailure(index, op, "outcome", "no exception", textOf(error)) };
      }
      if (deviation !== undefined) deviations.set(deviation.name, (deviations.get(deviation.name) ?? 0) + 1);
      failure ??= differenceOf(index, op, deviation, got);
      if (deviation?.ends === true) return { failure, endedAt: index };
    }
    return { failure: this.#compareTrees(vector, table, failure) };
  }

  /** Tables that map nothing are freed by other rules: they are left out on both sides. */
  #compareTrees(vector: IoCase, table: IoTableUnderTest, earlier: Failure | undefined): Failure | undefined {
    if (vector.tables === undefined) return earlier;
    const expected = pruned(rightTree(this.#facts.format, vector.tables));
    let got: VectorTable;
    try {
      got = pruned(table.reached().tree);
    } catch (error) {
      return earlier ?? stateFailure("tables", "a tree", textOf(error));
    }
    const tableDiff = sameTree(expected, got) ? [] : diffTrees(this.#facts, expected, got, TABLE_DIFF_ITEMS);
    if (earlier !== undefined) return { ...earlier, tableDiff };
    if (tableDiff.length === 0) return undefined;
    return stateFailure("tables", "as recorded", `${tableDiff.length} lines of difference`, tableDiff);
  }

  /** Destroys the table. What does not come back was lost, and the next case gets a memory of its own. */
  #discard(table: IoTableUnderTest): Failure | undefined {
    try {
      const lost = table.destroy();
      if (lost === 0) return undefined;
      this.#memory = ioMemory(this.#creation);
      return stateFailure("live after destruction", "0", String(lost));
    } catch (error) {
      this.#memory = ioMemory(this.#creation);
      return stateFailure("destruction", "no error", textOf(error));
    }
  }
}

/** Every table in use is reached once, and, where nothing else says what is mapped, lookups agree with the entries. */
function sanity(table: IoTableUnderTest, withLookups: boolean): Failure | undefined {
  try {
    const { lost } = table.reached();
    if (lost !== 0) return stateFailure("tables in use that nothing leads to", "0", String(lost));
    if (!withLookups) return undefined;
    for (const { iova, sizeLg2, pa } of table.table.entries()) {
      const size = 1n << BigInt(sizeLg2);
      const first = table.table.lookup(iova);
      const last = table.table.lookup(iova + size - 1n);
      if (first === pa && last === pa + size - 1n) continue;
      return stateFailure(`lookup in the entry at 0x${iova.toString(16)}`, String(pa), `${first}, ${last}`);
    }
    return undefined;
  } catch (error) {
    return stateFailure("tables", "a tree", textOf(error));
  }
}

/** How the operations of a case went. */
interface Ran {
  readonly failure?: Failure | undefined;
  readonly endedAt?: number;
}

function differenceOf(
  index: number,
  op: IoOp,
  deviation: IoDeviation | undefined,
  got: Outcome,
): Failure | undefined {
  const recorded = ioRecordedOutcome(op);
  if (deviation?.recorded !== undefined) {
    const field = differingField(deviation.recorded, recorded);
    if (field !== undefined) {
      const what = `${field}, as recorded under ${deviation.name},`;
      return opFailure(index, op, what, deviation.recorded[field], recorded[field]);
    }
  }
  const expected = { ...recorded, ...deviation?.instead };
  const field = differingField(expected, got);
  if (field === undefined) return undefined;
  return opFailure(index, op, field, expected[field], got[field] ?? "nothing");
}

function opFailure(opIndex: number, op: IoOp, field: string, expected: string, got: string): Failure {
  return { opIndex, op, field, expected, got, tableDiff: [] };
}

function stateFailure(
  field: string,
  expected: string,
  got: string,
  tableDiff: readonly string[] = [],
): Failure {
  return { opIndex: undefined, op: undefined, field, expected, got, tableDiff };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
