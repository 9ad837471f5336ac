/** Operator mutants that survive, and why: what they change, no operation, store or invalidation can show. */
import type { OperatorMutant } from "./operators.js";

export interface Equivalent {
  /** The line, an arrow, and what becomes of it, wherever it stands (`OperatorMutant.change`). */
  readonly change: string;
  /** In this function alone, where the line stands in others too. */
  readonly inFunction?: string;
  readonly why: string;
}

/** Why nothing can show a mutant; undefined where it must die. */
export function equivalenceOf(mutant: Pick<OperatorMutant, "change" | "inFunction">): Equivalent | undefined {
  return equivalents.find(
    ({ change, inFunction = mutant.inFunction }) =>
      change === mutant.change && inFunction === mutant.inFunction,
  );
}

export const equivalents: readonly Equivalent[] = [
  ...["mapPage", "unmap", "unmapPage"].map((inFunction) => ({
    inFunction,
    change:
      "if (incoherent && domain.cleaner !== undefined) → if (incoherent || domain.cleaner !== undefined)",
    why: "a domain that snoops has no cleaner, and `clean` then does nothing",
  })),
  {
    change:
      "const hasFar = pageReachLg2 < 64 && domain.settings.oaWidthLg2 > pageReachLg2; → const hasFar = pageReachLg2 <= 64 && domain.settings.oaWidthLg2 > pageReachLg2;",
    why: "no output width is above 64",
  },
  {
    change:
      "return (low & PR) !== 0 && ((low + (1 << NEXT_LEVEL_SHIFT)) & (6 << NEXT_LEVEL_SHIFT)) !== 0; → return (low | PR) !== 0 && ((low + (1 << NEXT_LEVEL_SHIFT)) & (6 << NEXT_LEVEL_SHIFT)) !== 0;",
    why: "an item that is not present is 0, whose NextLevel is no table's",
  },
  {
    change:
      "return level <= leafLevelMax ? plainLeafMask(level) : 1 << 3; → return level < leafLevelMax ? plainLeafMask(level) : 1 << 3;",
    why: "the short way for leaves is not taken at one level; the long one does the same",
  },
  {
    change:
      "return width > 32 ? (1 << (width - 32)) - 1 : 0; → return width >= 32 ? (1 << (width - 32)) - 1 : 0;",
    why: "of 32 bits the high word's last is (1 << 0) - 1, which is 0",
  },
  {
    change: "while (item <= fourBefore) { → while (item < fourBefore) {",
    why: "the last four items are looked at one by one",
  },
  ...[
    "const place = table >>> usedShift; → const place = table << usedShift;",
    "if (!isEmpty(words[table + (usedOffsets[place] & USED_OFFSET_MASK)])) → if (!isEmpty(words[table + (usedOffsets[place] | USED_OFFSET_MASK)]))",
    "usedOffsets[place] = used - table; → usedOffsets[place] = used + table;",
    "(words[table + (domain.usedOffsets[table >>> domain.usedShift] & USED_OFFSET_MASK)] & presentBits) === 0) { → (words[table + (domain.usedOffsets[table << domain.usedShift] & USED_OFFSET_MASK)] & presentBits) === 0) {",
    "(words[table + (domain.usedOffsets[table >>> domain.usedShift] & USED_OFFSET_MASK)] & presentBits) === 0) { → (words[table + (domain.usedOffsets[table >>> domain.usedShift] | USED_OFFSET_MASK)] & presentBits) === 0) {",
  ].map((change) => ({ change, why: "a hint where to look first; memory is asked all the same" })),
  {
    change: "const fourBefore = end - 4 * itemWords; → const fourBefore = end + 4 * itemWords;",
    why: "an item in use behind the end sends it to the items one by one; nothing in use is the end or behind it",
  },
  {
    change: "if ((four & presentBits) !== 0) → if ((four | presentBits) !== 0)",
    why: "then all are looked at one by one",
  },
  {
    change: "while (item < end && isEmpty(words[item])) → while (item <= end && isEmpty(words[item]))",
    why: "nothing in use is the end or behind it",
  },
  {
    change:
      "const forbidden = (paLow & (domain.paForbiddenLow | (GRANULE - 1))) | (paHigh & domain.paForbiddenHigh); → const forbidden = (paLow | (domain.paForbiddenLow | (GRANULE - 1))) | (paHigh & domain.paForbiddenHigh);",
    why: "what is not stored here goes the slower way, which stores the same",
  },
  {
    change:
      'if (contiguous !== "none" && contiguousLg2 !== 0) { → if (contiguous !== "none" || contiguousLg2 !== 0) {',
    why: "single items then go the way of entries, as entries of one item; formats without entries have no other count",
  },
  {
    change: "const mask = (1 << blockLg2) - 1; → const mask = (1 << blockLg2) - 2;",
    why: "a run before the end of a block is cut short by one, and the next turn of the loop maps the rest; no page is as large as a block",
  },
  {
    change:
      "return pages < 0 || pages > limit ? limit : pages; → return pages <= 0 || pages > limit ? limit : pages;",
    why: "the size was chosen to fit what remains: there is one at least",
  },
  {
    change: "if (until < items) → if (until <= items)",
    why: "the smaller of two equal numbers",
  },
  ...[
    "lastLow, lastHigh, limits.firstLow, limits.firstHigh",
    "limits.lastLow, limits.lastHigh, low, high",
  ].map((outside) => ({
    change: `if (below(${outside})) continue; → if (below(${outside})) ;`,
    why: "below what is outside of the limits it looks at tables that are outside too, and takes none",
  })),
  {
    inFunction: "storeSteppedEntries",
    change:
      "high = (high + strideHigh + (low >>> 0 < strideLow >>> 0 ? 1 : 0)) | 0; → high = (high - strideHigh + (low >>> 0 < strideLow >>> 0 ? 1 : 0)) | 0;",
    why: "their items are 2^30 bytes apart at most (16 GiB of 1 GiB each), so that the stride's high word is 0",
  },
  {
    change:
      "widened(domain, low, high, low | GRANULE_MASK, high, 1, levels, gather); → widened(domain, low, high, low & GRANULE_MASK, high, 1, levels, gather);",
    why: "a table was freed here, and what it spanned ends no earlier than the page: that end is taken",
  },
];
