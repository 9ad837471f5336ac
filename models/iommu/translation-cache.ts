/**
 * IOTLB and paging-structure caches in one: every item that a walk read, tagged with the domain (and the PASID), kept
 * until an invalidation covers it. Nothing is ever evicted.
 *
 * What may be cached, and what each invalidation reaches: AMD IOMMU specification 48882 §2.4.3 (INVALIDATE_IOMMU_PAGES);
 * Intel VT-d specification §6.2 (caching of translation information) and §6.5 (invalidation).
 *
 * Input and output addresses are page numbers (address >> 12) below 2^52, so that they are exact as numbers.
 */
import type { Tables, WalkFault } from "./caching-walker.js";

/** Input pages of one 64-bit space: more than any range has. */
const ALL_PAGES_LG2 = 52;

/** Without a PASID: the host's or second-stage tables. */
export const NO_PASID = -1;

/** `2^pagesLg2` pages, aligned to their number. */
export interface PageBlock {
  readonly firstPage: number;
  readonly pagesLg2: number;
}

export const ALL_PAGES: PageBlock = { firstPage: 0, pagesLg2: ALL_PAGES_LG2 };

export interface Tag {
  readonly domain: number;
  readonly pasid: number;
}

interface StepFacts extends PageBlock, Tag {
  /** Level of the item, 0 at the leaves. */
  readonly level: number;
  /** What all items from the root on permit. */
  readonly rights: number;
  /** Where the walk came from, with a second stage or none. */
  readonly tables: Tables;
}

export interface LeafStep extends StepFacts {
  readonly kind: "leaf";
  /** The output page of `firstPage`. */
  readonly outputPage: number;
  /** Its dirty bit is set, so that a write need not set it. */
  readonly dirty: boolean;
}

export interface TableStep extends StepFacts {
  readonly kind: "table";
  /** Physical address of the table below; guest-physical where nested. */
  readonly table: number;
  readonly nextLevel: number;
}

/** A miss that was remembered: units in caching mode (VT-d CM, AMD NpCache) do. */
export interface MissStep extends StepFacts {
  readonly kind: "miss";
  readonly fault: WalkFault;
}

export type CachedStep = LeafStep | TableStep | MissStep;

/** Steps of one size of block, by the number of the block. */
type Blocks = Map<number, CachedStep>;

/** Steps of one tag: those that end a walk, and those that lead on, by size. */
interface Tagged extends Tag {
  readonly ends: Map<number, Blocks>;
  readonly tables: Map<number, Blocks>;
}

export class TranslationCache {
  readonly #tags = new Map<number, Tagged>();

  /** What the cache would answer at once: the step that was remembered first, the largest of several. */
  endAt({ domain, pasid }: Tag, page: number): LeafStep | MissStep | undefined {
    const tagged = this.#tags.get(keyOf(domain, pasid));
    const step = tagged && firstAt(tagged.ends, page);
    return step === undefined || step.kind === "table" ? undefined : step;
  }

  /** The remembered table that is nearest to the leaf. */
  tableAt({ domain, pasid }: Tag, page: number): TableStep | undefined {
    const tagged = this.#tags.get(keyOf(domain, pasid));
    let best: TableStep | undefined;
    for (const [pagesLg2, blocks] of tagged?.tables ?? []) {
      const step = blocks.get(blockOf(page, pagesLg2));
      if (step?.kind === "table" && (best === undefined || step.nextLevel < best.nextLevel)) best = step;
    }
    return best;
  }

  /** A second step for the same block takes the place of the first. */
  add(step: CachedStep): void {
    const key = keyOf(step.domain, step.pasid);
    let tagged = this.#tags.get(key);
    if (tagged === undefined) {
      tagged = { domain: step.domain, pasid: step.pasid, ends: new Map(), tables: new Map() };
      this.#tags.set(key, tagged);
    }
    put(step.kind === "table" ? tagged.tables : tagged.ends, step);
  }

  /** Forgets one step that `endAt` answered. */
  drop(step: LeafStep | MissStep): void {
    const tagged = this.#tags.get(keyOf(step.domain, step.pasid));
    tagged?.ends.get(step.pagesLg2)?.delete(blockOf(step.firstPage, step.pagesLg2));
  }

  /**
   * Forgets what lies in the block, in every tag that `matches`. A leaf that is larger than the block loses the part
   * that is named: hardware may hold it in pieces. A step to a table goes when it translates any page of the block, and
   * stays altogether where `tables` is false.
   */
  invalidate(matches: (tag: Tag) => boolean, block: PageBlock, tables: boolean): void {
    for (const tagged of this.#tags.values()) {
      if (!matches(tagged)) continue;
      invalidateIn(tagged.ends, block, true);
      if (tables) invalidateIn(tagged.tables, block, false);
    }
  }

  /** Forgets every nested step of the domain: its key is not the address that a second-stage invalidation names. */
  invalidateNested(domain: number): void {
    for (const tagged of this.#tags.values()) {
      if (tagged.domain !== domain) continue;
      for (const blocks of [...tagged.ends.values(), ...tagged.tables.values()])
        for (const [key, step] of blocks) if (isNested(step)) blocks.delete(key);
    }
  }

  clear(): void {
    this.#tags.clear();
  }

  *steps(): IterableIterator<CachedStep> {
    for (const { ends, tables } of this.#tags.values()) {
      for (const blocks of tables.values()) yield* blocks.values();
      for (const blocks of ends.values()) yield* blocks.values();
    }
  }

  /** Whether a step leads to the frame of this number. */
  usesFrame(frame: number): boolean {
    for (const step of this.steps()) {
      if (step.kind === "leaf" && frame >= step.outputPage && frame < step.outputPage + 2 ** step.pagesLg2)
        return true;
      // A nested table's address is the guest's; who reads it goes through a leaf of the second stage.
      if (step.kind === "table" && !isNested(step) && Math.floor(step.table / 4096) === frame) return true;
    }
    return false;
  }
}

/** The first stage of two: a leaf leads to what the second stage made of it, a table is at a guest's address. */
function isNested({ tables }: CachedStep): boolean {
  return tables.under !== undefined;
}

function keyOf(domain: number, pasid: number): number {
  return domain * 2 ** 21 + pasid + 1;
}

function blockOf(page: number, pagesLg2: number): number {
  return Math.floor(page / 2 ** pagesLg2);
}

function put(sizes: Map<number, Blocks>, step: CachedStep): void {
  let blocks = sizes.get(step.pagesLg2);
  if (blocks === undefined) {
    blocks = new Map();
    sizes.set(step.pagesLg2, blocks);
  }
  blocks.set(blockOf(step.firstPage, step.pagesLg2), step);
}

function firstAt(sizes: Map<number, Blocks>, page: number): CachedStep | undefined {
  let largest: CachedStep | undefined;
  for (const [pagesLg2, blocks] of sizes) {
    const step = blocks.get(blockOf(page, pagesLg2));
    if (step !== undefined && (largest === undefined || step.pagesLg2 > largest.pagesLg2)) largest = step;
  }
  return largest;
}

function invalidateIn(sizes: Map<number, Blocks>, block: PageBlock, inPieces: boolean): void {
  for (const [pagesLg2, blocks] of [...sizes]) {
    if (pagesLg2 <= block.pagesLg2) dropWithin(blocks, pagesLg2, block);
    else dropAround(sizes, blocks, pagesLg2, block, inPieces);
  }
}

/** Steps no larger than the block: all that lie in it. */
function dropWithin(blocks: Blocks, pagesLg2: number, block: PageBlock): void {
  const first = blockOf(block.firstPage, pagesLg2);
  const count = 2 ** (block.pagesLg2 - pagesLg2);
  if (count <= blocks.size) {
    for (let index = 0; index < count; index++) blocks.delete(first + index);
  } else {
    for (const key of blocks.keys()) if (key >= first && key < first + count) blocks.delete(key);
  }
}

/** The step larger than the block, if there is one: what stays are halves, quarters … beside the block. */
function dropAround(
  sizes: Map<number, Blocks>,
  blocks: Blocks,
  pagesLg2: number,
  block: PageBlock,
  inPieces: boolean,
): void {
  const key = blockOf(block.firstPage, pagesLg2);
  const step = blocks.get(key);
  if (step === undefined) return;
  blocks.delete(key);
  if (!inPieces) return;
  for (let lg2 = pagesLg2 - 1; lg2 >= block.pagesLg2; lg2--) {
    const sibling = blockOf(block.firstPage, lg2);
    const firstPage = (sibling % 2 === 0 ? sibling + 1 : sibling - 1) * 2 ** lg2;
    put(sizes, pieceOf(step, firstPage, lg2));
  }
}

function pieceOf(step: CachedStep, firstPage: number, pagesLg2: number): CachedStep {
  const piece = { ...step, firstPage, pagesLg2 };
  if (piece.kind === "leaf" && step.kind === "leaf")
    return { ...piece, outputPage: step.outputPage + (firstPage - step.firstPage) };
  return piece;
}
