/**
 * Mapping that replaces what is there: one leaf is put in its place, be it empty, another leaf or a whole subtree. A
 * table that becomes one row of leaves by it is replaced by a leaf of the next size, and so on upwards.
 */
import { Status } from "../../errors.js";
import { EntryKind } from "../../formats/format.js";
import { NO_FRAME } from "../../memory/table-memory.js";
import { kindOf, leafHigh, leafLow } from "../../stamp/format.js";
import { levelLg2, offsetMaskHigh, offsetMaskLow } from "../geometry.js";
import { itemBytes, storeItem } from "../items.js";
import { descend, isAs, path, SAME, type Wanted } from "./descend.js";
import { LEAF, OTHER } from "./markers.js";
import { APPEARED, CHANGED, type ReplacingDomain, TABLE_LEFT } from "./state.js";
import { detachSubtree, markItem, replaceItem } from "./tables.js";

/** Makes the item of a level say what is wanted of an address; both addresses are aligned to it, and there is a root. */
export function replaceLeaf(
  domain: ReplacingDomain,
  low: number,
  high: number,
  level: number,
  wanted: Wanted,
): Status {
  domain.changes = 0;
  const item = descend(domain, low, high, level, wanted);
  if (item === SAME) return Status.OK;
  if (item === NO_FRAME) return domain.refusal;
  const itemLow = leafLow(wanted.paLow, wanted.paHigh, level, 0, wanted.attributesLow);
  const itemHigh = leafHigh(wanted.paLow, wanted.paHigh, level, 0, wanted.attributesHigh);
  if (isAs(domain.words, item, itemLow, itemHigh)) return Status.OK;
  if (store(domain, item, itemLow, itemHigh, level)) merge(domain, level, wanted);
  return Status.OK;
}

/** Stores a leaf over whatever an item holds; true: its table is one row now. */
function store(domain: ReplacingDomain, item: number, low: number, high: number, level: number): boolean {
  const words = domain.words;
  const oldLow = words[item];
  const kind = kindOf(oldLow, level);
  if (kind === EntryKind.Empty) {
    storeItem(domain, words, item, low, high);
    if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
    domain.changes |= APPEARED;
  } else {
    replaceItem(domain, item, low, high);
    domain.changes |= APPEARED | CHANGED;
  }
  const isUniform = markItem(domain, item, partOf(domain, level), level);
  if (kind === EntryKind.Table) detachSubtree(domain, domain.tableOf(oldLow), level - 1);
  return isUniform;
}

/** The table of a level is one row: a leaf takes its place, if one may stand there. */
function merge(
  domain: ReplacingDomain,
  level: number,
  { paLow, paHigh, attributesLow, attributesHigh }: Wanted,
): void {
  const words = domain.words;
  let isUniform = true;
  for (let at = level + 1; isUniform && (domain.rules.mergedLevels & (1 << at)) !== 0; at++) {
    const item = path[at];
    const firstLow = paLow & ~offsetMaskLow(levelLg2(at));
    const firstHigh = paHigh & ~offsetMaskHigh(levelLg2(at));
    const table = domain.tableOf(words[item]);
    replaceItem(
      domain,
      item,
      leafLow(firstLow, firstHigh, at, 0, attributesLow),
      leafHigh(firstLow, firstHigh, at, 0, attributesHigh),
    );
    isUniform = markItem(domain, item, partOf(domain, at), at);
    domain.takeOutOfUse(table);
    domain.coalesces++;
    domain.changes |= CHANGED | TABLE_LEFT;
  }
}

function partOf({ rules }: ReplacingDomain, level: number): number {
  return (rules.countedLevels & (1 << level)) !== 0 ? LEAF : OTHER;
}
