/** The growing top (AMDv1): levels are added above the root while the tables are in use. */
import { Status } from "../errors.js";
import { NO_FRAME } from "../memory/table-memory.js";
import type { Domain } from "./domain.js";
import { levelLg2 } from "./geometry.js";
import { linkTable } from "./items.js";
import { beyondTop } from "./lookup.js";

/**
 * Raises the top until it reaches an address and has a level. Every missing level is built first, each with the
 * old top as its item 0, so that whoever reads root and level, which are one cell, sees the old pair or the new.
 */
export function grow(domain: Domain, lastLow: number, lastHigh: number, level: number): Status {
  let status: Status = Status.OK;
  while (status === Status.OK && (beyondTop(domain, lastLow, lastHigh) || level > domain.topLevel)) {
    status = raise(domain, lastLow, lastHigh, level);
  }
  return status;
}

/** Raises the top, unless another thread does so at the same time: then it is as high as that one made it. */
function raise(domain: Domain, lastLow: number, lastHigh: number, level: number): Status {
  const oldTop = domain.topLevel;
  let root = domain.rootWord;
  let top = oldTop;
  while (top < level || !reaches(top, lastLow, lastHigh)) {
    top++;
    const table = domain.allocateTable();
    if (table === NO_FRAME) {
      giveBack(domain, root, top - 1, oldTop);
      return Status.OUT_OF_MEMORY;
    }
    linkTable(domain, domain.words, table, root, top);
    root = table;
  }
  if (!domain.setTop(root, top)) giveBack(domain, root, top, oldTop);
  return Status.OK;
}

function reaches(level: number, low: number, high: number): boolean {
  const bits = levelLg2(level + 1);
  if (bits >= 64) return true;
  return bits >= 32 ? high >>> (bits - 32) === 0 : high === 0 && low >>> bits === 0;
}

/** Frees the levels from `root` down to the one above the old top. Nobody has seen them. */
function giveBack(domain: Domain, root: number, level: number, oldTop: number): void {
  let table = root;
  for (let at = level; at > oldTop; at--) {
    const below = domain.tableOf(domain.words[table]);
    domain.memory.quarantine(table, NO_FRAME);
    domain.memory.releaseList(table);
    table = below;
  }
}
