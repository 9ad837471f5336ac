/** Whether what a cache holds is what memory says now. By meaning: a leaf may have become a table of like leaves. */
import { type CachingWalker, LOOK, type Tables } from "./caching-walker.js";
import type { Disagreement } from "./hardware.js";
import type { CachedStep, LeafStep, MissStep, TableStep } from "./translation-cache.js";

const ITEM_BITS_LG2 = 9;

/** Why the step, seen from the tables that hold for its tag now, is not true any more; undefined when it is. */
export function staleness(walker: CachingWalker, tables: Tables, step: CachedStep): string | undefined {
  if (step.kind === "leaf") return staleLeaf(walker, tables, step, -1);
  return step.kind === "table" ? staleTable(walker, tables, step) : staleMiss(walker, tables, step);
}

/** A stale step in the words of a report. */
export function disagreementOf(step: CachedStep, sentence: string): Disagreement {
  const cache = step.kind === "leaf" ? "leaf" : step.kind === "table" ? "walk step" : "not present";
  const { domain, pasid, firstPage, pagesLg2 } = step;
  const iova = BigInt(firstPage) << 12n;
  return { cache, device: -1, domain, pasid, iova, sizeBytes: 1n << BigInt(pagesLg2 + 12), sentence };
}

/** The same for a leaf that was kept with no more than the rights of the mask. */
export function staleLeaf(
  walker: CachingWalker,
  tables: Tables,
  step: LeafStep,
  rightsMask: number,
): string | undefined {
  const end = step.firstPage + 2 ** step.pagesLg2;
  for (let page = step.firstPage; page < end; ) {
    const now = walker.translate(tables, page, 0, LOOK);
    if (now.kind === "fault") return `${hex(page * 4096)} is cached and not mapped`;
    const output = now.outputPage + (page - now.firstPage);
    const cached = step.outputPage + (page - step.firstPage);
    if (output !== cached)
      return `${hex(page * 4096)} is cached as ${hex(cached * 4096)} and maps to ${hex(output * 4096)}`;
    const rights = now.rights & rightsMask;
    if (rights !== step.rights)
      return `${hex(page * 4096)} is cached with rights ${step.rights} and has ${rights}`;
    page = endOfItem(now, page);
  }
  return undefined;
}

/** A page may stand in several items (AMD's size codes): each must say the same. */
function endOfItem({ level, pagesLg2 }: LeafStep, page: number): number {
  const pages = 2 ** Math.min(pagesLg2, ITEM_BITS_LG2 * level);
  return (Math.floor(page / pages) + 1) * pages;
}

/** A stale entry of a device. */
export function ofDevice(
  cache: Disagreement["cache"],
  device: number,
  domain: number,
  pasid: number,
  sentence: string,
): Disagreement {
  return { cache, device, domain, pasid, iova: 0n, sizeBytes: 0n, sentence };
}

function staleTable(walker: CachingWalker, tables: Tables, step: TableStep): string | undefined {
  const now = walker.look(tables, step.firstPage).find(({ level }) => level === step.level);
  const { table, nextLevel, rights } = step;
  if (now?.kind !== "table") return `the table at ${hex(table)} is cached and no item points to it`;
  if (now.table !== table || now.nextLevel !== nextLevel)
    return `the table at ${hex(table)} is cached and the item points to ${hex(now.table)}`;
  return now.rights === rights ? undefined : `the table at ${hex(table)} is cached with other rights`;
}

function staleMiss(walker: CachingWalker, tables: Tables, step: MissStep): string | undefined {
  const end = step.firstPage + 2 ** step.pagesLg2;
  for (let page = step.firstPage; page < end; ) {
    const now = walker.look(tables, page).at(-1);
    if (now === undefined) return undefined;
    if (now.kind === "leaf") return `${hex(page * 4096)} is cached as not present and is mapped`;
    page = now.firstPage + 2 ** now.pagesLg2;
  }
  return undefined;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
