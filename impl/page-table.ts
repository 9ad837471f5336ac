/** The public face of a page table: bigint addresses, errors that are thrown, arguments checked once. */

import {
  ALL,
  badArgument,
  checkRange,
  checkRuns,
  checkUint64,
  difference,
  hex,
  rangeStatus,
  rootWordAt,
} from "./arguments.js";
import { mapBatch, unmapBatch } from "./engine/batch.js";
import { destroy } from "./engine/collect.js";
import { Cursor } from "./engine/cursor.js";
import { cut } from "./engine/cut.js";
import { setDirty } from "./engine/dirty.js";
import { Domain } from "./engine/domain.js";
import { below } from "./engine/geometry.js";
import { lookup } from "./engine/lookup.js";
import { map } from "./engine/map.js";
import { settleEdges } from "./engine/partial-unmap.js";
import { resize } from "./engine/resize.js";
import { trim } from "./engine/trim.js";
import { unmap } from "./engine/unmap.js";
import { entriesBetween, halvesOf, missedOf } from "./entry.js";
import { PageTableError, Status } from "./errors.js";
import { handOver } from "./hand-over.js";
import { Gather, GatherPolicy, type InvalidateWords } from "./memory/gather.js";
import type { PhysicalRuns } from "./memory/physical-runs.js";
import { NO_FRAME, type TableMemory } from "./memory/table-memory.js";
import { type CommonOptions, domainSettings, type GatherPolicyName } from "./options.js";
import {
  hardwareInfoOf,
  invalidationOf,
  NOT_FOR_THREADS,
  policyOf,
  refusal,
  topCellOf,
} from "./page-table-set-up.js";
import type {
  AddressRange,
  DirtyOptions,
  Entry,
  ExistingTables,
  HardwareInfo,
  ResizeOptions,
  SharedTables,
} from "./page-table-types.js";
import { type Report, readAndClearRange } from "./read-and-clear.js";
import { granuleLg2, name } from "./stamp/format.js";
import { refreshTop, threads } from "./stamp/variant.js";
import { fromWords, highOf, lowOf, pair, toWords } from "./words.js";

/**
 * A page table of one format. Addresses and lengths are unsigned 64-bit bigints; ranges must be kept disjoint
 * between callers that run at the same time.
 */
export class PageTable {
  /** The page sizes in use, bit n for 2^n bytes. */
  readonly pageSizes: bigint;
  readonly memory: TableMemory;
  readonly #options: CommonOptions;
  readonly #domain: Domain;
  readonly #cursor: Cursor;
  readonly #invalidation: InvalidateWords;
  readonly #policy: GatherPolicy;
  /** For what `map` replaces, and for calls that bring no gather: always synced before they return. */
  readonly #mapGather: Gather;
  readonly #ownGather: Gather;

  #unmappedBytes = 0n;

  /** @internal Use the format's `create` or `open`. */
  constructor(options: CommonOptions, existing?: ExistingTables) {
    const { settings, topLevel } = domainSettings(options);
    this.#options = options;
    this.memory = settings.memory;
    this.pageSizes = fromWords(settings.sizesLow, settings.sizesHigh);
    this.#domain = new Domain(settings);
    this.#cursor = new Cursor(this.#domain);
    this.#invalidation = invalidationOf(options);
    this.#policy = policyOf(options.gather ?? "range");
    const mapPolicy = this.#policy === GatherPolicy.Queued ? GatherPolicy.Range : this.#policy;
    this.#mapGather = new Gather(this.memory, this.#invalidation, mapPolicy);
    this.#ownGather = new Gather(this.memory, this.#invalidation, this.#policy);
    if (threads) this.#domain.topCell = topCellOf(this.memory, existing);
    else if (existing?.top !== undefined) throw new PageTableError("INVALID_OPTION", NOT_FOR_THREADS);
    if (existing?.top !== undefined) {
      this.#checkAlive();
      return;
    }
    const frameLg2 = Math.max(this.#domain.rootFrameLg2(topLevel), this.memory.smallestFrameLg2);
    const root =
      existing === undefined
        ? this.#domain.allocateFrame(frameLg2)
        : rootWordAt(this.memory, existing.root, frameLg2);
    if (root === NO_FRAME) throw new PageTableError("OUT_OF_MEMORY", "no frame for the root");
    this.#domain.setTop(root, topLevel);
  }

  get format(): string {
    return name;
  }

  /** The level of the root now. */
  get topLevel(): number {
    refreshTop(this.#domain);
    return this.#domain.topLevel;
  }

  /** log2 of the smallest page of the format. */
  get granuleLg2(): number {
    return granuleLg2;
  }

  /** What the last `map` or `tryMap` mapped, in bytes. */
  get mappedBytes(): bigint {
    const domain = this.#domain;
    return difference(domain.mapEndLow, domain.mapEndHigh, domain.mapFromLow, domain.mapFromHigh);
  }

  /**
   * Maps `[iova, iova + lengthBytes)` to `[pa, …)` with the largest pages that alignment and `pageSizes` allow.
   * @param prot bits of `Prot`; at least read or write.
   * @param pageSizes narrows the table's page sizes for this call.
   * @throws PageTableError; what was mapped before the refusal stays mapped and is its `mappedBytes`.
   */
  map(iova: bigint, pa: bigint, lengthBytes: bigint, prot: number, pageSizes?: bigint): void {
    const status = this.tryMap(iova, pa, lengthBytes, prot, pageSizes);
    if (status !== Status.OK) this.#fail(status, `map of ${hex(iova)}`, this.mappedBytes);
  }

  /** As `map`, but returns a status: `Status.OK`, or why it stopped. Wrong types still throw. */
  tryMap(iova: bigint, pa: bigint, lengthBytes: bigint, prot: number, pageSizes?: bigint): Status {
    const domain = this.#domain;
    refreshTop(domain);
    if (domain.top < 0) throw new PageTableError("DESTROYED");
    if (!toWords(iova)) badArgument("iova", iova);
    const iovaLow = pair[0];
    const iovaHigh = pair[1];
    if (!toWords(pa)) badArgument("pa", pa);
    const paLow = pair[0];
    const paHigh = pair[1];
    if (!toWords(lengthBytes)) badArgument("lengthBytes", lengthBytes);
    const lengthLow = pair[0];
    const lengthHigh = pair[1];
    if (typeof prot !== "number" || (prot | 0) !== prot) badArgument("prot", prot);
    if (pageSizes !== undefined) this.#allowSizes(pageSizes);
    domain.mapFromLow = iovaLow;
    domain.mapFromHigh = iovaHigh;
    const gather = this.#mapGather;
    try {
      return map(domain, iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, prot, gather);
    } finally {
      // Also when the user's `invalidate` threw.
      domain.mapEndLow = domain.resultLow;
      domain.mapEndHigh = domain.resultHigh;
      if (pageSizes !== undefined) domain.allowSizes(domain.settings.sizesLow, domain.settings.sizesHigh);
    }
  }

  /**
   * Maps physical runs one behind the other from `iova` on, each as `map` would.
   * @throws PageTableError; what was mapped before the refusal stays mapped and is its `mappedBytes`.
   */
  mapRuns(iova: bigint, runs: PhysicalRuns, prot: number): void {
    const domain = this.#domain;
    this.#checkAlive();
    checkUint64("iova", iova);
    checkRuns(runs);
    if (typeof prot !== "number" || (prot | 0) !== prot) badArgument("prot", prot);
    domain.mapFromLow = lowOf(iova);
    domain.mapFromHigh = highOf(iova);
    let status: Status;
    try {
      status = mapBatch(domain, domain.mapFromLow, domain.mapFromHigh, runs, prot, this.#mapGather);
    } finally {
      domain.mapEndLow = domain.resultLow;
      domain.mapEndHigh = domain.resultHigh;
    }
    if (status !== Status.OK) this.#fail(status, `map of runs at ${hex(iova)}`, this.mappedBytes);
  }

  /**
   * Unmaps from `iova` on as `unmap` does, and adds to `runs` where it led, until there is no room for more: then go
   * on at `iova` plus what was removed, which is returned.
   */
  unmapRuns(iova: bigint, lengthBytes: bigint, runs: PhysicalRuns, gather?: Gather): bigint {
    checkRuns(runs);
    const status = this.#unmap(iova, lengthBytes, gather, runs);
    if (status !== Status.OK) this.#fail(status, `unmap of runs at ${hex(iova)}`);
    return this.#unmapped();
  }

  /**
   * Unmaps from `iova` on, up to the end of the range or the first hole, and returns how many bytes were removed:
   * an end inside an entry removes the whole entry, a start inside one removes nothing, unless `partialUnmap` says
   * otherwise.
   * @throws PageTableError MISALIGNED, OUT_OF_MEMORY or PARTIAL_ENTRY for a part of an entry that `partialUnmap` cuts or
   * refuses; nothing was changed then.
   * @param gather collects the invalidation; without one, it is done before the call returns.
   */
  unmap(iova: bigint, lengthBytes: bigint, gather?: Gather): bigint {
    const status = this.#unmap(iova, lengthBytes, gather);
    if (status !== Status.OK) this.#fail(status, `unmap of ${hex(iova)}`);
    return this.#unmapped();
  }

  /** As `unmap`, but returns a status; how much was removed is `unmappedBytes`. */
  tryUnmap(iova: bigint, lengthBytes: bigint, gather?: Gather): Status {
    const status = this.#unmap(iova, lengthBytes, gather);
    this.#unmappedBytes = this.#unmapped();
    return status;
  }

  /** What the last `tryUnmap` removed, in bytes. */
  get unmappedBytes(): bigint {
    return this.#unmappedBytes;
  }

  #unmapped(): bigint {
    const domain = this.#domain;
    if (!domain.resultAny) return 0n;
    return difference(domain.resultLow, domain.resultHigh, domain.unmapFromLow, domain.unmapFromHigh) || ALL;
  }

  #unmap(iova: bigint, lengthBytes: bigint, gather: Gather | undefined, runs?: PhysicalRuns): Status {
    const domain = this.#domain;
    refreshTop(domain);
    if (domain.top < 0) throw new PageTableError("DESTROYED");
    if (!toWords(iova)) badArgument("iova", iova);
    const firstLow = pair[0];
    const firstHigh = pair[1];
    domain.unmapFromLow = firstLow;
    domain.unmapFromHigh = firstHigh;
    domain.resultAny = false;
    // All 2^64 bytes are a length too; as words it is 0, and one less than that is right again.
    const all = !toWords(lengthBytes);
    if (all && lengthBytes !== ALL) badArgument("lengthBytes", lengthBytes);
    const lengthLow = all ? 0 : pair[0];
    const lengthHigh = all ? 0 : pair[1];
    if ((lengthLow | lengthHigh) === 0 && !all) return Status.OK;
    const beforeLow = (lengthLow - 1) | 0;
    const beforeHigh = lengthLow === 0 ? (lengthHigh - 1) | 0 : lengthHigh;
    const lastLow = (firstLow + beforeLow) | 0;
    const lastHigh = (firstHigh + beforeHigh + (lastLow >>> 0 < firstLow >>> 0 ? 1 : 0)) | 0;
    if (below(lastLow, lastHigh, firstLow, firstHigh)) return Status.OK;
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    if (domain.settlesEdges) {
      const cursor = this.#cursor;
      const breaking = this.#mapGather;
      const edges = settleEdges(domain, cursor, firstLow, firstHigh, lastLow, lastHigh, into, breaking);
      if (edges !== Status.OK) return edges;
    }
    if (runs === undefined) unmap(domain, firstLow, firstHigh, lastLow, lastHigh, into);
    else unmapBatch(domain, this.#cursor, firstLow, firstHigh, lastLow, lastHigh, runs, into);
    if (gather === undefined) into.sync();
    return Status.OK;
  }

  /** The output address of one input address, or undefined where nothing is mapped. */
  lookup(iova: bigint): bigint | undefined {
    const domain = this.#domain;
    refreshTop(domain);
    if (domain.top < 0) throw new PageTableError("DESTROYED");
    if (!toWords(iova)) badArgument("iova", iova);
    if (!lookup(domain, pair[0], pair[1])) return undefined;
    return fromWords(domain.resultLow, domain.resultHigh);
  }

  /** The leaf entries that touch a range, in order; by default all. */
  *entries(iova = 0n, lengthBytes = ALL - iova): Generator<Entry, void, undefined> {
    this.#checkAlive();
    checkRange(iova, lengthBytes);
    const last = iova + lengthBytes - 1n;
    if (lengthBytes === 0n || last >= ALL) return;
    for (const [first, end] of halvesOf(this.#domain)) {
      if (iova > end || last < first) continue;
      yield* entriesBetween(this.#domain, iova > first ? iova : first, last < end ? last : end);
    }
  }

  /**
   * Reports every dirty entry that touches the range to `onDirty`. With `clear`, entries are cleaned and reported
   * whole, even where they stick out of the range; without, the part inside the range is reported.
   * @throws PageTableError NOT_SUPPORTED where the format does not track dirty state.
   */
  readAndClearDirty(iova: bigint, lengthBytes: bigint, onDirty: Report, options: DirtyOptions = {}): void {
    const status = this.#readAndClear(false, iova, lengthBytes, onDirty, options);
    if (status !== Status.OK) this.#fail(status, `dirty state of ${hex(iova)}`);
  }

  /**
   * As `readAndClearDirty`, of every entry that a device used in any way. Fresh entries of formats without such
   * hardware everywhere (x86, RISC-V, ARM) begin accessed.
   * @throws PageTableError NOT_SUPPORTED where no hardware sets the bit, or `accessedTracking` is not set (RISC-V, ARM).
   */
  readAndClearAccessed(iova: bigint, lengthBytes: bigint, onUse: Report, options: DirtyOptions = {}): void {
    const status = this.#readAndClear(true, iova, lengthBytes, onUse, options);
    if (status !== Status.OK) this.#fail(status, `accessed state of ${hex(iova)}`);
  }

  #readAndClear(
    ofAccesses: boolean,
    iova: bigint,
    bytes: bigint,
    report: Report,
    { clear = true, gather }: DirtyOptions,
  ): Status {
    this.#checkAlive();
    checkRange(iova, bytes);
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    try {
      return readAndClearRange(this.#domain, this.#cursor, ofAccesses, iova, bytes, clear, into, report);
    } finally {
      // What was cleared before `report` threw must be invalidated, or what comes later would go unseen.
      if (gather === undefined) into.sync();
    }
  }

  /** Marks the one page item that translates an address dirty, as a device's write would. */
  setDirty(iova: bigint): void {
    this.#checkAlive();
    checkUint64("iova", iova);
    const status = setDirty(this.#domain, this.#cursor, lowOf(iova), highOf(iova));
    if (status !== Status.OK) this.#fail(status, `setDirty of ${hex(iova)}`);
  }

  /**
   * Makes an address the first of an entry: the entry that lies across it is replaced by smaller ones, of the largest
   * sizes that fit, which translate, permit and are dirty as it was. No address loses its translation, except where
   * the hardware must not see an item change its size (see `toleratesSizeChange`).
   * @param gather collects the invalidation of the entry; without one, it is done before the call returns.
   * @returns what had no translation for a moment, which was invalidated then.
   * @throws PageTableError; nothing was changed then. MISALIGNED: no page can begin there.
   */
  cut(iova: bigint, gather?: Gather): readonly AddressRange[] {
    const status = this.tryCut(iova, gather);
    if (status !== Status.OK) this.#fail(status, `cut at ${hex(iova)}`);
    return this.missed;
  }

  /** As `cut`, but returns a status. */
  tryCut(iova: bigint, gather?: Gather): Status {
    this.#checkAlive();
    checkUint64("iova", iova);
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    const status = cut(this.#domain, this.#cursor, lowOf(iova), highOf(iova), into, this.#mapGather);
    if (gather === undefined) into.sync();
    return status;
  }

  /**
   * Changes the sizes of a range's entries: those that touch it and are larger than `2^largestLg2` bytes are replaced
   * by ones that are not, and those inside it are merged into the largest ones, up to that size, that alignment,
   * attributes and `pageSizes` allow. Only equally dirty ones are merged, so that dirty state is neither lost nor
   * invented; a merged entry was accessed if any of its parts was. As with `cut`, no address loses its translation.
   * @returns what had no translation for a moment, as with `cut`.
   * @throws PageTableError; nothing was changed then. MISALIGNED: there is no page so small.
   */
  resize(iova: bigint, lengthBytes: bigint, options: ResizeOptions = {}): readonly AddressRange[] {
    const status = this.tryResize(iova, lengthBytes, options);
    if (status !== Status.OK) this.#fail(status, `resize of ${hex(iova)}`);
    return this.missed;
  }

  /** As `resize`, but returns a status. */
  tryResize(iova: bigint, lengthBytes: bigint, { largestLg2 = 63, gather }: ResizeOptions = {}): Status {
    this.#checkAlive();
    checkRange(iova, lengthBytes);
    if (!Number.isInteger(largestLg2) || largestLg2 < 0 || largestLg2 > 63)
      badArgument("largestLg2", largestLg2);
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    const last = iova + lengthBytes - 1n;
    try {
      return resize(
        this.#domain,
        this.#cursor,
        lowOf(iova),
        highOf(iova),
        lowOf(last),
        highOf(last),
        largestLg2,
        rangeStatus(lengthBytes, last),
        into,
        this.#mapGather,
      );
    } finally {
      if (gather === undefined) into.sync();
    }
  }

  /**
   * Frees every table below which nothing is mapped and that spans only addresses of the range; by default, of all.
   * The root stays. Returns how many.
   * @param gather collects the invalidation and the frames; without one, it is done before the call returns.
   */
  trim(iova?: bigint, lengthBytes?: bigint, gather?: Gather): number {
    const last = iova === undefined ? 0n : iova + (lengthBytes ?? ALL - iova) - 1n;
    let tables = 0;
    for (const [from, to] of iova === undefined ? halvesOf(this.#domain) : [[iova, last] as const]) {
      const status = this.tryTrim(from, to - from + 1n, gather);
      if (status !== Status.OK) this.#fail(status, `trim of ${hex(from)}`);
      tables += this.trimmedTables;
    }
    return tables;
  }

  /** As `trim` of a range, but returns a status. */
  tryTrim(iova: bigint, lengthBytes: bigint, gather?: Gather): Status {
    this.#checkAlive();
    checkRange(iova, lengthBytes);
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    const last = iova + lengthBytes - 1n;
    const range = rangeStatus(lengthBytes, last);
    const domain = this.#domain;
    const status = trim(domain, lowOf(iova), highOf(iova), lowOf(last), highOf(last), range, into);
    if (gather === undefined) into.sync();
    return status;
  }

  /** How many tables the last `tryTrim` freed. */
  get trimmedTables(): number {
    return this.#domain.trimmedTables;
  }

  /** What had no translation for a moment in the last `cut` or `resize`, entry by entry. */
  get missed(): readonly AddressRange[] {
    return missedOf(this.#domain);
  }

  /** A gather for this table's unmaps; its `sync` invalidates what is pending and frees the tables. */
  createGather(policy?: GatherPolicyName): Gather {
    const chosen = policy === undefined ? this.#policy : policyOf(policy);
    return new Gather(this.memory, this.#invalidation, chosen);
  }

  hwInfo(): HardwareInfo {
    this.#checkAlive();
    return hardwareInfoOf(this.#domain);
  }

  /**
   * What another thread needs to open these tables, with the same options, in the memory that it attached to.
   * @throws PageTableError INVALID_ARGUMENT where the table is not one of `genpt/shared`.
   */
  share(): SharedTables {
    this.#checkAlive();
    if (!threads) throw new PageTableError("INVALID_ARGUMENT", NOT_FOR_THREADS);
    return { root: this.memory.addressOf(this.#domain.rootWord), top: this.#domain.topCell.buffer };
  }

  /**
   * Freezes the table for another process: all that the format's `adopt` needs, beside the memory's contents. The
   * table cannot be used here afterwards; the hardware may go on walking it.
   * @throws PageTableError INVALID_ARGUMENT while frames wait for an invalidation, and for tables of `genpt/shared`.
   */
  handOver(): string {
    this.#checkAlive();
    return handOver(this.#domain, this.#options);
  }

  /** Frees every table. The hardware must have let go of them; the table cannot be used afterwards. */
  destroy(): void {
    this.#checkAlive();
    destroy(this.#domain);
  }

  #allowSizes(pageSizes: bigint): void {
    checkUint64("pageSizes", pageSizes);
    const { sizesLow, sizesHigh } = this.#domain.settings;
    this.#domain.allowSizes(sizesLow & lowOf(pageSizes), sizesHigh & highOf(pageSizes));
  }

  /** A gather of another memory would take frames that it cannot free. */
  #checkGather(gather: unknown): void {
    if (gather instanceof Gather && gather.isFor(this.memory)) return;
    throw new PageTableError("INVALID_ARGUMENT", "gather: one that a table in the same memory created");
  }

  #checkAlive(): void {
    refreshTop(this.#domain);
    if (this.#domain.top < 0) throw new PageTableError("DESTROYED");
  }

  #fail(status: Status, what: string, mappedBytes = 0n): never {
    throw refusal(status, what, mappedBytes);
  }
}
