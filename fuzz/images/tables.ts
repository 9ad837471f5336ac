/** Tables in an image: what they are, where their root stands, and what hardware finds in them. */
import {
  type Configuration,
  createWalker,
  type PhysicalMemory,
  type Root,
  type SweepVisitor,
  shapeOf,
  type Walker,
  walkResultName,
} from "../../models/index.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";

export interface Tables {
  readonly configuration: Configuration;
  readonly memory: PhysicalMemory;
  readonly root: Root;
}

/** One leaf entry as a device sees it. */
export interface LeafEntry {
  readonly iova: bigint;
  readonly pa: bigint;
  readonly sizeLg2: number;
  /** The level of its items; 0 at the leaves. */
  readonly level: number;
  /** The physical address and words of its first item. */
  readonly item: bigint;
  readonly raw: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly dirty: boolean;
}

/** One table. */
export interface TableFrame {
  readonly level: number;
  readonly address: bigint;
  /** The input address of its first item. */
  readonly iova: bigint;
}

/** An item that the architecture does not allow. */
export interface IllegalItem {
  /** Its name as `WalkResult` spells it. */
  readonly fault: string;
  readonly level: number;
  readonly item: bigint;
  readonly raw: bigint;
  readonly iova: bigint;
}

/** What a pass over tables tells, in the order of the input addresses; tables come before what is in them. */
export interface TablesVisitor {
  table?(table: TableFrame): void;
  /** Every item of a leaf entry. */
  item?(entry: LeafEntry): void;
  /** Every leaf entry, once. */
  entry?(entry: LeafEntry): void;
  illegal?(item: IllegalItem): void;
}

export function walkerOf({ configuration, memory, root }: Tables): Walker {
  const walker = createWalker(configuration, memory);
  walker.setRoot(lowWord(root.address), highWord(root.address), root.mode);
  return walker;
}

/** log2 of what one item of a level covers. */
export function itemSizeLg2(configuration: Configuration, level: number): number {
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  return granuleLg2 + level * tableBitsLg2;
}

/** Goes over all tables that can be reached. */
export function visitTables(tables: Tables, visitor: TablesVisitor): void {
  const walker = walkerOf(tables);
  // A sweep's walker is in the middle of it; permissions come from the whole way, so a second one walks that.
  const way = walkerOf(tables);
  let entryEnd = -1n;
  const sweep: SweepVisitor = {
    table: (level, low, high, vaLow, vaHigh) =>
      visitor.table?.({ level, address: joined(low, high), iova: joined(vaLow, vaHigh) }),
    leaf: (level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh) => {
      const entry = entryAt(way, level, joined(itemLow, itemHigh), joined(rawLow, rawHigh), vaLow, vaHigh);
      visitor.item?.(entry);
      if (entry.iova < entryEnd) return;
      visitor.entry?.(entry);
      const sizeBytes = 1n << BigInt(entry.sizeLg2);
      entryEnd = entry.iova - (entry.iova % sizeBytes) + sizeBytes;
    },
    illegal: (fault, level, itemLow, itemHigh, rawLow, rawHigh, vaLow, vaHigh) =>
      visitor.illegal?.({
        fault: walkResultName(fault),
        level,
        item: joined(itemLow, itemHigh),
        raw: joined(rawLow, rawHigh),
        iova: joined(vaLow, vaHigh),
      }),
  };
  walker.sweep(sweep);
}

function entryAt(
  way: Walker,
  level: number,
  item: bigint,
  raw: bigint,
  vaLow: number,
  vaHigh: number,
): LeafEntry {
  way.walk(vaLow, vaHigh);
  return {
    iova: joined(vaLow, vaHigh),
    pa: joined(way.oaLow, way.oaHigh),
    sizeLg2: way.sizeLg2,
    level,
    item,
    raw,
    read: way.read,
    write: way.write,
    execute: way.execute,
    dirty: way.dirty,
  };
}
