/** What a change of the tables owes to the caches of the hardware. */

/** Bits of what is owed. They are ORed together over any number of calls; whoever collects them flushes. */
export const FlushFlag = {
  /** Something is mapped where nothing was. */
  added: 1,
  /** Something that was there changed or vanished. */
  modified: 2,
  /** A table left the tree: only a flush of all addresses, walk caches included, covers it. */
  all: 4,
} as const;

/** Where a caller collects what is owed. */
export interface PendingFlush {
  /** Bits of `FlushFlag`. */
  flags: number;
}
