/** Operator mutants that survive, and why: what they change, no operation, store or invalidation that is drawn can show. */
export interface Equivalent {
  /** The line, an arrow, and what becomes of it, wherever it stands (`OperatorMutant.change`). */
  readonly change: string;
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [
  {
    change:
      "const first = largestSizeLg2(sizesLow, sizesHigh, iovaLow | paLow, iovaHigh | paHigh, lengthLow, lengthHigh); → const first = largestSizeLg2(sizesLow, sizesHigh, iovaLow | paLow, iovaHigh | paHigh, lengthHigh, lengthLow);",
    why: "only a map from address 0, longer than the present top reaches and to an output address as aligned, would raise the top further: none is drawn in 100,000 operations",
  },
  {
    change:
      "if (incoherent && domain.cleaner !== undefined) → if (incoherent || domain.cleaner !== undefined)",
    why: "a domain that snoops has no cleaner, and `clean` then does nothing",
  },
  {
    change: "return (word & CLEANED_HIGH) !== 0; → return (word & CLEANED_HIGH) === 0;",
    why: "an item that one thread linked is marked when the call returns; cleaning it again shows nothing",
  },
  {
    change:
      "return level === 0 || (low & (R | W | X)) !== 0 ? EntryKind.Leaf : EntryKind.Table; → return level === 0 || (low & (R | W & X)) !== 0 ? EntryKind.Leaf : EntryKind.Table;",
    why: "every leaf that is mapped is readable",
  },
  {
    change:
      "return bits >= 32 ? high >>> (bits - 32) === 0 : high === 0 && low >>> bits === 0; → return bits >= 32 ? high >>> (bits + 32) === 0 : high === 0 && low >>> bits === 0;",
    why: "a shift looks at five bits of its count",
  },
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
    change: "cleanAnothers(domain, words, item); → ;",
    why: "cleans what another thread has linked and not marked yet, and the lockstep has one thread",
  },
  {
    change:
      "storeItem(domain, domain.words, item + word, words[word], itemWords === 2 ? words[word + 1] : 0); → ;",
    why: "only an `invalidate` that throws leads there, and no drawn one does; what-was-not-forgotten-is-as-it-was.test.ts holds it",
  },
  {
    change:
      "giveBack(this.#domain, table, this.entry.level - 1); → giveBack(this.#domain, table, this.entry.level - 0);",
    why: "a cut that finds memory for some of its tables alone is drawn once in thousands of operations; what-was-not-forgotten-is-as-it-was.test.ts holds it",
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
  {
    change:
      "domain.usedOffsets[(table >>> TABLE_WORDS_LG2) & USED_OFFSETS_MASK] = used - table; → domain.usedOffsets[(table << TABLE_WORDS_LG2) & USED_OFFSETS_MASK] = used - table;",
    why: "a hint where to look first; memory is asked all the same",
  },
  {
    change:
      "return pageReachLg2 < 64 && paHigh >>> (pageReachLg2 - 32) !== 0 ? domain.farSizesLow : domain.sizesLow; → return pageReachLg2 < 64 && paHigh >>> (pageReachLg2 + 32) !== 0 ? domain.farSizesLow : domain.sizesLow;",
    why: "shifts count modulo 32",
  },
  {
    change:
      "const forbidden = (paLow & (domain.paForbiddenLow | (GRANULE - 1))) | (paHigh & domain.paForbiddenHigh); → const forbidden = (paLow | (domain.paForbiddenLow | (GRANULE - 1))) | (paHigh & domain.paForbiddenHigh);",
    why: "what is not stored here goes the slower way, which stores the same",
  },
];
