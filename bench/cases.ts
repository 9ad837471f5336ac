/** What is measured: the subjects (a format at a depth) and the steps that each goes through. */
import type { Domain } from "../impl/engine/index.js";
import {
  amdv1,
  amdv1Mock,
  armLpaeStage1,
  armLpaeStage2,
  armShort,
  armv8Stage1_4k,
  armv8Stage1_16k,
  armv8Stage1_64k,
  armv8Stage2_4k,
  type CommonOptions,
  dart1_4k,
  dart2,
  mali,
  type PageTable,
  riscv32,
  riscv32Guest,
  riscv64,
  riscv64Guest,
  vtdSecondStage,
  x86_64,
  x86Pae,
  x86Pae32,
} from "../impl/index.js";
import { Gather, GatherPolicy } from "../impl/memory/gather.js";
import { NO_FRAME, TableMemory } from "../impl/memory/table-memory.js";
import * as amdv1Stamp from "../impl/stamps/amdv1.plain.stamp.js";
import * as amdv1MockStamp from "../impl/stamps/amdv1-mock.plain.stamp.js";
import * as armLpaeStamp from "../impl/stamps/arm-lpae-stage1.plain.stamp.js";
import * as armLpaeStage2Stamp from "../impl/stamps/arm-lpae-stage2.plain.stamp.js";
import * as armShortStamp from "../impl/stamps/arm-short.plain.stamp.js";
import * as armv8Stamp from "../impl/stamps/armv8-stage1-4k.plain.stamp.js";
import * as armv8Stage1_16kStamp from "../impl/stamps/armv8-stage1-16k.plain.stamp.js";
import * as armv8Stage1_64kStamp from "../impl/stamps/armv8-stage1-64k.plain.stamp.js";
import * as armv8Stage2Stamp from "../impl/stamps/armv8-stage2-4k.plain.stamp.js";
import * as dart1Stamp from "../impl/stamps/dart1-4k.plain.stamp.js";
import * as dart2Stamp from "../impl/stamps/dart2.plain.stamp.js";
import * as maliStamp from "../impl/stamps/mali.plain.stamp.js";
import * as riscv32Stamp from "../impl/stamps/riscv32.plain.stamp.js";
import * as riscv32GuestStamp from "../impl/stamps/riscv32-guest.plain.stamp.js";
import * as riscv64Stamp from "../impl/stamps/riscv64.plain.stamp.js";
import * as riscv64GuestStamp from "../impl/stamps/riscv64-guest.plain.stamp.js";
import * as vtdStamp from "../impl/stamps/vtd-second-stage.plain.stamp.js";
import * as x86Stamp from "../impl/stamps/x86-64.plain.stamp.js";
import * as x86PaeStamp from "../impl/stamps/x86-pae.plain.stamp.js";
import * as x86Pae32Stamp from "../impl/stamps/x86-pae32.plain.stamp.js";
import type { Configuration, FormatName } from "../models/configuration.js";
import { shapeOf } from "../models/shape.js";
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
  readonly entry: { create(options: CommonOptions): PageTable };
  readonly engine: Engine;
  /** What its creation is asked for, beside the memory. */
  readonly options: {
    readonly topLevel?: number;
    readonly vaWidthLg2?: number;
    readonly svnapot?: boolean;
  };
  readonly topLevel: number;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  readonly granuleLg2?: number;
  readonly signExtended?: boolean;
  /** There is an entry of 64 KiB that takes several items. */
  readonly contiguous?: boolean;
  /** Pages of level 1 do not exist, or 256 of them are more than the loops, which count in words, can take. */
  readonly smallOnly?: boolean;
}

const CAPACITY_BYTES = 1 << 20;
const TABLE_BASE = 0x4000_0000n;

/** Items of four tables are touched at most, so that everything stays in the first-level cache. */
const PAGES = 256;

function amdv1Description(topLevel: 3 | 5): Description {
  return {
    format: "amdv1",
    entry: amdv1,
    engine: amdv1Stamp.engine,
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
    entry: x86_64,
    engine: x86Stamp.engine,
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
    entry: amdv1Mock,
    engine: amdv1MockStamp.engine,
    options: { topLevel: 3 },
    topLevel: 3,
    vaWidthLg2: 47,
    oaWidthLg2: 51,
    contiguous: true,
  },
  x86Description(3),
  x86Description(4),
  {
    format: "x86-pae",
    entry: x86Pae,
    engine: x86PaeStamp.engine,
    options: {},
    topLevel: 2,
    vaWidthLg2: 39,
    oaWidthLg2: 52,
    signExtended: true,
  },
  {
    format: "x86-pae32",
    entry: x86Pae32,
    engine: x86Pae32Stamp.engine,
    options: {},
    topLevel: 2,
    vaWidthLg2: 32,
    oaWidthLg2: 52,
  },
  {
    format: "vtd-second-stage",
    entry: vtdSecondStage,
    engine: vtdStamp.engine,
    options: { topLevel: 3 },
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 52,
  },
  {
    format: "riscv64",
    entry: riscv64,
    engine: riscv64Stamp.engine,
    options: { vaWidthLg2: 48, svnapot: true },
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 56,
    signExtended: true,
    contiguous: true,
  },
  {
    format: "riscv32",
    entry: riscv32,
    engine: riscv32Stamp.engine,
    options: {},
    topLevel: 1,
    vaWidthLg2: 32,
    oaWidthLg2: 34,
  },
  {
    format: "riscv64-guest",
    entry: riscv64Guest,
    engine: riscv64GuestStamp.engine,
    options: { vaWidthLg2: 50, svnapot: true },
    topLevel: 3,
    vaWidthLg2: 50,
    oaWidthLg2: 56,
    contiguous: true,
  },
  {
    format: "riscv32-guest",
    entry: riscv32Guest,
    engine: riscv32GuestStamp.engine,
    options: {},
    topLevel: 1,
    vaWidthLg2: 34,
    oaWidthLg2: 34,
  },
  {
    format: "armv8-stage1",
    entry: armv8Stage1_4k,
    engine: armv8Stamp.engine,
    options: {},
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 48,
    contiguous: true,
  },
  {
    format: "armv8-stage1",
    entry: armv8Stage1_16k,
    engine: armv8Stage1_16kStamp.engine,
    options: { vaWidthLg2: 47 },
    topLevel: 2,
    vaWidthLg2: 47,
    oaWidthLg2: 48,
    granuleLg2: 14,
    smallOnly: true,
  },
  {
    format: "armv8-stage1",
    entry: armv8Stage1_64k,
    engine: armv8Stage1_64kStamp.engine,
    options: { vaWidthLg2: 48 },
    topLevel: 2,
    vaWidthLg2: 48,
    oaWidthLg2: 52,
    granuleLg2: 16,
    smallOnly: true,
  },
  {
    format: "armv8-stage2",
    entry: armv8Stage2_4k,
    engine: armv8Stage2Stamp.engine,
    options: {},
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 48,
    contiguous: true,
  },
  {
    format: "arm-lpae-stage1",
    entry: armLpaeStage1,
    engine: armLpaeStamp.engine,
    options: {},
    topLevel: 2,
    vaWidthLg2: 32,
    oaWidthLg2: 40,
    contiguous: true,
  },
  {
    format: "arm-lpae-stage2",
    entry: armLpaeStage2,
    engine: armLpaeStage2Stamp.engine,
    options: {},
    topLevel: 2,
    vaWidthLg2: 40,
    oaWidthLg2: 40,
    contiguous: true,
  },
  {
    format: "mali",
    entry: mali,
    engine: maliStamp.engine,
    options: {},
    topLevel: 3,
    vaWidthLg2: 48,
    oaWidthLg2: 40,
  },
  {
    format: "arm-short",
    entry: armShort,
    engine: armShortStamp.engine,
    options: {},
    topLevel: 1,
    vaWidthLg2: 32,
    oaWidthLg2: 40,
    contiguous: true,
  },
  {
    format: "dart1",
    entry: dart1_4k,
    engine: dart1Stamp.engine,
    options: {},
    topLevel: 2,
    vaWidthLg2: 36,
    oaWidthLg2: 36,
    smallOnly: true,
  },
  {
    format: "dart2",
    entry: dart2,
    engine: dart2Stamp.engine,
    options: { vaWidthLg2: 36 },
    topLevel: 1,
    vaWidthLg2: 36,
    oaWidthLg2: 42,
    granuleLg2: 14,
    smallOnly: true,
  },
];

export const SUBJECTS: readonly Subject[] = DESCRIPTIONS.map(subjectOf);

function subjectOf(description: Description): Subject {
  const { format, entry, engine, options, topLevel, granuleLg2 } = description;
  const levels = topLevel + 1;
  const granule = format === "armv8-stage1" ? ` ${2 ** ((granuleLg2 ?? 12) - 10)}k` : "";
  return {
    name: `${format}${granule} ${levels} levels`,
    format,
    levels,
    workloads: workloadsOf(description),
    engine,
    domain: () => {
      const memory = newMemory();
      const { settings, topLevel: rootLevel } = engine.domainSettings({ ...options, memory });
      const domain = new engine.Domain(settings);
      const root = domain.allocateFrame(Math.max(domain.rootFrameLg2(rootLevel), memory.smallestFrameLg2));
      if (root === NO_FRAME) throw new Error("no frame for the root");
      domain.setTop(root, rootLevel);
      return { domain, gather: new Gather(memory, { invalidate: () => {} }, GatherPolicy.Range) };
    },
    table: () => entry.create({ ...options, memory: newMemory() }),
    reference: () => new Reference(configurationOf(description)),
  };
}

/** Below 4 GiB, and with the smallest frames that a format asks for: every format can have it. */
function newMemory(): TableMemory {
  return new TableMemory({ base: TABLE_BASE, capacityBytes: CAPACITY_BYTES, smallestFrameLg2: 10 });
}

/**
 * Small and large pages, and what is only looked up, lie in tables of their own. A run of pages begins anywhere in
 * the lower half of a table and differs from its output address in the bit of one page, so that no larger page
 * fits. No run fills a table: none is freed.
 */
function workloadsOf(description: Description): Workload[] {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configurationOf(description));
  const largeLg2 = granuleLg2 + tableBitsLg2;
  const high = description.vaWidthLg2 > 36;
  const small = high ? 0x12_4000_0000n : 0x4000_0000n;
  const large = high ? 0x34_4000_0000n : 0x8000_0000n;
  const lookedUp = high ? 0x12_6000_0000n : 0x6000_0000n;
  // The short descriptor has small pages below 4 GiB only.
  const pa = description.format === "arm-short" ? 0x1000_0000n : 0x1_0000_0000n;
  const runs = (step: Step, iova: bigint, pages: number, sizeLg2: number): Workload => ({
    step,
    iova,
    pa: pa + (1n << BigInt(sizeLg2)),
    lengthBytes: BigInt(pages) << BigInt(sizeLg2),
    strideLg2: sizeLg2,
    positions: PAGES,
  });
  const workloads = [runs("page", small, 1, granuleLg2), runs("pages", small, PAGES, granuleLg2)];
  if (description.smallOnly !== true) workloads.push(runs("large", large, PAGES, largeLg2));
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
    svnapot: description.options.svnapot ?? false,
    incoherent: false,
    tableBase: TABLE_BASE,
    granuleLg2: description.granuleLg2,
  };
}
