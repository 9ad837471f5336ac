/**
 * One tree of page tables in which a map replaces what is there, page by page: larger leaves are split on the way,
 * and neighbours become one larger leaf where they can. Frame numbers are counted in smallest pages, an order is log2
 * of a number of them. Nothing here flushes; what is owed to the hardware is ORed into the caller's flags.
 *
 * Neighbours are found by markers, in item bits that hardware ignores (see `engine/replacing/markers.ts`). A marker is
 * set by writing back the word that it stands in, so the hardware must not write to items: accessed and dirty bits off.
 */

import { descend, makeRoot, Wanted } from "./engine/replacing/descend.js";
import { findLeaf, leavesOf, tableOnTheWay } from "./engine/replacing/inspect.js";
import { removeItem } from "./engine/replacing/remove.js";
import { replaceLeaf } from "./engine/replacing/replace.js";
import { ReplacingDomain, type ReplacingRules } from "./engine/replacing/state.js";
import { detachSubtree } from "./engine/replacing/tables.js";
import { PageTableError, Status } from "./errors.js";
import { PROT_MASK } from "./formats/format.js";
import type { PendingFlush } from "./iommu/flush.js";
import type { FreeQueue, MappedPage } from "./iommu/vendor.js";
import { NO_FRAME, type TableMemory } from "./memory/table-memory.js";
import { type Clean, domainSettings } from "./options.js";
import {
  granuleLg2,
  leafAttributesHigh,
  leafAttributesLow,
  leafLevelMax,
  name,
  oaHigh,
  oaLow,
  oaWidthMaxLg2,
  readable,
  tableBitsLg2,
  topLevelMax,
  topLevelMin,
  vaWidthMaxLg2,
  writable,
} from "./stamp/format.js";
import { withdrawTop } from "./stamp/variant.js";

export type { ReplacingRules };

export interface ReplacingTableOptions {
  readonly memory: TableMemory;
  /** Tables on the way to a smallest page, the root included. */
  readonly levels: number;
  /** Sizes of the pages that may be asked for: bit n for 2^n bytes; one for every level that may hold leaves. */
  readonly pageSizes: bigint;
  /** Leaves force coherence: FC for AMD, SNP for VT-d. */
  readonly forcesCoherence: boolean;
  readonly rules: ReplacingRules;
  /** Where tables go that left the tree. */
  readonly freeQueue: FreeQueue;
  /** For a walker that does not snoop: writes bytes of table memory back, before anything else is stored. */
  readonly incoherent?: Clean | undefined;
}

/** One leaf, as a dump of the tree has it. */
export interface TreeLeaf extends MappedPage {
  readonly dfn: number;
  readonly order: number;
}

const FRAMES_PER_HIGH = 2 ** (32 - granuleLg2);
const MFN_LIMIT = 2 ** (oaWidthMaxLg2 - granuleLg2);

export class ReplacingTable {
  /** Input address bits that one level decodes. */
  static readonly tableBitsLg2: number = tableBitsLg2;
  /** log2 of the input addresses, in smallest pages. */
  readonly dfnWidthLg2: number;
  readonly topLevel: number;
  readonly #domain: ReplacingDomain;
  readonly #freeQueue: FreeQueue;
  readonly #dfnLimit: number;
  /** Bit n: pages of 2^n smallest ones may be asked for. */
  readonly #orders: number;
  readonly #wanted = new Wanted();
  #isDestroyed = false;

  constructor(options: ReplacingTableOptions) {
    this.topLevel = options.levels - 1;
    if (!(this.topLevel >= topLevelMin && this.topLevel <= topLevelMax)) {
      const range = `${topLevelMin + 1} to ${topLevelMax + 1}`;
      throw new PageTableError("INVALID_OPTION", `${name} has ${range} levels, not ${options.levels}`);
    }
    this.#orders = ordersOf(options.pageSizes, this.topLevel);
    const vaWidthLg2 = Math.min(granuleLg2 + options.levels * tableBitsLg2, vaWidthMaxLg2);
    this.dfnWidthLg2 = vaWidthLg2 - granuleLg2;
    this.#dfnLimit = 2 ** this.dfnWidthLg2;
    this.#freeQueue = options.freeQueue;
    const { memory, pageSizes, forcesCoherence: forceCoherence, incoherent } = options;
    const common = { memory, pageSizes, forceCoherence, topLevel: this.topLevel, vaWidthLg2 };
    // A format whose walkers always snoop knows no such option.
    const { settings } = domainSettings(incoherent === undefined ? common : { ...common, incoherent });
    this.#domain = new ReplacingDomain(settings, options.rules);
  }

  /** Physical address of the root; undefined where nothing was ever mapped. */
  get root(): bigint | undefined {
    const domain = this.#domain;
    return domain.hasRoot ? domain.memory.addressOf(domain.rootWord) : undefined;
  }

  get tableCount(): number {
    return this.#domain.tables;
  }

  get shatters(): number {
    return this.#domain.shatters;
  }

  get coalesces(): number {
    return this.#domain.coalesces;
  }

  /** Makes the root, if there is none yet. */
  makeRoot(): Status {
    if (this.#isDestroyed) return Status.DESTROYED;
    const domain = this.#domain;
    return domain.hasRoot || makeRoot(domain, this.topLevel) ? Status.OK : Status.OUT_OF_MEMORY;
  }

  /** Where there is no root yet: makes the tables for DFN 0 from the root down to a level. */
  makeTables(downToLevel: number): Status {
    if (this.#domain.hasRoot) return Status.OK;
    const status = this.makeRoot();
    if (status !== Status.OK) return status;
    const isMade = descend(this.#domain, 0, 0, downToLevel, this.#wanted) >= 0;
    return isMade ? Status.OK : this.#domain.refusal;
  }

  /** See `DomainPaging`. */
  mapPage(dfn: number, mfn: number, order: number, access: number, flush: PendingFlush): Status {
    const refused = this.#refusalOf(dfn, mfn, order);
    if (refused !== Status.OK) return refused;
    if (dfn >= this.#dfnLimit) return Status.IOVA_OUT_OF_RANGE;
    if (mfn >= MFN_LIMIT) return Status.PA_OUT_OF_RANGE;
    if (access < 1 || access > 3) return Status.NO_PERMISSION;
    const domain = this.#domain;
    if (!domain.hasRoot && !makeRoot(domain, this.topLevel)) return Status.OUT_OF_MEMORY;
    const wanted = this.#wanted;
    wanted.paLow = mfn << granuleLg2;
    wanted.paHigh = highWord(mfn);
    wanted.attributesLow = leafAttributesLow(access & PROT_MASK, domain.flags);
    wanted.attributesHigh = leafAttributesHigh(access & PROT_MASK, domain.flags, 0);
    const level = (order / tableBitsLg2) | 0;
    const status = replaceLeaf(domain, dfn << granuleLg2, highWord(dfn), level, wanted);
    flush.flags |= domain.changes;
    if (domain.freedCount !== 0) this.#queueFreed();
    return status;
  }

  /** See `DomainPaging`. */
  unmapPage(dfn: number, order: number, flush: PendingFlush): Status {
    const refused = this.#refusalOf(dfn, 0, order);
    if (refused !== Status.OK) return refused;
    const domain = this.#domain;
    if (dfn >= this.#dfnLimit || !domain.hasRoot) return Status.OK;
    const level = (order / tableBitsLg2) | 0;
    const status = removeItem(domain, dfn << granuleLg2, highWord(dfn), level);
    flush.flags |= domain.changes;
    if (domain.freedCount !== 0) this.#queueFreed();
    return status;
  }

  /** See `DomainPaging`. */
  lookupPage(dfn: number): MappedPage | undefined {
    const domain = this.#domain;
    if (!domain.hasRoot || !(dfn >= 0 && dfn < this.#dfnLimit)) return undefined;
    const item = findLeaf(domain, dfn << granuleLg2, highWord(dfn));
    if (item < 0) return undefined;
    const pages = 2 ** (domain.seekLevel * tableBitsLg2);
    return this.#pageOf(domain.words[item], domain.words[item + 1], domain.seekLevel, dfn % pages);
  }

  /** Physical address of the table of a level on the way to a page. */
  tableAt(dfn: number, level: number): bigint | undefined {
    const domain = this.#domain;
    if (!domain.hasRoot || !(dfn >= 0 && dfn < this.#dfnLimit) || level > this.topLevel) return undefined;
    const table = tableOnTheWay(domain, dfn << granuleLg2, highWord(dfn), level);
    return table < 0 ? undefined : domain.memory.addressOf(table);
  }

  /** Every leaf, by address. */
  *leaves(): Generator<TreeLeaf, void, void> {
    if (!this.#domain.hasRoot) return;
    for (const { page, level, low, high } of leavesOf(this.#domain)) {
      yield { dfn: page, order: level * tableBitsLg2, ...this.#pageOf(low, high, level, 0) };
    }
  }

  /** Frees every table; the root pointer goes first. */
  destroy(): void {
    const domain = this.#domain;
    this.#isDestroyed = true;
    if (!domain.hasRoot) return;
    const root = domain.rootWord;
    withdrawTop(domain);
    detachSubtree(domain, root, this.topLevel);
    const head = domain.freedHead;
    this.#forgetFreed();
    domain.memory.releaseList(head);
  }

  /** What is wrong with a request, its place aside. */
  #refusalOf(dfn: number, mfn: number, order: number): Status {
    if (this.#isDestroyed) return Status.DESTROYED;
    if (!Number.isInteger(dfn) || dfn < 0 || !Number.isInteger(mfn) || mfn < 0)
      return Status.INVALID_ARGUMENT;
    if (!(order >= 0 && order < 32 && ((this.#orders >>> order) & 1) === 1)) return Status.INVALID_ARGUMENT;
    return ((dfn | mfn) & ((1 << order) - 1)) === 0 ? Status.OK : Status.MISALIGNED;
  }

  #pageOf(low: number, high: number, level: number, offset: number): MappedPage {
    const { flags } = this.#domain;
    const first =
      oaHigh(low, high, level, flags) * FRAMES_PER_HIGH + (oaLow(low, high, level, flags) >>> granuleLg2);
    const read = readable(low, high, level, flags);
    return { mfn: first + offset, read, write: writable(low, high, level, flags) };
  }

  #queueFreed(): void {
    const { freedHead, freedTail, freedCount } = this.#domain;
    this.#forgetFreed();
    this.#freeQueue.add(freedHead, freedTail, freedCount);
  }

  #forgetFreed(): void {
    this.#domain.freedHead = NO_FRAME;
    this.#domain.freedTail = NO_FRAME;
    this.#domain.freedCount = 0;
  }
}

/** Bits 63:32 of the address of a frame. */
function highWord(frame: number): number {
  return (frame / FRAMES_PER_HIGH) | 0;
}

/** Every size must be a level's, and the smallest be among them. */
function ordersOf(pageSizes: bigint, topLevel: number): number {
  let orders = 0;
  let left = pageSizes;
  for (let level = 0; level <= Math.min(leafLevelMax, topLevel); level++) {
    const bit = 1n << BigInt(granuleLg2 + level * tableBitsLg2);
    if ((pageSizes & bit) === 0n) continue;
    left &= ~bit;
    orders |= 1 << (level * tableBitsLg2);
  }
  if (left !== 0n || (orders & 1) === 0) {
    throw new PageTableError("INVALID_OPTION", `pageSizes: not 0x${pageSizes.toString(16)}`);
  }
  return orders;
}
