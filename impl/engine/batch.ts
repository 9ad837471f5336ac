/** Many physical runs in one call: mapped one behind the other, or told as they are unmapped. */
import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import { type PhysicalRuns, RUN_WORDS } from "../memory/physical-runs.js";
import { NO_FRAME } from "../memory/table-memory.js";
import {
  granuleLg2,
  isEmpty,
  itemWords,
  leafAttributesHigh,
  leafAttributesLow,
  leafHigh,
  leafLow,
  pageReachLg2,
  wideRoot,
} from "../stamp/format.js";
import type { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { below, itemMask, itemOfPage, pageHigh, pageLow, shiftLeftHigh, shiftLeftLow } from "./geometry.js";
import { storeItem } from "./items.js";
import { map } from "./map.js";
import { descend } from "./map-runs.js";
import { unmap } from "./unmap.js";

const GRANULE = 1 << granuleLg2;

/**
 * Maps the runs from an input address on, each as `map` would. On a refusal `result…` says up to where it came.
 * Single pages that follow one another in a table are stored there without a walk for each.
 */
export function mapBatch(
  domain: Domain,
  iovaLow: number,
  iovaHigh: number,
  runs: PhysicalRuns,
  prot: number,
  gather: Gather,
): Status {
  const { words, length } = runs;
  domain.resultLow = iovaLow;
  domain.resultHigh = iovaHigh;
  const attributesLow = leafAttributesLow(prot, domain.flags);
  const attributesHigh = leafAttributesHigh(prot, domain.flags, domain.encryptionHigh);
  const mayStep = pageReachLg2 === 64 && !domain.cachesNotPresent && domain.strayLow === GRANULE - 1;
  for (let at = 0; at < length; ) {
    // A run may end where the addresses do; nothing comes behind it.
    if (at > 0 && (domain.resultLow | domain.resultHigh) === 0) return Status.WRAPS;
    const run = at * RUN_WORDS;
    const status = map(
      domain,
      domain.resultLow,
      domain.resultHigh,
      words[run],
      words[run + 1],
      words[run + 2],
      words[run + 3],
      prot,
      gather,
    );
    if (status !== Status.OK) return status;
    at++;
    if (mayStep && isPage(words, run))
      at = storePages(domain, words, at, length, attributesLow, attributesHigh);
  }
  return Status.OK;
}

function isPage(words: Int32Array, run: number): boolean {
  return words[run + 2] === GRANULE && words[run + 3] === 0;
}

/**
 * Stores the runs that are single pages in the table of the page before `result…`, as long as it goes on, they may
 * be mapped and nothing is in their way; returns the run at which it stopped.
 */
function storePages(
  domain: Domain,
  runs: Int32Array,
  first: number,
  length: number,
  attributesLow: number,
  attributesHigh: number,
): number {
  const { words, resultLow, resultHigh } = domain;
  const indexMask = wideRoot && domain.topLevel === 0 ? domain.topIndexMask : itemMask;
  const pageInLow = pageLow(resultLow, resultHigh);
  const index = itemOfPage(0, pageInLow, 0, 0, indexMask);
  if (first === length || index === 0) return first;
  const pagesLeft = Math.min(length - first, indexMask + 1 - ((index / itemWords) | 0));
  // A table's addresses differ in the low word alone.
  const lastLow = (resultLow + pagesLeft * GRANULE - 1) | 0;
  if (domain.inputRangeStatus(resultLow, resultHigh, lastLow, resultHigh) !== Status.OK) return first;
  const table = descend(domain, pageInLow, pageHigh(resultHigh), 0);
  if (table === NO_FRAME) return first;
  const begin = (table + index) | 0;
  const end = (begin + pagesLeft * itemWords) | 0;
  let item = begin;
  let at = first;
  for (; at < length && item < end; at++, item = (item + itemWords) | 0) {
    const run = at * RUN_WORDS;
    const paLow = runs[run];
    const paHigh = runs[run + 1];
    const forbidden = (paLow & (domain.paForbiddenLow | (GRANULE - 1))) | (paHigh & domain.paForbiddenHigh);
    if (!isPage(runs, run) || forbidden !== 0 || !isEmpty(words[item])) break;
    const low = leafLow(paLow, paHigh, 0, 0, attributesLow);
    storeItem(domain, words, item, low, leafHigh(paLow, paHigh, 0, 0, attributesHigh));
  }
  if (domain.cleaner !== undefined && item > begin) domain.clean(begin, (item - begin) * 4);
  const bytes = (at - first) * GRANULE;
  domain.resultLow = (resultLow + bytes) | 0;
  domain.resultHigh = domain.resultLow >>> 0 < resultLow >>> 0 ? (resultHigh + 1) | 0 : resultHigh;
  return at;
}

/**
 * Unmaps as `unmap` does from an input address on, and tells where it led: up to the end of the range, the first hole,
 * or the last run that has room. `result…` and `resultAny` say what was removed.
 */
export function unmapBatch(
  domain: Domain,
  cursor: Cursor,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  runs: PhysicalRuns,
  gather: Gather,
): void {
  domain.resultAny = false;
  if (domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh) !== Status.OK) return;
  let low = firstLow;
  let high = firstHigh;
  let isFound = cursor.seek(low, high, low, high);
  while (isFound && cursor.low === low && cursor.high === high) {
    const lengthLow = shiftLeftLow(1, cursor.sizeLg2);
    if (!runs.addWords(cursor.paLow, cursor.paHigh, lengthLow, shiftLeftHigh(1, cursor.sizeLg2))) break;
    domain.resultAny = true;
    low = cursor.nextLow;
    high = cursor.nextHigh;
    if ((low | high) === 0 || below(lastLow, lastHigh, low, high)) break;
    isFound = cursor.seek(low, high, low, high);
  }
  if (!domain.resultAny) return;
  unmap(domain, firstLow, firstHigh, (low - 1) | 0, low === 0 ? (high - 1) | 0 : high, gather);
}
