/** The oracles that judge every store and every invalidation, put over a subject's memory. */
import { type Span, spanOf, TableWatch } from "../../models/iotlb/index.js";
import { smallestFrameLg2 } from "./frames.js";
import { markBitOf, type Subject } from "./subject.js";

/** `all`: caches, every store, write-back. `none`: only the comparison after each operation. */
export type Oracles = "all" | "none";

export const oracleNames: readonly Oracles[] = ["all", "none"];

/** A watch over the subject's tables as they are now. The caller hangs it into the journal. */
export function watchOf(subject: Subject): TableWatch {
  const { configuration } = subject;
  const watch = new TableWatch(configuration, subject, {
    markLow: markBitOf(configuration),
    smallestFrameLg2: smallestFrameLg2(configuration),
  });
  const { root, topLevel } = subject.hardwareRoot();
  watch.published(Number((root - subject.base) >> 2n), topLevel);
  return watch;
}

/** What waits in the gather that stays open between operations. */
export function pendingSpan(subject: Subject): Span | undefined {
  const pending = subject.pendingInvalidation;
  return pending && spanOf(pending[0], pending[1]);
}
