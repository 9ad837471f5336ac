/** Looking at a tree without changing it. Not for hot paths, but for `findLeaf`. */
import { EntryKind } from "../../formats/format.js";
import { isTable, itemWords, kindOf, tableBitsLg2 } from "../../stamp/format.js";
import { itemMask, itemOfPage, itemsPerTable, pageHigh, pageLow, tableWord } from "../geometry.js";
import type { ReplacingDomain } from "./state.js";

/** One leaf of the tree. */
export interface LeafItem {
  /** Counts from 0 at the leaves. */
  readonly level: number;
  /** The item as memory has it, marker included, in words. */
  readonly low: number;
  readonly high: number;
  /** The first page that it translates, in smallest pages. */
  readonly page: number;
}

/** The leaf that translates an address, with its level in `seekLevel`; −1 for none. */
export function findLeaf(domain: ReplacingDomain, low: number, high: number): number {
  const { words, baseLow } = domain;
  const pageInLow = pageLow(low, high);
  const pageInHigh = pageHigh(high);
  let level = domain.topLevel;
  let item = itemOfPage(domain.rootWord, pageInLow, pageInHigh, level, domain.topIndexMask);
  while (level > 0 && isTable(words[item], level)) {
    level--;
    item = itemOfPage(tableWord(words[item], baseLow), pageInLow, pageInHigh, level, itemMask);
  }
  domain.seekLevel = level;
  return kindOf(words[item], level) === EntryKind.Leaf ? item : -1;
}

/** The table of a level on the way to an address, as a word of table memory; −1 for none. */
export function tableOnTheWay(domain: ReplacingDomain, low: number, high: number, level: number): number {
  const { words, baseLow } = domain;
  let table = domain.rootWord;
  for (let at = domain.topLevel; at > level; at--) {
    const indexMask = at === domain.topLevel ? domain.topIndexMask : itemMask;
    const item = itemOfPage(table, pageLow(low, high), pageHigh(high), at, indexMask);
    if (!isTable(words[item], at)) return -1;
    table = tableWord(words[item], baseLow);
  }
  return table;
}

/** Every leaf below a table, by address. */
export function* leavesOf(
  domain: ReplacingDomain,
  table = domain.rootWord,
  level = domain.topLevel,
  firstPage = 0,
): Generator<LeafItem, void, void> {
  const { words } = domain;
  const items = level === domain.topLevel ? domain.topIndexMask + 1 : itemsPerTable;
  const pages = 2 ** (level * tableBitsLg2);
  for (let index = 0; index < items; index++) {
    const item = table + index * itemWords;
    const kind = kindOf(words[item], level);
    const page = firstPage + index * pages;
    if (kind === EntryKind.Leaf) yield { page, level, low: words[item], high: words[item + 1] };
    if (kind === EntryKind.Table) yield* leavesOf(domain, domain.tableOf(words[item]), level - 1, page);
  }
}
