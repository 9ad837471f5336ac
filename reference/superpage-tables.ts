/**
 * The naive tree of tables that two vendors' IOMMU layers keep: superpages are replaced by tables and tables by
 * superpages, told in objects instead of items. What a map or unmap owes, counts and leaves behind follows from the
 * content of the tables alone, looked at from the first entry to the last each time.
 *
 * Levels count from 1 here, as the vendors do: an entry of level 1 covers one page of 4 KiB, of level n 512^(n-1).
 */

export interface SuperpageRules {
  readonly vendor: "amd" | "vtd";
  /** The level of the root. */
  readonly levels: number;
  /** Announced orders, ascending. */
  readonly orders: readonly number[];
  /** The fewest levels that any unit walks; only VT-d minds. */
  readonly fewestLevels: number;
  /** Whether to make the mistakes that deployed code is known to make. */
  readonly deployed: boolean;
}

/** Where tables come from and go to. A frame is a number of the caller's. */
export interface Frames {
  /** Undefined: there is none left. */
  allocate(): number | undefined;
  /** A table left the tree. */
  queue(frame: number): void;
}

export type Outcome = "ok" | "out of memory" | "walk failed" | "out of range";

export interface Leaf {
  readonly mfn: number;
  /** 1 read, 2 write. */
  readonly access: number;
}

interface Table {
  readonly frame: number;
  /** The level of its entries. */
  readonly level: number;
  /** What is not there is absent. */
  readonly entries: Map<number, Leaf | Table>;
}

const ENTRIES = 512;
const ADDED = 1;
const MODIFIED = 2;
const ALL = 4;

/** What `mapLeaf` and `unmapLeaf` say. */
export interface Result {
  readonly outcome: Outcome;
  /** 1: something is mapped where nothing was. 2: something changed or vanished. 4: a table left the tree. */
  readonly flags: number;
}

export class SuperpageTables {
  tables = 0;
  shatters = 0;
  coalesces = 0;
  readonly #rules: SuperpageRules;
  readonly #frames: Frames;
  #root: Table | undefined;
  #flags = 0;

  constructor(rules: SuperpageRules, frames: Frames) {
    this.#rules = rules;
    this.#frames = frames;
  }

  /** Maps `512^(level-1)` pages with one leaf. */
  mapLeaf(dfn: number, mfn: number, level: number, access: number): Result {
    this.#flags = 0;
    return { outcome: this.#map(dfn, { mfn, access }, level), flags: this.#flags };
  }

  unmapLeaf(dfn: number, level: number): Result {
    this.#flags = 0;
    return { outcome: this.#unmap(dfn, level), flags: this.#flags };
  }

  lookup(dfn: number): Leaf | undefined {
    let table = this.#root;
    if (dfn >= pagesOf(this.#rules.levels + 1)) return undefined;
    while (table !== undefined) {
      const entry = table.entries.get(indexOf(dfn, table.level));
      if (entry === undefined) return undefined;
      if ("mfn" in entry) return { mfn: entry.mfn + (dfn % pagesOf(table.level)), access: entry.access };
      table = entry;
    }
    return undefined;
  }

  /** Every leaf: its first page, its level and what it maps, in ascending order. */
  *leaves(): Generator<{ dfn: number; level: number; leaf: Leaf }> {
    if (this.#root !== undefined) yield* leavesIn(this.#root, 0);
  }

  /** Tables below the root that are empty or could be one superpage, where the vendor keeps count of the latter. */
  get uniformTables(): number {
    return [...this.#tablesBelow(this.#root)].filter(
      (table) => table.entries.size === 0 || (this.#notices(table.level) && uniformLeaf(table) !== undefined),
    ).length;
  }

  #map(dfn: number, leaf: Leaf, level: number): Outcome {
    this.#root ??= this.#newTable(this.#rules.levels);
    if (this.#root === undefined) return "out of memory";
    const path = this.#walk(dfn, level, true);
    if (typeof path === "string") return path;
    const [table] = path;
    const index = indexOf(dfn, level);
    const old = table.entries.get(index);
    const isSame = old !== undefined && "mfn" in old && old.mfn === leaf.mfn && old.access === leaf.access;
    if (this.#rules.vendor === "amd" || !isSame) this.#flags |= ADDED;
    if (isSame) return "ok";
    if (old !== undefined) this.#flags |= MODIFIED;
    table.entries.set(index, leaf);
    if (old !== undefined && !("mfn" in old)) this.#queueTree(old);
    this.#coalesce(path, dfn);
    return "ok";
  }

  #unmap(dfn: number, level: number): Outcome {
    if (this.#root === undefined) return "ok";
    const path = this.#walk(dfn, level, false);
    if (typeof path === "string") return path;
    if (path.length === 0) return "ok";
    const [table] = path;
    const index = indexOf(dfn, level);
    const old = table.entries.get(index);
    // AMD clears what is clear already, and notices an empty table even then.
    if (old === undefined && this.#rules.vendor === "vtd") return "ok";
    table.entries.delete(index);
    if (old !== undefined) this.#flags |= MODIFIED;
    this.#freeEmpty(path, dfn);
    if (old !== undefined && !("mfn" in old)) this.#queueTree(old);
    return "ok";
  }

  /** The tables from the one of this level up to the root; none where nothing is there and nothing is to be made. */
  #walk(dfn: number, level: number, makes: boolean): readonly Table[] | Outcome {
    const failed: Outcome =
      this.#rules.deployed && this.#rules.vendor === "amd" ? "walk failed" : "out of memory";
    if (dfn >= pagesOf(this.#rules.levels + 1)) return makes ? "out of range" : [];
    if (this.#root === undefined) return [];
    const path = [this.#root];
    while (path[0].level > level) {
      const [table] = path;
      const index = indexOf(dfn, table.level);
      let entry = table.entries.get(index);
      if (entry === undefined) {
        if (!makes) return [];
        entry = this.#newTable(table.level - 1);
        if (entry === undefined) return failed;
        table.entries.set(index, entry);
      } else if ("mfn" in entry) {
        if (entry.mfn === 0 && this.#rules.deployed && this.#rules.vendor === "amd") {
          if (table.level > level + 1) throw new Error("deployed code takes page 0 for a table here");
          return makes ? "walk failed" : [];
        }
        entry = this.#shatter(table, index, entry);
        if (entry === undefined) return failed;
      }
      path.unshift(entry);
    }
    return path;
  }

  #shatter(table: Table, index: number, leaf: Leaf): Table | undefined {
    const below = this.#newTable(table.level - 1);
    if (below === undefined) return undefined;
    for (let at = 0; at < ENTRIES; at++) {
      below.entries.set(at, { mfn: leaf.mfn + at * pagesOf(below.level), access: leaf.access });
    }
    table.entries.set(index, below);
    this.shatters++;
    this.#flags |= MODIFIED;
    return below;
  }

  /** Replaces tables by superpages from the lowest up, as far as they are uniform and the vendor goes. */
  #coalesce(path: readonly Table[], dfn: number): void {
    for (let at = 0; at + 1 < path.length; at++) {
      const [table, parent] = [path[at], path[at + 1]];
      const leaf = uniformLeaf(table);
      if (leaf === undefined || !this.#mayMerge(parent.level)) return;
      parent.entries.set(indexOf(dfn, parent.level), leaf);
      this.#flags |= MODIFIED;
      this.#takeOut(table);
    }
  }

  #freeEmpty(path: readonly Table[], dfn: number): void {
    const { vendor, levels, fewestLevels } = this.#rules;
    const bound = vendor === "amd" ? levels : fewestLevels;
    for (let at = 0; at + 1 < path.length; at++) {
      const [table, parent] = [path[at], path[at + 1]];
      if (table.entries.size > 0 || parent.level >= bound) return;
      parent.entries.delete(indexOf(dfn, parent.level));
      this.#takeOut(table);
    }
  }

  #takeOut(table: Table): void {
    this.coalesces++;
    this.#flags |= ALL;
    this.#queueTree(table);
  }

  /** Whether a superpage of this level may come about by merging. */
  #mayMerge(level: number): boolean {
    const { vendor, levels, deployed } = this.#rules;
    if (vendor === "amd" && level >= levels) return false;
    return (deployed && vendor === "amd") || this.#isAnnounced(level);
  }

  /** Whether the vendor keeps count of leaves of this level that could be one of the next. */
  #notices(level: number): boolean {
    return this.#rules.vendor === "amd" || this.#isAnnounced(level + 1);
  }

  #isAnnounced(level: number): boolean {
    return this.#rules.orders.includes(9 * (level - 1));
  }

  #newTable(level: number): Table | undefined {
    const frame = this.#frames.allocate();
    if (frame === undefined) return undefined;
    this.tables++;
    return { frame, level, entries: new Map() };
  }

  #queueTree(table: Table): void {
    for (const entry of table.entries.values()) if (!("mfn" in entry)) this.#queueTree(entry);
    this.tables--;
    this.#frames.queue(table.frame);
  }

  *#tablesBelow(table: Table | undefined): Generator<Table> {
    for (const entry of table?.entries.values() ?? []) {
      if ("mfn" in entry) continue;
      yield entry;
      yield* this.#tablesBelow(entry);
    }
  }
}

function* leavesIn(table: Table, first: number): Generator<{ dfn: number; level: number; leaf: Leaf }> {
  for (const [index, entry] of [...table.entries].sort(([a], [b]) => a - b)) {
    const dfn = first + index * pagesOf(table.level);
    if ("mfn" in entry) yield { dfn, level: table.level, leaf: entry };
    else yield* leavesIn(entry, dfn);
  }
}

/** The superpage that maps what a full table maps, if one does. */
function uniformLeaf(table: Table): Leaf | undefined {
  const first = table.entries.get(0);
  if (first === undefined || !("mfn" in first) || table.entries.size < ENTRIES) return undefined;
  if (first.mfn % pagesOf(table.level + 1) !== 0) return undefined;
  for (const [index, entry] of table.entries) {
    if (!("mfn" in entry) || entry.access !== first.access) return undefined;
    if (entry.mfn !== first.mfn + index * pagesOf(table.level)) return undefined;
  }
  return first;
}

/** Pages that an entry of a level covers. */
function pagesOf(level: number): number {
  return ENTRIES ** (level - 1);
}

function indexOf(dfn: number, level: number): number {
  return Math.floor(dfn / pagesOf(level)) % ENTRIES;
}
