/**
 * A domain: what a set of devices sees of memory, over the tables of one vendor.
 *
 * Requests of any length are cut into the largest pages that every IOMMU of the domain has. Nothing here flushes on
 * its own: what a call owes is ORed into the caller's `PendingFlush`, for only the caller knows when it has all of
 * it. The exceptions are the two `legacy` calls, which own their flush, and a request of several pages that fails.
 *
 * Frame numbers and counts of pages are safe integers from 0 on, in units of 4 KiB.
 */
import { PageTableError, Status, statusCode } from "../errors.js";
import { mappingOrder } from "./chunks.js";
import { FlushFlag, type PendingFlush } from "./flush.js";
import { type DomainOptions, type DomainSettings, domainSettings } from "./options.js";
import type { FrameRange } from "./range-set.js";
import { Access, type DomainPaging, type MappedPage } from "./vendor.js";

/** A long request is asked whether it should stop at every so many pages of whatever size. */
const PREEMPTION_LG2 = 12;
const BETWEEN_QUESTIONS = (1 << PREEMPTION_LG2) - 1;

export class IommuDomain {
  /** Pages that the last `tryMap` or `tryUnmap` got done, when it was not refused. */
  donePages = 0;

  readonly #settings: DomainSettings;
  readonly #orders: readonly number[];
  /** What translates while the domain lives and has tables of its own. */
  #paging: DomainPaging | undefined;
  #isDying = false;
  #isCrashed = false;
  /** The mapping lock: the content of the tables changes. */
  #isMapping = false;
  /** What legacy calls owe while a batch is open. */
  #batch: PendingFlush | undefined;

  constructor(options: DomainOptions) {
    this.#settings = domainSettings(options);
    this.#orders = this.#settings.orders;
    this.#paging = this.#settings.paging;
  }

  get id(): number {
    return this.#settings.id;
  }

  get isHardware(): boolean {
    return this.#settings.isHardware;
  }

  /** The hardware domain alone: its devices reach only its own memory. */
  get isStrict(): boolean {
    return this.#settings.isStrict;
  }

  /** Whether tables here must follow what becomes of the domain's memory. */
  get needsSync(): boolean {
    const { translatedBy, isHardware, isStrict } = this.#settings;
    return translatedBy === "own-tables" && (!isHardware || isStrict);
  }

  /** It is being destroyed: new mappings are dropped without a word. */
  get isDying(): boolean {
    return this.#isDying;
  }

  /** A request of it failed, so that nobody knows what its devices see: its owner stops it. */
  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  /** Orders of the pages in use, ascending. */
  get orders(): readonly number[] {
    return this.#orders;
  }

  /** Page tables in use; 0 where the domain has none of its own. */
  get tableCount(): number {
    return this.#paging?.tableCount ?? 0;
  }

  /** Superpages that a table replaced. */
  get shatters(): number {
    return this.#settings.paging?.shatters ?? 0;
  }

  /** Tables that a superpage replaced, or that were found empty and taken out. */
  get coalesces(): number {
    return this.#settings.paging?.coalesces ?? 0;
  }

  /**
   * Maps `pages` pages from `dfn` on to `mfn` on, replacing what is there. On an error nothing of the call stays
   * mapped, and the domain is crashed unless it is the hardware domain.
   * @param access bits of `Access`, at least one.
   * @param mayPreempt whether the call may stop before the end, when `shouldPreempt` says so. What failed then
   *   concerns only the pages of the call that failed.
   * @returns how many pages are done: all, or fewer where the call was preempted; go on from there.
   * @throws PageTableError with the code of what was refused.
   */
  map(
    dfn: number,
    mfn: number,
    pages: number,
    access: number,
    flush: PendingFlush,
    mayPreempt = false,
  ): number {
    this.#must(this.tryMap(dfn, mfn, pages, access, flush, mayPreempt));
    return this.donePages;
  }

  /** As `map`, with the reason of a refusal as a status, and what is done in `donePages`. */
  tryMap(
    dfn: number,
    mfn: number,
    pages: number,
    access: number,
    flush: PendingFlush,
    mayPreempt = false,
  ): Status {
    this.donePages = 0;
    if (!isRange(dfn, pages) || !isRange(mfn, pages)) return Status.INVALID_ARGUMENT;
    if (access === 0) return Status.NO_PERMISSION;
    if (access !== Access.read && access !== Access.write && access !== (Access.read | Access.write)) {
      return Status.INVALID_ARGUMENT;
    }
    this.donePages = pages;
    const paging = this.#paging;
    if (paging === undefined || this.#isDying) return Status.OK;
    return this.#map(paging, dfn, mfn, pages, access, flush, mayPreempt);
  }

  /**
   * Unmaps `pages` pages from `dfn` on; that nothing is there is no error. After an error the domain is crashed and
   * the rest stays, but the hardware domain goes on to the end and hears of the first error then.
   * @returns how many pages are done; see `map`.
   */
  unmap(dfn: number, pages: number, flush: PendingFlush, mayPreempt = false): number {
    this.#must(this.tryUnmap(dfn, pages, flush, mayPreempt));
    return this.donePages;
  }

  /** As `unmap`, with the reason of a refusal as a status, and what is done in `donePages`. */
  tryUnmap(dfn: number, pages: number, flush: PendingFlush, mayPreempt = false): Status {
    this.donePages = 0;
    if (!isRange(dfn, pages)) return Status.INVALID_ARGUMENT;
    this.donePages = pages;
    const paging = this.#paging;
    if (paging === undefined) return Status.OK;
    return this.#unmap(paging, dfn, pages, flush, mayPreempt);
  }

  /** What a device finds at a page. Undefined: nothing. Of other tables than the domain's own nothing is known here. */
  lookup(dfn: number): MappedPage | undefined {
    if (!isRange(dfn, 1)) this.#must(Status.INVALID_ARGUMENT);
    if (this.#settings.paging === undefined)
      throw new PageTableError("NOT_SUPPORTED", "no tables of its own");
    return this.#paging?.lookupPage(dfn);
  }

  /** `map`, and then the flush that it owes, unless a batch is open. */
  legacyMap(dfn: number, mfn: number, pages: number, access: number): void {
    const owed = { flags: 0 };
    this.map(dfn, mfn, pages, access, owed);
    this.#must(this.#flushOrDefer(dfn, pages, owed.flags));
  }

  /** `unmap`, and then the flush that it owes, unless a batch is open. */
  legacyUnmap(dfn: number, pages: number): void {
    const owed = { flags: 0 };
    this.unmap(dfn, pages, owed);
    this.#must(this.#flushOrDefer(dfn, pages, owed.flags));
  }

  /** From here on legacy calls flush nothing, until `endBatch` flushes for all of them. */
  beginBatch(): void {
    if (this.#batch !== undefined) throw new PageTableError("INVALID_ARGUMENT", "a batch is open already");
    this.#batch = { flags: 0 };
  }

  /** Flushes what the batch owes: these ranges, or everything where a table left the tree meanwhile. */
  endBatch(ranges: readonly FrameRange[]): Status {
    if (this.#batch === undefined) throw new PageTableError("INVALID_ARGUMENT", "no batch is open");
    const owed = this.#batch.flags;
    this.#batch = undefined;
    // Deployed code forgets what its calls owed and flushes each range as modified: a table that left the tree
    // stays in the walk caches.
    const flags = this.#settings.compat ? FlushFlag.modified : owed;
    if ((flags & FlushFlag.all) !== 0) return this.flushAll(flags);
    let first: Status = Status.OK;
    for (const range of ranges) {
      const status = this.flush(range.first, range.last - range.first + 1, flags);
      if (first === Status.OK) first = status;
    }
    return first;
  }

  /** Makes the hardware forget what `flags` say of a range. Nothing to flush is no command. */
  flush(dfn: number, pages: number, flags: number): Status {
    if (!isRange(dfn, pages)) return Status.INVALID_ARGUMENT;
    if (pages === 0) return Status.OK;
    return this.#flush(dfn, pages, flags);
  }

  /** Makes the hardware forget everything of the domain, if `flags` say that anything changed. */
  flushAll(flags: number): Status {
    return flags === 0 ? Status.OK : this.#flush(0, 0, flags | FlushFlag.all);
  }

  /** From here on new mappings are dropped. */
  die(): void {
    this.#isDying = true;
  }

  /** Frees the tables. Those that wait in a CPU's queue are not among them, and come free from there. */
  destroy(): void {
    this.#checkUnlocked();
    this.die();
    const paging = this.#paging;
    // Whoever comes from here on finds no root.
    this.#paging = undefined;
    paging?.destroy();
  }

  #map(
    paging: DomainPaging,
    dfn: number,
    mfn: number,
    pages: number,
    access: number,
    flush: PendingFlush,
    mayPreempt: boolean,
  ): Status {
    const orders = this.#orders;
    let done = 0;
    for (let chunk = 1; done < pages; chunk++) {
      if (mayPreempt && (chunk & BETWEEN_QUESTIONS) === 0 && this.#settings.shouldPreempt()) break;
      const order = mappingOrder(orders, dfn + done, mfn + done, pages - done);
      this.#lock();
      let status: Status;
      try {
        status = paging.mapPage(dfn + done, mfn + done, order, access, flush);
      } finally {
        this.#isMapping = false;
      }
      if (status !== Status.OK) {
        this.#report("map", dfn + done, order, status);
        if (done > 0) this.#unmap(paging, dfn, done, flush, false);
        this.donePages = 0;
        this.#crash();
        this.#flushAfterError(pages, flush);
        return status;
      }
      done += 1 << order;
    }
    this.donePages = done;
    return Status.OK;
  }

  #unmap(paging: DomainPaging, dfn: number, pages: number, flush: PendingFlush, mayPreempt: boolean): Status {
    const orders = this.#orders;
    let first: Status = Status.OK;
    let done = 0;
    for (let chunk = 1; done < pages; chunk++) {
      if (mayPreempt && (chunk & BETWEEN_QUESTIONS) === 0 && this.#settings.shouldPreempt()) break;
      const order = mappingOrder(orders, dfn + done, 0, pages - done);
      this.#lock();
      let status: Status;
      try {
        status = paging.unmapPage(dfn + done, order, flush);
      } finally {
        this.#isMapping = false;
      }
      if (status !== Status.OK) {
        this.#report("unmap", dfn + done, order, status);
        if (first === Status.OK) first = status;
        this.#crash();
        if (!this.isHardware) break;
      }
      done += 1 << order;
    }
    this.donePages = done;
    if (first !== Status.OK) this.#flushAfterError(pages, flush);
    return first;
  }

  /** Who asked for several pages cannot tell what to flush, so everything is; one page is left to its caller. */
  #flushAfterError(pages: number, flush: PendingFlush): void {
    if (pages > 1 && this.flushAll(flush.flags) === Status.OK) flush.flags = 0;
  }

  #flushOrDefer(dfn: number, pages: number, flags: number): Status {
    if (this.#batch === undefined) return this.flush(dfn, pages, flags);
    this.#batch.flags |= flags;
    return Status.OK;
  }

  #flush(dfn: number, pages: number, flags: number): Status {
    if (flags === 0 || this.#settings.paging === undefined) return Status.OK;
    this.#checkUnlocked();
    const status = this.#settings.flush.flush(dfn, pages, flags);
    if (status !== Status.OK) {
      this.#settings.log(
        `d${this.id}: IOMMU flush of ${pages} pages from ${hex(dfn)}: ${statusCode(status)}`,
      );
      this.#crash();
    }
    return status;
  }

  #lock(): void {
    this.#checkUnlocked();
    this.#isMapping = true;
  }

  #checkUnlocked(): void {
    if (this.#isMapping) throw new Error(`d${this.id}: called from inside a change of its tables`);
  }

  #report(what: string, dfn: number, order: number, status: Status): void {
    if (this.#isDying) return;
    this.#settings.log(`d${this.id}: IOMMU ${what} of ${hex(dfn)} order ${order}: ${statusCode(status)}`);
  }

  #crash(): void {
    if (!this.isHardware) this.#isCrashed = true;
  }

  #must(status: Status): void {
    const code = statusCode(status);
    if (code !== "OK") throw new PageTableError(code, `domain ${this.id}`);
  }
}

/** Frame numbers stay exact to the end of the range. */
function isRange(first: number, pages: number): boolean {
  return (
    Number.isSafeInteger(first) &&
    first >= 0 &&
    Number.isSafeInteger(pages) &&
    pages >= 0 &&
    Number.isSafeInteger(first + pages)
  );
}

function hex(dfn: number): string {
  return `0x${dfn.toString(16)}`;
}
