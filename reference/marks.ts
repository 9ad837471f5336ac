/** What hardware notes in entries and software clears: that devices wrote to them, that devices used them at all. */
import type { Configuration } from "../models/configuration.js";
import type { Code, Operation, Outcome, Range } from "../models/operations.js";
import { collectAtOnce } from "./gathering.js";
import { larger, smaller } from "./geometry.js";
import { endOf, type Leaves, type Run, slice } from "./leaves.js";
import { rangeCode } from "./refusals.js";
import { ascending } from "./tables.js";

type Reading = Extract<Operation, { op: "readAndClearDirty" | "readAndClearAccessed" }>;

export interface MarkRule {
  /** Whether hardware keeps such marks, and software may ask for them. */
  readonly isKept: boolean;
  /** Fresh entries have them. */
  readonly isFresh: boolean;
  /** Only entries with these permissions ever have one. */
  readonly prot: number;
}

export class Marks {
  readonly #rule: MarkRule;
  /** The first addresses of the entries that are not marked, or not clear, as when they were fresh. */
  readonly changed: Set<bigint>;

  constructor(rule: MarkRule, changed: Iterable<bigint> = []) {
    this.#rule = rule;
    this.changed = new Set(changed);
  }

  clone(): Marks {
    return new Marks(this.#rule, this.changed);
  }

  has({ iova, prot }: Run): boolean {
    return this.#isPossible(prot) && this.changed.has(iova) !== this.#rule.isFresh;
  }

  /** How many entries are marked. */
  countIn(runs: readonly Run[]): bigint {
    if (!this.#rule.isFresh) return BigInt(this.changed.size);
    const possible = runs.filter(({ prot }) => this.#isPossible(prot));
    return possible.reduce((sum, { count }) => sum + count, -BigInt(this.changed.size));
  }

  /** Of what hardware does not keep nothing is noted. */
  set({ iova, prot }: Run, isMarked: boolean): void {
    if (!this.#rule.isKept || !this.#isPossible(prot)) return;
    if (isMarked === this.#rule.isFresh) this.changed.delete(iova);
    else this.changed.add(iova);
  }

  /** The same of every entry of a run that is new: what is as when fresh needs no note. */
  setNew(run: Run, isMarked: boolean): void {
    if (isMarked === this.#rule.isFresh) return;
    for (let i = 0n; i < run.count; i++) this.set(slice(run, i, 1n), isMarked);
  }

  setAt(configuration: Configuration, leaves: Leaves, iova: bigint): Code {
    if (!this.#rule.isKept) return "NOT_SUPPORTED";
    if (rangeCode(configuration, iova, 1n) !== "OK") return "IOVA_OUT_OF_RANGE";
    const leaf = leaves.at(iova);
    if (leaf === undefined) return "NOT_MAPPED";
    this.set(leaf, true);
    return "OK";
  }

  /** Entries from the one address to below the other are no more. */
  removeWithin(first: bigint, end: bigint): void {
    for (const entry of this.changed) if (entry >= first && entry < end) this.changed.delete(entry);
  }

  readAndClear(configuration: Configuration, leaves: Leaves, { op, iova, length, clear }: Reading): Outcome {
    const code = this.#rule.isKept ? rangeCode(configuration, iova, length) : "NOT_SUPPORTED";
    const marked = code === "OK" ? this.#within(leaves, iova, iova + length) : [];
    const entries = marked.map((leaf): Range => [leaf.iova, endOf(leaf) - 1n]);
    const reported = entries.map(([first, last]) => {
      const from = clear ? first : larger(first, iova);
      return { iova: from, length: (clear ? last + 1n : smaller(last + 1n, iova + length)) - from };
    });
    for (const leaf of marked) if (clear) this.set(leaf, false);
    const invalidated = collectAtOnce(configuration, clear ? entries : []);
    if (op === "readAndClearAccessed") return { op, code, accessed: reported, invalidated };
    return { op, code, dirty: reported, invalidated };
  }

  /** The marked entries that touch the range, in order. */
  #within(leaves: Leaves, iova: bigint, end: bigint): Run[] {
    if (this.#rule.isFresh) return leaves.within(iova, end).filter((leaf) => this.has(leaf));
    // An entry that begins before the range may stick into it.
    const start = leaves.at(iova)?.iova ?? iova;
    const changed = [...this.changed].filter((entry) => entry >= start && entry < end);
    return ascending(changed).flatMap((first) => leaves.at(first) ?? []);
  }

  #isPossible(prot: number): boolean {
    return (prot & this.#rule.prot) === this.#rule.prot;
  }
}
