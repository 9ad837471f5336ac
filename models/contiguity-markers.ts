/**
 * What the contiguity markers of a page table must be, by their definition: of every item, how long a row of like
 * items begins there. Nothing is remembered from one change to the next.
 */

export type MarkedKind = "absent" | "leaf" | "other";

export interface MarkedTable {
  /** The items, markers left out. */
  readonly items: readonly bigint[];
  /** What each is: `other` is a pointer, or a leaf that is not to be merged. */
  readonly kinds: readonly MarkedKind[];
  /** log2 of the bytes that one item translates. */
  readonly itemLg2: number;
}

/**
 * The marker of every item: the largest b, at most the trailing zeros of the index (of index 0: log2 of the length),
 * for which the 2^b items from there on are uniform. One item alone always is.
 */
export function contiguityMarkers(table: MarkedTable): readonly number[] {
  return table.items.map((_, index) => {
    let lg2 = mostOf(index, table.items.length);
    while (lg2 > 0 && !isUniform(table, index, 2 ** lg2)) lg2--;
    return lg2;
  });
}

function mostOf(index: number, items: number): number {
  let lg2 = 0;
  while (2 ** lg2 < items && index % 2 ** (lg2 + 1) === 0) lg2++;
  return lg2;
}

/** All absent; or leaves that are alike but for the address bits of the index, which must be the index. */
function isUniform({ items, kinds, itemLg2 }: MarkedTable, first: number, count: number): boolean {
  const indexBits = BigInt(items.length - 1) << BigInt(itemLg2);
  for (let index = first; index < first + count; index++) {
    if (kinds[index] !== kinds[first] || kinds[index] === "other") return false;
    if (kinds[index] === "absent") {
      if (items[index] !== 0n) return false;
      continue;
    }
    if ((items[index] & indexBits) !== BigInt(index) << BigInt(itemLg2)) return false;
    if ((items[index] & ~indexBits) !== (items[first] & ~indexBits)) return false;
  }
  return true;
}
