/** Freeing tables below which nothing is mapped. */
import { Status } from "../errors.js";
import { EntryKind } from "../formats/format.js";
import type { Gather } from "../memory/gather.js";
import { kindOf } from "../stamp/format.js";
import { threads } from "../stamp/variant.js";
import { collectEmpty } from "./collect.js";
import type { Domain } from "./domain.js";
import {
  below,
  itemsPerTable,
  itemWordsLg2,
  levelLg2,
  offsetMaskHigh,
  offsetMaskLow,
  shiftLeftHigh,
  shiftLeftLow,
} from "./geometry.js";

/**
 * Frees every table that spans only addresses of the inclusive range and leads to no leaf, except for the root;
 * `domain.trimmedTables` says how many. `range` is the status that the caller found for the range's own form.
 */
export function trim(
  domain: Domain,
  firstLow: number,
  firstHigh: number,
  lastLow: number,
  lastHigh: number,
  range: Status,
  gather: Gather,
): Status {
  domain.trimmedTables = 0;
  if (threads) return Status.NEEDS_EXCLUSION;
  if (range !== Status.OK) return range;
  const inside = domain.inputRangeStatus(firstLow, firstHigh, lastLow, lastHigh);
  if (inside !== Status.OK) return inside;
  const limits = { firstLow, firstHigh, lastLow, lastHigh };
  trimTable(domain, domain.rootWord, domain.topLevel, domain.topIndexMask + 1, 0, 0, limits, gather);
  return Status.OK;
}

interface Limits {
  readonly firstLow: number;
  readonly firstHigh: number;
  readonly lastLow: number;
  readonly lastHigh: number;
}

/** Frees what is empty below a table whose first item translates `va…`, bits above the input width left out. */
function trimTable(
  domain: Domain,
  table: number,
  level: number,
  items: number,
  vaLow: number,
  vaHigh: number,
  limits: Limits,
  gather: Gather,
): void {
  const lg2 = levelLg2(level);
  for (let index = 0; index < items; index++) {
    const item = table + (index << itemWordsLg2);
    if (kindOf(domain.words[item], level) !== EntryKind.Table) continue;
    const inLow = vaLow | shiftLeftLow(index, lg2);
    const inHigh = vaHigh | shiftLeftHigh(index, lg2);
    const low = inLow | domain.vaUpperLow | signLow(domain, inLow, inHigh);
    const high = inHigh | domain.vaUpperHigh | signHigh(domain, inLow, inHigh);
    const lastLow = low | offsetMaskLow(lg2);
    const lastHigh = high | offsetMaskHigh(lg2);
    if (below(lastLow, lastHigh, limits.firstLow, limits.firstHigh)) continue;
    if (below(limits.lastLow, limits.lastHigh, low, high)) continue;
    const isInside =
      !below(low, high, limits.firstLow, limits.firstHigh) &&
      !below(limits.lastLow, limits.lastHigh, lastLow, lastHigh);
    const levels = isInside ? collectEmpty(domain, item, level) : 0;
    if (levels !== 0) {
      domain.trimmedTables += domain.freedCount;
      gather.add(low, high, lastLow, lastHigh, 0, levels);
      domain.giveFrames(gather);
    } else if (level > 1) {
      const child = domain.tableOf(domain.words[item]);
      trimTable(domain, child, level - 1, itemsPerTable, inLow, inHigh, limits, gather);
    }
  }
}

/** The bits above a sign-extended address: those of its highest bit. */
function signLow(domain: Domain, low: number, high: number): number {
  return isNegative(domain, low, high) ? domain.vaBeyondLow : 0;
}

function signHigh(domain: Domain, low: number, high: number): number {
  return isNegative(domain, low, high) ? domain.vaBeyondHigh : 0;
}

function isNegative(domain: Domain, low: number, high: number): boolean {
  return domain.signExtended && ((low & domain.vaBeyondLow) | (high & domain.vaBeyondHigh)) !== 0;
}
