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

/** A table as its JSON: three leaf items and more in arithmetic progression are a run. */
export function tableToJson({ level, items }: VectorTable): object {
  const entries: unknown[] = [];
  for (let at = 0; at < items.length; ) {
    const { index, raw, table } = items[at];
    if (table !== undefined) {
      entries.push([index, asHex(raw), tableToJson(table)]);
      at++;
      continue;
    }
    const count = runLength(items, at);
    if (count >= 3) entries.push([index, count, asHex(raw), asHex(strideAt(items, at))]);
    else for (const item of items.slice(at, at + count)) entries.push([item.index, asHex(item.raw)]);
    at += count;
  }
  return { level, entries };
}

function asHex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function strideAt(items: readonly VectorItem[], at: number): bigint {
  return (items[at + 1].raw - items[at].raw + ALL) % ALL;
}

/** How many leaf items from here on stand side by side, each as far from the one before as the second from the first. */
function runLength(items: readonly VectorItem[], from: number): number {
  const goesOn = (at: number): boolean =>
    at < items.length && items[at].table === undefined && items[at].index === items[at - 1].index + 1;
  if (!goesOn(from + 1)) return 1;
  let count = 2;
  while (goesOn(from + count) && strideAt(items, from + count - 1) === strideAt(items, from)) count++;
  return count === 2 ? 1 : count;
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
