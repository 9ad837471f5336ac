/**
 * The worst cache that an architecture allows: a device may translate any address between any two stores, keeps
 * every leaf and every table pointer it ever met, whole or in pieces of any size, and lets go of nothing before an
 * invalidation names it.
 *
 * It need not be simulated access by access. A cached step matters only once memory says otherwise, so what is kept
 * here is exactly that: the steps that were true when a device may have read them and are not any more. A right
 * program leaves none of them behind a finished invalidation.
 *
 * Sources: AMD IOMMU specification (INVALIDATE_IOMMU_PAGES: the address and size encoding), Intel VT-d
 * specification (invalidation of IOTLB and paging-structure caches), Arm ARM D8.14 (TLB maintenance), RISC-V IOMMU
 * specification (IOTINVAL.VMA, IOTINVAL.GVMA).
 */
import { highMask, lowMask } from "../walkers/words.js";
import { covers, overlaps, powerOfTwoAround, type Span } from "./span.js";

/**
 * How the hardware is told to forget. `range`: an inclusive range with the levels of leaves and of tables concerned;
 * what the device cached in pieces outside of the range stays. `power-of-two`: one aligned block that holds the
 * range; an entry larger than the block stays, though the block is inside it.
 */
export type InvalidationLanguage = "range" | "power-of-two";

/** A step that a device may still believe, and memory does not hold any more. */
export interface StaleStep extends Span {
  readonly kind: "leaf" | "table" | "not-present";
  /** The level of the leaf; of the table that a pointer led to. */
  readonly level: number;
  /** log2 of the size of the entry that was cached. */
  readonly sizeLg2: number;
  /** First words of the frames that can be reached through a stale pointer. */
  readonly frames: readonly number[];
}

/** The end moves while the steps of one unmap come, page after page. */
type GrowingStep = StaleStep & { lastLow: number; lastHigh: number };

export class DeviceCache {
  readonly #languages: readonly InvalidationLanguage[];
  #steps: GrowingStep[] = [];
  /** The first so many steps wait in a gather that the caller holds open. */
  #waiting = 0;

  constructor(languages: readonly InvalidationLanguage[] = ["range"]) {
    this.#languages = languages;
  }

  /** What a device may still believe. */
  get stale(): readonly StaleStep[] {
    return this.#steps;
  }

  /** What is inside of the range, from the oldest step on, is the caller's to invalidate when it likes. */
  begin(pending: Span | undefined): void {
    const left = pending === undefined ? 0 : this.#steps.findIndex((step) => !isInside(step, pending));
    this.#waiting = left < 0 ? this.#steps.length : left;
  }

  /** A leaf that was there is not any more, or not as it was; the address is any of its entry's. */
  leafChanged(vaLow: number, vaHigh: number, level: number, sizeLg2: number): void {
    this.#grow("leaf", vaLow, vaHigh, level, sizeLg2);
  }

  /** An item that pointed to a table of this level does not any more. */
  pointerChanged(
    vaLow: number,
    vaHigh: number,
    level: number,
    spanLg2: number,
    frames: readonly number[],
  ): void {
    this.#add("table", level, spanLg2, vaLow, vaHigh, frames);
  }

  /** A device that remembers misses may have found nothing here, before a translation appeared. */
  appeared(vaLow: number, vaHigh: number, level: number, sizeLg2: number): void {
    this.#grow("not-present", vaLow, vaHigh, level, sizeLg2);
  }

  /** The hardware was told to forget the inclusive range, at the levels of the masks. */
  invalidated(span: Span, leafLevels: number, tableLevels: number): void {
    if (this.#steps.length === 0) return;
    const kept: GrowingStep[] = [];
    let waiting = 0;
    for (const [index, step] of this.#steps.entries()) {
      const isNamed = ((levelsFor(step, leafLevels, tableLevels) >> step.level) & 1) === 1;
      if (!isNamed) kept.push(step);
      else if (!this.#languages.every((language) => forgets(language, step, span))) {
        kept.push(...remains(step, span));
      }
      if (index < this.#waiting) waiting = kept.length;
    }
    this.#waiting = waiting;
    this.#steps = kept;
  }

  /** The first step that is left and is not inside the range that waits for its invalidation. */
  uncovered(pending: Span | undefined): StaleStep | undefined {
    return this.#steps.find((step) => pending === undefined || !isInside(step, pending));
  }

  /** A stale step that overlaps the range and does not wait. */
  overlapping(span: Span): StaleStep | undefined {
    for (let index = this.#waiting; index < this.#steps.length; index++) {
      const step = this.#steps[index];
      if (overlaps(step, span)) return step;
    }
    return undefined;
  }

  /** A stale pointer through which a device can still reach this frame. */
  reaching(frame: number): StaleStep | undefined {
    return this.#steps.find((step) => step.frames.includes(frame));
  }

  /** Adds the step around an address, to the last one where it is inside of it or goes on where that ends. */
  #grow(kind: "leaf" | "not-present", vaLow: number, vaHigh: number, level: number, sizeLg2: number): void {
    const firstLow = vaLow & ~lowMask(sizeLg2);
    const firstHigh = vaHigh & ~highMask(sizeLg2);
    const before = this.#steps.at(-1);
    if (before?.kind === kind && before.level === level && before.sizeLg2 === sizeLg2) {
      const lastLow = vaLow | lowMask(sizeLg2);
      const lastHigh = vaHigh | highMask(sizeLg2);
      if (covers(before, firstLow, firstHigh, lastLow, lastHigh)) return;
      const nextLow = (before.lastLow + 1) | 0;
      const nextHigh = nextLow === 0 ? (before.lastHigh + 1) | 0 : before.lastHigh;
      if (nextLow === firstLow && nextHigh === firstHigh) {
        before.lastLow = lastLow;
        before.lastHigh = lastHigh;
        this.#waiting = Math.min(this.#waiting, this.#steps.length - 1);
        return;
      }
    }
    this.#add(kind, level, sizeLg2, firstLow, firstHigh, []);
  }

  #add(
    kind: StaleStep["kind"],
    level: number,
    sizeLg2: number,
    firstLow: number,
    firstHigh: number,
    frames: readonly number[],
  ): void {
    const lastLow = firstLow | lowMask(sizeLg2);
    const lastHigh = firstHigh | highMask(sizeLg2);
    const known = { kind, level, sizeLg2, frames };
    this.#steps.push(stepOver(known, firstLow, firstHigh, lastLow, lastHigh));
  }
}

/** Whether all that a device may still believe of a step lies in the span. */
export function isInside(step: StaleStep, span: Span): boolean {
  return covers(span, step.firstLow, step.firstHigh, step.lastLow, step.lastHigh);
}

/** A remembered miss goes with leaves and with tables: what appeared may have been either. */
function levelsFor({ kind }: StaleStep, leafLevels: number, tableLevels: number): number {
  if (kind === "leaf") return leafLevels;
  return kind === "table" ? tableLevels : leafLevels | tableLevels;
}

function forgets(language: InvalidationLanguage, step: StaleStep, span: Span): boolean {
  if (language === "range") return isInside(step, span);
  const block = powerOfTwoAround(span);
  if (block.lg2 < step.sizeLg2) return false;
  return isInside(step, block);
}

/** A step over other addresses. One place makes them, so that the JIT sees one shape. */
function stepOver(
  { kind, level, sizeLg2, frames }: Omit<StaleStep, keyof Span>,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
): GrowingStep {
  return { kind, level, sizeLg2, firstLow, firstHigh, lastLow, lastHigh, frames };
}

/** What stays of a step after a range: the step, or its parts at either side. Pointers go whole or not at all. */
function remains(step: GrowingStep, span: Span): readonly GrowingStep[] {
  if (step.kind === "table" || !overlaps(step, span)) return [step];
  if (isInside(step, span)) return [step];
  const parts: GrowingStep[] = [];
  if (isBelow(step.firstLow, step.firstHigh, span.firstLow, span.firstHigh)) {
    const lastLow = (span.firstLow - 1) | 0;
    const lastHigh = span.firstLow === 0 ? (span.firstHigh - 1) | 0 : span.firstHigh;
    parts.push(stepOver(step, step.firstLow, step.firstHigh, lastLow, lastHigh));
  }
  if (isBelow(span.lastLow, span.lastHigh, step.lastLow, step.lastHigh)) {
    const firstLow = (span.lastLow + 1) | 0;
    const firstHigh = firstLow === 0 ? (span.lastHigh + 1) | 0 : span.lastHigh;
    parts.push(stepOver(step, firstLow, firstHigh, step.lastLow, step.lastHigh));
  }
  return parts;
}

/** Unsigned a < b. */
function isBelow(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0;
}
