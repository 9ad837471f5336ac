/**
 * What is mapped stays mapped, in entries of other sizes: cutting, fragmenting and merging. The rule for where
 * entries begin and end is that of a map: the largest size that divides both addresses and fits.
 */
import type { Configuration } from "../models/configuration.js";
import type { Code, Operation, Outcome, Range } from "../models/operations.js";
import { factsOf } from "./formats.js";
import type { Taken } from "./gathering.js";
import { larger, levelOfSize, smaller, tableSpanLg2 } from "./geometry.js";
import { endOf, type Leaves, type Run, slice } from "./leaves.js";
import type { Marks } from "./marks.js";
import { rangeCode } from "./refusals.js";
import { type Tables, tableKey } from "./tables.js";

const BYTES = Array.from({ length: 65 }, (_, lg2) => 1n << BigInt(lg2));

/** What a reference has, to be changed in place. */
export interface Mapped {
  readonly configuration: Configuration;
  readonly leaves: Leaves;
  readonly tables: Tables;
  readonly dirty: Marks;
  readonly accessed: Marks;
  /** The page sizes that the domain offers, smallest first. */
  readonly sizesLg2: readonly number[];
  /** False: there is no memory for one more table. */
  allocate(): boolean;
}

/** Which entries, as ranges, became others, and how many tables went with them. */
interface Changed {
  readonly code: Code;
  readonly entries: Taken[];
}

export type Relayout = Extract<Operation, { op: "cut" | "resize" | "trim" }>;

/**
 * Does the operation, and says what an implementation must answer; `left` is what is to be forgotten beside what had
 * to be invalidated within it.
 */
export function relayout(
  mapped: Mapped,
  operation: Relayout,
): { outcome: Extract<Outcome, { op: Relayout["op"] }>; left: readonly Taken[] } {
  const { configuration } = mapped;
  const length = operation.op === "cut" ? 1n : operation.length;
  const range = rangeCode(configuration, operation.iova, length);
  if (operation.op === "trim") {
    const left = range === "OK" ? trim(mapped, operation.iova, operation.iova + length) : [];
    const freedTables = left.reduce((sum, { tables }) => sum + tables, 0);
    return { outcome: { op: "trim", code: range, freedTables, invalidated: [] }, left };
  }
  const { op } = operation;
  const sizesLg2 = op === "resize" ? sizesUpTo(mapped, operation.largestLg2) : mapped.sizesLg2;
  const isFitting = sizesLg2.length > 0 || range === "ZERO_LENGTH" || range === "WRAPS";
  const refusal = isFitting ? range : "MISALIGNED";
  if (refusal !== "OK") return { outcome: { op, code: refusal, missed: [], invalidated: [] }, left: [] };
  const { code, entries } =
    op === "cut"
      ? cut(mapped, [operation.iova])
      : resize(mapped, operation.iova, operation.iova + length, sizesLg2);
  const { broken, replaced } = forgotten(configuration, entries);
  const missed = broken.length > 0 ? entries.map(({ range }) => range) : [];
  return { outcome: { op, code, missed, invalidated: broken }, left: replaced };
}

/** Entries that became others are broken and forgotten one by one, or replaced and then forgotten together. */
function forgotten(configuration: Configuration, entries: readonly Taken[]) {
  const isBroken = factsOf(configuration).breakBeforeMake && configuration.toleratesSizeChange !== true;
  if (!isBroken) return { broken: [], replaced: entries };
  // Where misses are remembered, that of the moment must be forgotten as well.
  const times = configuration.cachesNotPresent === true ? [0, 1] : [0];
  return { broken: entries.flatMap(({ range }) => times.map(() => range)), replaced: [] };
}

/** What cutting the edges of an unmap did: what was broken was invalidated, what was replaced is to be. */
interface Edges {
  readonly code: Code;
  readonly broken: readonly Range[];
  readonly replaced: readonly Taken[];
}

export const NO_EDGES: Edges = { code: "OK", broken: [], replaced: [] };

/** Cuts the entries inside of which a range begins or ends, or refuses the range, as the domain says. */
export function settleEdges(mapped: Mapped, iova: bigint, end: bigint): Edges {
  const { configuration } = mapped;
  const { partialUnmap = "whole" } = configuration;
  if (partialUnmap === "whole") return NO_EDGES;
  const isInside = (edge: bigint) => entryAround(mapped, edge).length > 0;
  if (partialUnmap === "refuse") {
    return { ...NO_EDGES, code: [iova, end].some(isInside) ? "PARTIAL_ENTRY" : "OK" };
  }
  const { code, entries } = cut(mapped, [iova, end]);
  return { code, ...forgotten(configuration, entries) };
}

/** Removes the tables of which an unmap of `[iova, end)` left nothing; the range covers what they spanned, too. */
export function removeTables({ configuration, leaves, tables }: Mapped, iova: bigint, end: bigint): Taken {
  let range: Range = [iova, end - 1n];
  if (configuration.freeing !== "empty") {
    return { range, tables: tables.removeWithin(tables.topLevel, iova, end).length };
  }
  let freed = 0;
  for (let level = 0; level < tables.topLevel; level++) {
    const lg2 = BigInt(tableSpanLg2(configuration, level));
    const from = (iova >> lg2) << lg2;
    for (const first of tables.within(level, from, ((end - 1n + (1n << lg2)) >> lg2) << lg2)) {
      const last = first + (1n << lg2) - 1n;
      const isInUse = leaves.within(first, last + 1n).length > 0;
      if (isInUse || (level > 0 && tables.within(level - 1, first, last + 1n).length > 0)) continue;
      tables.remove(level, first);
      freed++;
      range = [smaller(range[0], first), larger(range[1], last)];
    }
  }
  return { range, tables: freed };
}

const sizesUpTo = ({ sizesLg2 }: Mapped, largestLg2: number) => sizesLg2.filter((lg2) => lg2 <= largestLg2);

/** Makes the addresses first ones of entries. Gives the ranges of the entries that they were inside of. */
function cut(mapped: Mapped, iovas: readonly bigint[]): Changed {
  const wanted: { entry: Run; parts: Run[] }[] = [];
  const entries = new Map(iovas.flatMap((iova) => entryAround(mapped, iova)).map((run) => [run.iova, run]));
  for (const entry of entries.values()) {
    const cuts = iovas.filter((iova) => iova > entry.iova && iova < endOf(entry));
    const parts = layout(mapped, entry, cuts, mapped.sizesLg2);
    if (parts === undefined) return { code: "MISALIGNED", entries: [] };
    wanted.push({ entry, parts });
  }
  return fragment(mapped, wanted);
}

/** The entry inside of which the address lies, not as its first. */
function entryAround({ leaves }: Mapped, iova: bigint): Run[] {
  const entry = leaves.at(iova);
  return entry === undefined || entry.iova === iova ? [] : [entry];
}

/** Replaces entries by their parts, or, without memory for all of their tables, does nothing. */
function fragment(mapped: Mapped, wanted: readonly { entry: Run; parts: Run[] }[]): Changed {
  const { configuration, tables } = mapped;
  const added = new Map<bigint, { level: number; iova: bigint }>();
  for (const { entry, parts } of wanted) {
    const top = levelOfSize(configuration, entry.sizeLg2);
    for (const run of parts) {
      for (let level = levelOfSize(configuration, run.sizeLg2); level < top; level++) {
        const lg2 = BigInt(tableSpanLg2(configuration, level));
        for (let iova = run.iova; iova < endOf(run); iova = ((iova >> lg2) + 1n) << lg2)
          added.set(tableKey(level, iova >> lg2), { level, iova });
      }
    }
  }
  for (const _ of added) if (!mapped.allocate()) return { code: "OUT_OF_MEMORY", entries: [] };
  for (const { level, iova } of added.values()) tables.add(level, iova);
  for (const { entry, parts } of wanted) {
    replace(mapped, [entry], parts);
  }
  return { code: "OK", entries: wanted.map(({ entry }) => taken(entry, 0)) };
}

/** Puts entries in the place of others: they are marked if any of those was. */
function replace({ leaves, dirty, accessed }: Mapped, old: readonly Run[], parts: readonly Run[]): void {
  const kept = [dirty, accessed].map((marks) => ({ marks, isMarked: old.some((entry) => marks.has(entry)) }));
  for (const entry of old) {
    leaves.remove(entry.iova, 1n);
    for (const marks of [dirty, accessed]) marks.changed.delete(entry.iova);
  }
  for (const run of parts) leaves.add(run);
  for (const run of parts) for (const { marks, isMarked } of kept) marks.setNew(run, isMarked);
}

const entriesOf = (run: Run) =>
  Array.from({ length: Number(run.count) }, (_, i) => slice(run, BigInt(i), 1n));

const taken = (entry: Run, tables: number): Taken => ({ range: [entry.iova, endOf(entry) - 1n], tables });

/** The entries that a map would make of a run, side by side where they are of one size, with some places at which one must begin; undefined: none can. */
function layout(
  { configuration }: Mapped,
  run: Run,
  cuts: readonly bigint[],
  sizesLg2: readonly number[],
): Run[] | undefined {
  const { farSizeLg2 } = factsOf(configuration);
  const parts: Run[] = [];
  const ends = [...cuts, endOf(run)];
  for (let iova = run.iova; iova < endOf(run); ) {
    const pa = run.pa + iova - run.iova;
    const end = ends.find((candidate) => candidate > iova) ?? iova;
    const isFar = farSizeLg2 !== undefined && pa >= BYTES[32];
    const fits = (lg2: number) =>
      (iova | pa) % BYTES[lg2] === 0n && BYTES[lg2] <= end - iova && (!isFar || lg2 === farSizeLg2);
    const sizeLg2 = sizesLg2.filter(fits).pop();
    if (sizeLg2 === undefined) return undefined;
    // One entry at a time where output addresses may become such that need a size.
    const stop =
      farSizeLg2 === undefined
        ? smaller(end, largerMayBegin(iova, pa, sizeLg2, sizesLg2))
        : iova + BYTES[sizeLg2];
    const count = (stop - iova) >> BigInt(sizeLg2);
    parts.push({ iova, count, sizeLg2, pa, prot: run.prot });
    iova += count << BigInt(sizeLg2);
  }
  return parts;
}

/** The next address at which entries may become larger. */
function largerMayBegin(iova: bigint, pa: bigint, sizeLg2: number, sizesLg2: readonly number[]): bigint {
  const next = sizesLg2.find((lg2) => lg2 > sizeLg2 && (iova - pa) % BYTES[lg2] === 0n);
  return next === undefined ? BYTES[64] : iova + BYTES[next] - (iova % BYTES[next]);
}

/**
 * Fragments the entries that touch `[iova, end)` and are larger than the largest of these sizes, then makes larger
 * ones of those inside. Gives what was fragmented and what was merged.
 */
function resize(mapped: Mapped, iova: bigint, end: bigint, sizesLg2: readonly number[]): Changed {
  const largest = BYTES[sizesLg2[sizesLg2.length - 1]];
  const wanted: { entry: Run; parts: Run[] }[] = [];
  for (const entry of mapped.leaves.within(iova, end)) {
    const parts = BYTES[entry.sizeLg2] > largest ? layout(mapped, entry, [], sizesLg2) : undefined;
    // Output addresses that need one size keep it.
    if (parts !== undefined) wanted.push({ entry, parts });
  }
  const { code, entries } = fragment(mapped, wanted);
  if (code !== "OK") return { code, entries };
  const isInside = (leaf: Run) => leaf.iova >= iova && endOf(leaf) <= end && BYTES[leaf.sizeLg2] <= largest;
  const inside = mapped.leaves.within(iova, end).filter(isInside);
  for (const run of alikes(mapped, inside)) entries.push(...merge(mapped, run, sizesLg2));
  return { code, entries };
}

/** Neighbours that lead to neighbours, permit the same and are equally dirty, as one run each of a byte's size. */
function alikes({ dirty }: Mapped, leaves: readonly Run[]): Run[] {
  const runs: Run[] = [];
  let before: Run | undefined;
  for (const leaf of leaves) {
    const bytes = BYTES[leaf.sizeLg2];
    const run = runs[runs.length - 1];
    const goesOn =
      before !== undefined &&
      endOf(before) === leaf.iova &&
      before.pa + BYTES[before.sizeLg2] === leaf.pa &&
      before.prot === leaf.prot &&
      dirty.has(before) === dirty.has(leaf);
    if (goesOn) runs[runs.length - 1] = { ...run, count: run.count + bytes };
    else runs.push({ ...leaf, sizeLg2: 0, count: bytes });
    before = leaf;
  }
  return runs;
}

/** Makes the entries of a run as large as can be; gives those that are new. */
function merge(mapped: Mapped, run: Run, sizesLg2: readonly number[]): Taken[] {
  const { configuration, leaves, tables } = mapped;
  const isReached = (lg2: number) => levelOfSize(configuration, lg2) <= tables.topLevel;
  const merged: Taken[] = [];
  const [smallestLg2] = sizesLg2;
  const parts = layout(mapped, run, [], sizesLg2.filter(isReached)) ?? [];
  for (const part of parts.filter(({ sizeLg2 }) => sizeLg2 !== smallestLg2).flatMap(entriesOf)) {
    const pieces = leaves.within(part.iova, endOf(part));
    if (pieces.length === 1) continue;
    replace(mapped, pieces, [part]);
    const level = levelOfSize(configuration, part.sizeLg2);
    merged.push(taken(part, tables.removeWithin(level, part.iova, endOf(part)).length));
  }
  return merged;
}

/** Removes every table inside `[iova, end)` below which nothing is mapped; gives the spans of the highest, in order. */
function trim({ configuration, leaves, tables }: Mapped, iova: bigint, end: bigint): Taken[] {
  const isEmpty = (first: bigint, lg2: number) => {
    const next = leaves.atOrAfter(first);
    return next === undefined || next.iova >= first + BYTES[lg2];
  };
  let spans: Taken[] = [];
  for (let level = 0; level < tables.topLevel; level++) {
    const lg2 = tableSpanLg2(configuration, level);
    for (const first of tables.within(level, iova, end)) {
      if (!isEmpty(first, lg2)) continue;
      tables.remove(level, first);
      const last = first + BYTES[lg2] - 1n;
      const isOutside = ({ range }: Taken) => range[0] < first || range[0] > last;
      const below = spans.filter((span) => !isOutside(span)).reduce((sum, span) => sum + span.tables, 0);
      spans = [...spans.filter(isOutside), { range: [first, last], tables: below + 1 }];
    }
  }
  return spans.sort((one, other) => (one.range[0] < other.range[0] ? -1 : 1));
}
