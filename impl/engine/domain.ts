import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import { NO_FRAME, type TableMemory } from "../memory/table-memory.js";
import {
  accessedFlags,
  breakBeforeMake,
  dirtyFlag,
  farPageLg2,
  frameLg2,
  itemWords,
  rootFrameLg2,
  tableAttributesHigh,
  tableAttributesLow,
  tableBitsLg2,
  tracksAccessed,
  tracksDirty,
  upperHalf,
  wideRoot,
} from "../stamp/format.js";
import { publishTop } from "../stamp/variant.js";
import { itemMask, levelLg2, tableWord, trailingZeros } from "./geometry.js";
import { PartialUnmap } from "./partial-unmap.js";

/** What an incoherent domain tells its owner: these bytes must reach memory before anything else is stored. */
export interface CleanWords {
  clean(addressLow: number, addressHigh: number, lengthBytes: number): void;
}

/** The constants of a domain, decided once at creation. */
export interface DomainSettings {
  readonly memory: TableMemory;
  readonly vaWidthLg2: number;
  readonly oaWidthLg2: number;
  readonly signExtended: boolean;
  /** Input addresses have every bit from the width up set. */
  readonly upperHalf: boolean;
  /** Allowed page sizes: bit n of the 64-bit mask for 2^n bytes. */
  readonly sizesLow: number;
  readonly sizesHigh: number;
  /** The format's own flags (see `FormatFeatures.flags`). */
  readonly flags: number;
  /** The encryption bit in the high word, or 0. */
  readonly encryptionHigh: number;
  /** The highest level to which the top may grow; the level at creation where it does not grow. */
  readonly topLevelLimit: number;
  /** The hardware remembers misses, and must be told of what appears. */
  readonly cachesNotPresent: boolean;
  /** The hardware takes a change of size of a live item, though its architecture lets it not. */
  readonly toleratesSizeChange: boolean;
  readonly partialUnmap: PartialUnmap;
  /** A table is freed as soon as it is empty, not only when one unmap removes all that it spans. */
  readonly freesEmpty: boolean;
  /** Absent: the walker snoops. */
  readonly cleaner: CleanWords | undefined;
}

/** An entry that was broken before it was made anew. */
export interface Missed {
  readonly low: number;
  readonly high: number;
  readonly sizeLg2: number;
}

/** Levels fit the low bits of a frame's word index, for frames are at least 32 bytes. */
const LEVEL_MASK = 7;

const NO_CELL: Int32Array = new Int32Array(0);
const NO_OFFSETS = new Uint16Array(0);
const NO_PAIRS = new BigInt64Array(0);

/**
 * One set of tables and what is decided about it. The operations are functions over it, one file each; what an
 * operation gives back beside its status stands in the fields `result…`, so that nothing is allocated.
 */
export class Domain {
  readonly memory: TableMemory;
  readonly words: Int32Array;
  readonly baseLow: number;
  readonly settings: DomainSettings;
  readonly flags: number;
  readonly encryptionHigh: number;
  /** What every table item holds beside the address. */
  readonly tableLowBits: number;
  readonly tableHighBits: number;
  readonly tracksDirty: boolean;
  readonly tracksAccessed: boolean;
  readonly cachesNotPresent: boolean;
  /** A live item that changes its size or kind is broken first, and forgotten. */
  readonly breaksFirst: boolean;
  /** An unmap of a part of an entry is not done as it is. */
  readonly settlesEdges: boolean;
  readonly partialUnmap: PartialUnmap;
  readonly freesEmpty: boolean;
  readonly cleaner: CleanWords | undefined;
  /** Everything above the output width, and the encryption bit: these may not be set in a PA. */
  readonly paForbiddenLow: number;
  readonly paForbiddenHigh: number;
  /** The lowest forbidden bit and all above it: a range whose ends differ here has an address that is forbidden. */
  readonly paBlockLow: number;
  readonly paBlockHigh: number;
  /** The bits that are clear in every input address, or, where addresses are sign-extended, all clear or all set. */
  readonly vaBeyondLow: number;
  readonly vaBeyondHigh: number;
  /** What those bits are in the tables of the upper half, and else 0. */
  readonly vaUpperLow: number;
  readonly vaUpperHigh: number;
  readonly signExtended: boolean;

  /** The page sizes of the running call, and the address bits below the smallest of them. */
  sizesLow = 0;
  sizesHigh = 0;
  strayLow = 0;
  strayHigh = 0;
  /** Those sizes that reach from `2^pageReachLg2` on. */
  farSizesLow = 0;

  /** Root and top level in one cell: the root's word index, with the level in its low bits. */
  top = -1;
  /** For threads: the cell in which `top` is published. */
  topCell: Int32Array = NO_CELL;
  /** The table memory as items of 64 bits, where items have two words. */
  readonly pairs: BigInt64Array;
  /** The address bits that the present top does not reach, where it can grow; else none. */
  beyondTopLow = 0;
  beyondTopHigh = 0;
  topIndexMask = 0;

  /** The frames that the running operation took out of use, linked in the memory. */
  freedHead = NO_FRAME;
  freedTail = NO_FRAME;
  freedCount = 0;

  /** The last input address of the running map. */
  lastLow = 0;
  lastHigh = 0;
  /** The root's items, bit n for item n, that the running map linked, where the hardware must be told (`rootIsLoaded`). */
  linkedItems = 0;
  /** Break before make: the item after those that the present run of a map wants. */
  stretchEnd = 0;
  /** Why a step of the running map was refused. */
  refusal: Status = Status.OK;

  /** Where the running unmap stands: its table, that table's level, and whether the range ends in it. */
  seekTable = 0;
  seekLevel = 0;
  seekHoldsLast = false;

  /** What had no translation for a moment in the last cut or resize, entry by entry. */
  readonly missed: Missed[] = [];

  /** Where in the table at word n an item was in use when last looked at, at `n >>> usedShift` (see `free-emptied.ts`). */
  readonly usedOffsets: Uint16Array;
  readonly usedShift: number;
  /** What the tables spanned that the running unmap freed because they were empty. */
  spanFirstLow = 0;
  spanFirstHigh = 0;
  spanLastLow = 0;
  spanLastHigh = 0;

  /** The first address of the last unmap. */
  unmapFromLow = 0;
  unmapFromHigh = 0;

  /** How many tables the last trim freed. */
  trimmedTables = 0;

  /** The first address of the last map, and the one after the last byte that it mapped. */
  mapFromLow = 0;
  mapFromHigh = 0;
  mapEndLow = 0;
  mapEndHigh = 0;

  /** Where the last operation stopped: the address after the last byte that it did. */
  resultLow = 0;
  resultHigh = 0;
  /** Whether it did anything: `result…` equals the start both for nothing and for all 2^64 bytes. */
  resultAny = false;

  constructor(settings: DomainSettings) {
    this.settings = settings;
    this.memory = settings.memory;
    this.words = settings.memory.words;
    const { buffer, length } = this.words;
    this.pairs = itemWords === 2 ? new BigInt64Array(buffer, 0, length >> 1) : NO_PAIRS;
    this.baseLow = settings.memory.baseLow;
    this.flags = settings.flags;
    this.encryptionHigh = settings.encryptionHigh;
    this.tableLowBits = tableAttributesLow(settings.flags);
    this.tableHighBits = tableAttributesHigh(settings.flags, settings.encryptionHigh);
    this.tracksDirty = tracksDirty && (settings.flags & dirtyFlag) === dirtyFlag;
    this.tracksAccessed = tracksAccessed && (accessedFlags === 0 || (settings.flags & accessedFlags) !== 0);
    this.cachesNotPresent = settings.cachesNotPresent;
    this.breaksFirst = breakBeforeMake && !settings.toleratesSizeChange;
    this.partialUnmap = settings.partialUnmap;
    this.settlesEdges = settings.partialUnmap !== PartialUnmap.WHOLE;
    this.freesEmpty = settings.freesEmpty;
    this.usedOffsets = settings.freesEmpty ? this.memory.usedOffsets : NO_OFFSETS;
    this.usedShift = this.memory.smallestFrameLg2 - 2;
    this.cleaner = settings.cleaner;
    this.signExtended = settings.signExtended;
    const vaBits = settings.signExtended ? settings.vaWidthLg2 - 1 : settings.vaWidthLg2;
    this.vaBeyondLow = ~lastOfWidthLow(vaBits);
    this.vaBeyondHigh = ~lastOfWidthHigh(vaBits);
    this.vaUpperLow = settings.upperHalf ? this.vaBeyondLow : 0;
    this.vaUpperHigh = settings.upperHalf ? this.vaBeyondHigh : 0;
    this.paForbiddenLow = ~lastOfWidthLow(settings.oaWidthLg2);
    this.paForbiddenHigh = ~lastOfWidthHigh(settings.oaWidthLg2) | settings.encryptionHigh;
    const lowestForbidden = trailingZeros(this.paForbiddenLow, this.paForbiddenHigh);
    this.paBlockLow = ~lastOfWidthLow(lowestForbidden);
    this.paBlockHigh = ~lastOfWidthHigh(lowestForbidden);
    this.allowSizes(settings.sizesLow, settings.sizesHigh);
  }

  get rootWord(): number {
    return this.top & ~LEVEL_MASK;
  }

  get topLevel(): number {
    return this.top & LEVEL_MASK;
  }

  /** The page sizes that the next maps may use: a subset of the settings' sizes, or no map is possible. */
  allowSizes(sizesLow: number, sizesHigh: number): void {
    const smallest = trailingZeros(sizesLow, sizesHigh);
    this.sizesLow = sizesLow;
    this.sizesHigh = sizesHigh;
    this.farSizesLow = sizesLow & ~lastOfWidthLow(farPageLg2(this.flags));
    this.strayLow = lastOfWidthLow(smallest);
    this.strayHigh = lastOfWidthHigh(smallest);
  }

  /** Makes a table the root, in one store. False: another thread did so before, and `top` is what that one made. */
  setTop(rootWord: number, level: number): boolean {
    this.#reachFrom(level);
    return publishTop(this, rootWord | level);
  }

  /** Goes on with what another thread published. */
  adoptTop(top: number): void {
    this.top = top;
    if (top >= 0) this.#reachFrom(top & LEVEL_MASK);
  }

  /**
   * Makes a table that nothing points to the root of what `work` does, which is to map below it; nobody is told.
   * `work` maps inside of what an item of the level above translates.
   */
  standingOn<Result>(table: number, level: number, work: () => Result): Result {
    const { top, topIndexMask } = this;
    this.top = table | level;
    this.topIndexMask = itemMask;
    try {
      return work();
    } finally {
      this.top = top;
      this.topIndexMask = topIndexMask;
    }
  }

  #reachFrom(level: number): void {
    const span = levelLg2(level + 1);
    this.topIndexMask = (1 << this.rootBitsLg2(level)) - 1;
    const grows = level < this.settings.topLevelLimit;
    this.beyondTopLow = grows ? ~lastOfWidthLow(span) : 0;
    this.beyondTopHigh = grows ? ~lastOfWidthHigh(span) : 0;
  }

  /** log2 of the items that a root of this level uses. */
  rootBitsLg2(level: number): number {
    // An input narrower than one item of a fixed top (Mali) uses a part of that item.
    const left = Math.max(0, this.settings.vaWidthLg2 - levelLg2(level));
    return wideRoot ? left : Math.min(left, tableBitsLg2);
  }

  /** log2 of the bytes of a root's frame. */
  rootFrameLg2(level: number): number {
    return Math.max(rootFrameLg2, this.rootBitsLg2(level) + itemWords + 1);
  }

  /** A zeroed table, or NO_FRAME. */
  allocateTable(): number {
    return this.allocateFrame(frameLg2);
  }

  /** A zeroed frame of a table or a root, or NO_FRAME. */
  allocateFrame(lg2: number): number {
    const table = this.memory.allocate(lg2);
    if (table !== NO_FRAME && this.cleaner !== undefined) this.clean(table, 1 << lg2);
    return table;
  }

  /** Takes a table that was just unlinked out of use, for the gather that the operation reports to. */
  takeOutOfUse(table: number): void {
    this.memory.quarantine(table, this.freedHead);
    if (this.freedTail === NO_FRAME) this.freedTail = table;
    this.freedHead = table;
    this.freedCount++;
  }

  /** Gives every frame taken out of use to a gather, to which the range that covers them was added. */
  giveFrames(gather: Gather): void {
    gather.takeFrames(this.freedHead, this.freedTail, this.freedCount);
    this.freedHead = NO_FRAME;
    this.freedTail = NO_FRAME;
    this.freedCount = 0;
  }

  /** Frees at once what was taken out of use: no hardware has ever reached it. */
  releaseFreed(): void {
    const head = this.freedHead;
    this.freedHead = NO_FRAME;
    this.freedTail = NO_FRAME;
    this.freedCount = 0;
    this.memory.releaseList(head);
  }

  /** The table that an item points to. */
  tableOf(low: number): number {
    return tableWord(low, this.baseLow);
  }

  /** Tells the owner of an incoherent domain to write bytes back. */
  clean(word: number, lengthBytes: number): void {
    this.cleaner?.clean(this.memory.addressLow(word), this.memory.addressHigh(word), lengthBytes);
  }

  /** Whether the bits above the input width are those of the half that these tables translate. */
  isInHalf(low: number, high: number): boolean {
    return (
      (((low ^ this.vaUpperLow) & this.vaBeyondLow) | ((high ^ this.vaUpperHigh) & this.vaBeyondHigh)) === 0
    );
  }

  /** Whether the inclusive range, first not above last, is inside the input addresses. */
  inputRangeStatus(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): Status {
    if (upperHalf) {
      const isInside = this.isInHalf(firstLow, firstHigh) && this.isInHalf(lastLow, lastHigh);
      return isInside ? Status.OK : Status.IOVA_OUT_OF_RANGE;
    }
    if (((lastLow & this.vaBeyondLow) | (lastHigh & this.vaBeyondHigh)) === 0) return Status.OK;
    if (!this.signExtended) return Status.IOVA_OUT_OF_RANGE;
    const clear = (~firstLow & this.vaBeyondLow) | (~firstHigh & this.vaBeyondHigh);
    return clear === 0 ? Status.OK : Status.IOVA_OUT_OF_RANGE;
  }
}

/** The largest number of `width` bits (1 to 64 and more), low word. */
function lastOfWidthLow(width: number): number {
  return width >= 32 ? -1 : (1 << width) - 1;
}

function lastOfWidthHigh(width: number): number {
  if (width >= 64) return -1;
  return width > 32 ? (1 << (width - 32)) - 1 : 0;
}
