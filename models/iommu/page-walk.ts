/** What is common to every request: it is cut at page boundaries, and what is adjacent is one range. */
import type { OutputRange } from "./hardware.js";

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
