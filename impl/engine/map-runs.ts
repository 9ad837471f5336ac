/**
 * Cutting a mapping into runs of equal leaves, each within one table: at each point the largest allowed page that
 * divides iova and pa and fits what remains.
 *
 * Where a parameter or a sum changes in a loop, "| 0" says that it is an integer: the JIT would otherwise box it in
 * every turn.
 */
import { Status } from "../errors.js";
import { EntryKind } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import { NO_FRAME } from "../memory/table-memory.js";
import {
  addressLinearLg2,
  breakBeforeMake,
  cleanMarkWord,
  contiguous,
  granuleLg2,
  growsTop,
  incoherent,
  isEmpty,
  isMarkedClean,
  isTable,
  kindOf,
  leafHigh,
  leafLow,
  markedClean,
  pageReachLg2,
  rootIsLoaded,
  tableBitsLg2,
  wideRoot,
} from "../stamp/format.js";
import { enterTable, loadItem, threads } from "../stamp/variant.js";
import type { Domain } from "./domain.js";
import {
  itemMask,
  itemOfPage,
  itemsPerTable,
  itemWordsLg2,
  levelLg2,
  levelOfSize,
  offsetMaskHigh,
  offsetMaskLow,
  pageHigh,
  pageLow,
  shiftLeftHigh,
  shiftLeftLow,
  shiftRightLow,
  tableWord,
} from "./geometry.js";
import { grow } from "./grow.js";
import { cleanTableItem, itemBytes, linkTable, storeItem } from "./items.js";
import { largestSizeLg2, nextLargerSizeLg2, wholePages } from "./page-size.js";
import { storeLeaves } from "./store-leaves.js";

/**
 * Maps one smallest page, the commonest request of all, without the machinery for runs. The checks have passed, so
 * this size is allowed.
 */
export function mapPage(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  paLow: number,
  paHigh: number,
  attributesLow: number,
  attributesHigh: number,
): Status {
  const words = domain.words;
  const pageInLow = pageLow(iovaLow, iovaHigh);
  const table = descend(domain, pageInLow, pageHigh(iovaHigh), 0);
  if (table === NO_FRAME) return domain.refusal;
  const indexMask = wideRoot && domain.topLevel === 0 ? domain.topIndexMask : itemMask;
  const item = itemOfPage(table, pageInLow, 0, 0, indexMask);
  if (!isEmpty(words[item])) return Status.ADDRESS_IN_USE;
  const low = leafLow(paLow, paHigh, 0, 0, attributesLow);
  storeItem(domain, words, item, low, leafHigh(paLow, paHigh, 0, 0, attributesHigh));
  if (incoherent && domain.cleaner !== undefined) domain.clean(item, itemBytes);
  domain.resultLow = (iovaLow + (1 << granuleLg2)) | 0;
  domain.resultHigh = domain.resultLow === 0 ? (iovaHigh + 1) | 0 : iovaHigh;
  return Status.OK;
}

/** Maps a range whose checks have passed. On a refusal `result…` says up to where it came. */
export function mapRuns(
  domain: Domain,
  startLow: number,
  startHigh: number,
  startPaLow: number,
  startPaHigh: number,
  lengthLow: number,
  lengthHigh: number,
  attributesLow: number,
  attributesHigh: number,
  gather: Gather,
): Status {
  let iovaLow = startLow | 0;
  let iovaHigh = startHigh | 0;
  let paLow = startPaLow | 0;
  let paHigh = startPaHigh | 0;
  let remainingLow = lengthLow | 0;
  let remainingHigh = lengthHigh | 0;
  let table = NO_FRAME;
  let tableLevel = -1;
  do {
    const sizeLg2 = sizeAt(domain, iovaLow | paLow, iovaHigh | paHigh, paHigh, remainingLow, remainingHigh);
    const level = levelOfSize(sizeLg2);
    // The first leaf may need a level that the range alone did not.
    if (growsTop && level > domain.topLevel) {
      const grown = grow(domain, domain.lastLow, domain.lastHigh, level);
      if (grown !== Status.OK) return grown;
    }
    const pageInLow = pageLow(iovaLow, iovaHigh);
    const pageInHigh = pageHigh(iovaHigh);
    const indexMask = level === domain.topLevel ? domain.topIndexMask : itemMask;
    const itemInTable = itemOfPage(0, pageInLow, pageInHigh, level, indexMask);
    if (tableLevel !== level || itemInTable === 0) {
      table = descend(domain, pageInLow, pageInHigh, level);
      if (table === NO_FRAME) return domain.refusal;
      tableLevel = level;
    }
    const contiguousLg2 = contiguous === "none" ? 0 : sizeLg2 - levelLg2(level);
    const wanted = leavesOfRun(
      domain,
      itemInTable >> itemWordsLg2,
      level,
      sizeLg2,
      iovaLow ^ paLow,
      iovaHigh ^ paHigh,
      remainingLow,
      remainingHigh,
    );
    if (breakBeforeMake) domain.stretchEnd = table + itemInTable + (wanted << (itemWordsLg2 + contiguousLg2));
    const leaves = addressLinearLg2 < 64 ? leavesToCarry(paLow, paHigh, sizeLg2, wanted) : wanted;
    const done = storeLeaves(
      domain,
      table + itemInTable,
      leaves,
      level,
      contiguousLg2,
      leafLow(paLow, paHigh, level, contiguousLg2, attributesLow),
      leafHigh(paLow, paHigh, level, contiguousLg2, attributesHigh),
      iovaLow,
      iovaHigh,
      gather,
    );
    const bytesLow = shiftLeftLow(done, sizeLg2);
    const bytesHigh = shiftLeftHigh(done, sizeLg2);
    iovaLow = (iovaLow + bytesLow) | 0;
    iovaHigh = (iovaHigh + bytesHigh + (iovaLow >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    domain.resultLow = iovaLow;
    domain.resultHigh = iovaHigh;
    if (done < leaves) return Status.ADDRESS_IN_USE;
    paLow = (paLow + bytesLow) | 0;
    paHigh = (paHigh + bytesHigh + (paLow >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    remainingHigh = (remainingHigh - bytesHigh - (remainingLow >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    remainingLow = (remainingLow - bytesLow) | 0;
  } while ((remainingLow | remainingHigh) !== 0);
  return Status.OK;
}

/** The page size that comes next. What remains is a multiple of the smallest allowed one, so there is one. */
function sizeAt(
  domain: Domain,
  alignmentLow: number,
  alignmentHigh: number,
  paHigh: number,
  remainingLow: number,
  remainingHigh: number,
): number {
  const { sizesHigh } = domain;
  const isFar = pageReachLg2 < 64 && paHigh >>> (pageReachLg2 - 32) !== 0;
  const sizesLow = isFar ? domain.farSizesLow : domain.sizesLow;
  return largestSizeLg2(sizesLow, sizesHigh, alignmentLow, alignmentHigh, remainingLow, remainingHigh);
}

/** How many leaves of a size follow each other: to the end of what remains, of the table, or up to a larger page. */
function leavesOfRun(
  domain: Domain,
  index: number,
  level: number,
  sizeLg2: number,
  differenceLow: number,
  differenceHigh: number,
  remainingLow: number,
  remainingHigh: number,
): number {
  const itemsOfTable = wideRoot && level === domain.topLevel ? domain.topIndexMask + 1 : itemsPerTable;
  if (contiguous === "none") return wholePages(remainingLow, remainingHigh, sizeLg2, itemsOfTable - index);
  const lg2 = levelLg2(level);
  let items = itemsOfTable - index;
  const next = nextLargerSizeLg2(domain.sizesLow, domain.sizesHigh, sizeLg2);
  if (next < lg2 + tableBitsLg2 && congruent(differenceLow, differenceHigh, next)) {
    const itemsOfNext = 1 << (next - lg2);
    const until = itemsOfNext - (index & (itemsOfNext - 1));
    if (until < items) items = until;
  }
  return wholePages(remainingLow, remainingHigh, sizeLg2, items >> (sizeLg2 - lg2));
}

/** Up to `wanted` leaves that all lie in one block of `2^addressLinearLg2` bytes, in which items count evenly. */
function leavesToCarry(paLow: number, paHigh: number, sizeLg2: number, wanted: number): number {
  const blockLg2 = Math.min(addressLinearLg2 - sizeLg2, 30);
  const mask = (1 << blockLg2) - 1;
  return Math.min(wanted, mask + 1 - (shiftRightLow(paLow, paHigh, sizeLg2) & mask));
}

/** Whether two addresses whose exclusive or is given agree modulo `2^lg2`. */
function congruent(differenceLow: number, differenceHigh: number, lg2: number): boolean {
  return ((differenceLow & offsetMaskLow(lg2)) | (differenceHigh & offsetMaskHigh(lg2))) === 0;
}

/** The table of a level on the way to a page, made where it is missing; NO_FRAME with `refusal` where it can't be. */
export function descend(domain: Domain, pageInLow: number, pageInHigh: number, level: number): number {
  const { words, baseLow } = domain;
  let table = domain.rootWord;
  let at = domain.topLevel;
  let indexMask = domain.topIndexMask;
  for (; at > level; at--) {
    const item = itemOfPage(table, pageInLow, pageInHigh, at, indexMask);
    const itemLow = loadItem(domain, words, item);
    indexMask = itemMask;
    if (!isTable(itemLow, at)) {
      table = makeTable(domain, item, at);
      if (table === NO_FRAME) return NO_FRAME;
    } else {
      table = tableWord(itemLow, baseLow);
      enterTable(domain, table);
      if (incoherent && domain.cleaner !== undefined) cleanAnothers(domain, words, item);
      if (threads && rootIsLoaded && at === domain.topLevel) noteLinked(domain, item);
    }
  }
  return table;
}

/** Cleans a table item, unless it says that it is clean. Where no item can say so, another thread may be about to. */
function cleanAnothers(domain: Domain, words: Int32Array, item: number): void {
  const isUnknown = threads && markedClean(0) === 0;
  if (isUnknown || !isMarkedClean(words[item + cleanMarkWord])) cleanTableItem(domain, words, item);
}

/** Remembers that the hardware must be told of a root's item, whether this map or another thread's linked it. */
function noteLinked(domain: Domain, item: number): void {
  domain.linkedItems |= 1 << ((item - domain.rootWord) >> itemWordsLg2);
}

/** A new table at an item that is not one. */
function makeTable(domain: Domain, item: number, level: number): number {
  const words = domain.words;
  if (kindOf(words[item], level) === EntryKind.Leaf) {
    domain.refusal = Status.ADDRESS_IN_USE;
    return NO_FRAME;
  }
  const table = domain.allocateTable();
  if (table === NO_FRAME) {
    domain.refusal = Status.OUT_OF_MEMORY;
    return NO_FRAME;
  }
  const isLinked = linkTable(domain, words, item, table, level);
  if (rootIsLoaded && level === domain.topLevel) noteLinked(domain, item);
  return isLinked ? table : tableOfAnother(domain, item, level, table);
}

/** Another thread filled the item first. The table that this one made goes back: nobody has seen it. */
function tableOfAnother(domain: Domain, item: number, level: number, unused: number): number {
  domain.memory.quarantine(unused, NO_FRAME);
  domain.memory.releaseList(unused);
  const itemLow = loadItem(domain, domain.words, item);
  if (!isTable(itemLow, level)) return makeTable(domain, item, level);
  if (incoherent && domain.cleaner !== undefined) cleanAnothers(domain, domain.words, item);
  return domain.tableOf(itemLow);
}
