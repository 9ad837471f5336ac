/** Taking whole subtrees out of use. */
import { EntryKind } from "../formats/format.js";
import { itemWords, kindOf } from "../stamp/format.js";
import { withdrawTop } from "../stamp/variant.js";
import type { Domain } from "./domain.js";
import { itemsPerTable, itemWordsLg2 } from "./geometry.js";
import { clearItem, itemBytes } from "./items.js";

/**
 * If nothing below a table item is mapped, unlinks it and takes its tables out of use; returns the mask of their
 * levels. 0: something is mapped there, and nothing was changed.
 */
export function collectEmpty(domain: Domain, item: number, level: number): number {
  const table = domain.tableOf(domain.words[item]);
  if (!holdsNoLeaf(domain, table, level - 1)) return 0;
  clearItem(domain, domain.words, item);
  if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
  return takeSubtree(domain, table, level - 1);
}

function holdsNoLeaf(domain: Domain, table: number, level: number): boolean {
  const words = domain.words;
  const end = table + itemsPerTable * itemWords;
  for (let item = table; item < end; item += itemWords) {
    const kind = kindOf(words[item], level);
    if (kind === EntryKind.Leaf) return false;
    if (kind === EntryKind.Table && !holdsNoLeaf(domain, domain.tableOf(words[item]), level - 1))
      return false;
  }
  return true;
}

/** Takes a table and all tables below it out of use; returns the mask of their levels. */
export function takeSubtree(domain: Domain, table: number, level: number, items = itemsPerTable): number {
  const words = domain.words;
  const end = table + (items << itemWordsLg2);
  let levels = 1 << level;
  for (let item = table; item < end; item += itemWords) {
    if (kindOf(words[item], level) === EntryKind.Table) {
      levels |= takeSubtree(domain, domain.tableOf(words[item]), level - 1);
    }
  }
  domain.takeOutOfUse(table);
  return levels;
}

/** Takes every table out of use, the root included. The hardware must have let go of them. */
export function destroy(domain: Domain): void {
  takeSubtree(domain, domain.rootWord, domain.topLevel, domain.topIndexMask + 1);
  withdrawTop(domain);
  domain.releaseFreed();
}
