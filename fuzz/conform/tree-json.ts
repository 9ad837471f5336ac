/** The tables of a vector, from their JSON: runs expanded, levels and indices checked. */
import { asAddress, asInteger, Fields, fail } from "./fields.js";
import type { VectorItem, VectorTable } from "./vector.js";

const ALL = 1n << 64n;

/** A table and what is below it; `items` is how many items it may have, `itemsBelow` how many every other. */
export function readTable(object: Fields, items: number, itemsBelow: number): VectorTable {
  const level = object.integer("level", 0, 5);
  const present: VectorItem[] = [];
  let next = 0;
  for (const [place, entry] of object.list("entries").entries()) {
    const path = `${object.path}entries[${place}]`;
    if (!Array.isArray(entry)) return fail(path, "not a list");
    const index = asInteger(entry[0], next, items - 1, `${path}[0]`);
    if (entry.length === 3) {
      const table = readTable(new Fields(entry[2], `${path}[2]`), itemsBelow, itemsBelow);
      if (table.level !== level - 1) fail(`${path}[2].level`, `${level - 1} stands below ${level}`);
      present.push({ index, raw: asAddress(entry[1], `${path}[1]`), table });
    } else {
      readLeaves(entry, index, items, path, present);
    }
    next = (present.at(-1)?.index ?? index) + 1;
  }
  return { level, items: present };
}

/** `[index, raw]`, or a run: `[index, count, first, stride]`. */
function readLeaves(
  entry: readonly unknown[],
  index: number,
  items: number,
  path: string,
  present: VectorItem[],
): void {
  if (entry.length === 2) {
    present.push({ index, raw: asAddress(entry[1], `${path}[1]`) });
  } else if (entry.length === 4) {
    const count = asInteger(entry[1], 1, items - index, `${path}[1]`);
    let raw = asAddress(entry[2], `${path}[2]`);
    const stride = asAddress(entry[3], `${path}[3]`);
    for (let at = 0; at < count; at++) {
      present.push({ index: index + at, raw });
      raw = (raw + stride) % ALL;
    }
  } else {
    fail(path, "an entry has 2, 3 or 4 elements");
  }
}

/**
 * The tables of several registers, which are recorded below a level of their own, side by side as one root: that is
 * how they stand in memory here, and how they divide the input addresses.
 */
export function readSideBySide(object: Fields, registers: number, items: number): VectorTable {
  const all = readTable(object, registers, items);
  const joined: VectorItem[] = [];
  for (const { index, table } of all.items) {
    if (table === undefined) return fail(`${object.path}entries`, `no table for register ${index}`);
    for (const item of table.items) joined.push({ ...item, index: index * items + item.index });
  }
  return { level: all.level - 1, items: joined };
}
