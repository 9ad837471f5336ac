/** What devices leave in entries: that they wrote there, or that they came there at all, since it was last cleared. */
import { Status } from "../errors.js";
import type { Gather } from "../memory/gather.js";
import {
  accessedLow,
  cleaned,
  dirtied,
  isDirty,
  itemWords,
  tracksAccessed,
  tracksDirty,
} from "../stamp/format.js";
import { flipBits, storeWord } from "../stamp/variant.js";
import type { Cursor } from "./cursor.js";
import type { Domain } from "./domain.js";
import { below } from "./geometry.js";
import { itemBytes } from "./items.js";

/** Takes one range, inclusive, that is dirty or was accessed. */
export interface FoundWords {
  found(firstLow: number, firstHigh: number, lastLow: number, lastHigh: number): void;
}

/**
 * Reports every entry that touches the inclusive range and is dirty or, where `ofAccesses` says so, was accessed. With
 * `clear`, each is cleared, reported whole (for what was cleared and not reported would be lost) and gathered, for
 * hardware that keeps a translation does not set its bit again; without, the part inside the range is reported.
 * `range` is the status that the caller found for the range's own form; support is asked first.
 */
export function readAndClear(
  domain: Domain,
  cursor: Cursor,
  ofAccesses: boolean,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  clear: boolean,
  range: Status,
  gather: Gather,
  out: FoundWords,
): Status {
  if (ofAccesses ? !tracksAccessed || !domain.tracksAccessed : !tracksDirty || !domain.tracksDirty) {
    return Status.NOT_SUPPORTED;
  }
  if (range !== Status.OK) return range;
  const inside = domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh);
  if (inside !== Status.OK) return inside;
  let found = cursor.seek(firstLow, firstHigh, lastLow, lastHigh);
  for (; found; found = cursor.advance(lastLow, lastHigh)) {
    if (!(ofAccesses ? cursor.accessed : cursor.dirty)) continue;
    let { low, high } = cursor;
    let endLow = (cursor.nextLow - 1) | 0;
    let endHigh = cursor.nextLow === 0 ? (cursor.nextHigh - 1) | 0 : cursor.nextHigh;
    if (clear) {
      clearEntry(domain, cursor, ofAccesses);
      gather.add(low, high, endLow, endHigh, 1 << cursor.level, 0);
    } else {
      if (below(low, high, firstLow, firstHigh)) {
        low = firstLow;
        high = firstHigh;
      }
      if (below(lastLow, lastHigh, endLow, endHigh)) {
        endLow = lastLow;
        endHigh = lastHigh;
      }
    }
    out.found(low, high, endLow, endHigh);
  }
  return Status.OK;
}

/** Hardware may change a live item at any moment: bits are cleared one by one, or what it sets meanwhile were lost. */
function clearEntry(domain: Domain, cursor: Cursor, ofAccesses: boolean): void {
  const words = domain.words;
  const end = cursor.item + cursor.itemsWords;
  for (let item = cursor.item; item < end; item += itemWords) {
    const low = words[item];
    if (ofAccesses) {
      if ((low & accessedLow) !== 0) flipBits(domain, words, item, accessedLow);
    } else if (isDirty(low, words[item + itemWords - 1])) {
      flipBits(domain, words, item, low ^ cleaned(low));
    }
  }
  if (domain.cleaner !== undefined) {
    domain.clean(cursor.item, cursor.itemsWords * 4);
  }
}

/** Sets the dirty state of the one item that translates an address, as a device's write would. */
export function setDirty(domain: Domain, cursor: Cursor, low: number, high: number): Status {
  if (!tracksDirty || !domain.tracksDirty) return Status.NOT_SUPPORTED;
  const inside = domain.inputRangeStatus(low, high, low, high);
  if (inside !== Status.OK) return inside;
  if (!cursor.seek(low, high, low, high)) return Status.NOT_MAPPED;
  const item = cursor.itemOf(low, high);
  const words = domain.words;
  storeWord(domain, words, item, dirtied(words[item], words[item + itemWords - 1]));
  if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
  return Status.OK;
}
