/**
 * A model simpler than the reference, for spaces of a few dozen pages: a map from page to what it holds, every rule
 * a loop over pages. It checks the reference in the exhaustive runs. It knows no tables: it takes the word of the
 * reference for an allocation that fails, and asks of its tables only that they stand where leaves need them.
 */
import type { Configuration } from "../models/configuration.js";
import type { Operation, Outcome, PhysicalRun } from "../models/operations.js";
import { itemSizeLg2 } from "./formats.js";
import { type Fixed, fixedOf, isFlatlyEqual, text, withoutExecuteBit, withoutReadBit } from "./page-space.js";
import type { Reference } from "./reference.js";
import { tableKey } from "./tables.js";

interface Page {
  readonly pa: bigint;
  readonly prot: number;
  dirty: boolean;
  accessed: boolean;
  /** The pages of the entry that this page belongs to: first, and one past the last. */
  readonly entry: readonly [first: bigint, end: bigint];
}

type MapRequest = Extract<Operation, { op: "map" }>;

interface Mapping {
  readonly code: string;
  readonly mappedBytes: bigint;
}

export class PageByPage {
  readonly #configuration: Configuration;
  readonly #pageSizes: bigint;
  readonly #pageBytes: bigint;
  readonly #fixed: Fixed;
  readonly #pages = new Map<bigint, Page>();
  /** The level of the root, which entries do not go beyond: taken from the reference as well. */
  #topLevel: number;

  constructor(configuration: Configuration, pageSizes: bigint, fixed = fixedOf(configuration, pageSizes)) {
    this.#configuration = configuration;
    this.#pageSizes = pageSizes;
    this.#pageBytes = 1n << BigInt(itemSizeLg2(configuration, 0));
    this.#fixed = fixed;
    this.#topLevel = configuration.topLevel;
  }

  /** A second model in the same state. */
  clone(): PageByPage {
    const copy = new PageByPage(this.#configuration, this.#pageSizes, this.#fixed);
    copy.#topLevel = this.#topLevel;
    for (const [number, page] of this.#pages) copy.#pages.set(number, { ...page });
    return copy;
  }

  /** Does the operation; says what is wrong with the reference's outcome, if anything. */
  apply(operation: Operation, outcome: Outcome, topLevel = this.#topLevel): string | undefined {
    this.#topLevel = topLevel;
    const expected = this.#expected(operation, outcome);
    const given = { ...outcome, invalidated: undefined };
    if (isFlatlyEqual(expected, given)) return undefined;
    if (text(expected) === text(given)) return undefined;
    return `${text(operation)}: the pages say ${text(expected)}, the reference ${text(given)}`;
  }

  #expected(operation: Operation, outcome: Outcome): unknown {
    const { op } = operation;
    switch (op) {
      case "map": {
        const noMemory = outcome.op === "map" && outcome.code === "OUT_OF_MEMORY";
        const result = this.#map(operation, noMemory ? outcome.mappedBytes : undefined);
        return { op, ...result };
      }
      case "mapRuns":
        return { op, ...this.#mapRuns(operation, outcome) };
      case "unmap":
      case "unmapGathered":
        return this.#unmapBy(operation, outcome);
      case "unmapRuns":
        return this.#unmapRuns(operation, outcome);
      case "lookup": {
        const page = this.#pageAt(operation.iova);
        return { op, pa: page && page.pa + (operation.iova % this.#pageBytes) };
      }
      case "readAndClearDirty":
        return { op, ...this.#readAndClear("dirty", this.#fixed.tracksDirty, operation) };
      case "readAndClearAccessed":
        return { op, ...this.#readAndClear("accessed", this.#fixed.tracksAccessed, operation) };
      case "setDirty":
        return { op, code: this.#setDirty(operation.iova) };
      case "deviceRead":
      case "deviceWrite": {
        const page = this.#pageAt(operation.iova);
        const permitted = page && this.#grants(page.prot)[op === "deviceWrite" ? "write" : "read"];
        if (permitted && this.#fixed.tracksAccessed) page.accessed = true;
        if (permitted && op === "deviceWrite" && this.#fixed.tracksDirty) page.dirty = true;
        return { op, permitted: permitted ?? false };
      }
      case "cut":
      case "resize": {
        const code = "code" in outcome && outcome.code === "OUT_OF_MEMORY" ? outcome.code : undefined;
        const result = code ?? (op === "cut" ? this.#cut(operation.iova) : this.#resize(operation));
        return { op, code: result, missed: "missed" in outcome && outcome.missed };
      }
      case "trim":
        return { ...outcome, invalidated: undefined };
      case "entries":
        return { op, entries: this.#entries(operation.iova, operation.length) };
      default:
        return { op };
    }
  }

  /** Page by page the runs are found that are one; each of them is a map. */
  #mapRuns({ iova, runs, prot }: Extract<Operation, { op: "mapRuns" }>, outcome: Outcome): object {
    const noMemory = outcome.op === "mapRuns" && outcome.code === "OUT_OF_MEMORY";
    let done = 0n;
    for (let index = 0; index < runs.length; ) {
      const [pa] = runs[index];
      let length = 0n;
      for (; index < runs.length && (length === 0n || runs[index][0] === pa + length); index++) {
        length += runs[index][1];
      }
      if (iova + done === 2n ** 64n) return { code: "WRAPS", mappedBytes: done };
      const noMemoryAfter = noMemory ? outcome.mappedBytes - done : undefined;
      const map = { op: "map", iova: iova + done, pa, length, prot } as const;
      const { code, mappedBytes } = this.#map(map, noMemoryAfter);
      done += mappedBytes;
      if (code !== "OK") return { code, mappedBytes: done };
    }
    return { code: "OK", mappedBytes: done };
  }

  #map({ iova, pa, length, prot, pageSizes }: MapRequest, noMemoryAfter: bigint | undefined): Mapping {
    const sizes = this.#fixed.sizes.filter((size) => ((pageSizes ?? size) & size) !== 0n);
    const refusal = this.#refusalOfMap(iova, pa, length, prot, sizes);
    if (refusal !== undefined) return { code: refusal, mappedBytes: 0n };
    let done = 0n;
    while (done < length) {
      if (done === noMemoryAfter) return { code: "OUT_OF_MEMORY", mappedBytes: done };
      const size = this.#largestFitting(iova + done, pa + done, length - done, sizes);
      const entry = this.#range(iova + done, size);
      const pages = this.#pagesIn(entry);
      if (pages.some((page) => this.#pages.has(page))) return { code: "ADDRESS_IN_USE", mappedBytes: done };
      for (const page of pages) {
        const dirty = this.#fixed.mapsDirty && this.#grants(prot).write;
        const accessed = this.#fixed.mapsAccessed;
        this.#pages.set(page, { pa: pa + page * this.#pageBytes - iova, prot, dirty, accessed, entry });
      }
      done += size;
    }
    return { code: "OK", mappedBytes: done };
  }

  #refusalOfMap(iova: bigint, pa: bigint, length: bigint, prot: number, sizes: bigint[]): string | undefined {
    const { oaWidthLg2, encryptionBit, forceWriteable } = this.#configuration;
    const isOutput = (address: bigint) =>
      address < 2n ** BigInt(oaWidthLg2) &&
      (encryptionBit === undefined || (address / 2n ** BigInt(encryptionBit)) % 2n === 0n);
    if (prot % 4 === 0) return "NO_PERMISSION";
    if (!isOutput(pa)) return "PA_OUT_OF_RANGE";
    if (forceWriteable && (prot & 2) === 0) return "READ_ONLY_REFUSED";
    const range = this.#refusalOfRange(iova, length);
    if (range !== undefined && range !== "IOVA_OUT_OF_RANGE") return range;
    if (sizes.length === 0 || [iova, pa, length].some((n) => n % sizes[0] !== 0n)) return "MISALIGNED";
    if (this.#needsLargerPages(iova, pa, length, sizes)) return "MISALIGNED";
    if (range !== undefined) return range;
    const pages = this.#pagesIn(this.#range(iova, length));
    const allOutputs = pages.every((page) => isOutput(pa + page * this.#pageBytes - iova));
    return allOutputs ? undefined : "PA_OUT_OF_RANGE";
  }

  /** The short descriptor reaches from 2^32 on with supersections: whether it would use another page there. */
  #needsLargerPages(iova: bigint, pa: bigint, length: bigint, sizes: bigint[]): boolean {
    const { format, mediatek, oaWidthLg2, tiny } = this.#configuration;
    if (format !== "arm-short" || mediatek === true || oaWidthLg2 <= 32) return false;
    if (pa + length <= 2n ** 32n) return false;
    const supersection =
      tiny === undefined ? 2n ** 24n : this.#pageBytes << BigInt(tiny.tableBitsLg2 + tiny.contiguousLg2);
    for (let done = 0n; done < length; ) {
      const size = this.#largestFitting(iova + done, pa + done, length - done, sizes);
      if (pa + done + size > 2n ** 32n && size !== supersection) return true;
      done += size;
    }
    return false;
  }

  #largestFitting(iova: bigint, pa: bigint, left: bigint, sizes: bigint[]): bigint {
    const fitting = sizes.filter((size) => iova % size === 0n && pa % size === 0n && size <= left);
    return fitting[fitting.length - 1];
  }

  #refusalOfRange(iova: bigint, length: bigint): string | undefined {
    if (length === 0n) return "ZERO_LENGTH";
    if (iova + length > 2n ** 64n) return "WRAPS";
    const [first, end] = this.#range(iova, length);
    for (let page = first; page < end; page++) if (!this.#fixed.space.has(page)) return "IOVA_OUT_OF_RANGE";
    return undefined;
  }

  /** Entries across an end of the range are cut first, or in the way, where the domain says so. */
  #unmapBy(operation: Extract<Operation, { op: "unmap" | "unmapGathered" }>, outcome: Outcome): object {
    const { op, iova, length } = operation;
    const refusal = this.#refusalOfEdges(iova, length, outcome);
    if (refusal !== undefined) return { op, refusal, removedBytes: 0n };
    return { op, removedBytes: this.#unmap(iova, length) };
  }

  /** Removes entry by entry, until the list is full of runs. */
  #unmapRuns(
    { op, iova, length, capacity }: Extract<Operation, { op: "unmapRuns" }>,
    outcome: Outcome,
  ): object {
    const refusal = this.#refusalOfEdges(iova, length, outcome);
    if (refusal !== undefined) return { op, refusal, removedBytes: 0n, runs: [] };
    const isRange = this.#refusalOfRange(iova, length) === undefined;
    let runs: PhysicalRun[] = [];
    let at = iova;
    while (isRange && at < iova + length) {
      const pa = this.#pageAt(at)?.pa ?? 0n;
      const [first, end] = this.#pageAt(at)?.entry ?? [0n, 0n];
      const bytes = (end - first) * this.#pageBytes;
      const last = runs[runs.length - 1] ?? [0n, 0n];
      const more: PhysicalRun[] =
        runs.length > 0 && last[0] + last[1] === pa
          ? [...runs.slice(0, -1), [last[0], last[1] + bytes]]
          : [...runs, [pa, bytes]];
      if (more.length > capacity || this.#unmap(at, this.#pageBytes) === 0n) break;
      runs = more;
      at += bytes;
    }
    return { op, removedBytes: at - iova, runs };
  }

  #refusalOfEdges(iova: bigint, length: bigint, outcome: Outcome): string | undefined {
    const { partialUnmap = "whole" } = this.#configuration;
    const isRange = this.#refusalOfRange(iova, length) === undefined;
    const isAsked = partialUnmap !== "whole" && isRange;
    const edges = isAsked ? [iova, iova + length].filter((edge) => this.#isInside(edge)) : [];
    if (edges.length === 0) return undefined;
    return partialUnmap === "refuse" ? "PARTIAL_ENTRY" : this.#cutAll(edges, outcome);
  }

  #cutAll(edges: readonly bigint[], outcome: Outcome): string | undefined {
    const isPossible = (edge: bigint) =>
      edge % this.#fixed.sizes[0] === 0n && !this.#needsSize(this.#pageAt(edge)?.entry ?? [0n, 0n]);
    if (!edges.every(isPossible)) return "MISALIGNED";
    if ("refusal" in outcome && outcome.refusal === "OUT_OF_MEMORY") return outcome.refusal;
    for (const edge of edges) this.#cut(edge);
    return undefined;
  }

  #isInside(edge: bigint): boolean {
    const entry = this.#pageAt(edge)?.entry;
    return entry !== undefined && entry[0] * this.#pageBytes !== edge;
  }

  #unmap(iova: bigint, length: bigint): bigint {
    if (this.#refusalOfRange(iova, length) !== undefined) return 0n;
    let at = iova;
    while (at < iova + length) {
      const entry = this.#pageAt(at)?.entry;
      if (entry === undefined || entry[0] * this.#pageBytes !== at) break;
      for (const page of this.#pagesIn(entry)) this.#pages.delete(page);
      at = entry[1] * this.#pageBytes;
    }
    return at - iova;
  }

  #cut(iova: bigint): string {
    if (this.#refusalOfRange(iova, 1n) !== undefined) return "IOVA_OUT_OF_RANGE";
    const entry = this.#pageAt(iova)?.entry;
    if (entry === undefined || entry[0] * this.#pageBytes === iova) return "OK";
    const end = entry[1] * this.#pageBytes;
    if (iova % this.#fixed.sizes[0] !== 0n || this.#needsSize(entry)) return "MISALIGNED";
    this.#split(entry[0] * this.#pageBytes, iova, this.#fixed.sizes);
    this.#split(iova, end, this.#fixed.sizes);
    return "OK";
  }

  #resize({ iova, length, largestLg2 }: Extract<Operation, { op: "resize" }>): string {
    const sizes = this.#fixed.sizes.filter((size) => size <= 2n ** BigInt(largestLg2));
    const refusal = this.#refusalOfRange(iova, length);
    if (refusal !== undefined && refusal !== "IOVA_OUT_OF_RANGE") return refusal;
    if (sizes.length === 0) return "MISALIGNED";
    if (refusal !== undefined) return refusal;
    const [first, end] = this.#range(iova, length);
    const isSmall = ([from, to]: readonly [bigint, bigint]) =>
      (to - from) * this.#pageBytes <= sizes[sizes.length - 1];
    for (let page = first; page < end; page++) {
      const entry = this.#pages.get(page)?.entry;
      if (entry === undefined || isSmall(entry) || this.#needsSize(entry)) continue;
      this.#split(entry[0] * this.#pageBytes, entry[1] * this.#pageBytes, sizes);
    }
    for (const size of sizes) {
      // Every block that is whole becomes one entry, the smallest first.
      for (let at = iova + ((size - (iova % size)) % size); at + size <= iova + length; at += size) {
        if (this.#isWhole(at, size)) this.#split(at, at + size, [size]);
      }
    }
    return "OK";
  }

  /** Whether the short descriptor has no other size than the present one for an entry's output. */
  #needsSize([first]: readonly [bigint, bigint]): boolean {
    const { format, mediatek, oaWidthLg2 } = this.#configuration;
    const pa = this.#pages.get(first)?.pa ?? 0n;
    return format === "arm-short" && mediatek !== true && oaWidthLg2 > 32 && pa >= 2n ** 32n;
  }

  /** Whether all pages of an aligned block go on from each other, and its root reaches an entry of that size. */
  #isWhole(iova: bigint, size: bigint): boolean {
    const pages = this.#pagesIn(this.#range(iova, size)).map((number) => this.#pages.get(number));
    const first = pages[0];
    const topHolds = size < 2n ** BigInt(itemSizeLg2(this.#configuration, this.#topLevel + 1));
    if (first === undefined || first.pa % size !== 0n || !topHolds) return false;
    const dirty = this.#any("dirty", first);
    return pages.every(
      (page, index) =>
        page !== undefined &&
        page.pa === first.pa + BigInt(index) * this.#pageBytes &&
        text(this.#grants(page.prot)) === text(this.#grants(first.prot)) &&
        this.#any("dirty", page) === dirty &&
        page.entry[0] * this.#pageBytes >= iova &&
        page.entry[1] * this.#pageBytes <= iova + size,
    );
  }

  /** Whether any page of a page's entry is dirty, or was used. */
  #any(mark: "dirty" | "accessed", page: Page): boolean {
    return this.#pagesIn(page.entry).some((number) => this.#pages.get(number)?.[mark]);
  }

  /** Makes entries of pages: at each address the largest size. All are dirty, and used, if one entry there was. */
  #split(from: bigint, end: bigint, sizes: readonly bigint[]): void {
    const page = this.#pageAt(from);
    if (page === undefined) return;
    const old = this.#pagesIn(this.#range(from, end - from)).flatMap((n) => this.#pages.get(n) ?? []);
    const dirty = old.some((each) => this.#any("dirty", each));
    const accessed = old.some((each) => this.#any("accessed", each));
    const { pa } = page;
    for (let at = from; at < end; ) {
      const size = this.#largestFitting(at, pa + at - from, end - at, [...sizes]);
      const entry = this.#range(at, size);
      for (const number of this.#pagesIn(entry)) {
        const before = this.#pages.get(number);
        if (before !== undefined) this.#pages.set(number, { ...before, dirty, accessed, entry });
      }
      at += size;
    }
  }

  #setDirty(iova: bigint): string {
    if (!this.#fixed.tracksDirty) return "NOT_SUPPORTED";
    if (!this.#fixed.space.has(iova / this.#pageBytes)) return "IOVA_OUT_OF_RANGE";
    const page = this.#pageAt(iova);
    if (page === undefined) return "NOT_MAPPED";
    page.dirty = !this.#fixed.mapsDirty || this.#grants(page.prot).write;
    return "OK";
  }

  #readAndClear(
    mark: "dirty" | "accessed",
    isTracked: boolean,
    { iova, length, clear }: { iova: bigint; length: bigint; clear: boolean },
  ): object {
    const refusal = isTracked ? this.#refusalOfRange(iova, length) : "NOT_SUPPORTED";
    if (refusal !== undefined) return { code: refusal, [mark]: [] };
    const found: object[] = [];
    for (const { iova: start, sizeLg2 } of this.#entries(iova, length)) {
      const end = start + 2n ** BigInt(sizeLg2);
      if (!this.#pagesOfEntry(start).some((page) => page[mark])) continue;
      const from = !clear && start < iova ? iova : start;
      const to = !clear && end > iova + length ? iova + length : end;
      found.push({ iova: from, length: to - from });
      for (const page of this.#pagesOfEntry(start)) if (clear) page[mark] = false;
    }
    return { code: "OK", [mark]: found };
  }

  /** Of a range that lies partly outside the space, what is inside counts. */
  #entries(iova: bigint, length: bigint) {
    const refusal = this.#refusalOfRange(iova, length);
    if (refusal === "ZERO_LENGTH" || refusal === "WRAPS") return [];
    const firsts = new Set<bigint>();
    const [from, to] = this.#range(iova, length);
    for (const number of this.#fixed.space) {
      if (number < from || number >= to) continue;
      const entry = this.#pages.get(number)?.entry;
      if (entry !== undefined) firsts.add(entry[0] * this.#pageBytes);
    }
    return [...firsts].map((start) => {
      const pages = this.#pagesOfEntry(start);
      const sizeLg2 = Math.log2(pages.length * Number(this.#pageBytes));
      const { read, write, execute } = this.#grants(pages[0].prot);
      const dirty = pages.some((page) => page.dirty);
      return { iova: start, sizeLg2, pa: pages[0].pa, read, write, execute, dirty };
    });
  }

  /** Compares every page of the space; says where the reference differs. */
  agrees(reference: Reference): string | undefined {
    for (const number of this.#fixed.space) {
      const iova = number * this.#pageBytes;
      const expected = this.#translate(iova);
      const given = reference.translate(iova);
      const lastByte = reference.translate(iova + this.#pageBytes - 1n)?.pa;
      if (!isFlatlyEqual(expected, given) && text(expected) !== text(given)) {
        return `${text(iova)}: ${text(expected)} is ${text(given)}`;
      }
      if (lastByte !== (given && given.pa + this.#pageBytes - 1n))
        return `${text(iova)}: its last byte differs`;
    }
    const bytesOfRuns = reference.runs.reduce((sum, run) => sum + (run.count << BigInt(run.sizeLg2)), 0n);
    if (bytesOfRuns !== BigInt(this.#pages.size) * this.#pageBytes) return "a run lies outside the space";
    return this.#tablesFit(reference);
  }

  /** Tables stand on the way to every leaf and never below one, and each hangs from one that is alive. */
  #tablesFit(reference: Reference): string | undefined {
    const { topLevel } = reference;
    const tables = reference.liveTables();
    const widthMask = (1n << BigInt(this.#configuration.vaWidthLg2)) - 1n;
    // The root is one table, however wide.
    const prefix = (level: number, address: bigint) =>
      level === topLevel ? 0n : address >> BigInt(itemSizeLg2(this.#configuration, level + 1));
    const isAlive = (level: number, address: bigint) => tables.has(tableKey(level, prefix(level, address)));
    for (const [number, page] of this.#pages) {
      const iova = number * this.#pageBytes;
      const entryBytes = (page.entry[1] - page.entry[0]) * this.#pageBytes;
      for (let level = 0; level <= topLevel; level++) {
        const holdsTheLeaf = 2n ** BigInt(itemSizeLg2(this.#configuration, level + 1)) > entryBytes;
        const alive = isAlive(level, iova & widthMask);
        if (alive !== holdsTheLeaf) return `${text(iova)}: the table of level ${level} is amiss`;
      }
    }
    for (const key of tables) {
      const level = Number(key & 7n);
      const address = (key >> 3n) << BigInt(itemSizeLg2(this.#configuration, level + 1));
      const hangs = level === topLevel ? address === 0n : level < topLevel && isAlive(level + 1, address);
      if (!hangs) return `the table ${text(address)} of level ${level} hangs from nothing`;
    }
    return undefined;
  }

  #translate(iova: bigint): unknown {
    const page = this.#pageAt(iova);
    if (page === undefined) return undefined;
    const entryIova = page.entry[0] * this.#pageBytes;
    const pages = this.#pagesOfEntry(entryIova);
    const sizeLg2 = Math.log2(pages.length * Number(this.#pageBytes));
    const dirty = pages.some((each) => each.dirty);
    return { pa: page.pa, entryIova, entryPa: pages[0].pa, sizeLg2, ...this.#grants(page.prot), dirty };
  }

  #grants(prot: number) {
    const { format, noPermissions } = this.#configuration;
    if (noPermissions === true) return { read: true, write: true, execute: true };
    const read = withoutReadBit.has(format) || (prot & 1) !== 0;
    const execute = read && (withoutExecuteBit.has(format) || (prot & 4) === 0);
    return { read, write: (prot & 2) !== 0, execute };
  }

  #pageAt(iova: bigint): Page | undefined {
    return this.#pages.get(iova / this.#pageBytes);
  }

  /** The page numbers from the first that the range touches to one past the last. */
  #range(iova: bigint, length: bigint): readonly [bigint, bigint] {
    return [iova / this.#pageBytes, (iova + length - 1n) / this.#pageBytes + 1n];
  }

  #pagesIn([first, end]: readonly [bigint, bigint]): bigint[] {
    return Array.from({ length: Number(end - first) }, (_, n) => first + BigInt(n));
  }

  #pagesOfEntry(start: bigint): Page[] {
    const entry = this.#pageAt(start)?.entry ?? [0n, 0n];
    return this.#pagesIn(entry).flatMap((number) => this.#pages.get(number) ?? []);
  }
}
