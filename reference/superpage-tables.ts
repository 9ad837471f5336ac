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
  /** A frame is not needed after all; nothing ever pointed to it. */
  giveBack(frame: number): void;
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
  /** Leaves by level, from 1 on; what stands at 0 means nothing. */
  readonly leafCounts: number[];
  readonly #rules: SuperpageRules;
  readonly #frames: Frames;
  #root: Table | undefined;
  readonly #all = new Set<Table>();
  #flags = 0;
  /** Frames for the tables of the walk under way. */
  #reserved: number[] = [];

  constructor(rules: SuperpageRules, frames: Frames) {
    this.#rules = rules;
    this.leafCounts = new Array<number>(rules.levels + 1).fill(0);
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

  /** What a page is mapped to. */
  lookup(dfn: number): Leaf | undefined {
    const found = this.leafAt(dfn);
    if (found === undefined) return undefined;
    return { mfn: found.leaf.mfn + (dfn % pagesOf(found.level)), access: found.leaf.access };
  }

  /** The leaf that maps a page, and its level. */
  leafAt(dfn: number): { readonly level: number; readonly leaf: Leaf } | undefined {
    const table = this.#lowestTable(dfn);
    const entry = table?.entries.get(indexOf(dfn, table.level));
    return table === undefined || entry === undefined || !("mfn" in entry)
      ? undefined
      : { level: table.level, leaf: entry };
  }

  /** The level of the superpage that the lowest table on the way to a page could be; undefined: none. */
  mergeLevelAt(dfn: number): number | undefined {
    const table = this.#lowestTable(dfn);
    return table === undefined || uniformLeaf(table) === undefined ? undefined : table.level + 1;
  }

  /** Every leaf: its first page, its level and what it maps, in ascending order. */
  *leaves(): Generator<{ dfn: number; level: number; leaf: Leaf }> {
    if (this.#root !== undefined) yield* leavesIn(this.#root, 0);
  }

  /** Tables below the root that are empty or could be one superpage, where the vendor keeps count of the latter. */
  get uniformTables(): number {
    return [...this.#all].filter(
      (table) =>
        table !== this.#root &&
        (table.entries.size === 0 || (this.#notices(table.level) && uniformLeaf(table) !== undefined)),
    ).length;
  }

  #map(dfn: number, leaf: Leaf, level: number): Outcome {
    if (this.#root === undefined && !this.#reserve(1)) return "out of memory";
    this.#root ??= this.#newTable(this.#rules.levels);
    const path = this.#walk(dfn, level, leaf);
    if (typeof path === "string") return path;
    const [table] = path;
    const index = indexOf(dfn, level);
    const old = table.entries.get(index);
    // Of a superpage that says the same the walk stopped at it.
    const isSame =
      table.level > level ||
      (old !== undefined && "mfn" in old && old.mfn === leaf.mfn && old.access === leaf.access);
    if (this.#rules.vendor === "amd" || !isSame) this.#flags |= ADDED;
    if (isSame) return "ok";
    if (old !== undefined) this.#flags |= MODIFIED;
    this.#put(table, index, leaf);
    if (old !== undefined && !("mfn" in old)) this.#queueTree(old);
    this.#coalesce(path, dfn);
    return "ok";
  }

  #unmap(dfn: number, level: number): Outcome {
    if (this.#root === undefined) return "ok";
    const path = this.#walk(dfn, level, undefined);
    if (typeof path === "string") return path;
    if (path.length === 0) return "ok";
    const [table] = path;
    const index = indexOf(dfn, level);
    const old = table.entries.get(index);
    // AMD's deployed code clears what is clear already, and notices an empty table even then.
    if (old === undefined && !(this.#rules.vendor === "amd" && this.#rules.deployed)) return "ok";
    this.#put(table, index, undefined);
    if (old !== undefined) this.#flags |= MODIFIED;
    this.#freeEmpty(path, dfn);
    if (old !== undefined && !("mfn" in old)) this.#queueTree(old);
    return "ok";
  }

  /**
   * The tables from the one of this level up to the root. None where nothing is there and `wanted` is undefined; from
   * a higher level on where a superpage there says what is wanted.
   */
  #walk(dfn: number, level: number, wanted: Leaf | undefined): readonly Table[] | Outcome {
    const { deployed, vendor, levels } = this.#rules;
    const failed: Outcome = deployed && vendor === "amd" ? "walk failed" : "out of memory";
    if (dfn >= pagesOf(levels + 1)) return wanted === undefined ? [] : "out of range";
    if (this.#root === undefined) return [];
    const path = [this.#root];
    while (path[0].level > level) {
      const [table] = path;
      const index = indexOf(dfn, table.level);
      const entry = table.entries.get(index);
      if (entry !== undefined && !("mfn" in entry)) {
        path.unshift(entry);
        continue;
      }
      if (entry === undefined && wanted === undefined) return [];
      if (entry?.mfn === 0 && deployed && vendor === "amd") {
        if (table.level > level + 1) throw new Error("deployed code takes page 0 for a table here");
        return wanted === undefined ? [] : "walk failed";
      }
      if (!deployed && wanted !== undefined && entry !== undefined && says(entry, table.level, dfn, wanted)) {
        return path;
      }
      // What is right allocates for the whole way down before it changes anything.
      if (!this.#reserve(deployed ? 1 : table.level - level)) return failed;
      path.unshift(entry === undefined ? this.#link(table, index) : this.#shatter(table, index, entry));
    }
    return path;
  }

  /** Sees to it that so many tables can be made without fail. */
  #reserve(count: number): boolean {
    while (this.#reserved.length < count) {
      const frame = this.#frames.allocate();
      if (frame === undefined) {
        for (const taken of this.#reserved.splice(0)) this.#frames.giveBack(taken);
        return false;
      }
      this.#reserved.push(frame);
    }
    return true;
  }

  #link(table: Table, index: number): Table {
    const below = this.#newTable(table.level - 1);
    this.#put(table, index, below);
    return below;
  }

  #lowestTable(dfn: number): Table | undefined {
    if (dfn >= pagesOf(this.#rules.levels + 1)) return undefined;
    let table = this.#root;
    while (table !== undefined) {
      const entry = table.entries.get(indexOf(dfn, table.level));
      if (entry === undefined || "mfn" in entry) return table;
      table = entry;
    }
    return undefined;
  }

  #shatter(table: Table, index: number, leaf: Leaf): Table {
    const below = this.#newTable(table.level - 1);
    for (let at = 0; at < ENTRIES; at++) {
      this.#put(below, at, { mfn: leaf.mfn + at * pagesOf(below.level), access: leaf.access });
    }
    this.#put(table, index, below);
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
      this.#put(parent, indexOf(dfn, parent.level), leaf);
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
      this.#put(parent, indexOf(dfn, parent.level), undefined);
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
    const { vendor, deployed } = this.#rules;
    return (vendor === "amd" && deployed) || this.#isAnnounced(level + 1);
  }

  #isAnnounced(level: number): boolean {
    return this.#rules.orders.includes(9 * (level - 1));
  }

  /** Of a frame that was reserved. */
  #newTable(level: number): Table {
    const frame = this.#reserved.shift();
    if (frame === undefined) throw new Error("no frame was reserved");
    this.tables++;
    const table = { frame, level, entries: new Map() };
    this.#all.add(table);
    return table;
  }

  #put(table: Table, index: number, entry: Leaf | Table | undefined): void {
    const old = table.entries.get(index);
    if (old !== undefined && "mfn" in old) this.leafCounts[table.level]--;
    if (entry === undefined) table.entries.delete(index);
    else table.entries.set(index, entry);
    if (entry !== undefined && "mfn" in entry) this.leafCounts[table.level]++;
  }

  #queueTree(table: Table): void {
    for (const entry of table.entries.values()) {
      if ("mfn" in entry) this.leafCounts[table.level]--;
      else this.#queueTree(entry);
    }
    this.tables--;
    this.#all.delete(table);
    this.#frames.queue(table.frame);
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

/** Whether a leaf of this level translates an address as is wanted of it. */
function says(leaf: Leaf, level: number, dfn: number, wanted: Leaf): boolean {
  return leaf.access === wanted.access && leaf.mfn + (dfn % pagesOf(level)) === wanted.mfn;
}

const PAGES = [0, 1, 2, 3, 4, 5, 6, 7].map((level) => ENTRIES ** (level - 1));

/** Pages that an entry of a level covers. */
function pagesOf(level: number): number {
  return PAGES[level];
}

function indexOf(dfn: number, level: number): number {
  return Math.floor(dfn / pagesOf(level)) % ENTRIES;
}
