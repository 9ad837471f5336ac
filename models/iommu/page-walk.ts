/** What is common to every request: it is cut at page boundaries, what is adjacent is one range; and how a size is encoded. */
import type { OutputRange } from "./hardware.js";
import { ALL_PAGES, type PageBlock } from "./translation-cache.js";

const PAGE_BYTES = 4096;

/** Calls back for each piece of a request that lies in one page; stops where the answer is false. */
export function forEachPage(
  iova: bigint,
  lengthBytes: number,
  piece: (page: number, offset: number, lengthBytes: number) => boolean,
): void {
  let page = Number(BigInt.asUintN(64, iova) >> 12n);
  let offset = Number(iova & 0xfffn);
  for (let left = lengthBytes; left > 0; ) {
    const length = Math.min(left, PAGE_BYTES - offset);
    if (!piece(page, offset, length)) return;
    left -= length;
    offset = 0;
    page = (page + 1) % 2 ** 52;
  }
}

/** Adds a range, or lengthens the last one. */
export function addRange(ranges: OutputRange[], address: number, lengthBytes: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.address + last.lengthBytes === address)
    ranges[ranges.length - 1] = { address: last.address, lengthBytes: last.lengthBytes + lengthBytes };
  else ranges.push({ address, lengthBytes });
}

/**
 * Without S one page. With S the lowest 0 at or above bit 12 of the address says the size: at bit k, 2^(k+1) bytes. AMD's
 * commands have it (48882 §2.4.3), and PCIe ATS's invalidation requests, so that VT-d has it for device TLBs.
 */
export function sizedBlock(low: number, high: number, hasSize: boolean): PageBlock {
  const page = (high >>> 0) * 2 ** 20 + (low >>> 12);
  if (!hasSize) return { firstPage: page, pagesLg2: 0 };
  let pagesLg2 = 1;
  for (let rest = page; rest % 2 === 1; rest = Math.floor(rest / 2)) pagesLg2++;
  if (pagesLg2 >= ALL_PAGES.pagesLg2) return ALL_PAGES;
  return { firstPage: Math.floor(page / 2 ** pagesLg2) * 2 ** pagesLg2, pagesLg2 };
}
