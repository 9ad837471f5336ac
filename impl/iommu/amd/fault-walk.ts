/** The way of a faulting address through an AMD IOMMU's tables, as they are now; nothing is changed. */
import { addressOfItem, indexAt, letters } from "../entry-codec.js";
import { hex, hex64 } from "../requesters.js";
import type { ReadPhysical } from "../unit-memory.js";
import type { DecodedEntry } from "./device-table.js";
import { amdEntry, nextLevelOf } from "./entry.js";

/**
 * One line about the device's entry, then one per level from the root on. It ends at a leaf, at an item that is not
 * present, and at one whose NextLevel is not below its own.
 */
export function walkLines(
  read: ReadPhysical,
  name: string,
  { translates, root, levels }: DecodedEntry,
  dfn: number,
): readonly string[] {
  if (!translates) return [`${name} no root`];
  const lines = [`${name} root 0x${hex(root / 4096)}, ${levels} levels, dfn 0x${hex(dfn)}`];
  let table = root;
  // Counted from 1 here, as NextLevel does and as the lines show it.
  for (let level = levels; level > 0; ) {
    const index = indexAt(dfn, level - 1);
    const item = read(table + index * 8);
    if (item === undefined) return [...lines, `L${level}[${hex(index, 3)}] is not readable`];
    const [low, high] = item;
    const isPresent = amdEntry.isPresent(low, high);
    const rights = isPresent ? letters(amdEntry, low, high) : "np";
    lines.push(`L${level}[${hex(index, 3)}] = ${hex64(low, high)} ${rights}`);
    if (!isPresent) break;
    const next = nextLevelOf(low);
    if (next >= level) return [...lines, `L${level}[${hex(index, 3)}] next level is ${next}`];
    table = addressOfItem(low, high);
    level = next;
  }
  return lines;
}
