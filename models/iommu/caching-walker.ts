/**
 * A walk item by item, that begins at the nearest table which a cache still holds and leaves each item that it reads in
 * the cache. What an item means is the strict walkers' business (`Walker.inspect`); this file knows indices, rights and
 * the two stages.
 */
import { Rights } from "../walkers/table-walker.js";
import { Pointer, type Walker, WalkResult, type WalkResultCode } from "../walkers/walker.js";
import { addressOf, type PhysicalMemory } from "./physical-memory.js";
import type {
  CachedStep,
  LeafStep,
  MissStep,
  TableStep,
  Tag,
  TranslationCache,
} from "./translation-cache.js";

const LEVEL_BITS_LG2 = 9;
const ITEMS = 2 ** LEVEL_BITS_LG2;
/** Pages of a 64-bit space. */
const SPACE = 2 ** 52;

/** How the items of one kind of table look beyond what `inspect` says. */
export interface ItemRules {
  /** Says what an item is. */
  readonly inspector: Walker;
  /** What a pointer permits, as bits of `Rights`. */
  pointerRights(rawLow: number, rawHigh: number): number;
  /** Low-word bits that hardware sets. */
  readonly accessed: number;
  readonly dirty: number;
  /** Pointers are marked accessed as well as leaves. */
  readonly marksPointers: boolean;
  /** Input addresses are sign-extended from the highest bit that the root translates. */
  readonly signExtended: boolean;
}

/** Tables of one stage. */
export interface Tables extends Tag {
  /** Physical address of the root; guest-physical where there is a second stage. */
  readonly root: number;
  /** The root's level. */
  readonly topLevel: number;
  readonly rules: ItemRules;
  /** Hardware sets accessed (dirty) bits. */
  readonly accessed: boolean;
  readonly dirty: boolean;
  /** The second stage that the addresses in these tables, and those that they yield, go through. */
  readonly under?: Tables | undefined;
}

/** Why a walk ended without a translation. */
export interface WalkFault {
  /** `Translated`: everything is legal, and a right is missing. */
  readonly result: WalkResultCode;
  /** The second of two stages refused. */
  readonly stage: 1 | 2;
  readonly missing: number;
}

export type Translation = LeafStep | { readonly kind: "fault"; readonly fault: WalkFault };

/** What a walk does beside reading. */
export interface WalkMode {
  readonly cached: boolean;
  /** Sets accessed and dirty bits, and fills the cache. */
  readonly leavesTraces: boolean;
}

export const LOOK: WalkMode = { cached: false, leavesTraces: false };

export interface WalkerKeeps {
  /** What was read stays in the cache. */
  readonly everything: boolean;
  /** So do misses and faults. */
  readonly misses: boolean;
}

export class CachingWalker {
  readonly #memory: PhysicalMemory;
  readonly #cache: TranslationCache;
  readonly #keeps: WalkerKeeps;

  constructor(memory: PhysicalMemory, cache: TranslationCache, keeps: WalkerKeeps) {
    this.#memory = memory;
    this.#cache = cache;
    this.#keeps = keeps;
  }

  /** Translates a page for an access that needs these rights. */
  translate(tables: Tables, page: number, needed: number, mode: WalkMode): Translation {
    if (mode.cached && this.#keeps.everything) {
      const step = this.#cache.endAt(tables, page);
      if (step?.kind === "miss") return asFault(step.fault);
      if (step !== undefined) {
        const marks = tables.dirty && !step.dirty && (needed & Rights.write) !== 0;
        if (!marks || (needed & ~step.rights) !== 0) return permitted(step, needed);
        // Only the item in memory can be marked, so it is read again.
        this.#cache.drop(step);
      }
    }
    return this.#walk(tables, page, needed, mode);
  }

  /** The steps of a walk that begins at the root and uses no cache, for comparison. */
  look(tables: Tables, page: number): readonly CachedStep[] {
    const steps: CachedStep[] = [];
    this.#walk(tables, page, 0, LOOK, (step) => steps.push(step));
    return steps;
  }

  #walk(
    tables: Tables,
    page: number,
    needed: number,
    mode: WalkMode,
    onStep?: (step: CachedStep) => void,
  ): Translation {
    const { topLevel, root } = tables;
    if (!isInput(tables, page)) return asFault({ result: WalkResult.NotCanonical, stage: 1, missing: 0 });
    const cached = mode.cached && this.#keeps.everything ? this.#cache.tableAt(tables, page) : undefined;
    let level = cached?.nextLevel ?? topLevel;
    let table = cached?.table ?? root;
    let rights = cached?.rights ?? -1;
    for (;;) {
      const step = this.#read(tables, page, level, table, rights, needed, mode);
      if (step.kind === "fault") return step;
      onStep?.(step);
      if (step.kind === "miss") {
        if (mode.leavesTraces && this.#keeps.everything && this.#keeps.misses) this.#cache.add(step);
        return asFault(step.fault);
      }
      if (step.kind === "leaf") return this.#end(tables, page, step, needed, mode);
      if (mode.leavesTraces && this.#keeps.everything) this.#cache.add(step);
      level = step.nextLevel;
      table = step.table;
      rights = step.rights;
    }
  }

  /** Reads the item of a table, and says what it is; a fault is the second stage's. */
  #read(
    tables: Tables,
    page: number,
    level: number,
    table: number,
    before: number,
    needed: number,
    mode: WalkMode,
  ): CachedStep | { readonly kind: "fault"; readonly fault: WalkFault } {
    const { rules, under } = tables;
    const place = this.#placeOf(tables, table + 8 * indexOf(page, level), 0, mode);
    if (typeof place !== "number") return place;
    if (!this.#memory.contains(place)) return missStep(tables, page, level, WalkResult.OutsideMemory);
    const rawLow = this.#memory.read32(place) | 0;
    const rawHigh = this.#memory.read32(place + 4) | 0;
    const { inspector } = rules;
    const kind = inspector.inspect(level, rawLow, rawHigh);
    if (kind !== Pointer && kind !== WalkResult.Translated) return missStep(tables, page, level, kind);
    const step =
      kind === Pointer
        ? pointerStep(tables, page, level, before & rules.pointerRights(rawLow, rawHigh))
        : leafStep(tables, page, level, before);
    if (step.kind === "miss") return step;
    const marks = this.#marksFor(tables, step, needed);
    if ((rawLow & marks) === marks) return step;
    if (under !== undefined) {
      const written = this.#placeOf(tables, table + 8 * indexOf(page, level), Rights.write, mode);
      if (typeof written !== "number") return written;
    }
    if (!mode.leavesTraces) return step;
    this.#memory.write32(place, rawLow | marks);
    return step.kind === "leaf" ? { ...step, dirty: ((rawLow | marks) & rules.dirty) !== 0 } : step;
  }

  /** The bits that this access sets in the item. */
  #marksFor({ rules, accessed, dirty }: Tables, step: CachedStep, needed: number): number {
    const marksAccessed =
      accessed && (step.kind === "leaf" ? (needed & ~step.rights) === 0 : rules.marksPointers);
    const marksDirty =
      dirty && step.kind === "leaf" && (needed & Rights.write) !== 0 && (needed & ~step.rights) === 0;
    return (marksAccessed ? rules.accessed : 0) | (marksDirty ? rules.dirty : 0);
  }

  /** The physical address of an item: what the second stage makes of it, where there is one. */
  #placeOf(
    { under }: Tables,
    address: number,
    needed: number,
    mode: WalkMode,
  ): number | { readonly kind: "fault"; readonly fault: WalkFault } {
    if (under === undefined) return address;
    const page = Math.floor(address / 4096);
    const found = this.translate(under, page, Rights.read | needed, mode);
    if (found.kind === "fault") return asFault({ ...found.fault, stage: 2 });
    return (found.outputPage + (page - found.firstPage)) * 4096 + (address % 4096);
  }

  /** A leaf: through the second stage, if there is one, and into the cache. */
  #end(tables: Tables, page: number, leaf: LeafStep, needed: number, mode: WalkMode): Translation {
    let step = leaf;
    const { under } = tables;
    if (under !== undefined) {
      if ((needed & ~leaf.rights) !== 0) return permitted(leaf, needed);
      const guestPage = leaf.outputPage + (page - leaf.firstPage);
      const found = this.translate(under, guestPage, needed, mode);
      if (found.kind === "fault") return asFault({ ...found.fault, stage: 2 });
      const dirty = leaf.dirty && (found.dirty || !under.dirty);
      step = { ...combined(leaf, found, page, guestPage), dirty };
    }
    if (mode.leavesTraces && this.#keeps.everything) this.#cache.add(step);
    return permitted(step, needed);
  }
}

function asFault(fault: WalkFault): { readonly kind: "fault"; readonly fault: WalkFault } {
  return { kind: "fault", fault };
}

function permitted(step: LeafStep, needed: number): Translation {
  const missing = needed & ~step.rights;
  return missing === 0 ? step : asFault({ result: WalkResult.Translated, stage: 1, missing });
}

/** Whether the root translates this page. */
function isInput({ topLevel, rules }: Tables, page: number): boolean {
  const pages = ITEMS ** (topLevel + 1);
  return rules.signExtended ? page < pages / 2 || page >= SPACE - pages / 2 : page < pages;
}

function indexOf(page: number, level: number): number {
  return Math.floor(page / ITEMS ** level) % ITEMS;
}

function alignedDown(page: number, pagesLg2: number): number {
  return Math.floor(page / 2 ** pagesLg2) * 2 ** pagesLg2;
}

// Steps are made in the heart of every walk: all fields are written out, because spreading objects costs more than the rest.

function missStep(tables: Tables, page: number, level: number, result: WalkResultCode): MissStep {
  const pagesLg2 = LEVEL_BITS_LG2 * level;
  return {
    kind: "miss",
    domain: tables.domain,
    pasid: tables.pasid,
    tables,
    level,
    firstPage: alignedDown(page, pagesLg2),
    pagesLg2,
    rights: 0,
    fault: { result, stage: 1, missing: 0 },
  };
}

/** The inspector holds the pointer. Where levels are skipped the bits between must be 0, so the step covers less. */
function pointerStep(tables: Tables, page: number, level: number, rights: number): TableStep | MissStep {
  const { oaLow, oaHigh, level: nextLevel } = tables.rules.inspector;
  const pagesLg2 = LEVEL_BITS_LG2 * (nextLevel + 1);
  const firstPage = alignedDown(page, pagesLg2);
  if (nextLevel + 1 !== level && alignedDown(page, LEVEL_BITS_LG2 * level) !== firstPage)
    return missStep(tables, page, nextLevel + 1, WalkResult.IllegalSkip);
  return {
    kind: "table",
    domain: tables.domain,
    pasid: tables.pasid,
    tables,
    level,
    firstPage,
    pagesLg2,
    rights,
    table: addressOf(oaLow, oaHigh),
    nextLevel,
  };
}

/** The inspector holds the leaf. */
function leafStep(tables: Tables, page: number, level: number, before: number): LeafStep {
  const { oaLow, oaHigh, sizeLg2, read, write, dirty } = tables.rules.inspector;
  const pagesLg2 = sizeLg2 - 12;
  return {
    kind: "leaf",
    domain: tables.domain,
    pasid: tables.pasid,
    tables,
    level,
    firstPage: alignedDown(page, pagesLg2),
    pagesLg2,
    rights: before & ((read ? Rights.read : 0) | (write ? Rights.write : 0)),
    outputPage: addressOf(oaLow, oaHigh) / 4096,
    dirty,
  };
}

/** What two stages are together: the smaller of the two pages, and what both permit. */
function combined(first: LeafStep, second: LeafStep, page: number, guestPage: number): LeafStep {
  const pagesLg2 = Math.min(first.pagesLg2, second.pagesLg2);
  const firstPage = alignedDown(page, pagesLg2);
  const outputPage = alignedDown(second.outputPage + (guestPage - second.firstPage), pagesLg2);
  const rights = first.rights & second.rights;
  return { ...first, firstPage, pagesLg2, outputPage, rights };
}
