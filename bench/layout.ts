/** What it takes to write the same translations down in other sizes, and to free tables as soon as they are empty. */
import { amdv1, armv8Stage1_4k, type PageTable, Prot, TableMemory, vtdSecondStage } from "../impl/index.js";
import type { Gather } from "../impl/memory/gather.js";
import { Comparison, type Effort, measureAll, Probe } from "./measure.js";

/** Nanoseconds of one format. */
export interface LayoutRow {
  readonly format: string;
  /** One page of 4 KiB cut off a leaf of 2 MiB, and the leaf made whole again. */
  readonly cutAndMerge: number;
  /** For each page of 4 KiB: 64 MiB fragmented to the smallest pages, and merged again. */
  readonly resizePerPage: number;
  readonly freeing: readonly FreeingRow[];
}

/** What is measured where tables are freed when covered, and when empty, in nanoseconds per page. */
export interface FreeingRow {
  readonly step: FreeingStep;
  readonly covered: number;
  readonly empty: number;
  /** How many times as long it takes where tables are freed when empty: see `Comparison`. */
  readonly ratio: number;
}

/**
 * - pairs: a map and an unmap of 4 KiB beside a page that stays;
 * - pairs, 1024 tables: the same, each in the next table, in each of which another page stays;
 * - up, down: a table is mapped in one call and emptied page by page, from its first or its last.
 */
const FREEING_STEPS = ["pairs", "pairs, 1024 tables", "up", "down"] as const;
type FreeingStep = (typeof FREEING_STEPS)[number];
type Freeing = "covered" | "empty";

type Format = typeof amdv1 | typeof vtdSecondStage | typeof armv8Stage1_4k;

const RW = Prot.read | Prot.write;
const PAGE = 0x1000n;
const LARGE = 0x20_0000n;
const RANGE = 0x400_0000n;
const PAGES = 512;
const TABLES = 1024;

export function measureLayout(effort: Effort): readonly LayoutRow[] {
  return [amdv1, vtdSecondStage, armv8Stage1_4k].map((format) => {
    const [cuts, sizes] = [cutAndMerge(format), resizes(format)];
    const freeing = FREEING_STEPS.map((step) => ({
      step,
      pages: step === "up" || step === "down" ? PAGES : 1,
      comparison: new Comparison(loopOf(format, step, "covered"), loopOf(format, step, "empty")),
    }));
    measureAll([cuts, sizes, ...freeing.map(({ comparison }) => comparison)], effort);
    return {
      format: format.name,
      cutAndMerge: cuts.figures().minNs,
      resizePerPage: sizes.figures().minNs / Number(RANGE / PAGE),
      freeing: freeing.map(({ step, pages, comparison: { base, other, ratio } }) => ({
        step,
        covered: base.figures().minNs / pages,
        empty: other.figures().minNs / pages,
        ratio,
      })),
    };
  });
}

function loopOf(format: Format, step: FreeingStep, freeing: Freeing): (count: number) => void {
  if (step === "pairs") return pairs(format, freeing);
  return step === "pairs, 1024 tables" ? pairsInTables(format, freeing) : emptyings(format, step, freeing);
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
function emptyings(format: Format, order: "up" | "down", freeing: Freeing): (count: number) => void {
  const table = format.create({ memory: new TableMemory(), freeing });
  const gather: Gather = table.createGather();
  table.map(LARGE, 0n, PAGE, RW);
  const places = Array.from({ length: PAGES }, (_, i) => BigInt(order === "up" ? i : PAGES - 1 - i) * PAGE);
  return (count) => {
    for (let i = 0; i < count; i++) {
      table.map(0n, PAGE, LARGE, RW);
      for (const iova of places) table.unmap(iova, PAGE, gather);
      gather.sync();
    }
  };
}

/** Pages come and go in one table, each time another. */
function pairs(format: Format, freeing: Freeing): (count: number) => void {
  const table = format.create({ memory: new TableMemory(), freeing });
  table.map(0n, 0n, PAGE, RW);
  const places = Array.from({ length: PAGES }, (_, i) => BigInt(1 + ((i * 181) % (PAGES - 1))) * PAGE);
  return pairsAt(table, places);
}

/** Pages come and go in many tables. */
function pairsInTables(format: Format, freeing: Freeing): (count: number) => void {
  const table = format.create({ memory: new TableMemory(), freeing });
  const placeIn = (at: number, page: number) => BigInt(at) * LARGE + BigInt(page % PAGES) * PAGE;
  for (let at = 0; at < TABLES; at++) table.map(placeIn(at, at * 181), 0n, PAGE, RW);
  return pairsAt(
    table,
    Array.from({ length: TABLES }, (_, at) => placeIn(at, at * 181 + 1 + ((at * 7) % (PAGES - 1)))),
  );
}

/** The number of places is a power of two. */
function pairsAt(table: PageTable, places: readonly bigint[]): (count: number) => void {
  const gather: Gather = table.createGather();
  const mask = places.length - 1;
  return (count) => {
    for (let i = 0; i < count; i++) {
      const iova = places[i & mask];
      table.map(iova, iova, PAGE, RW);
      table.unmap(iova, PAGE, gather);
    }
  };
}
