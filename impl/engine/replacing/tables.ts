/** Tables that come and go: empty ones, those that take a leaf's place, and subtrees that leave. */
import { Status } from "../../errors.js";
import { NO_FRAME } from "../../memory/table-memory.js";
import {
  frameLg2,
  isTable,
  itemWords,
  leafHigh,
  leafLow,
  markerWord,
  oaHigh,
  oaLow,
  tableBitsLg2,
  tableItemHigh,
  tableItemLow,
} from "../../stamp/format.js";
import { prepareWord, storePair, storeWord } from "../../stamp/variant.js";
import { itemMask, itemsPerTable, itemWordsLg2, levelLg2, shiftLeftHigh, shiftLeftLow } from "../geometry.js";
import { itemBytes, storeItem } from "../items.js";
import { markEmptyTable, OTHER, rowMarkerBits, unmarkedHigh, unmarkedLow, updateMarkers } from "./markers.js";
import { CHANGED, type ReplacingDomain } from "./state.js";

/** Allocates frames for so many tables; false: not all of them could be had, and none was taken. */
export function reserveTables(domain: ReplacingDomain, count: number): boolean {
  const { memory, spare } = domain;
  while (domain.spares < count) {
    const frame = memory.allocate(frameLg2);
    if (frame === NO_FRAME) {
      domain.refusal = Status.OUT_OF_MEMORY;
      giveBack(domain);
      return false;
    }
    spare[domain.spares++] = frame;
  }
  return true;
}

/** Nobody has seen these frames. */
function giveBack(domain: ReplacingDomain): void {
  while (domain.spares > 0) {
    const frame = domain.spare[--domain.spares];
    domain.memory.quarantine(frame, NO_FRAME);
    domain.memory.releaseList(frame);
  }
}

/** Puts an empty table where nothing was, out of the reserve. */
export function linkEmptyTable(domain: ReplacingDomain, item: number, level: number): number {
  const table = domain.spare[--domain.spares];
  const words = domain.words;
  markEmptyTable(domain, words, table, tableBitsLg2);
  if (domain.cleaner !== undefined) domain.clean(table, 1 << frameLg2);
  storeItem(domain, words, item, pointerLow(domain, table, level), pointerHigh(domain, table));
  if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
  markItem(domain, item, OTHER, level);
  domain.tables++;
  return table;
}

/**
 * Puts a table in the place of a leaf, out of the reserve. The table translates as the leaf did, and is complete
 * before anything points to it.
 */
export function splitLeaf(domain: ReplacingDomain, item: number, level: number): number {
  const table = domain.spare[--domain.spares];
  const words = domain.words;
  fillAsLeaf(domain, table, words[item], words[item + 1], level);
  if (domain.cleaner !== undefined) domain.clean(table, 1 << frameLg2);
  replaceItem(domain, item, pointerLow(domain, table, level), pointerHigh(domain, table));
  markItem(domain, item, OTHER, level);
  domain.tables++;
  domain.shatters++;
  domain.changes |= CHANGED;
  return table;
}

/** Fills a table of the level below with what a leaf says, as one row. */
function fillAsLeaf(domain: ReplacingDomain, table: number, low: number, high: number, level: number): void {
  const words = domain.words;
  const below = level - 1;
  const addressLow = oaLow(low, high, level, domain.flags);
  const addressHigh = oaHigh(low, high, level, domain.flags);
  // A leaf without address and attributes: what says that it is one of this level.
  const shapeLow = leafLow(0, 0, level, 0, 0);
  const shapeHigh = leafHigh(0, 0, level, 0, 0);
  const attributesLow = (low ^ addressLow) & ~shapeLow & unmarkedLow;
  const attributesHigh = (high ^ addressHigh) & ~shapeHigh & unmarkedHigh;
  const shift = levelLg2(below);
  for (let index = 0; index < itemsPerTable; index++) {
    // The leaf is aligned: nothing carries.
    const paLow = addressLow | shiftLeftLow(index, shift);
    const paHigh = addressHigh | shiftLeftHigh(index, shift);
    const item = table + (index << itemWordsLg2);
    const marker = rowMarkerBits(index, tableBitsLg2);
    const itemLow = leafLow(paLow, paHigh, below, 0, attributesLow);
    const itemHigh = leafHigh(paLow, paHigh, below, 0, attributesHigh);
    prepareWord(domain, words, item + 1, markerWord === 1 ? itemHigh | marker : itemHigh);
    prepareWord(domain, words, item, markerWord === 0 ? itemLow | marker : itemLow);
  }
}

/** A live item becomes another live one in one store, of both words if both change. */
export function replaceItem(domain: ReplacingDomain, item: number, low: number, high: number): void {
  const words = domain.words;
  if (words[item + 1] === high) storeWord(domain, words, item, low);
  else if (words[item] === low) storeWord(domain, words, item + 1, high);
  else storePair(domain, words, item, low, high);
  if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
}

/** Sets the markers right after an item was written; the root has none. True: its table is one row. */
export function markItem(domain: ReplacingDomain, item: number, what: number, level: number): boolean {
  if (level === domain.topLevel) return false;
  const table = tableHolding(item);
  const index = (item - table) >> itemWordsLg2;
  return updateMarkers(domain, domain.words, table, index, what, levelLg2(level), tableBitsLg2);
}

/** The first word of the table that an item is in. */
export function tableHolding(item: number): number {
  // Frames are aligned, and so is the memory that they are in.
  return item & ~((itemsPerTable << itemWordsLg2) - 1);
}

/** Takes a table and all tables below it out of use, each behind those below it. What they hold stays. */
export function detachSubtree(domain: ReplacingDomain, table: number, level: number): void {
  const words = domain.words;
  const end = table + (itemMask + 1) * itemWords;
  for (let item = table; level > 0 && item < end; item += itemWords) {
    if (isTable(words[item], level)) detachSubtree(domain, domain.tableOf(words[item]), level - 1);
  }
  domain.takeOutOfUse(table);
}

function pointerLow(domain: ReplacingDomain, table: number, level: number): number {
  const { memory } = domain;
  return tableItemLow(memory.addressLow(table), memory.addressHigh(table), level, domain.tableLowBits);
}

function pointerHigh(domain: ReplacingDomain, table: number): number {
  const { memory } = domain;
  return tableItemHigh(memory.addressLow(table), memory.addressHigh(table), domain.tableHighBits);
}
