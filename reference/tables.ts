/** Which tables are alive. Which they are depends on history, so they are followed, not derived. */
import type { Configuration } from "../models/configuration.js";
import { inputWidthLg2, tableSpanLg2 } from "./geometry.js";

/**
 * The name of a table: its level, and the input address of its first item shifted right by log2 of what the whole
 * table spans. A sign-extended address counts with its low `vaWidthLg2` bits only.
 */
export function tableKey(level: number, indexPrefix: bigint): bigint {
  return (indexPrefix << 3n) | BigInt(level);
}

/** The live tables of a domain, by level and index prefix. */
export class Tables {
  readonly #configuration: Configuration;
  readonly #addressMask: bigint;
  /** log2 of what a table of each level spans. */
  readonly #spansLg2: readonly bigint[];
  /** The index prefixes of the live tables of each level, up to the root's, which is 0. */
  #levels: Set<bigint>[];

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
    this.#addressMask = (1n << BigInt(inputWidthLg2(configuration))) - 1n;
    this.#spansLg2 = Array.from({ length: 8 }, (_, level) => BigInt(tableSpanLg2(configuration, level)));
    this.#levels = Array.from({ length: configuration.topLevel + 1 }, () => new Set<bigint>());
    this.add(configuration.topLevel, 0n);
  }

  clone(): Tables {
    const copy = new Tables(this.#configuration);
    copy.#levels = this.#levels.map((prefixes) => new Set(prefixes));
    return copy;
  }

  get topLevel(): number {
    return this.#levels.length - 1;
  }

  get count(): number {
    return this.#levels.reduce((sum, prefixes) => sum + prefixes.size, 0);
  }

  keys(): Set<bigint> {
    return new Set(this.#levels.flatMap((prefixes, level) => [...prefixes].map((p) => tableKey(level, p))));
  }

  /** Makes the present root item 0 of a new root one level up. */
  grow(): void {
    this.#levels.push(new Set([0n]));
  }

  /** Whether the table of this level that spans the address is alive. */
  has(level: number, iova: bigint): boolean {
    return this.#levels[level]?.has(this.#prefix(level, iova)) ?? false;
  }

  add(level: number, iova: bigint): void {
    this.#levels[level].add(this.#prefix(level, iova));
  }

  /** Removes the tables below the level that lie wholly in `[first, end)`; says which, those of a level in order. */
  removeWithin(belowLevel: number, first: bigint, end: bigint): { level: number; iova: bigint }[] {
    const removed: { level: number; iova: bigint }[] = [];
    for (let level = 0; level < belowLevel; level++) {
      for (const iova of this.within(level, first, end)) {
        this.remove(level, iova);
        removed.push({ level, iova });
      }
    }
    return removed;
  }

  /** The first addresses of a level's live tables that lie wholly in `[first, end)`, in order. */
  within(level: number, first: bigint, end: bigint): bigint[] {
    const low = first & this.#addressMask;
    const lg2 = this.#spansLg2[level];
    const from = (low + (1n << lg2) - 1n) >> lg2;
    const to = (low + end - first) >> lg2;
    if (from >= to) return [];
    const prefixes = this.#levels[level];
    // Either count through the range or look through the set, whichever is less.
    const isFew = to - from < BigInt(prefixes.size);
    const candidates = isFew ? countUp(from, to) : ascending(prefixes);
    const inside = candidates.filter((prefix) => prefix >= from && prefix < to && prefixes.has(prefix));
    return inside.map((prefix) => first - low + (prefix << lg2));
  }

  remove(level: number, iova: bigint): void {
    this.#levels[level].delete(this.#prefix(level, iova));
  }

  #prefix(level: number, iova: bigint): bigint {
    return (iova & this.#addressMask) >> this.#spansLg2[level];
  }
}

const countUp = (from: bigint, to: bigint) =>
  Array.from({ length: Number(to - from) }, (_, n) => from + BigInt(n));

export const ascending = (values: Iterable<bigint>) => [...values].sort((a, b) => (a < b ? -1 : 1));
