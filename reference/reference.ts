/**
 * The reference: what a domain must answer and what it must map, by the plainest means. An ordered list of what is
 * mapped, the set of live tables, bigint, and the rules in the order in which the operation language gives them.
 */
import type { Configuration } from "../models/configuration.js";
import type { Code, EntryFacts, Operation, Outcome, Range } from "../models/operations.js";
import { type Mapping, mapEach, type Removal, unmapTelling } from "./batches.js";
import { effectiveProt, entryFacts, type Facts, factsOf, itemSizeLg2, permissionsOf } from "./formats.js";
import { collect, collectAtOnce, EVERYTHING, type Taken } from "./gathering.js";
import { levelOfSize, offeredSizesLg2, sizesIn, smaller, tableSpanLg2 } from "./geometry.js";
import { endOf, Leaves, type Run } from "./leaves.js";
import { Marks } from "./marks.js";
import { isMultiple, rangeCode, refusalOfMap } from "./refusals.js";
import { type Mapped, NO_EDGES, type Relayout, relayout, removeTables, settleEdges } from "./relayout.js";
import { ascending, Tables } from "./tables.js";

const LAST_ADDRESS = 2n ** 64n - 1n;
const BYTES = Array.from({ length: 65 }, (_, lg2) => 1n << BigInt(lg2));

const roundUp = (value: bigint, sizeLg2: number) => value + BigInt.asUintN(sizeLg2, -value);

type Written = { readonly code: Code; readonly count: bigint };
type MapRequest = Extract<Operation, { op: "map" }>;
type UnmapRequest = Extract<Operation, { op: "unmap" | "unmapGathered" | "unmapRuns" }>;

export class Reference {
  readonly configuration: Configuration;
  /** The page sizes offered, bit n for 2^n bytes. */
  readonly pageSizes: bigint;
  readonly #facts: Facts;
  readonly #sizesLg2: readonly number[];
  #leaves = new Leaves();
  tables: Tables;
  #dirty: Marks;
  #accessed: Marks;
  /** What the next `sync` invalidates; undefined when the shared gather is empty. */
  pendingInvalidation: Range | undefined;
  /** How many tables were removed by `unmapGathered` and wait for the sync that releases them. */
  quarantinedTableCount = 0;
  #failingAllocation = 0;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.#facts = factsOf(configuration);
    this.#sizesLg2 = offeredSizesLg2(configuration);
    this.pageSizes = this.#sizesLg2.reduce((mask, lg2) => mask | (1n << BigInt(lg2)), 0n);
    this.tables = new Tables(configuration);
    this.#dirty = new Marks(this.#facts.dirty);
    this.#accessed = new Marks(this.#facts.accessed);
  }

  /** A second reference in the same state; neither sees what the other does. */
  clone(): Reference {
    const copy = new Reference(this.configuration);
    copy.#leaves = new Leaves(this.runs);
    copy.tables = this.tables.clone();
    copy.#dirty = this.#dirty.clone();
    copy.#accessed = this.#accessed.clone();
    copy.pendingInvalidation = this.pendingInvalidation;
    copy.quarantinedTableCount = this.quarantinedTableCount;
    copy.#failingAllocation = this.#failingAllocation;
    return copy;
  }

  /** The state as a string: equal exactly when the two states answer every sequence of operations alike. */
  key(): string {
    const runs = this.runs.map((run) => [run.iova, run.count, run.sizeLg2, run.pa, run.prot].join(":"));
    const { topLevel, pendingInvalidation, quarantinedTableCount } = this;
    const rest = [topLevel, pendingInvalidation, quarantinedTableCount, this.#failingAllocation];
    const marks = [this.#dirty, this.#accessed].map(({ changed }) => ascending(changed));
    return [runs, ascending(this.liveTables()), ...marks, rest].join("|");
  }

  /** The root's level at present. */
  get topLevel(): number {
    return this.tables.topLevel;
  }

  /** What is mapped, ordered by unsigned address. */
  get runs(): readonly Run[] {
    return this.#leaves.runs;
  }

  /** The `tableKey` of every table alive, the root included. */
  liveTables(): ReadonlySet<bigint> {
    return this.tables.keys();
  }

  get liveTableCount(): number {
    return this.tables.count;
  }

  /** Whether the entry that begins at the address is dirty. */
  isDirty(entryIova: bigint): boolean {
    const leaf = this.#leaves.at(entryIova);
    return leaf !== undefined && this.#dirty.has(leaf);
  }

  /** How many entries are dirty. */
  get dirtyCount(): bigint {
    return this.#dirty.countIn(this.runs);
  }

  /** Whether the entry that begins at the address, of which there must be one, was accessed. */
  isAccessed(entryIova: bigint): boolean {
    return this.#accessed.changed.has(entryIova) !== this.#facts.accessed.isFresh;
  }

  /** The first addresses of the entries that were accessed though fresh ones are not, or the other way round. */
  get otherwiseAccessed(): ReadonlySet<bigint> {
    return this.#accessed.changed;
  }

  /** Where the byte goes, the entry that holds it, its permissions, and whether any item of the entry is dirty. */
  translate(iova: bigint) {
    const leaf = this.#leaves.at(iova);
    if (leaf === undefined) return undefined;
    const { iova: entryIova, pa: entryPa, sizeLg2, prot } = leaf;
    const { read, write, execute } = permissionsOf(prot);
    const dirty = this.isDirty(entryIova);
    return { pa: entryPa + iova - entryIova, entryIova, entryPa, sizeLg2, read, write, execute, dirty };
  }

  /** Does the operation, and says what an implementation must answer. */
  apply(operation: Operation): Outcome {
    switch (operation.op) {
      case "map":
        return { op: "map", ...this.#map(operation) };
      case "mapRuns":
        return mapEach(operation, (one) => this.#map(one));
      case "unmap":
      case "unmapGathered":
        return { op: operation.op, ...this.#unmap(operation) };
      case "unmapRuns":
        return unmapTelling(operation, this.#leaves, (lengthLeft) => this.#unmap(operation, lengthLeft));
      case "sync":
        return { op: "sync", invalidated: this.#sync() };
      case "lookup":
        return { op: "lookup", pa: this.translate(operation.iova)?.pa };
      case "readAndClearDirty":
        return this.#dirty.readAndClear(this.configuration, this.#leaves, operation);
      case "readAndClearAccessed":
        return this.#accessed.readAndClear(this.configuration, this.#leaves, operation);
      case "setDirty":
        return { op: "setDirty", code: this.#dirty.setAt(this.configuration, this.#leaves, operation.iova) };
      case "deviceRead":
      case "deviceWrite":
        return { op: operation.op, permitted: this.#use(operation) };
      case "entries":
        return { op: "entries", entries: this.#entries(operation.iova, operation.length) };
      case "cut":
      case "resize":
      case "trim":
        return this.#relayout(operation);
      case "handover":
        this.#failingAllocation = 0;
        return { op: "handover", invalidated: this.#sync() };
      case "failNextAllocation":
        this.#failingAllocation = operation.nth;
        return { op: "failNextAllocation" };
    }
  }

  #map(request: MapRequest): Mapping {
    const { iova, length, pageSizes } = request;
    const sizesLg2 = pageSizes === undefined ? this.#sizesLg2 : sizesIn(pageSizes, this.#sizesLg2);
    const refusal = refusalOfMap(this.configuration, request, sizesLg2);
    if (refusal !== "OK") return { code: refusal, mappedBytes: 0n, invalidated: [] };
    const end = iova + length;
    const prot = effectiveProt(this.#facts, request.prot);
    const next = (at: bigint) => this.#nextStretch(at, request.pa + at - iova, end, sizesLg2, prot);
    const [invalidated, replaced]: [Range[], Range[]] = [[], []];
    const linked: bigint[] = [];
    let at = iova;
    let wanted = next(iova);
    let code: Code = this.#grow(end - 1n, wanted.sizeLg2) ? "OK" : "OUT_OF_MEMORY";
    for (; code === "OK" && at < end; wanted = next(at)) {
      const written = this.#mapStretch(wanted, replaced, linked);
      code = written.code;
      at += written.count << BigInt(wanted.sizeLg2);
      if (this.#facts.breakBeforeMake) invalidated.push(...collect(this.configuration, replaced.splice(0)));
    }
    if (this.#facts.rootIsLoaded && linked.length > 0) {
      const itemLg2 = itemSizeLg2(this.configuration, this.topLevel);
      const firstLinked = linked[0] - BigInt.asUintN(itemLg2, linked[0]);
      replaced.push([firstLinked, roundUp(linked[linked.length - 1] + 1n, itemLg2) - 1n]);
    }
    if (this.configuration.cachesNotPresent && at > iova) replaced.push([iova, at - 1n]);
    // A call that maps has a gather of its own, which a flush queue does not defer.
    invalidated.push(...collect(this.configuration, replaced));
    return { code, mappedBytes: at - iova, invalidated };
  }

  /** The leaves to write next: of the largest size that fits here, as many as one table takes. */
  #nextStretch(iova: bigint, pa: bigint, end: bigint, sizesLg2: readonly number[], prot: number): Run {
    let index = 0;
    const fits = (lg2: number) => BYTES[lg2] <= end - iova && isMultiple(iova | pa, lg2);
    while (index + 1 < sizesLg2.length && fits(sizesLg2[index + 1])) index++;
    const sizeLg2 = sizesLg2[index];
    const tableLg2 = tableSpanLg2(this.configuration, levelOfSize(this.configuration, sizeLg2));
    let stop = smaller(end, roundUp(iova + 1n, tableLg2));
    if (index + 1 < sizesLg2.length && isMultiple(iova ^ pa, sizesLg2[index + 1])) {
      // A larger size may apply from its next boundary on.
      stop = smaller(stop, roundUp(iova + 1n, sizesLg2[index + 1]));
    }
    return { iova, count: (stop - iova) >> BigInt(sizeLg2), sizeLg2, pa, prot };
  }

  /** Raises the top until it holds the address and a leaf of the size; without memory it does nothing: false. */
  #grow(last: bigint, sizeLg2: number): boolean {
    const { configuration } = this;
    let level = this.topLevel;
    const tooLow = () =>
      last >> BigInt(itemSizeLg2(configuration, level + 1)) !== 0n ||
      levelOfSize(configuration, sizeLg2) > level;
    for (; configuration.growingTop && tooLow(); level++) if (!this.#allocate()) return false;
    while (this.topLevel < level) this.tables.grow();
    return true;
  }

  /** Writes leaves of one table until one is in the way, and notes the items whose empty subtrees gave way. */
  #mapStretch(wanted: Run, replaced: Range[], linked: bigint[]): Written {
    const { iova, sizeLg2 } = wanted;
    const leafLevel = levelOfSize(this.configuration, sizeLg2);
    const next = this.#leaves.atOrAfter(iova);
    if (next !== undefined && next.iova <= iova) return { code: "ADDRESS_IN_USE", count: 0n };
    let live = leafLevel;
    while (live < this.topLevel && !this.tables.has(live, iova)) live++;
    while (live > leafLevel) {
      if (!this.#allocate()) return { code: "OUT_OF_MEMORY", count: 0n };
      if (live === this.topLevel) linked.push(iova);
      this.tables.add(--live, iova);
    }
    // Items are checked and emptied one by one, so those before the first occupied one lose their subtrees.
    const itemLg2 = BigInt(itemSizeLg2(this.configuration, leafLevel));
    const free = smaller(endOf(wanted), next?.iova ?? endOf(wanted));
    const freeItemsEnd = (free >> itemLg2) << itemLg2;
    for (const { level, iova: first } of this.tables.removeWithin(leafLevel, iova, freeItemsEnd)) {
      if (level === leafLevel - 1) replaced.push([first, first + (1n << itemLg2) - 1n]);
    }
    const count = (free - iova) >> BigInt(sizeLg2);
    if (count > 0n) this.#leaves.add({ ...wanted, count });
    return { code: count === wanted.count ? "OK" : "ADDRESS_IN_USE", count };
  }

  #allocate(): boolean {
    return this.#failingAllocation === 0 || --this.#failingAllocation > 0;
  }

  /** Removes entries from the start of the range to its end or the first hole; returns the first address kept. */
  #removeLeaves(iova: bigint, length: bigint): bigint {
    if (rangeCode(this.configuration, iova, length) !== "OK") return iova;
    let at = iova;
    while (at < iova + length) {
      const run = this.#leaves.atOrAfter(at);
      if (run === undefined || run.iova > at || !isMultiple(at - run.iova, run.sizeLg2)) break;
      const end = smaller(endOf(run), run.iova + roundUp(iova + length - run.iova, run.sizeLg2));
      this.#leaves.remove(at, (end - at) >> BigInt(run.sizeLg2));
      at = end;
    }
    for (const marks of [this.#dirty, this.#accessed]) marks.removeWithin(iova, at);
    return at;
  }

  /** `lengthLeft` says how much of the range is left to remove, once its edges are settled. */
  #unmap({ op, iova, length }: UnmapRequest, lengthLeft = () => length): Removal {
    const { configuration } = this;
    const isRange = rangeCode(configuration, iova, length) === "OK";
    const edges = isRange ? settleEdges(this.#mapped, iova, iova + length) : NO_EDGES;
    if (edges.code !== "OK") return { refusal: edges.code, removedBytes: 0n, invalidated: [] };
    const taken = [...edges.replaced];
    const end = isRange ? this.#removeLeaves(iova, lengthLeft()) : iova;
    if (end > iova) taken.push(removeTables(this.#mapped, iova, end));
    const invalidated = [...edges.broken, ...this.#forget(op === "unmapGathered", taken)];
    return { removedBytes: end - iova, invalidated };
  }

  /** Has what was taken away forgotten at once, or leaves it to the gather that stays open. */
  #forget(isGathered: boolean, taken: readonly Taken[]): readonly Range[] {
    if (isGathered) return this.#gather(taken);
    return collectAtOnce(
      this.configuration,
      taken.map(({ range }) => range),
    );
  }

  /** Adds to the gather that stays open; says what had to be invalidated for that. */
  #gather(taken: readonly Taken[]): Range[] {
    const synced: Range[] = [];
    for (const { range, tables } of taken) {
      const one = this.configuration.gather === "queued" ? EVERYTHING : range;
      const pending = this.pendingInvalidation;
      const pieces = collect(this.configuration, pending === undefined ? [one] : [pending, one]);
      if (pieces.length > 1) synced.push(...this.#sync());
      this.pendingInvalidation = pieces[pieces.length - 1];
      this.quarantinedTableCount += tables;
    }
    return synced;
  }

  #sync(): readonly Range[] {
    const invalidated = this.pendingInvalidation === undefined ? [] : [this.pendingInvalidation];
    this.pendingInvalidation = undefined;
    this.quarantinedTableCount = 0;
    return invalidated;
  }

  #relayout(operation: Relayout): Outcome {
    const { outcome, left } = relayout(this.#mapped, operation);
    return {
      ...outcome,
      invalidated: [...outcome.invalidated, ...this.#forget(operation.gathered === true, left)],
    };
  }

  get #mapped(): Mapped {
    const { configuration, tables } = this;
    const allocate = () => this.#allocate();
    const state = { leaves: this.#leaves, tables, dirty: this.#dirty, accessed: this.#accessed };
    return { configuration, ...state, sizesLg2: this.#sizesLg2, allocate };
  }

  /** A device reads or writes a byte, if it may. */
  #use({ op, iova }: Extract<Operation, { op: "deviceRead" | "deviceWrite" }>): boolean {
    const leaf = this.#leaves.at(iova);
    const { read, write } = permissionsOf(leaf?.prot ?? 0);
    if (leaf === undefined || !(op === "deviceWrite" ? write : read)) return false;
    this.#accessed.set(leaf, true);
    if (op === "deviceWrite") this.#dirty.set(leaf, true);
    return true;
  }

  #entries(iova: bigint, length: bigint): EntryFacts[] {
    if (length === 0n || iova + length - 1n > LAST_ADDRESS) return [];
    return this.#leaves.within(iova, iova + length).map((leaf) => entryFacts(leaf, this.isDirty(leaf.iova)));
  }
}
