/** A page table as a person reads it: one line per leaf. */
import { addressOfItem, type EntryCodec, INDEX_BITS, ITEMS_PER_TABLE, letters } from "./entry-codec.js";
import { hex } from "./requesters.js";
import type { ReadPhysical } from "./unit-memory.js";

export interface DumpedTables {
  readonly codec: EntryCodec;
  readonly read: ReadPhysical;
  /** Physical address of the root. */
  readonly root: number;
  readonly levels: number;
}

/**
 * A line for each leaf from the lowest DFN on, indented by its depth: DFN, MFN and permissions; a superpage is one
 * line. What is no legal pointer is named and skipped. Nothing is changed.
 */
export function* dumpLines({ codec, read, root, levels }: DumpedTables): Generator<string> {
  yield* tableLines(root, levels - 1, 0, 1);

  function* tableLines(table: number, level: number, dfn: number, depth: number): Generator<string> {
    const indent = "  ".repeat(depth);
    for (let index = 0; index < ITEMS_PER_TABLE; index++) {
      const item = read(table + index * 8);
      if (item === undefined) {
        yield `${indent}table 0x${hex(table)} of level ${level + 1} is not readable`;
        return;
      }
      const [low, high] = item;
      if (!codec.isPresent(low, high)) continue;
      const at = dfn + index * 2 ** (INDEX_BITS * level);
      const address = addressOfItem(low, high);
      if (codec.isLeaf(low, high, level)) {
        yield `${indent}dfn ${hex(at, 8)} mfn ${hex(address / 4096, 8)} ${letters(codec, low, high)}`;
      } else if (level > 0 && codec.pointsBelow(low, high, level)) {
        yield* tableLines(address, level - 1, at, depth + 1);
      } else {
        yield `${indent}dfn ${hex(at, 8)} is no pointer to level ${level}`;
      }
    }
  }
}
