/** One tree of tables under the replacing policy: the domain of the engine, and what this policy decides and counts. */
import { NO_FRAME } from "../../memory/table-memory.js";
import { Domain, type DomainSettings } from "../domain.js";

/** Decided once per tree. In a mask, bit n stands for level n. */
export interface ReplacingRules {
  /** Leaves of these levels count as parts of a row; those of other levels never make a table uniform. */
  readonly countedLevels: number;
  /** An item of these levels becomes a leaf when its table is one row of leaves. */
  readonly mergedLevels: number;
  /** An item of these levels is cleared when its table is empty. */
  readonly emptiedLevels: number;
  /**
   * As deployed: tables are allocated one by one, so that a walk that runs out of memory leaves those that it made;
   * and a leaf is split before it is compared with what is wanted of it.
   */
  readonly makesTablesOneByOne: boolean;
  /** As deployed: an item that holds nothing is cleared like any other. */
  readonly clearsEmptyItems: boolean;
  /** As deployed: a walk takes a leaf at address 0 for a table there, and finds nothing. */
  readonly losesLeavesAtZero: boolean;
}

/** What an operation changed, as bits; the numbers are those of the layer above (`FlushFlag`). */
export const APPEARED = 1;
export const CHANGED = 2;
export const TABLE_LEFT = 4;

/** Levels there are at most. */
export const LEVELS = 8;

export class ReplacingDomain extends Domain {
  readonly rules: ReplacingRules;
  /** What the running operation changed so far. */
  changes = 0;
  /** Leaves that a table took the place of. */
  shatters = 0;
  /** Tables that a leaf took the place of, or that left because they were empty. */
  coalesces = 0;
  /** Frames that were allocated for the running walk and are in no tree yet. */
  readonly spare = new Int32Array(LEVELS);
  spares = 0;
  /** Tables in the tree, the root included. */
  tables = 0;

  constructor(settings: DomainSettings, rules: ReplacingRules) {
    super(settings);
    this.rules = rules;
  }

  get hasRoot(): boolean {
    return this.top >= 0;
  }

  /** Takes a table that was just unlinked out of use, behind those that left before it. */
  override takeOutOfUse(table: number): void {
    this.memory.quarantine(table, NO_FRAME);
    if (this.freedTail === NO_FRAME) this.freedHead = table;
    else this.memory.joinLists(this.freedTail, table);
    this.freedTail = table;
    this.freedCount++;
    this.tables--;
  }
}
