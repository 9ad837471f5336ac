/**
 * The IOMMU layer: how long it takes to map the hardware domain's memory, and what merging and the layer itself cost
 * beside the bare tables. Processor time, collector included: what neighbours on the machine take away is not its own.
 */
import { TableMemory } from "../impl/index.js";
import {
  AmdPaging,
  CpuFreeQueues,
  type DomainPaging,
  type FreeQueue,
  IntelPaging,
  IommuDomain,
  type MachineLayout,
  type MemoryRegion,
  setUpHardwareDomain,
  usedPageSizes,
} from "../impl/iommu/index.js";
import { Random } from "../models/random.js";
import { SUBJECTS } from "./cases.js";
import { engineLoop } from "./loops.js";
import { type Effort, measureAll, Probe } from "./measure.js";

/** A machine's memory mapped for its hardware domain. */
export interface HardwareDomainRow {
  readonly name: string;
  readonly vendor: Vendor;
  /** Ranges of memory and read-only pages that were given. */
  readonly ranges: number;
  readonly gibibytes: number;
  /** Pages of 4 KiB, as many as one call each would be. */
  readonly pages: number;
  /** Requests to the domain. */
  readonly calls: number;
  /** Pages of whatever size that the domain asked of its tables. */
  readonly chunks: number;
  /** Leaves of 4 KiB, 2 MiB and 1 GiB. */
  readonly leaves: readonly number[];
  readonly milliseconds: number;
}

/** Nanoseconds per pair of map and unmap through a domain. */
export interface LayerRow {
  readonly vendor: Vendor;
  /** A page of 4 KiB taken out of one of 2 MiB, which splits, and put back, which merges. */
  readonly merging: number;
  /** A page of 4 KiB where nothing merges. */
  readonly page: number;
  /** The same, with superpages disabled. */
  readonly pageWithoutSuperpages: number;
  /** A page of 2 MiB. */
  readonly large: number;
  /** The same on the engine's own tables. */
  readonly largeOfEngine: number;
}

export interface IommuFigures {
  readonly hardwareDomains: readonly HardwareDomainRow[];
  readonly layers: readonly LayerRow[];
}

type Vendor = "amd" | "intel";

const LEVELS = 4;
const ANNOUNCED = 0x4020_1000n;
const READ_WRITE = 3;
const PAGES_2M = 512;
const GIB = PAGES_2M * PAGES_2M;
const FOUR_GIB = 4 * GIB;

export function measureIommu(effort: Effort): IommuFigures {
  const machines = [
    { name: "64 GiB", layout: machineOf(64, 8) },
    { name: "2 TiB", layout: machineOf(2048, 72) },
  ];
  const vendors = ["amd", "intel"] as const;
  return {
    hardwareDomains: machines.flatMap(({ name, layout }) =>
      vendors.map((vendor) => hardwareDomainRow(name, vendor, layout)),
    ),
    layers: vendors.map((vendor) => layerRow(vendor, effort)),
  };
}

/**
 * A machine with this much memory in so many ranges: unaligned ends, holes between them, reserved pages, and registers
 * of which some may be read.
 */
function machineOf(gibibytes: number, ranges: number): MachineLayout {
  const random = Random.fromSeed(`machine of ${gibibytes} GiB`);
  const memory: MemoryRegion[] = [
    { first: 0, last: 0x9d, kind: "ram" },
    { first: 0x9e, last: 0xff, kind: "reserved" },
    { first: 0x100, last: 0x7_8000 + random.below(0x8000), kind: "ram" },
    { first: 0xe_0000, last: 0xe_ffff, kind: "reserved" },
    { first: 0xf_ec00, last: 0xf_ec0f, kind: "reserved" },
  ];
  const readOnly = [{ first: 0xf_ec00, last: 0xf_ec00 }];
  // What lies below 4 GiB is some 2 GiB.
  const span = Math.floor(((gibibytes - 2) * GIB) / (ranges - 3));
  for (let index = 3; index < ranges; index++) {
    const first = FOUR_GIB + (index - 3) * span + random.below(PAGES_2M);
    const last = FOUR_GIB + (index - 2) * span - 1 - random.below(PAGES_2M);
    memory.push({ first, last, kind: "ram" });
    const at = first + random.below(last - first);
    readOnly.push({ first: at, last: at });
  }
  const own = [{ first: 0x1000 + random.below(0x1000), last: 0x2400 + random.below(0x100) }];
  const denied = [
    { first: 0xf_ed90, last: 0xf_ed93 },
    { first: 0xf_ee00, last: 0xf_ee00 },
  ];
  return { memory, own, denied, readOnly };
}

function newPaging(vendor: Vendor, pageSizes: bigint, memory: TableMemory, freeQueue: FreeQueue) {
  const options = { memory, freeQueue, levels: LEVELS, pageSizes };
  return vendor === "amd" ? new AmdPaging(options) : new IntelPaging(options);
}

function newDomain(paging: DomainPaging, pageSizes: bigint, isHardware: boolean): IommuDomain {
  const strict = isHardware ? { strict: false } : {};
  return new IommuDomain({ id: 0, isHardware, ...strict, pageSizes, paging, flush: { flush: () => 0 } });
}

function hardwareDomainRow(name: string, vendor: Vendor, layout: MachineLayout): HardwareDomainRow {
  const build = (count: (paging: DomainPaging) => DomainPaging) => {
    const memory = new TableMemory();
    const paging = newPaging(vendor, ANNOUNCED, memory, new CpuFreeQueues(memory));
    const domain = newDomain(count(paging), ANNOUNCED, true);
    const spent = cpuTimer();
    const report = setUpHardwareDomain(domain, layout);
    return { paging, report, milliseconds: spent() };
  };
  let chunks = 0;
  const { paging, report } = build((inner) => ({
    ...plain(inner),
    mapPage: (...args) => {
      chunks++;
      return inner.mapPage(...args);
    },
  }));
  const leaves = [0, 0, 0];
  for (const { order } of paging.table.leaves()) leaves[order / 9]++;
  const { pages, calls } = report;
  const times = Array.from({ length: 3 }, () => build((inner) => inner).milliseconds);
  const ranges = layout.memory.length + layout.readOnly.length;
  return {
    name,
    vendor,
    ranges,
    gibibytes: pages / GIB,
    pages,
    calls,
    chunks,
    leaves,
    milliseconds: Math.min(...times),
  };
}

/** A paging's methods as values, so that some can be replaced. */
function plain(paging: DomainPaging): DomainPaging {
  return {
    dfnWidthLg2: paging.dfnWidthLg2,
    mapPage: (...args) => paging.mapPage(...args),
    unmapPage: (...args) => paging.unmapPage(...args),
    lookupPage: (dfn) => paging.lookupPage(dfn),
    tableCount: 0,
    shatters: 0,
    coalesces: 0,
    destroy: () => paging.destroy(),
  };
}

function layerRow(vendor: Vendor, effort: Effort): LayerRow {
  const memory = new TableMemory();
  const queues = new CpuFreeQueues(memory);
  const create = (pageSizes: bigint) =>
    newDomain(newPaging(vendor, pageSizes, memory, queues), pageSizes, false);
  const owed = { flags: 0 };
  /** Maps and unmaps so many pages at a time, in turn; a neighbour keeps the tables in use. */
  const pairs = (pageSizes: bigint, first: number, pages: number, neighbour: number) => {
    const domain = create(pageSizes);
    domain.map(neighbour, 0, 1, READ_WRITE, owed);
    return new Probe((count) => {
      for (let index = 0; index < count; index++) {
        const dfn = first + (index & 255) * pages;
        domain.map(dfn, dfn + GIB, pages, READ_WRITE, owed);
        domain.unmap(dfn, pages, owed);
      }
      queues.runFreeing(0);
    });
  };
  const merged = create(ANNOUNCED);
  merged.map(GIB, GIB, PAGES_2M, READ_WRITE, owed);
  const merging = new Probe((count) => {
    for (let index = 0; index < count; index++) {
      merged.unmap(GIB + 100, 1, owed);
      merged.map(GIB + 100, GIB + 100, 1, READ_WRITE, owed);
    }
    queues.runFreeing(0, count);
  });
  const page = pairs(ANNOUNCED, GIB + 1, 1, GIB);
  const pageWithoutSuperpages = pairs(usedPageSizes(ANNOUNCED, false), GIB + 1, 1, GIB);
  const large = pairs(ANNOUNCED, GIB, PAGES_2M, 2 * GIB - 1);
  const largeOfEngine = enginePairs(vendor);
  measureAll([merging, page, pageWithoutSuperpages, large, largeOfEngine], effort);
  const best = (probe: Probe) => probe.figures().minNs;
  return {
    vendor,
    merging: best(merging),
    page: best(page),
    pageWithoutSuperpages: best(pageWithoutSuperpages),
    large: best(large),
    largeOfEngine: best(largeOfEngine),
  };
}

/** The same pages of 2 MiB on the engine's own tables of the vendor's format. */
function enginePairs(vendor: Vendor): Probe {
  const format = vendor === "amd" ? "amdv1" : "vtd-second-stage";
  const subject = SUBJECTS.find((one) => one.format === format && one.levels === LEVELS);
  if (subject === undefined) throw new Error(`no subject of ${format}`);
  const { domain, gather } = subject.domain();
  const iova = BigInt(GIB) << 12n;
  const lengthBytes = BigInt(PAGES_2M) << 12n;
  const workload = { step: "page", iova, pa: 2n * iova, lengthBytes, strideLg2: 21, positions: 256 } as const;
  const gap = { ...workload, iova: 2n * iova - 4096n, lengthBytes: 4096n, positions: 1 };
  const words = [gap.iova, gap.pa, gap.lengthBytes].flatMap((value) => [
    Number(BigInt.asIntN(32, value)),
    Number(BigInt.asIntN(32, value >> 32n)),
  ]);
  const [iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh] = words;
  subject.engine.map(domain, iovaLow, iovaHigh, paLow, paHigh, lengthLow, lengthHigh, READ_WRITE, gather);
  return new Probe(engineLoop(subject.engine, domain, gather, workload));
}

/** Milliseconds of processor time since now. */
function cpuTimer(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
}
