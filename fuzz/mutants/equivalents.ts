/** Operator mutants that survive, and why: what they change, no operation, store or invalidation can show. */
import type { OperatorMutant } from "./operators.js";

export interface Equivalent {
  /** The line, an arrow, and what becomes of it, wherever it stands (`OperatorMutant.change`). */
  readonly change: string;
  /** In this function alone, where the line stands in others too. */
  readonly inFunction?: string;
  /** In this file alone, of `impl/` and without its ending. */
  readonly file?: string;
  readonly why: string;
}

/** Why nothing can show a mutant; undefined where it must die. */
export function equivalenceOf(
  mutant: Pick<OperatorMutant, "change" | "inFunction" | "file">,
): Equivalent | undefined {
  return equivalents.find(
    ({ change, inFunction = mutant.inFunction, file = mutant.file }) =>
      change === mutant.change && inFunction === mutant.inFunction && file === mutant.file,
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
  {
    change:
      "const fourBefore = stride > 0 && stride < 1 << 30 ? end - 4 * itemWords : -1; → const fourBefore = stride > 0 && stride < 1 >> 30 ? end - 4 * itemWords : -1;",
    why: "then all items are stored one by one",
  },
  ...[
    "const carry = low >>> 0 < skipLow >>> 0 ? 1 : 0; → const carry = low >>> 0 <= skipLow >>> 0 ? 1 : 0;",
    "high = (high + strideHigh + (low >>> 0 < stride >>> 0 ? 1 : 0)) | 0; → high = (high + strideHigh + (low >>> 0 <= stride >>> 0 ? 1 : 0)) | 0;",
    "high = (high + strideHigh + (low >>> 0 < strideLow >>> 0 ? 1 : 0)) | 0; → high = (high + strideHigh + (low >>> 0 <= strideLow >>> 0 ? 1 : 0)) | 0;",
  ].map((change) => ({
    change,
    why: "a sum is what was added to a leaf's low word only if that was 0, and a leaf says in it that it is one",
  })),
  ...[
    "const low = sizeLg2 < 31 ? sizesLow & (-2 << sizeLg2) : 0; → const low = sizeLg2 <= 31 ? sizesLow & (-2 << sizeLg2) : 0;",
    "const high = sizeLg2 < 32 ? sizesHigh : sizeLg2 < 63 ? sizesHigh & (-2 << (sizeLg2 - 32)) : 0; → const high = sizeLg2 < 32 ? sizesHigh : sizeLg2 <= 63 ? sizesHigh & (-2 << (sizeLg2 - 32)) : 0;",
    "return sizeLg2 < 32 ? 0 : (1 << (sizeLg2 - 32)) - 1; → return sizeLg2 <= 32 ? 0 : (1 << (sizeLg2 - 32)) - 1;",
  ].map((change) => ({ change, why: "the mask of that one number is 0 either way" })),
  {
    change:
      "return pages < 0 || pages > limit ? limit : pages; → return pages < 0 || pages >= limit ? limit : pages;",
    why: "the smaller of two equal numbers",
  },
  {
    change:
      "return 31 - Math.clz32(sizesLow & ((2 << limit) - 1)); → return 31 - Math.clz32(sizesLow & ((2 << limit) - 2));",
    why: "no page has one byte",
  },
  {
    change:
      "return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 < bHigh >>> 0; → return aHigh === bHigh ? aLow >>> 0 < bLow >>> 0 : aHigh >>> 0 <= bHigh >>> 0;",
    why: "there the high words are not equal",
  },
  ...[
    "if (upperHalf || ((low & domain.vaBeyondLow) | (high & domain.vaBeyondHigh)) !== 0) { → if (upperHalf || ((low | domain.vaBeyondLow) | (high & domain.vaBeyondHigh)) !== 0) {",
    "if (upperHalf || ((low & domain.vaBeyondLow) | (high & domain.vaBeyondHigh)) !== 0) { → if (upperHalf || ((low & domain.vaBeyondLow) | (high | domain.vaBeyondHigh)) !== 0) {",
  ].map((change) => ({ change, why: "what is inside the input addresses is only asked whether it is" })),
  ...[
    "if (firstHigh === lastHigh && lastLow === (firstLow | GRANULE_MASK)) { → if (firstHigh === lastHigh && lastLow === (firstLow & GRANULE_MASK)) {",
    "if ((low & GRANULE_MASK) !== 0 || beyondTop(domain, low, high)) → if ((low | GRANULE_MASK) !== 0 || beyondTop(domain, low, high))",
    "return (words[item] & mask) === bits && (contiguousHigh === 0 || (words[item + 1] & contiguousHigh) === 0); → return (words[item] | mask) === bits && (contiguousHigh === 0 || (words[item + 1] & contiguousHigh) === 0);",
    "return (words[item] & mask) === bits && (contiguousHigh === 0 || (words[item + 1] & contiguousHigh) === 0); → return (words[item] & mask) === bits && (contiguousHigh === 0 || (words[item + 1] | contiguousHigh) === 0);",
    "return (words[item] & mask) === bits && (contiguousHigh === 0 || (words[item + 1] & contiguousHigh) === 0); → return (words[item] & mask) === bits && (contiguousHigh === 0 && (words[item + 1] & contiguousHigh) === 0);",
    "while (item <= lastItem && isPlainLeaf(words, item, mask, bits)) → while (item < lastItem && isPlainLeaf(words, item, mask, bits))",
  ].map((change) => ({ change, why: "a short way is not taken; the long one does the same" })),
  {
    inFunction: "unmap",
    change:
      "if (item === domain.seekTable + itemsPerTable * itemWords && level < domain.topLevel) { → if (item === domain.seekTable + itemsPerTable * itemWords && level <= domain.topLevel) {",
    why: "`freeCovered` begins below the top: of the root it frees nothing",
  },
  {
    inFunction: "beginsEntry",
    change: "return true; → return false;",
    why: "where there is no entry the walk ends at once, or after it cleared nothing",
  },
  ...[
    "while (item + step < end && !isEmpty(words[item + step])) { → while (item + step <= end && !isEmpty(words[item + step])) {",
    "while (item + step < end && !isEmpty(words[item + step])) { → while (item - step < end && !isEmpty(words[item + step])) {",
    "while (item + step < end && !isEmpty(words[item + step])) { → while (item + step < end && isEmpty(words[item + step])) {",
    "while (item + step < end && !isEmpty(words[item + step])) { → while (item + step < end && !isEmpty(words[item - step])) {",
  ].map((change) => ({
    change,
    why: "only where to look first the next time; that something is in use is known",
  })),
  {
    change:
      "const leftHigh = (this.#endHigh - high - (this.#endLow >>> 0 < low >>> 0 ? 1 : 0)) | 0; → const leftHigh = (this.#endHigh - high + (this.#endLow >>> 0 < low >>> 0 ? 1 : 0)) | 0;",
    why: "it borrows where a run crosses a multiple of 4 GiB: from there back its alignment, and not what is left, says the size",
  },
  ...["formats/dart1", "formats/dart2"].map((file) => ({
    file,
    inFunction: "attributesHighOf",
    change: "return high & ~ADDRESS_HIGH; → return high | ~ADDRESS_HIGH;",
    why: "what an entry hands on to its parts, where pages have one size and no parts",
  })),
  {
    inFunction: "storePages",
    change:
      "const end = (begin + pagesLeft * itemWords) | 0; → const end = (begin - pagesLeft * itemWords) | 0;",
    why: "the short way stores nothing; the long one maps the same page",
  },
  {
    inFunction: "storePages",
    change:
      "const lastLow = (resultLow + pagesLeft * GRANULE - 1) | 0; → const lastLow = (resultLow + pagesLeft * GRANULE - 0) | 0;",
    why: "where that is behind the last input address, the short way stores nothing; the long one maps the same pages",
  },
  {
    inFunction: "isPossible",
    change:
      "return smallest < 2 ** this.entry.sizeLg2 && this.#ends.every((end) => end % smallest === 0); → return smallest <= 2 ** this.entry.sizeLg2 && this.#ends.every((end) => end % smallest === 0);",
    why: "inside of a page of the smallest size no other ends; what is fragmented without a cut is larger",
  },
  {
    inFunction: "leavesOfRun",
    change:
      "if (next < lg2 + tableBitsLg2 && congruent(differenceLow, differenceHigh, next)) { → if (next <= lg2 + tableBitsLg2 && congruent(differenceLow, differenceHigh, next)) {",
    why: "a run is cut where a table of the usual size ends, as it is; in a wider root the next turn goes on there",
  },
  {
    inFunction: "mapBatch",
    change:
      "const mayStep = pageReachLg2 === 64 && !domain.cachesNotPresent && domain.strayLow === GRANULE - 1; → const mayStep = pageReachLg2 === 64 && !domain.cachesNotPresent && domain.strayLow !== GRANULE - 1;",
    why: "where there are single pages the short way is not taken; where there are none, one was refused before",
  },
  {
    inFunction: "mapRuns",
    change:
      "const leaves = addressLinearLg2 < 64 ? leavesToCarry(paLow, paHigh, sizeLg2, wanted) : wanted; → const leaves = addressLinearLg2 <= 64 ? leavesToCarry(paLow, paHigh, sizeLg2, wanted) : wanted;",
    why: "a run is cut where it need not be, and the next turn goes on there",
  },
];
