/** What it takes to write the same translations down in other sizes, and to free tables as soon as they are empty. */
import { amdv1, armv8Stage1_4k, Prot, TableMemory, vtdSecondStage } from "../impl/index.js";
import type { Gather } from "../impl/memory/gather.js";
import { type Effort, measureAll, Probe } from "./measure.js";

/** Nanoseconds of one format. */
export interface LayoutRow {
  readonly format: string;
  /** One page of 4 KiB cut off a leaf of 2 MiB, and the leaf made whole again. */
  readonly cutAndMerge: number;
  /** For each page of 4 KiB: 64 MiB fragmented to the smallest pages, and merged again. */
  readonly resizePerPage: number;
  /** A pair of map and unmap of 4 KiB beside a page that stays, where tables are freed when covered, and when empty. */
  readonly covered: number;
  readonly empty: number;
  /** For each page: a table mapped in one call and emptied page by page, upwards and downwards. */
  readonly emptied: readonly EmptiedRow[];
}

export interface EmptiedRow {
  readonly order: Order;
  readonly covered: number;
  readonly empty: number;
}

const orders = ["up", "down"] as const;
type Order = (typeof orders)[number];

type Format = typeof amdv1 | typeof vtdSecondStage | typeof armv8Stage1_4k;

const RW = Prot.read | Prot.write;
const PAGE = 0x1000n;
const LARGE = 0x20_0000n;
const RANGE = 0x400_0000n;
const PAGES = 512;

export function measureLayout(effort: Effort): readonly LayoutRow[] {
  return [amdv1, vtdSecondStage, armv8Stage1_4k].map((format) => {
    const both = ["covered", "empty"] as const;
    const emptying = orders.flatMap((order) => both.map((freeing) => emptyings(format, order, freeing)));
    const probes = [cutAndMerge(format), resizes(format), pairs(format, "covered"), pairs(format, "empty")];
    measureAll([...probes, ...emptying], effort);
    const [cuts, sizes, covered, empty] = probes.map((probe) => probe.figures().minNs);
    const resizePerPage = sizes / Number(RANGE / PAGE);
    const perPage = emptying.map((probe) => probe.figures().minNs / PAGES);
    const emptied = orders.map((order, at) => ({
      order,
      covered: perPage[2 * at],
      empty: perPage[2 * at + 1],
    }));
    return { format: format.name, cutAndMerge: cuts, resizePerPage, covered, empty, emptied };
  });
}

function cutAndMerge(format: Format): Probe {
  const table = format.create({ memory: new TableMemory() });
  table.map(LARGE, LARGE, LARGE, RW);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      table.cut(LARGE + PAGE);
      table.resize(LARGE, LARGE);
    }
  });
}

function resizes(format: Format): Probe {
  const table = format.create({ memory: new TableMemory() });
  table.map(0n, 0n, RANGE, RW);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      table.resize(0n, RANGE, { largestLg2: 12 });
      table.resize(0n, RANGE);
    }
  });
}

/** A table is filled in one call, in pages that fit no larger one, and emptied page by page; another stays beside it. */
function emptyings(format: Format, order: Order, freeing: "covered" | "empty"): Probe {
  const table = format.create({ memory: new TableMemory(), freeing });
  const gather: Gather = table.createGather();
  table.map(LARGE, 0n, PAGE, RW);
  const places = Array.from({ length: PAGES }, (_, i) => BigInt(order === "up" ? i : PAGES - 1 - i) * PAGE);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      table.map(0n, PAGE, LARGE, RW);
      for (const iova of places) table.unmap(iova, PAGE, gather);
      gather.sync();
    }
  });
}

/** Pages come and go in one table, each time another. */
function pairs(format: Format, freeing: "covered" | "empty"): Probe {
  const table = format.create({ memory: new TableMemory(), freeing });
  const gather: Gather = table.createGather();
  table.map(0n, 0n, PAGE, RW);
  const places = Array.from({ length: PAGES }, (_, i) => BigInt(1 + ((i * 181) % (PAGES - 1))) * PAGE);
  return new Probe((count) => {
    for (let i = 0; i < count; i++) {
      const iova = places[i & (PAGES - 1)];
      table.map(iova, iova, PAGE, RW);
      table.unmap(iova, PAGE, gather);
    }
  });
}
