/** The way of a faulting address through a VT-d unit's tables, as they are now; nothing is changed. */
import { addressOfItem, indexAt, letters } from "../entry-codec.js";
import { hex, hex64 } from "../requesters.js";
import type { ReadPhysical, Words128 } from "../unit-memory.js";
import { intelEntry } from "./entry.js";
import type { DecodedPasid } from "./pasid-table.js";
import { decodeContext } from "./root-table.js";

const P = 1 << 0;
const LEVELS_MAX = 5;

/** What stands on the way before the page tables. */
export interface EntriesOnTheWay {
  readonly rootEntry: Words128;
  /** Undefined: the root entry leads to no table. */
  readonly context: Words128 | undefined;
  /** In scalable mode: the entry of the PASID that the request counts for. */
  readonly pasid?: DecodedPasid;
}

/** Two lines at least, for the root entry and the context entry, then one per level from the root on. */
export function entryLines(
  read: ReadPhysical,
  requester: number,
  { rootEntry, context, pasid }: EntriesOnTheWay,
  dfn: number,
): readonly string[] {
  const bus = `root[${hex(requester >>> 8, 2)}]`;
  if (context === undefined) return [`${bus} = ${halves(rootEntry)} not present`];
  const lines = [`${bus} = ${halves(rootEntry)}`];
  const device = `context[${hex(requester & 0xff, 2)}] = ${halves(context)}`;
  if ((context[0] & P) === 0) return [...lines, `${device} not present`];
  lines.push(device);
  if (pasid === undefined) {
    const { passesThrough, root, levels } = decodeContext(context);
    if (passesThrough) return [...lines, "no translation"];
    return [...lines, ...tableLines(read, root, levels, dfn)];
  }
  const entry = `pasid = ${hex64(pasid.low, pasid.high)}`;
  if (!pasid.isPresent) return [...lines, `${entry} not present`];
  if (!pasid.isSecondStage) return [...lines, `${entry} no second stage`];
  return [...lines, entry, ...tableLines(read, pasid.root, pasid.levels, dfn)];
}

/** One line per level; it ends at an item that is not present, and at a leaf of any size. */
function tableLines(read: ReadPhysical, root: number, levels: number, dfn: number): readonly string[] {
  if (levels > LEVELS_MAX) return [`${levels} levels are not supported`];
  const lines: string[] = [];
  let table = root;
  for (let level = levels - 1; level >= 0; level--) {
    const index = indexAt(dfn, level);
    // Lines count levels from 1.
    const place = `l${level + 1}[${hex(index, 3)}]`;
    const item = read(table + index * 8);
    if (item === undefined) return [...lines, `${place} is not readable`];
    const [low, high] = item;
    lines.push(`${place} = ${hex64(low, high)} ${letters(intelEntry, low, high)}`);
    if (!intelEntry.isPresent(low, high) || intelEntry.isLeaf(low, high, level)) break;
    table = addressOfItem(low, high);
  }
  return lines;
}

/** An entry of 128 bits, its high half first. */
function halves([low0, high0, low1, high1]: Words128): string {
  return `${hex64(low1, high1)}_${hex64(low0, high0)}`;
}
