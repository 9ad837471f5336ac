/** What the tools that read or build a page table item by item need to know of a vendor's items. */
import { addressIn } from "./unit-memory.js";

/** A 64-bit item: its low word and its high word, both signed. */
export type Item = readonly [low: number, high: number];

export interface EntryCodec {
  isPresent(low: number, high: number): boolean;
  isLeaf(low: number, high: number, level: number): boolean;
  /** Whether the item of a level, counted from 0 at the leaves, may point to the table right below. */
  pointsBelow(low: number, high: number, level: number): boolean;
  isReadable(low: number, high: number): boolean;
  isWritable(low: number, high: number): boolean;
  /** A pointer to a table, in an item of that level. */
  table(address: number, level: number): Item;
  /** A leaf of the smallest size; `access` is of `Access`. */
  page(address: number, access: number): Item;
}

/** Item addresses are in bits 51:12 with both vendors. */
export const addressOfItem: (low: number, high: number) => number = addressIn;

export const ITEMS_PER_TABLE = 512;
export const INDEX_BITS = 9;

/** Where a DFN is found in a table of a level, counted from 0 at the leaves. */
export function indexAt(dfn: number, level: number): number {
  return Math.floor(dfn / 2 ** (INDEX_BITS * level)) % ITEMS_PER_TABLE;
}

/** `rw`, `r-`, `-w` or `--`. */
export function letters(codec: EntryCodec, low: number, high: number): string {
  return (codec.isReadable(low, high) ? "r" : "-") + (codec.isWritable(low, high) ? "w" : "-");
}
