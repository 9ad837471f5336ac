/** Everything in an image that tables may not be: I5, that each is reached once, and I14, that each item is legal. */
import { describeAddress } from "../../models/index.js";
import { sizeName } from "../lockstep/difference.js";
import { illegalJson, rawItem } from "./layouts.js";
import {
  type IllegalItem,
  itemSizeLg2,
  type LeafEntry,
  type TableFrame,
  type Tables,
  visitTables,
} from "./tables.js";

export interface Violation {
  readonly invariant: "I5" | "I8" | "I14";
  /** The input address at which it shows first. */
  readonly iova: bigint;
  readonly sentence: string;
  readonly facts: object;
}

/** What a check saw, whether it is right or not. */
export interface CheckSummary {
  readonly tables: number;
  readonly entries: number;
  readonly violations: number;
}

/** Tells every violation as soon as it is seen. */
export function check(tables: Tables, tell: (violation: Violation) => void): CheckSummary {
  const seen = new Map<bigint, TableFrame>();
  const runs = new ContiguousRuns(tables, (violation) => tellCounted(violation));
  let entries = 0;
  let violations = 0;
  const tellCounted = (violation: Violation) => {
    violations++;
    tell(violation);
  };
  visitTables(tables, {
    table: (table) => {
      const before = seen.get(table.address);
      if (before === undefined) seen.set(table.address, table);
      else tellCounted(reachedTwice(before, table));
    },
    item: (item) => runs.add(item),
    entry: () => entries++,
    illegal: (item) => tellCounted(illegalItem(tables, item)),
  });
  runs.end();
  return { tables: seen.size, entries, violations };
}

function reachedTwice(before: TableFrame, table: TableFrame): Violation {
  const once = `for ${describeAddress(before.iova)} at level ${before.level}`;
  const again = `for ${describeAddress(table.iova)} at level ${table.level}`;
  return {
    invariant: "I5",
    iova: table.iova,
    sentence: `the table at ${describeAddress(table.address)} is reached twice: ${once}, and ${again}`,
    facts: { table: `0x${table.address.toString(16)}`, levels: [before.level, table.level] },
  };
}

function illegalItem(tables: Tables, item: IllegalItem): Violation {
  const where = `the item at ${describeAddress(item.item)} = ${rawItem(tables, item.raw)}, level ${item.level}`;
  return {
    invariant: "I14",
    iova: item.iova,
    sentence: `${where}, faults: ${item.fault}`,
    facts: illegalJson(item),
  };
}

/** A contiguous entry is all or nothing: every item of it is there, and says the same. */
class ContiguousRuns {
  readonly #tables: Tables;
  readonly #tell: (violation: Violation) => void;
  #first: LeafEntry | undefined;
  #items = 0;

  constructor(tables: Tables, tell: (violation: Violation) => void) {
    this.#tables = tables;
    this.#tell = tell;
  }

  add(item: LeafEntry): void {
    if (this.#first !== undefined && this.#isSameEntry(this.#first, item)) {
      this.#items++;
      return;
    }
    this.end();
    this.#first = item;
    this.#items = 1;
  }

  end(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    const itemLg2 = itemSizeLg2(this.#tables.configuration, first.level);
    const wanted = 2 ** Math.max(0, first.sizeLg2 - itemLg2);
    if (this.#items === wanted && first.iova % (1n << BigInt(first.sizeLg2)) === 0n) return;
    const what = `of the ${sizeName(first.sizeLg2)} entry around ${describeAddress(first.iova)}`;
    this.#tell({
      invariant: "I8",
      iova: first.iova,
      sentence: `${this.#items} of ${wanted} items ${what} agree; a contiguous entry is all or nothing`,
      facts: { iova: `0x${first.iova.toString(16)}`, sizeLg2: first.sizeLg2, items: this.#items, wanted },
    });
  }

  #isSameEntry(first: LeafEntry, item: LeafEntry): boolean {
    const sizeLg2 = BigInt(first.sizeLg2);
    return (
      item.sizeLg2 === first.sizeLg2 &&
      item.level === first.level &&
      item.iova >> sizeLg2 === first.iova >> sizeLg2 &&
      item.pa - item.iova === first.pa - first.iova &&
      item.read === first.read &&
      item.write === first.write &&
      item.execute === first.execute
    );
  }
}
