/**
 * Markers: small numbers in item bits that hardware ignores, by which one look at a table's first item tells whether
 * the table is one row of leaves, or empty.
 *
 * The marker of item i is the largest b, at most the number of trailing zero bits of i, for which the items
 * i … i + 2^b − 1 are a row: all empty, or leaves of the same attributes whose addresses go up by one page each, each
 * address having its item's index in the bits that the level decodes. Item 0 of a table of 2^S items reaches S: the
 * whole table. A pointer to a table is in no row of two.
 */
import { markerShift, markerWord, oaHigh, oaLow } from "../../stamp/format.js";
import { prepareWord, storeWord } from "../../stamp/variant.js";
import type { Domain } from "../domain.js";
import { itemWordsLg2, shiftLeftHigh, shiftLeftLow, shiftRightLow } from "../geometry.js";

const FIELD = 15 << markerShift;
/** The bits of an item that are not its marker. */
export const unmarkedLow = markerWord === 0 ? ~FIELD : -1;
export const unmarkedHigh = markerWord === 1 ? ~FIELD : -1;

/** What an item was made, for its table's markers. */
export const HOLE = 0;
export const LEAF = 1;
/** A pointer to a table, or a leaf that is not to be merged. */
export const OTHER = 2;

export function markerAt(words: Int32Array, item: number): number {
  return (words[item + markerWord] >>> markerShift) & 15;
}

/** The bits of an item's marker in a table of `2^tableLg2` items that is one row, in their word of the item. */
export function rowMarkerBits(index: number, tableLg2: number): number {
  const lg2 = index === 0 ? tableLg2 : 31 - Math.clz32(index & -index);
  return lg2 << markerShift;
}

/** Writes the markers of an empty table that nobody sees yet. */
export function markEmptyTable(domain: Domain, words: Int32Array, table: number, tableLg2: number): void {
  // Of every second item the marker is 0.
  for (let index = 0; index < 1 << tableLg2; index += 2) {
    const item = table + (index << itemWordsLg2);
    prepareWord(domain, words, item + markerWord, rowMarkerBits(index, tableLg2));
  }
}

/**
 * Sets a table's markers right after the item at `index` was written, its own marker being 0 yet. The table has
 * `2^tableLg2` items, each of which translates `2^itemLg2` bytes. True: the whole table is one row now.
 */
export function updateMarkers(
  domain: Domain,
  words: Int32Array,
  table: number,
  index: number,
  what: number,
  itemLg2: number,
  tableLg2: number,
): boolean {
  clipRows(domain, words, table, index);
  if (what === OTHER) return false;
  if (what === LEAF && !isInPhase(words, table, index, itemLg2, tableLg2)) return false;
  let first = index | 0;
  let lg2 = 0;
  // The row that the item is in grows by the one behind it or before it, of the same length each time.
  for (; lg2 < tableLg2; lg2++) {
    const bit = 1 << lg2;
    if (!joins(words, table, first, first ^ bit, lg2, what, itemLg2)) break;
    if ((first & bit) === 0) continue;
    setMarker(domain, words, table + (first << itemWordsLg2), lg2);
    first ^= bit;
  }
  setMarker(domain, words, table + (first << itemWordsLg2), lg2);
  return lg2 === tableLg2;
}

/** No row that began before the item goes over it any more. */
function clipRows(domain: Domain, words: Int32Array, table: number, index: number): void {
  for (let left = index | 0; left !== 0; ) {
    const lowest = left & -left;
    left ^= lowest;
    const lg2 = 31 - Math.clz32(lowest);
    const item = table + (left << itemWordsLg2);
    // A row that ends before says so for those that began still earlier.
    if (markerAt(words, item) <= lg2) return;
    setMarker(domain, words, item, lg2);
  }
}

/** Whether the address of a leaf has its item's index where the level decodes it. */
function isInPhase(
  words: Int32Array,
  table: number,
  index: number,
  itemLg2: number,
  tableLg2: number,
): boolean {
  const item = table + (index << itemWordsLg2);
  const low = words[item];
  const high = words[item + 1];
  const slot = shiftRightLow(oaLow(low, high, 0, 0), oaHigh(low, high, 0, 0), itemLg2);
  return (slot & ((1 << tableLg2) - 1)) === index;
}

/** Whether the row of `2^lg2` items at `other`, to one side of the row at `first`, makes one of twice the length with it. */
function joins(
  words: Int32Array,
  table: number,
  first: number,
  other: number,
  lg2: number,
  what: number,
  itemLg2: number,
): boolean {
  const otherItem = (table + (other << itemWordsLg2)) | 0;
  if (markerAt(words, otherItem) !== lg2) return false;
  const low = words[otherItem] & unmarkedLow;
  const high = words[otherItem + 1] & unmarkedHigh;
  if (what === HOLE) return (low | high) === 0;
  const item = (table + (first << itemWordsLg2)) | 0;
  const differLow = (low ^ words[item]) & unmarkedLow;
  const differHigh = (high ^ words[item + 1]) & unmarkedHigh;
  // Not a sum: the address bits above the index must be alike.
  return differLow === shiftLeftLow(1, lg2 + itemLg2) && differHigh === shiftLeftHigh(1, lg2 + itemLg2);
}

function setMarker(domain: Domain, words: Int32Array, item: number, marker: number): void {
  const word = (item + markerWord) | 0;
  const value = words[word];
  const marked = (value & ~FIELD) | (marker << markerShift);
  if (marked !== value) storeWord(domain, words, word, marked);
}
