/**
 * Mapping: checks, then run after run of equal leaves, each within one table.
 *
 * A range is cut greedily: at each point the largest allowed page that divides iova and pa and fits what remains.
 * Nothing is rolled back: on a refusal `result…` is the address up to which the range was mapped.
 */
import { Status } from "../errors.js";
import { EntryKind, PROT_MASK, Prot } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import { NO_FRAME } from "../memory/table-memory.js";
import {
  addressShift,
  contiguous,
  features,
  growsTop,
  isMarkedClean,
  itemWords,
  kindOf,
  leafAttributesHigh,
  leafAttributesLow,
  leafHigh,
  leafLow,
  tableBitsLg2,
} from "../stamp/format.js";
import { storeWord } from "../stamp/variant.js";
import { collectEmpty } from "./collect.js";
import type { Domain } from "./domain.js";
import {
  below,
  itemAt,
  itemMask,
  itemsPerTable,
  itemWordsLg2,
  levelLg2,
  levelOfSize,
  offsetMaskHigh,
  offsetMaskLow,
  shiftLeftHigh,
  shiftLeftLow,
  shiftRightLow,
  trailingZeros,
} from "./geometry.js";
import { grow } from "./grow.js";
import { cleanTableItem, linkTable } from "./items.js";
import { beyondTop } from "./lookup.js";
import { alignmentStatus, largestSizeLg2, nextLargerSizeLg2, wholePages } from "./page-size.js";

const FORCE_WRITEABLE = 1 << features.flags.indexOf("forceWriteable");
const mayForceWriteable = features.flags.includes("forceWriteable");

/**
 * Maps `length` bytes at `iova` to `pa`. `sizes…` is the mask of the page sizes of this call, a subset of the
 * domain's. Tables that an empty subtree gave up are reported to `gather` and synced before it returns.
 */
export function map(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  paLow: number,
  paHigh: number,
  lengthLow: number,
  lengthHigh: number,
  prot: number,
  sizesLow: number,
  sizesHigh: number,
  gather: Gather,
): Status {
  domain.resultLow = iovaLow;
  domain.resultHigh = iovaHigh;
  const status = requestStatus(
    domain,
    iovaLow,
    iovaHigh,
    paLow,
    paHigh,
    lengthLow,
    lengthHigh,
    prot,
    sizesLow,
    sizesHigh,
  );
  if (status !== Status.OK) return status;
  if (growsTop && beyondTop(domain, domain.lastLow, domain.lastHigh)) {
    const grown = growForRange(
      domain,
      iovaLow | paLow,
      iovaHigh | paHigh,
      lengthLow,
      lengthHigh,
      sizesLow,
      sizesHigh,
    );
    if (grown !== Status.OK) return grown;
  }
  const result = mapRuns(
    domain,
    iovaLow,
    iovaHigh,
    paLow,
    paHigh,
    lengthLow,
    lengthHigh,
    leafAttributesLow(prot, domain.flags),
    leafAttributesHigh(prot, domain.flags, domain.encryptionHigh),
    sizesLow,
    sizesHigh,
    gather,
  );
  if (gather.pending) gather.sync();
  return result;
}

/** The checks, in the order in which deployed code makes them; ours alone is the last. */
function requestStatus(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  paLow: number,
  paHigh: number,
  lengthLow: number,
  lengthHigh: number,
  prot: number,
  sizesLow: number,
  sizesHigh: number,
): Status {
  if ((prot & (Prot.read | Prot.write)) === 0) return Status.NO_PERMISSION;
  if ((prot & ~PROT_MASK) !== 0) return Status.INVALID_ARGUMENT;
  if (((paLow & domain.paForbiddenLow) | (paHigh & domain.paForbiddenHigh)) !== 0) {
    return Status.PA_OUT_OF_RANGE;
  }
  if (mayForceWriteable && (domain.flags & FORCE_WRITEABLE) !== 0 && (prot & Prot.write) === 0) {
    return Status.READ_ONLY_REFUSED;
  }
  if ((lengthLow | lengthHigh) === 0) return Status.ZERO_LENGTH;
  const beforeLow = (lengthLow - 1) | 0;
  const beforeHigh = lengthLow === 0 ? (lengthHigh - 1) | 0 : lengthHigh;
  const lastLow = (iovaLow + beforeLow) | 0;
  const lastHigh = (iovaHigh + beforeHigh + (lastLow >>> 0 < iovaLow >>> 0 ? 1 : 0)) | 0;
  if (below(lastLow, lastHigh, iovaLow, iovaHigh)) return Status.WRAPS;
  domain.lastLow = lastLow;
  domain.lastHigh = lastHigh;
  const aligned = alignmentStatus(
    sizesLow,
    sizesHigh,
    iovaLow | paLow | lengthLow,
    iovaHigh | paHigh | lengthHigh,
  );
  if (aligned !== Status.OK) return aligned;
  const inside = domain.inputRangeStatus(iovaLow, iovaHigh, lastLow, lastHigh);
  if (inside !== Status.OK) return inside;
  return paEndStatus(domain, paLow, paHigh, beforeLow, beforeHigh);
}

/** Whether no address of `[pa, pa + before]` has a forbidden bit, `pa` itself having none. */
function paEndStatus(
  domain: Domain,
  paLow: number,
  paHigh: number,
  beforeLow: number,
  beforeHigh: number,
): Status {
  const lastLow = (paLow + beforeLow) | 0;
  const lastHigh = (paHigh + beforeHigh + (lastLow >>> 0 < paLow >>> 0 ? 1 : 0)) | 0;
  if (below(lastLow, lastHigh, paLow, paHigh)) return Status.PA_OUT_OF_RANGE;
  // A range that leaves the block of the lowest forbidden bit enters one in which that bit is set.
  const forbidden = trailingZeros(domain.paForbiddenLow, domain.paForbiddenHigh);
  if (forbidden === 64) return Status.OK;
  const changedLow = (lastLow ^ paLow) & ~offsetMaskLow(forbidden);
  const changedHigh = (lastHigh ^ paHigh) & ~offsetMaskHigh(forbidden);
  return (changedLow | changedHigh) === 0 ? Status.OK : Status.PA_OUT_OF_RANGE;
}

/** Raises the top, at once to the level of the first leaf if that is above what the range needs. */
function growForRange(
  domain: Domain,
  alignmentLow: number,
  alignmentHigh: number,
  lengthLow: number,
  lengthHigh: number,
  sizesLow: number,
  sizesHigh: number,
): Status {
  const sizeLg2 = largestSizeLg2(sizesLow, sizesHigh, alignmentLow, alignmentHigh, lengthLow, lengthHigh);
  return grow(domain, domain.lastLow, domain.lastHigh, levelOfSize(sizeLg2));
}

function mapRuns(
  domain: Domain,
  startLow: number,
  startHigh: number,
  startPaLow: number,
  startPaHigh: number,
  lengthLow: number,
  lengthHigh: number,
  attributesLow: number,
  attributesHigh: number,
  sizesLow: number,
  sizesHigh: number,
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
    const sizeLg2 = largestSizeLg2(
      sizesLow,
      sizesHigh,
      iovaLow | paLow,
      iovaHigh | paHigh,
      remainingLow,
      remainingHigh,
    );
    const level = levelOfSize(sizeLg2);
    const lg2 = levelLg2(level);
    // The first leaf may need a level that the range alone did not.
    if (growsTop && level > domain.topLevel) {
      const grown = grow(domain, domain.lastLow, domain.lastHigh, level);
      if (grown !== Status.OK) return grown;
    }
    const indexMask = level === domain.topLevel ? domain.topIndexMask : itemMask;
    const index = shiftRightLow(iovaLow, iovaHigh, lg2) & indexMask;
    if (tableLevel !== level || index === 0) {
      table = descend(domain, iovaLow, iovaHigh, level);
      if (table === NO_FRAME) return domain.refusal;
      tableLevel = level;
    }
    const contiguousLg2 = contiguous === "none" ? 0 : sizeLg2 - lg2;
    let leaves = wholePages(remainingLow, remainingHigh, sizeLg2, (itemsPerTable - index) >>> contiguousLg2);
    if (contiguous !== "none") {
      const next = nextLargerSizeLg2(sizesLow, sizesHigh, sizeLg2);
      if (next < lg2 + tableBitsLg2 && congruent(iovaLow ^ paLow, iovaHigh ^ paHigh, next)) {
        const until = ((1 << (next - lg2)) - (index & ((1 << (next - lg2)) - 1))) >>> contiguousLg2;
        if (until < leaves) leaves = until;
      }
    }
    const done = storeLeaves(
      domain,
      table + index * itemWords,
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
    iovaHigh = (iovaHigh + bytesHigh + ((iovaLow + bytesLow) >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    iovaLow = (iovaLow + bytesLow) | 0;
    domain.resultLow = iovaLow;
    domain.resultHigh = iovaHigh;
    if (done < leaves) return Status.ADDRESS_IN_USE;
    paHigh = (paHigh + bytesHigh + ((paLow + bytesLow) >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    paLow = (paLow + bytesLow) | 0;
    remainingHigh = (remainingHigh - bytesHigh - (remainingLow >>> 0 < bytesLow >>> 0 ? 1 : 0)) | 0;
    remainingLow = (remainingLow - bytesLow) | 0;
  } while ((remainingLow | remainingHigh) !== 0);
  return Status.OK;
}

/** Whether two addresses whose exclusive or is given agree modulo `2^lg2`. */
function congruent(differenceLow: number, differenceHigh: number, lg2: number): boolean {
  return ((differenceLow & offsetMaskLow(lg2)) | (differenceHigh & offsetMaskHigh(lg2))) === 0;
}

/** The table of a level on the way to an address, made where it is missing; NO_FRAME with `refusal` where it cannot be. */
function descend(domain: Domain, low: number, high: number, level: number): number {
  const words = domain.words;
  let table = domain.rootWord;
  let at = domain.topLevel;
  let lg2 = levelLg2(at);
  let indexMask = domain.topIndexMask;
  while (at > level) {
    const item = itemAt(table, low, high, lg2, indexMask);
    const itemLow = words[item];
    const kind = kindOf(itemLow, at);
    if (kind === EntryKind.Table) {
      table = domain.tableOf(itemLow);
      if (domain.cleaner !== undefined && !isMarkedClean(itemLow))
        cleanTableItem(domain, words, item, itemLow);
    } else if (kind === EntryKind.Leaf) {
      domain.refusal = Status.ADDRESS_IN_USE;
      return NO_FRAME;
    } else {
      const made = domain.allocateTable();
      if (made === NO_FRAME) {
        domain.refusal = Status.OUT_OF_MEMORY;
        return NO_FRAME;
      }
      linkTable(domain, words, item, made, at);
      table = made;
    }
    at--;
    lg2 -= tableBitsLg2;
    indexMask = itemMask;
  }
  return table;
}

/**
 * Stores up to `leaves` entries of `2^contiguousLg2` items each, the first with the given words, and returns how
 * many it stored: it stops at an item in use.
 */
function storeLeaves(
  domain: Domain,
  first: number,
  leaves: number,
  level: number,
  contiguousLg2: number,
  firstLow: number,
  firstHigh: number,
  iovaLow: number,
  iovaHigh: number,
  gather: Gather,
): number {
  const words = domain.words;
  const strideLg2 = levelLg2(level) + addressShift + contiguousLg2;
  const strideLow = shiftLeftLow(1, strideLg2);
  const strideHigh = shiftLeftHigh(1, strideLg2);
  const carryMask = strideLg2 < 32 ? -1 << strideLg2 : -1;
  const carry = strideLg2 < 32 ? 1 : 0;
  const perEntry = itemWords << contiguousLg2;
  const end = first + leaves * perEntry;
  // "| 0" says that these are integers: the JIT would box a parameter that is changed in a loop in every turn.
  let low = firstLow | 0;
  let high = firstHigh | 0;
  let item = first | 0;
  for (;;) {
    while (item < end && isFree(words, item, perEntry, level)) {
      const entryEnd = item + perEntry;
      do {
        if (itemWords === 2) storeWord(domain, words, item + 1, high);
        storeWord(domain, words, item, low);
        item += itemWords;
      } while (contiguous !== "none" && item < entryEnd);
      low = (low + strideLow) | 0;
      // The address field carries into the high word exactly when its own bits in the low word become 0.
      high = (high + strideHigh + ((low & carryMask) === 0 ? carry : 0)) | 0;
    }
    if (item >= end) break;
    if (!clearWay(domain, item, perEntry, level, (item - first) >> itemWordsLg2, iovaLow, iovaHigh, gather))
      break;
  }
  if (domain.cleaner !== undefined) cleanRun(domain, first, item);
  return (item - first) >> (itemWordsLg2 + contiguousLg2);
}

/** Whether every item of an entry is empty. */
function isFree(words: Int32Array, item: number, perEntry: number, level: number): boolean {
  if (kindOf(words[item], level) !== EntryKind.Empty) return false;
  if (contiguous === "none") return true;
  for (let at = item + itemWords; at < item + perEntry; at += itemWords) {
    if (kindOf(words[at], level) !== EntryKind.Empty) return false;
  }
  return true;
}

/** Incoherent domains: the leaves of one table are cleaned together. */
function cleanRun(domain: Domain, first: number, end: number): void {
  if (end > first) domain.clean(first, (end - first) * 4);
}

/** Clears the way for a leaf entry, item by item. False: something is mapped there. */
function clearWay(
  domain: Domain,
  first: number,
  perEntry: number,
  level: number,
  itemsFromStart: number,
  startLow: number,
  startHigh: number,
  gather: Gather,
): boolean {
  let items = itemsFromStart;
  for (let item = first; item < first + perEntry; item += itemWords, items++) {
    if (kindOf(domain.words[item], level) === EntryKind.Empty) continue;
    if (!removeEmptySubtree(domain, item, level, items, startLow, startHigh, gather)) return false;
  }
  return true;
}

/** Removes a table that holds no leaf, with all below it. False: something is mapped there. */
function removeEmptySubtree(
  domain: Domain,
  item: number,
  level: number,
  itemsFromStart: number,
  startLow: number,
  startHigh: number,
  gather: Gather,
): boolean {
  if (kindOf(domain.words[item], level) === EntryKind.Leaf) return false;
  const tableLevels = collectEmpty(domain, item, level);
  if (tableLevels === 0) return false;
  const lg2 = levelLg2(level);
  const offsetLow = shiftLeftLow(itemsFromStart, lg2);
  const firstLow = (startLow + offsetLow) | 0;
  const carry = firstLow >>> 0 < offsetLow >>> 0 ? 1 : 0;
  const firstHigh = (startHigh + shiftLeftHigh(itemsFromStart, lg2) + carry) | 0;
  const lastLow = firstLow | offsetMaskLow(lg2);
  const lastHigh = firstHigh | offsetMaskHigh(lg2);
  domain.report(gather, firstLow, firstHigh, lastLow, lastHigh, 0, tableLevels);
  return true;
}
