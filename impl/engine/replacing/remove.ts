/**
 * Unmapping exactly one item of a chosen level: a larger leaf is split for it, a subtree goes as a whole. A table that
 * becomes empty by it leaves the tree, and so on upwards.
 */
import { Status } from "../../errors.js";
import { EntryKind } from "../../formats/format.js";
import { NO_FRAME } from "../../memory/table-memory.js";
import { kindOf } from "../../stamp/format.js";
import { clearItem, itemBytes } from "../items.js";
import { ABSENT, descend, path } from "./descend.js";
import { HOLE } from "./markers.js";
import { CHANGED, type ReplacingDomain, TABLE_LEFT } from "./state.js";
import { detachSubtree, markItem } from "./tables.js";

/** Makes the item of a level that an address falls on empty; there is a root. */
export function removeItem(domain: ReplacingDomain, low: number, high: number, level: number): Status {
  domain.changes = 0;
  const item = descend(domain, low, high, level, undefined);
  if (item === ABSENT) return Status.OK;
  if (item === NO_FRAME) return domain.refusal;
  const oldLow = domain.words[item];
  const kind = kindOf(oldLow, level);
  if (kind === EntryKind.Empty && !domain.rules.clearsEmptyItems) return Status.OK;
  if (kind !== EntryKind.Empty) domain.changes |= CHANGED;
  if (clear(domain, item, level)) prune(domain, level);
  if (kind === EntryKind.Table) detachSubtree(domain, domain.tableOf(oldLow), level - 1);
  return Status.OK;
}

/** The table of a level is empty: it leaves the tree, if the item that points to it may be cleared. */
function prune(domain: ReplacingDomain, level: number): void {
  let isEmpty = true;
  for (let at = level + 1; isEmpty && (domain.rules.emptiedLevels & (1 << at)) !== 0; at++) {
    const table = domain.tableOf(domain.words[path[at]]);
    isEmpty = clear(domain, path[at], at);
    domain.takeOutOfUse(table);
    domain.coalesces++;
    domain.changes |= TABLE_LEFT;
  }
}

/** Clears an item; true: its table is empty now. */
function clear(domain: ReplacingDomain, item: number, level: number): boolean {
  clearItem(domain, domain.words, item);
  if (domain.cleaner !== undefined) domain.clean(item, itemBytes);
  return markItem(domain, item, HOLE, level);
}
