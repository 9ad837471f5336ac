/** The page sizes that an IOMMU announces, and how a request is cut into pages of them. */
import { PageTableError } from "../errors.js";

const SMALLEST_LG2 = 12;
/** Orders stay below 31, so that alignment is decided by 32-bit words; no IOMMU has larger leaves. */
const LARGEST_LG2 = 42;

/**
 * The page sizes with which domains and their tables are made, of those that every IOMMU announces.
 * @param announced bit n stands for pages of 2^n bytes, n up to 42. Bit 12 must be the lowest.
 * @param superpages false: only 4 KiB, whatever is announced.
 * @throws PageTableError NO_PAGE_SIZE where nothing is announced, SMALLEST_PAGE_MISSING without 4 KiB as the smallest.
 */
export function usedPageSizes(announced: bigint, superpages = true): bigint {
  if (typeof announced !== "bigint" || announced < 0n || announced >> BigInt(LARGEST_LG2 + 1) !== 0n) {
    throw new PageTableError("INVALID_OPTION", `pageSizes: a mask of bits up to ${LARGEST_LG2}`);
  }
  if (announced === 0n) throw new PageTableError("NO_PAGE_SIZE");
  if ((announced & -announced) !== 1n << BigInt(SMALLEST_LG2)) {
    throw new PageTableError("SMALLEST_PAGE_MISSING", `page sizes 0x${announced.toString(16)}`);
  }
  return superpages ? announced : 1n << BigInt(SMALLEST_LG2);
}

/** The orders of page sizes that `usedPageSizes` gave, ascending; the first is 0. */
export function ordersOf(pageSizes: bigint): readonly number[] {
  const orders: number[] = [];
  for (let lg2 = SMALLEST_LG2; lg2 <= LARGEST_LG2; lg2++) {
    if (((pageSizes >> BigInt(lg2)) & 1n) !== 0n) orders.push(lg2 - SMALLEST_LG2);
  }
  return orders;
}

/**
 * The order of the next page of a request: climbs from the smallest and stops at the first that alignment or length
 * does not allow; what is larger cannot fit then.
 * @param mfn 0 where only alignment of `dfn` counts, as in unmapping.
 */
export function mappingOrder(orders: readonly number[], dfn: number, mfn: number, pages: number): number {
  // `|` keeps the low 32 bits of whole numbers up to 2^53, which is all that alignment asks for.
  const bits = dfn | mfn;
  let order = 0;
  for (let index = 1; index < orders.length; index++) {
    const larger = orders[index];
    const size = 1 << larger;
    if (pages < size || (bits & (size - 1)) !== 0) break;
    order = larger;
  }
  return order;
}
