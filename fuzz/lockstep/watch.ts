/** The oracles that judge every store and every invalidation, put over a subject's memory. */
import { type Span, spanOf, TableWatch, type Violation } from "../../models/iotlb/index.js";
import { smallestFrameLg2 } from "./frames.js";
import { createItemBits } from "./item-bits/index.js";
import { markBitOf, type Subject } from "./subject.js";

/** `caches`: I9 and I10. `stores`: I12, I16 and I19. `coherency`: I13. */
export const oracleNames = ["caches", "stores", "coherency"] as const;

export type OracleName = (typeof oracleNames)[number];

const judges: Readonly<Record<OracleName, readonly Violation["invariant"][]>> = {
  caches: ["I9", "I10"],
  stores: ["I12", "I16", "I19"],
  coherency: ["I13"],
};

/** Whether one of the oracles judges by this invariant. */
export function judgesBy(oracles: readonly OracleName[], invariant: Violation["invariant"]): boolean {
  return oracles.some((oracle) => judges[oracle].includes(invariant));
}

/** A watch over the subject's tables as they are now. The caller hangs it into the journal. */
export function watchOf(subject: Subject): TableWatch {
  const { configuration } = subject;
  const { markWord, markBit } = createItemBits(configuration);
  const watch = new TableWatch(configuration, subject, {
    markLow: markBitOf(configuration),
    markHigh: markWord === 1 ? markBit : 0,
    smallestFrameLg2: smallestFrameLg2(configuration),
    cachesNotPresent: configuration.cachesNotPresent,
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
