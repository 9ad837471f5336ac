/**
 * The reference: what a domain must answer and what it must map, by the plainest means. An ordered list of what is
 * mapped, the set of live tables, bigint, and the rules in the order in which the operation language gives them.
 */
import type { Configuration } from "../models/configuration.js";
import type { Code, EntryFacts, Operation, Outcome, Range } from "../models/operations.js";
import {
  effectiveProt,
  inputWidthLg2,
  itemSizeLg2,
  levelOfSize,
  offeredSizesLg2,
  permissionsOf,
  sizesIn,
  tracksDirty,
} from "./geometry.js";
import { endOf, Leaves, type Run, slice } from "./leaves.js";
import { ascending, Tables } from "./tables.js";

const LAST_ADDRESS = 2n ** 64n - 1n;
/** What a flush queue invalidates, whatever was removed. */
const EVERYTHING: Range = [0n, LAST_ADDRESS];
const BYTES = Array.from({ length: 65 }, (_, lg2) => 1n << BigInt(lg2));

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
const larger = (a: bigint, b: bigint) => (a > b ? a : b);
const isMultiple = (value: bigint, sizeLg2: number) => BigInt.asUintN(sizeLg2, value) === 0n;
const roundUp = (value: bigint, sizeLg2: number) => value + BigInt.asUintN(sizeLg2, -value);

/** Whether a leaf of the size may begin at these addresses, or'ed, with so many bytes left. */
const fits = (iovaOrPa: bigint, left: bigint, sizeLg2: number) =>
  BYTES[sizeLg2] <= left && (iovaOrPa & (BYTES[sizeLg2] - 1n)) === 0n;

type MapRequest = Extract<Operation, { op: "map" }>;

export class Reference {
  readonly configuration: Configuration;
  /** The page sizes offered, bit n for 2^n bytes. */
  readonly pageSizes: bigint;
  readonly #sizesLg2: readonly number[];
  readonly #widthLg2: bigint;
  #leaves = new Leaves();
  tables: Tables;
  /** The first addresses of the entries that a device wrote to. */
  dirty = new Set<bigint>();
  /** What the next `sync` invalidates; undefined when the shared gather is empty. */
  pendingInvalidation: Range | undefined;
  /** How many tables were removed by `unmapGathered` and wait for the sync that releases them. */
  quarantinedTableCount = 0;
  #failingAllocation = 0;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.#sizesLg2 = offeredSizesLg2(configuration);
    this.pageSizes = this.#sizesLg2.reduce((mask, lg2) => mask | (1n << BigInt(lg2)), 0n);
    this.#widthLg2 = BigInt(inputWidthLg2(configuration));
    this.tables = new Tables(configuration);
  }

  /** A second reference in the same state; neither sees what the other does. */
  clone(): Reference {
    const copy = new Reference(this.configuration);
    copy.#leaves = new Leaves(this.runs);
    copy.tables = this.tables.clone();
    copy.dirty = new Set(this.dirty);
    copy.pendingInvalidation = this.pendingInvalidation;
    copy.quarantinedTableCount = this.quarantinedTableCount;
    copy.#failingAllocation = this.#failingAllocation;
    return copy;
  }

  /** The state as a string: equal exactly when the two states answer every sequence of operations alike. */
  key(): string {
    const runs = this.runs.map((run) => [run.iova, run.count, run.sizeLg2, run.pa, run.prot].join(":"));
    const rest = [
      this.topLevel,
      this.pendingInvalidation,
      this.quarantinedTableCount,
      this.#failingAllocation,
    ];
    return [runs, ascending(this.liveTables()), ascending(this.dirty), rest].join("|");
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

  /** Where the byte goes, the entry that holds it, its permissions, and whether any item of the entry is dirty. */
  translate(iova: bigint) {
    const leaf = this.#leaves.at(iova);
    if (leaf === undefined) return undefined;
    const { iova: entryIova, pa: entryPa, sizeLg2, prot } = leaf;
    const { read, write, execute } = permissionsOf(prot);
    const dirty = this.dirty.has(entryIova);
    return { pa: entryPa + iova - entryIova, entryIova, entryPa, sizeLg2, read, write, execute, dirty };
  }

  /** Does the operation, and says what an implementation must answer. */
  apply(operation: Operation): Outcome {
    switch (operation.op) {
      case "map":
        return this.#map(operation);
      case "unmap":
      case "unmapGathered":
        return this.#unmap(operation.op, operation.iova, operation.length);
      case "sync":
        return { op: "sync", invalidated: this.#sync() };
      case "lookup":
        return { op: "lookup", pa: this.translate(operation.iova)?.pa };
      case "readAndClearDirty":
        return this.#readAndClearDirty(operation.iova, operation.length, operation.clear);
      case "setDirty":
        return { op: "setDirty", code: this.#setDirty(operation.iova) };
      case "deviceWrite": {
        const permitted = this.translate(operation.iova)?.write ?? false;
        if (permitted) this.#setDirty(operation.iova);
        return { op: "deviceWrite", permitted };
      }
      case "entries":
        return { op: "entries", entries: this.#entries(operation.iova, operation.length) };
      case "failNextAllocation":
        this.#failingAllocation = operation.nth;
        return { op: "failNextAllocation" };
    }
  }

  /** Why the range cannot be an input range; OK when it can. It may not pass through the non-canonical hole. */
  #rangeCode(iova: bigint, length: bigint): Code {
    const last = iova + length - 1n;
    const half = 1n << (this.#widthLg2 - 1n);
    const { signExtended } = this.configuration;
    if (length === 0n) return "ZERO_LENGTH";
    if (last > LAST_ADDRESS) return "WRAPS";
    const accepted = signExtended ? last < half || iova > LAST_ADDRESS - half : last < half * 2n;
    return accepted ? "OK" : "IOVA_OUT_OF_RANGE";
  }

  #refusalOfMap({ iova, pa, length, prot }: MapRequest, sizesLg2: readonly number[]): Code {
    const { oaWidthLg2, encryptionBit, format, forceWriteable } = this.configuration;
    const { read, write } = permissionsOf(prot);
    const lastPa = pa + length - 1n;
    const oaWidth = BigInt(oaWidthLg2);
    const encryption = BigInt(encryptionBit ?? 64);
    if (!read && !write) return "NO_PERMISSION";
    if (pa >> oaWidth !== 0n || ((pa >> encryption) & 1n) !== 0n) return "PA_OUT_OF_RANGE";
    if (format === "vtd-second-stage" && forceWriteable && !write) return "READ_ONLY_REFUSED";
    const range = this.#rangeCode(iova, length);
    if (range === "ZERO_LENGTH" || range === "WRAPS") return range;
    if (sizesLg2.length === 0 || !isMultiple(iova | pa | length, sizesLg2[0])) return "MISALIGNED";
    if (range !== "OK") return range;
    // The first address is free of the encryption bit, so the range meets it where the bits from c up change.
    return lastPa >> oaWidth === 0n && lastPa >> encryption === pa >> encryption ? "OK" : "PA_OUT_OF_RANGE";
  }

  #map(request: MapRequest): Outcome {
    const { iova, length, pageSizes } = request;
    const sizesLg2 = pageSizes === undefined ? this.#sizesLg2 : sizesIn(pageSizes, this.#sizesLg2);
    const refusal = this.#refusalOfMap(request, sizesLg2);
    if (refusal !== "OK") return { op: "map", code: refusal, mappedBytes: 0n, invalidated: [] };
    const end = iova + length;
    const prot = effectiveProt(this.configuration, request.prot);
    const next = (at: bigint) => this.#nextStretch(at, request.pa + at - iova, end, sizesLg2, prot);
    const replaced: Range[] = [];
    let at = iova;
    let wanted = next(iova);
    let code: Code = this.#grow(end - 1n, wanted.sizeLg2) ? "OK" : "OUT_OF_MEMORY";
    for (; code === "OK" && at < end; wanted = next(at)) {
      const written = this.#mapStretch(wanted, replaced);
      code = written.code;
      at += written.count << BigInt(wanted.sizeLg2);
    }
    // A call that maps has a gather of its own, which a flush queue does not defer.
    return { op: "map", code, mappedBytes: at - iova, invalidated: this.#collect(replaced) };
  }

  /** The leaves to write next: of the largest size that fits here, as many as one table takes. */
  #nextStretch(iova: bigint, pa: bigint, end: bigint, sizesLg2: readonly number[], prot: number): Run {
    let index = 0;
    while (index + 1 < sizesLg2.length && fits(iova | pa, end - iova, sizesLg2[index + 1])) index++;
    const sizeLg2 = sizesLg2[index];
    const tableLg2 = itemSizeLg2(this.configuration, levelOfSize(this.configuration, sizeLg2) + 1);
    let stop = smaller(end, roundUp(iova + 1n, tableLg2));
    if (index + 1 < sizesLg2.length) {
      // A larger size may apply from its next boundary on.
      const boundary = roundUp(iova, sizesLg2[index + 1]);
      if (boundary < stop && fits(iova ^ pa, end - boundary, sizesLg2[index + 1])) stop = boundary;
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
  #mapStretch(wanted: Run, replaced: Range[]): { readonly code: Code; readonly count: bigint } {
    const { iova, sizeLg2 } = wanted;
    const leafLevel = levelOfSize(this.configuration, sizeLg2);
    const end = endOf(wanted);
    const next = this.#leaves.atOrAfter(iova);
    if (next !== undefined && next.iova <= iova) return { code: "ADDRESS_IN_USE", count: 0n };
    let live = leafLevel;
    while (live < this.topLevel && !this.tables.has(live, iova)) live++;
    while (live > leafLevel) {
      if (!this.#allocate()) return { code: "OUT_OF_MEMORY", count: 0n };
      this.tables.add(--live, iova);
    }
    // Items are checked and emptied one by one, so those before the first occupied one lose their subtrees.
    const itemLg2 = BigInt(itemSizeLg2(this.configuration, leafLevel));
    const free = smaller(end, next?.iova ?? end);
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
    if (this.#rangeCode(iova, length) !== "OK") return iova;
    let at = iova;
    while (at < iova + length) {
      const run = this.#leaves.atOrAfter(at);
      if (run === undefined || run.iova > at || !isMultiple(at - run.iova, run.sizeLg2)) break;
      const end = smaller(endOf(run), run.iova + roundUp(iova + length - run.iova, run.sizeLg2));
      this.#leaves.remove(at, (end - at) >> BigInt(run.sizeLg2));
      at = end;
    }
    for (const entry of this.dirty) if (entry >= iova && entry < at) this.dirty.delete(entry);
    return at;
  }

  #unmap(op: "unmap" | "unmapGathered", iova: bigint, length: bigint): Outcome {
    const end = this.#removeLeaves(iova, length);
    if (end === iova) return { op, removedBytes: 0n, invalidated: [] };
    const range: Range = this.configuration.gather === "queued" ? EVERYTHING : [iova, end - 1n];
    const removedTables = this.tables.removeWithin(this.topLevel, iova, end).length;
    let invalidated: readonly Range[] = [range];
    if (op === "unmapGathered") {
      const pieces = this.#collect(
        this.pendingInvalidation === undefined ? [range] : [this.pendingInvalidation, range],
      );
      invalidated = pieces.length > 1 ? this.#sync() : [];
      this.pendingInvalidation = pieces[pieces.length - 1];
      this.quarantinedTableCount += removedTables;
    }
    return { op, removedBytes: end - iova, invalidated };
  }

  #sync(): readonly Range[] {
    const invalidated = this.pendingInvalidation === undefined ? [] : [this.pendingInvalidation];
    this.pendingInvalidation = undefined;
    this.quarantinedTableCount = 0;
    return invalidated;
  }

  /** What a gather makes of ranges: one that covers all, or, without gaps, the pieces that neither meet nor touch. */
  #collect(ranges: readonly Range[]): readonly Range[] {
    const pieces: Range[] = [];
    for (const range of ranges) {
      const last = pieces.pop() ?? range;
      const apart = range[0] > last[1] + 1n || range[1] + 1n < last[0];
      if (apart && this.configuration.gather === "no-gaps") pieces.push(last, range);
      else pieces.push([smaller(last[0], range[0]), larger(last[1], range[1])]);
    }
    return pieces;
  }

  #setDirty(iova: bigint): Code {
    if (!tracksDirty(this.configuration)) return "NOT_SUPPORTED";
    if (this.#rangeCode(iova, 1n) !== "OK") return "IOVA_OUT_OF_RANGE";
    const leaf = this.#leaves.at(iova);
    if (leaf === undefined) return "NOT_MAPPED";
    this.dirty.add(leaf.iova);
    return "OK";
  }

  #readAndClearDirty(iova: bigint, length: bigint, clear: boolean): Outcome {
    const code = tracksDirty(this.configuration) ? this.#rangeCode(iova, length) : "NOT_SUPPORTED";
    if (code !== "OK") return { op: "readAndClearDirty", code, dirty: [], invalidated: [] };
    const end = iova + length;
    // An entry that begins before the range may stick into it.
    const start = this.#leaves.at(iova)?.iova ?? iova;
    const written = ascending([...this.dirty].filter((entry) => entry >= start && entry < end));
    const leaves = written.flatMap((first) => this.#leaves.at(first) ?? []);
    const entries = leaves.map((leaf): Range => [leaf.iova, endOf(leaf) - 1n]);
    const dirty = entries.map(([first, last]) => {
      const from = clear ? first : larger(first, iova);
      return { iova: from, length: (clear ? last + 1n : smaller(last + 1n, end)) - from };
    });
    for (const [first] of entries) if (clear) this.dirty.delete(first);
    const isAll = clear && entries.length > 0 && this.configuration.gather === "queued";
    const invalidated = isAll ? [EVERYTHING] : this.#collect(clear ? entries : []);
    return { op: "readAndClearDirty", code, dirty, invalidated };
  }

  #entries(iova: bigint, length: bigint): EntryFacts[] {
    const entries: EntryFacts[] = [];
    if (length === 0n || iova + length - 1n > LAST_ADDRESS) return entries;
    for (const run of this.runs) {
      const size = BigInt(run.sizeLg2);
      const from = run.iova < iova ? (iova - run.iova) >> size : 0n;
      for (let i = from; i < run.count && run.iova + (i << size) < iova + length; i++) {
        const { iova: start, pa, sizeLg2, prot } = slice(run, i, 1n);
        const { read, write } = permissionsOf(prot);
        entries.push({ iova: start, sizeLg2, pa, read, write, dirty: this.dirty.has(start) });
      }
    }
    return entries;
  }
}
