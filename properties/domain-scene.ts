/** Domains over tables of both vendors, what is told to their hardware, and the plainest account of what is mapped. */
import { type MakeXenTables, vendorTables, type XenTables } from "../fuzz/conform/xen-maps-machine.js";
import {
  CpuFreeQueues,
  type DomainOptions,
  type DomainPaging,
  IommuDomain,
  type MappedPage,
  Status,
  TableMemory,
} from "../impl/iommu/index.js";
import { Random } from "../models/random.js";

export const READ = 1;
export const READ_WRITE = 3;
export const PAGES_2M = 512;
export const PAGES_1G = 512 * 512;
export const ALL_SIZES = 0x4020_1000n;
export const LEVELS = 4;

export const VENDORS = ["amd", "vtd"] as const;
export type Vendor = (typeof VENDORS)[number];

/** A flush that the hardware was told, and what its tables were like by then. */
export interface ToldFlush {
  readonly dfn: number;
  readonly pages: number;
  readonly flags: number;
}

export interface Scene {
  readonly memory: TableMemory;
  readonly queues: CpuFreeQueues;
  readonly tables: XenTables;
  readonly domain: IommuDomain;
  /** Flushes so far. */
  readonly told: ToldFlush[];
  /** What the flush hook answers. */
  flushStatus: Status;
}

export interface SceneOptions extends Omit<Partial<DomainOptions>, "paging" | "flush"> {
  readonly vendor?: Vendor;
  readonly levels?: number;
  readonly fewestLevels?: number;
  readonly makeTables?: MakeXenTables;
  /** Stands between the domain and its tables. */
  readonly wrap?: (paging: DomainPaging) => DomainPaging;
  /** Tables of several domains wait in the same queues. */
  readonly beside?: Scene;
}

export function createScene(options: SceneOptions = {}): Scene {
  const { vendor = "amd", levels = LEVELS, makeTables = vendorTables, pageSizes = ALL_SIZES } = options;
  const memory = options.beside?.memory ?? new TableMemory({ capacityBytes: 1 << 25, poison: true });
  const queues = options.beside?.queues ?? new CpuFreeQueues(memory);
  const shape = { vendor, levels, pageSizes, fewestLevels: options.fewestLevels ?? levels };
  const tables = makeTables(shape, options.compat ?? false, memory, queues);
  const told: ToldFlush[] = [];
  const isOwn = options.translatedBy === undefined || options.translatedBy === "own-tables";
  const domain = new IommuDomain({
    id: 1,
    pageSizes,
    ...options,
    paging: isOwn ? (options.wrap?.(tables.paging) ?? tables.paging) : undefined,
    flush: {
      flush: (dfn, pages, flags) => {
        told.push({ dfn, pages, flags });
        return scene.flushStatus;
      },
    },
  });
  const scene: Scene = { memory, queues, tables, domain, told, flushStatus: Status.OK };
  return scene;
}

/** The same paging with some methods of one's own. */
export function withMethods(paging: DomainPaging, methods: Partial<DomainPaging>): DomainPaging {
  return {
    dfnWidthLg2: paging.dfnWidthLg2,
    mapPage: (...args) => (methods.mapPage ?? paging.mapPage.bind(paging))(...args),
    unmapPage: (...args) => (methods.unmapPage ?? paging.unmapPage.bind(paging))(...args),
    lookupPage: (dfn) => (methods.lookupPage ?? paging.lookupPage.bind(paging))(dfn),
    get tableCount() {
      return paging.tableCount;
    },
    get shatters() {
      return paging.shatters;
    },
    get coalesces() {
      return paging.coalesces;
    },
    destroy: () => (methods.destroy ?? paging.destroy.bind(paging))(),
  };
}

interface Run {
  readonly first: number;
  readonly last: number;
  readonly mfn: number;
  readonly access: number;
}

/** What is mapped, as runs of pages; every map and unmap overrides what is there. */
export class FlatMap {
  #runs: Run[] = [];

  map(dfn: number, mfn: number, pages: number, access: number): void {
    this.unmap(dfn, pages);
    if (pages > 0) this.#runs.push({ first: dfn, last: dfn + pages - 1, mfn, access });
  }

  unmap(dfn: number, pages: number): void {
    const last = dfn + pages - 1;
    this.#runs = this.#runs.flatMap((run) => {
      if (run.last < dfn || run.first > last) return [run];
      const left = { ...run, last: dfn - 1 };
      const right = { ...run, first: last + 1, mfn: run.mfn + last + 1 - run.first };
      return [left, right].filter((part) => part.first <= part.last);
    });
  }

  lookup(dfn: number): MappedPage | undefined {
    const run = this.#runs.find(({ first, last }) => first <= dfn && dfn <= last);
    if (run === undefined) return undefined;
    return { mfn: run.mfn + dfn - run.first, read: (run.access & 1) !== 0, write: (run.access & 2) !== 0 };
  }

  /** The pages at which something may change: both sides of every run's ends. */
  edges(): readonly number[] {
    return this.#runs
      .flatMap(({ first, last }) => [first - 1, first, last, last + 1])
      .filter((dfn) => dfn >= 0);
  }
}

/** Where the tables say otherwise than the account, at every edge and some pages besides; undefined: nowhere. */
export function mappingDifference(
  domain: IommuDomain,
  flat: FlatMap,
  probes: readonly number[],
): string | undefined {
  return differenceAt(domain, flat, [...flat.edges(), ...probes]);
}

/** The same, at these pages only. */
export function differenceAt(
  domain: IommuDomain,
  flat: FlatMap,
  pages: readonly number[],
): string | undefined {
  for (const dfn of pages) {
    const [expected, found] = [flat.lookup(dfn), domain.lookup(dfn)].map((page) => JSON.stringify(page));
    if (expected !== found) return `page 0x${dfn.toString(16)}: expected ${expected}, found ${found}`;
  }
  return undefined;
}

export interface Request {
  readonly op: "map" | "unmap";
  readonly dfn: number;
  readonly mfn: number;
  readonly pages: number;
  readonly access: number;
}

/** Requests in a few tables' span, near their ends and in step with each other more often than not. */
export class Requests {
  readonly #random: Random;
  readonly #largest: number;

  /** @param largest pages of the largest page in use. */
  constructor(seed: string, largest = PAGES_1G) {
    this.#random = Random.fromSeed(seed);
    this.#largest = largest;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  next(): Request {
    const isLarge = this.#largest === PAGES_1G && this.below(12) === 0;
    const unit = isLarge ? PAGES_1G : PAGES_2M;
    const near = this.below(4) * unit + (this.below(2) === 0 ? 0 : this.below(7) - 3);
    const dfn = Math.max(0, (isLarge ? 0 : PAGES_1G) + near);
    const kinds = isLarge ? [unit, unit + this.below(40)] : [1, 1 + this.below(8), unit, 2 * unit - 1];
    const pages = kinds[this.below(kinds.length)];
    const isMap = this.below(5) < 3;
    // Most in one phase, so that pages of one request join those of another; what is out of it takes small pages.
    const shift = isLarge ? 0 : [0, 0, 0, PAGES_2M, 1][this.below(5)];
    const mfn = dfn + PAGES_1G + shift;
    const access = this.below(4) === 0 ? READ : READ_WRITE;
    return { op: isMap ? "map" : "unmap", dfn, mfn: isMap ? mfn : 0, pages, access };
  }
}

/** Puts a request to a domain; what it owes goes to `flush`. */
export function put(
  domain: IommuDomain,
  request: Request,
  flush: { flags: number },
  mayPreempt = false,
): Status {
  const { op, dfn, mfn, pages, access } = request;
  return op === "map"
    ? domain.tryMap(dfn, mfn, pages, access, flush, mayPreempt)
    : domain.tryUnmap(dfn, pages, flush, mayPreempt);
}

/** The same, in the plain account. */
export function note(flat: FlatMap, { op, dfn, mfn, pages, access }: Request): void {
  if (op === "map") flat.map(dfn, mfn, pages, access);
  else flat.unmap(dfn, pages);
}
