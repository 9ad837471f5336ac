/** The public face of a page table: bigint addresses, errors that are thrown, arguments checked once. */

import { destroy } from "./engine/collect.js";
import { Cursor } from "./engine/cursor.js";
import { readAndClearDirty, setDirty } from "./engine/dirty.js";
import { Domain } from "./engine/domain.js";
import { below } from "./engine/geometry.js";
import { lookup } from "./engine/lookup.js";
import { map } from "./engine/map.js";
import { unmap } from "./engine/unmap.js";
import { PageTableError, Status, statusCode } from "./errors.js";
import type { Registers } from "./formats/format.js";
import { Gather, GatherPolicy, type InvalidateWords } from "./memory/gather.js";
import { NO_FRAME, type TableMemory } from "./memory/table-memory.js";
import { type CommonOptions, domainSettings, type GatherPolicyName } from "./options.js";
import { granuleLg2, modeOf, name, registersOf } from "./stamp/format.js";
import { refreshTop, threads } from "./stamp/variant.js";
import { fromWords, highOf, isUint64, lowOf, pair, toWords } from "./words.js";

/** One leaf entry. */
export interface Entry {
  /** Its first input address. */
  readonly iova: bigint;
  readonly sizeLg2: number;
  /** The level of its items; 0 at the leaves. */
  readonly level: number;
  /** Its first output address. */
  readonly pa: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly dirty: boolean;
}

/** What a device table entry or a control register must say of the tables. */
export interface HardwareInfo {
  /** Physical address of the root table. */
  readonly root: bigint;
  /** The mode field as the architecture encodes it: DTE.Mode, AGAW, satp.MODE, T0SZ; levels for x86-64. */
  readonly mode: number;
  readonly topLevel: number;
  /** Every field of the registers or table entries that name the tables, as the manual calls them. */
  readonly registers: Registers;
}

/** Where a table stands that exists already. */
export interface ExistingTables {
  /** Physical address of the root table. */
  readonly root: bigint;
  /** The cell in which threads that share the tables publish root and top level; `share` gives it. */
  readonly top?: ArrayBufferLike | undefined;
}

/** Tables that threads share, as a message can carry it: made by `share`, taken by the format's `open`. */
export interface SharedTables extends ExistingTables {
  readonly top: ArrayBufferLike;
}

export interface DirtyOptions {
  /** Also clean what is reported. Default true. */
  readonly clear?: boolean | undefined;
  /** Takes the invalidation that cleaning needs. Default: it is done before the call returns. */
  readonly gather?: Gather | undefined;
}

const POLICIES: Record<GatherPolicyName, GatherPolicy> = {
  range: GatherPolicy.Range,
  "no-gaps": GatherPolicy.NoGaps,
  queued: GatherPolicy.Queued,
};

const ALL = 1n << 64n;

const NOT_FOR_THREADS = "share: only tables of `genpt/shared`, in a memory made with `shared: true`";

/**
 * A page table of one format. Addresses and lengths are unsigned 64-bit bigints; ranges must be kept disjoint
 * between callers that run at the same time.
 */
export class PageTable {
  /** The page sizes in use, bit n for 2^n bytes. */
  readonly pageSizes: bigint;
  readonly memory: TableMemory;
  readonly #domain: Domain;
  readonly #cursor: Cursor;
  readonly #invalidation: InvalidateWords;
  readonly #policy: GatherPolicy;
  /** For what `map` replaces, and for calls that bring no gather: always synced before they return. */
  readonly #mapGather: Gather;
  readonly #ownGather: Gather;

  /** @internal Use the format's `create` or `open`. */
  constructor(options: CommonOptions, existing?: ExistingTables) {
    const { settings, topLevel } = domainSettings(options);
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
      existing === undefined ? this.#domain.allocateFrame(frameLg2) : this.#rootAt(existing.root, frameLg2);
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
   * Unmaps from `iova` on, up to the end of the range or the first hole, and returns how many bytes were removed:
   * an end inside an entry removes the whole entry, a start inside one removes nothing.
   * @param gather collects the invalidation; without one, it is done before the call returns.
   */
  unmap(iova: bigint, lengthBytes: bigint, gather?: Gather): bigint {
    const domain = this.#domain;
    refreshTop(domain);
    if (domain.top < 0) throw new PageTableError("DESTROYED");
    if (!toWords(iova)) badArgument("iova", iova);
    const firstLow = pair[0];
    const firstHigh = pair[1];
    // All 2^64 bytes are a length too; as words it is 0, and one less than that is right again.
    const all = !toWords(lengthBytes);
    if (all && lengthBytes !== ALL) badArgument("lengthBytes", lengthBytes);
    const lengthLow = all ? 0 : pair[0];
    const lengthHigh = all ? 0 : pair[1];
    if ((lengthLow | lengthHigh) === 0 && !all) return 0n;
    const beforeLow = (lengthLow - 1) | 0;
    const beforeHigh = lengthLow === 0 ? (lengthHigh - 1) | 0 : lengthHigh;
    const lastLow = (firstLow + beforeLow) | 0;
    const lastHigh = (firstHigh + beforeHigh + (lastLow >>> 0 < firstLow >>> 0 ? 1 : 0)) | 0;
    if (below(lastLow, lastHigh, firstLow, firstHigh)) return 0n;
    if (gather !== undefined) this.#checkGather(gather);
    const into = gather ?? this.#ownGather;
    unmap(domain, firstLow, firstHigh, lastLow, lastHigh, into);
    if (!domain.resultAny) return 0n;
    if (gather === undefined) into.sync();
    return difference(domain.resultLow, domain.resultHigh, firstLow, firstHigh) || ALL;
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
    const lowerLast = fromWords(~this.#domain.vaBeyondLow, ~this.#domain.vaBeyondHigh);
    const isUpper = this.#domain.settings.upperHalf;
    if (!isUpper && iova <= lowerLast) yield* this.#entriesBetween(iova, last < lowerLast ? last : lowerLast);
    const upperFirst = ALL - 1n - lowerLast;
    if ((isUpper || this.#domain.signExtended) && last >= upperFirst) {
      yield* this.#entriesBetween(iova > upperFirst ? iova : upperFirst, last);
    }
  }

  *#entriesBetween(first: bigint, last: bigint): Generator<Entry, void, undefined> {
    const lastLow = lowOf(last);
    const lastHigh = highOf(last);
    const cursor = new Cursor(this.#domain);
    let found = cursor.seek(lowOf(first), highOf(first), lastLow, lastHigh);
    for (; found; found = cursor.advance(lastLow, lastHigh)) yield entryOf(cursor);
  }

  /**
   * Reports every dirty entry that touches the range to `onDirty`. With `clear`, entries are cleaned and reported
   * whole, even where they stick out of the range; without, the part inside the range is reported.
   * @throws PageTableError NOT_SUPPORTED where the format does not track dirty state.
   */
  readAndClearDirty(
    iova: bigint,
    lengthBytes: bigint,
    onDirty: (iova: bigint, lengthBytes: bigint) => void,
    options: DirtyOptions = {},
  ): void {
    this.#checkAlive();
    checkRange(iova, lengthBytes);
    if (typeof onDirty !== "function") throw new PageTableError("INVALID_ARGUMENT", "onDirty: a function");
    const last = iova + lengthBytes - 1n;
    if (options.gather !== undefined) this.#checkGather(options.gather);
    const into = options.gather ?? this.#ownGather;
    let status: Status;
    try {
      status = readAndClearDirty(
        this.#domain,
        this.#cursor,
        lowOf(iova),
        highOf(iova),
        lowOf(last),
        highOf(last),
        options.clear ?? true,
        rangeStatus(lengthBytes, last),
        into,
        {
          dirty: (firstLow, firstHigh, lastLow, lastHigh) => {
            const first = fromWords(firstLow, firstHigh);
            onDirty(first, fromWords(lastLow, lastHigh) - first + 1n);
          },
        },
      );
    } finally {
      // What was cleaned before `onDirty` threw must be invalidated, or later writes would go unseen.
      if (options.gather === undefined) into.sync();
    }
    if (status !== Status.OK) this.#fail(status, `dirty state of ${hex(iova)}`);
  }

  /** Marks the one page item that translates an address dirty, as a device's write would. */
  setDirty(iova: bigint): void {
    this.#checkAlive();
    checkUint64("iova", iova);
    const status = setDirty(this.#domain, this.#cursor, lowOf(iova), highOf(iova));
    if (status !== Status.OK) this.#fail(status, `setDirty of ${hex(iova)}`);
  }

  /** A gather for this table's unmaps; its `sync` invalidates what is pending and frees the tables. */
  createGather(policy?: GatherPolicyName): Gather {
    const chosen = policy === undefined ? this.#policy : policyOf(policy);
    return new Gather(this.memory, this.#invalidation, chosen);
  }

  hwInfo(): HardwareInfo {
    this.#checkAlive();
    const { topLevel } = this;
    const { vaWidthLg2, oaWidthLg2, flags, upperHalf, cleaner } = this.#domain.settings;
    const root = this.memory.addressOf(this.#domain.rootWord);
    const snoops = cleaner === undefined;
    const tables = { root, topLevel, vaWidthLg2, oaWidthLg2, flags, upperHalf, snoops };
    return { root, mode: modeOf(topLevel, vaWidthLg2), topLevel, registers: registersOf(tables) };
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

  #rootAt(root: bigint, frameLg2: number): number {
    checkUint64("root", root);
    const offset = root - this.memory.base;
    if (offset < 0n || offset >= BigInt(this.memory.capacityBytes) || BigInt.asUintN(frameLg2, root) !== 0n) {
      throw new PageTableError("INVALID_OPTION", `the root ${hex(root)} is not a frame of the table memory`);
    }
    return Number(offset >> 2n) | 0;
  }

  #checkAlive(): void {
    refreshTop(this.#domain);
    if (this.#domain.top < 0) throw new PageTableError("DESTROYED");
  }

  #fail(status: Status, what: string, mappedBytes = 0n): never {
    const code = statusCode(status);
    throw new PageTableError(code === "OK" ? "INVALID_ARGUMENT" : code, what, mappedBytes);
  }
}

/** The cell of the root and its level: that of tables that another thread shares, or a new one. */
function topCellOf(memory: TableMemory, existing: ExistingTables | undefined): Int32Array {
  if (!memory.isShared) throw new PageTableError("INVALID_OPTION", NOT_FOR_THREADS);
  if (existing?.top === undefined) return new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  const { top } = existing;
  if (Object.prototype.toString.call(top) !== "[object SharedArrayBuffer]" || top.byteLength !== 4) {
    throw new PageTableError("INVALID_OPTION", "top: what `share` of a table gave");
  }
  return new Int32Array(top);
}

function entryOf(cursor: Cursor): Entry {
  return {
    iova: fromWords(cursor.low, cursor.high),
    sizeLg2: cursor.sizeLg2,
    level: cursor.level,
    pa: fromWords(cursor.paLow, cursor.paHigh),
    read: cursor.readable,
    write: cursor.writable,
    execute: cursor.executable,
    dirty: cursor.dirty,
  };
}

/** `a − b` modulo 2^64. */
function difference(aLow: number, aHigh: number, bLow: number, bHigh: number): bigint {
  return fromWords((aLow - bLow) | 0, (aHigh - bHigh - (aLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0);
}

function invalidationOf(options: CommonOptions): InvalidateWords {
  const callback = options.invalidate;
  if (callback === undefined) return { invalidate: () => {} };
  if (typeof callback !== "function") throw new PageTableError("INVALID_OPTION", "invalidate: a function");
  return {
    invalidate: (firstLow, firstHigh, lastLow, lastHigh, leafLevels, tableLevels) =>
      callback({
        first: fromWords(firstLow, firstHigh),
        last: fromWords(lastLow, lastHigh),
        leafLevels,
        tableLevels,
      }),
  };
}

function policyOf(policy: GatherPolicyName): GatherPolicy {
  const known = Object.hasOwn(POLICIES, policy) ? POLICIES[policy] : undefined;
  if (known !== undefined) return known;
  throw new PageTableError("INVALID_OPTION", `gather: "range", "no-gaps" or "queued", not ${String(policy)}`);
}

function rangeStatus(lengthBytes: bigint, last: bigint): Status {
  if (lengthBytes === 0n) return Status.ZERO_LENGTH;
  return last >= ALL ? Status.WRAPS : Status.OK;
}

/** A length may be all 2^64 bytes, which is one more than fits 64 bits. */
function checkRange(iova: bigint, lengthBytes: bigint): void {
  checkUint64("iova", iova);
  if (lengthBytes !== ALL) checkUint64("lengthBytes", lengthBytes);
}

function checkUint64(what: string, value: bigint): void {
  if (!isUint64(value)) badArgument(what, value);
}

function badArgument(what: string, value: unknown): never {
  throw new PageTableError(
    "INVALID_ARGUMENT",
    `${what} = ${String(value)} is not ${what === "prot" ? "a mask of Prot" : "an unsigned 64-bit bigint"}`,
  );
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
