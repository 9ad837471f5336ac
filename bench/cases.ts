/** What is measured: the subjects (a format at a depth) and the steps that each goes through. */
import type { Domain } from "../impl/engine/index.js";
import {
  amdv1,
  amdv1Mock,
  armLpaeStage1,
  armv8Stage1_4k,
  type PageTable,
  riscv32,
  riscv64,
  vtdSecondStage,
  x86_64,
} from "../impl/index.js";
import { Gather, GatherPolicy } from "../impl/memory/gather.js";
import { NO_FRAME, TableMemory } from "../impl/memory/table-memory.js";
import * as amdv1Stamp from "../impl/stamps/amdv1.plain.stamp.js";
import * as amdv1MockStamp from "../impl/stamps/amdv1-mock.plain.stamp.js";
import * as armLpaeStamp from "../impl/stamps/arm-lpae-stage1.plain.stamp.js";
import * as armv8Stamp from "../impl/stamps/armv8-stage1-4k.plain.stamp.js";
import * as riscv32Stamp from "../impl/stamps/riscv32.plain.stamp.js";
import * as riscv64Stamp from "../impl/stamps/riscv64.plain.stamp.js";
import * as vtdStamp from "../impl/stamps/vtd-second-stage.plain.stamp.js";
import * as x86Stamp from "../impl/stamps/x86-64.plain.stamp.js";
import type { Configuration, FormatName } from "../models/configuration.js";
import { Reference } from "../reference/index.js";

/** What stamps of every format have in common. */
export type Engine = typeof amdv1Stamp.engine;

/**
 * The steps. All but `lookup` are pairs of one map and one unmap:
 * - page: one smallest page;
 * - pages: 256 smallest pages in one call, which alignment keeps from being larger ones;
 * - large: the same with 256 items of level 1;
 * - contiguous: one entry of 64 KiB that takes several items.
 */
export const STEPS = ["page", "pages", "large", "contiguous", "lookup"] as const;
export type Step = (typeof STEPS)[number];

/** One call, and how far it moves from time to time, so that no two calls in a row are the same. */
export interface Workload {
  readonly step: Step;
  readonly iova: bigint;
  readonly pa: bigint;
  readonly lengthBytes: bigint;
  /** The call starts at `2^strideLg2` times 0 … `positions − 1` above `iova`, in turn. */
  readonly strideLg2: number;
  /** A power of two. */
  readonly positions: number;
}

export interface Subject {
  /** Unique, as the report spells it. */
  readonly name: string;
  readonly format: FormatName;
  /** How many items a walk to the smallest page reads. */
  readonly levels: number;
  readonly workloads: readonly Workload[];
  readonly engine: Engine;
  /** A domain with its root, as the public class makes it. */
  domain(): { readonly domain: Domain; readonly gather: Gather };
  table(): PageTable;
  reference(): Reference;
}

interface Description {
  readonly format: FormatName;
  readonly engine: Engine;
  readonly create: (memory: TableMemory) => PageTable;
  /** The same options as in `create`, for the engine. */
  readonly options: {
    readonly topLevel?: number;
    readonly vaWidthLg2?: number;
    readonly svnapot?: boolean;
  };
  readonly topLevel: number;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  readonly granuleLg2?: number;
  readonly tableBitsLg2?: number;
  readonly signExtended?: boolean;
  readonly contiguous?: boolean;
}

const CAPACITY_BYTES = 1 << 20;

/** Items of four tables are touched at most, so that everything stays in the first-level cache. */
const PAGES = 256;

function amdv1Description(topLevel: 3 | 5): Description {
  return {
    format: "amdv1",
    engine: amdv1Stamp.engine,
    create: (memory) => amdv1.create({ memory, topLevel }),
    options: { topLevel },
    topLevel,
    vaWidthLg2: 64,
    oaWidthLg2: 52,
    contiguous: true,
  };
}

function x86Description(topLevel: 3 | 4): Description {
  return {
    format: "x86-64",
    engine: x86Stamp.engine,
    create: (memory) => x86_64.create({ memory, topLevel }),
    options: { topLevel },
    topLevel,
    vaWidthLg2: topLevel === 3 ? 48 : 57,
    oaWidthLg2: 52,
    signExtended: true,
  };
}

const DESCRIPTIONS: readonly Description[] = [
  amdv1Description(3),
  amdv1Description(5),
  {
    format: "amdv1-mock",
    engine: amdv1MockStamp.engine,
    create: (memory) => amdv1Mock.create({ memory, topLevel: 3 }),
    options: { topLevel: 3 },
    topLevel: 3,
    vaWidthLg2: 47,
    oaWidthLg2: 51,
    granuleLg2: 11,
    contiguous: true,
  },
  x86Description(3),
  x86Description(4),
  {
    format: "vtd-second-stage",
    engine: vtdStamp.engine,
    create: (memory) => vtdSecondStage.create({ memory, topLevel: 3 }),
    options: { topLevel: 3 },
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 52,
  },
  {
    format: "riscv64",
    engine: riscv64Stamp.engine,
    create: (memory) => riscv64.create({ memory, vaWidthLg2: 48, svnapot: true }),
    options: { vaWidthLg2: 48, svnapot: true },
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 56,
    signExtended: true,
    contiguous: true,
  },
  {
    format: "riscv32",
    engine: riscv32Stamp.engine,
    create: (memory) => riscv32.create({ memory }),
    options: {},
    topLevel: 1,
    vaWidthLg2: 32,
    oaWidthLg2: 34,
    tableBitsLg2: 10,
  },
  {
    format: "armv8-stage1",
    engine: armv8Stamp.engine,
    create: (memory) => armv8Stage1_4k.create({ memory }),
    options: {},
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 48,
    contiguous: true,
  },
  {
    format: "arm-lpae-stage1",
    engine: armLpaeStamp.engine,
    create: (memory) => armLpaeStage1.create({ memory }),
    options: {},
    topLevel: 2,
    vaWidthLg2: 32,
    oaWidthLg2: 40,
    contiguous: true,
  },
];

export const SUBJECTS: readonly Subject[] = DESCRIPTIONS.map(subjectOf);

function subjectOf(description: Description): Subject {
  const { format, engine, create, options, topLevel } = description;
  const levels = topLevel + 1;
  return {
    name: `${format} ${levels} levels`,
    format,
    levels,
    workloads: workloadsOf(description),
    engine,
    domain: () => {
      const memory = newMemory();
      const { settings, topLevel: rootLevel } = engine.domainSettings({ ...options, memory });
      const domain = new engine.Domain(settings);
      const root = domain.allocateTable();
      if (root === NO_FRAME) throw new Error("no frame for the root");
      domain.setTop(root, rootLevel);
      return { domain, gather: new Gather(memory, { invalidate: () => {} }, GatherPolicy.Range) };
    },
    table: () => create(newMemory()),
    reference: () => new Reference(configurationOf(description)),
  };
}

function newMemory(): TableMemory {
  return new TableMemory({ base: 0x2_4000_0000n, capacityBytes: CAPACITY_BYTES });
}

/**
 * Small and large pages, and what is only looked up, lie in tables of their own. A run of pages begins anywhere in
 * the lower half of a table and differs from its output address in the bit of one page, so that no larger page
 * fits. No run fills a table: none is freed.
 */
function workloadsOf(description: Description): Workload[] {
  const granuleLg2 = description.granuleLg2 ?? 12;
  const largeLg2 = granuleLg2 + (description.tableBitsLg2 ?? 9);
  const high = description.vaWidthLg2 > 32;
  const small = high ? 0x12_4000_0000n : 0x4000_0000n;
  const large = high ? 0x34_4000_0000n : 0x8000_0000n;
  const lookedUp = high ? 0x12_6000_0000n : 0x6000_0000n;
  const pa = 0x1_0000_0000n;
  const runs = (step: Step, iova: bigint, pages: number, sizeLg2: number): Workload => ({
    step,
    iova,
    pa: pa + (1n << BigInt(sizeLg2)),
    lengthBytes: BigInt(pages) << BigInt(sizeLg2),
    strideLg2: sizeLg2,
    positions: PAGES,
  });
  const workloads = [
    runs("page", small, 1, granuleLg2),
    runs("pages", small, PAGES, granuleLg2),
    runs("large", large, PAGES, largeLg2),
  ];
  if (description.contiguous === true) {
    workloads.push({
      step: "contiguous",
      iova: small,
      pa,
      lengthBytes: 1n << 16n,
      strideLg2: 16,
      positions: 8,
    });
  }
  workloads.push(runs("lookup", lookedUp, PAGES, granuleLg2));
  return workloads;
}

function configurationOf(description: Description): Configuration {
  return {
    format: description.format,
    name: "bench",
    vaWidthLg2: description.vaWidthLg2,
    oaWidthLg2: description.oaWidthLg2,
    topLevel: description.topLevel,
    growingTop: description.format === "amdv1",
    signExtended: description.signExtended ?? false,
    pageSizes: 0xffff_ffff_ffff_ffffn,
    gather: "range",
    forceCoherence: false,
    forceWriteable: false,
    svnapot: description.format === "riscv64",
    incoherent: false,
    tableBase: 0x2_4000_0000n,
  };
}
