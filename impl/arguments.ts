/** What the public face does with arguments: checks them once, and says what is wrong with them. */
import { PageTableError, Status } from "./errors.js";
import { PhysicalRuns } from "./memory/physical-runs.js";
import type { TableMemory } from "./memory/table-memory.js";
import { fromWords, isUint64 } from "./words.js";

/** All 2^64 bytes, a length that fits no 64 bits. */
export const ALL = 1n << 64n;

/** `a − b` modulo 2^64. */
export function difference(aLow: number, aHigh: number, bLow: number, bHigh: number): bigint {
  return fromWords((aLow - bLow) | 0, (aHigh - bHigh - (aLow >>> 0 < bLow >>> 0 ? 1 : 0)) | 0);
}

export function rangeStatus(lengthBytes: bigint, last: bigint): Status {
  if (lengthBytes === 0n) return Status.ZERO_LENGTH;
  return last >= ALL ? Status.WRAPS : Status.OK;
}

/** A length may be all 2^64 bytes, which is one more than fits 64 bits. */
export function checkRange(iova: bigint, lengthBytes: bigint): void {
  checkUint64("iova", iova);
  if (lengthBytes !== ALL) checkUint64("lengthBytes", lengthBytes);
}

export function checkUint64(what: string, value: bigint): void {
  if (!isUint64(value)) badArgument(what, value);
}

export function checkRuns(runs: unknown): void {
  if (runs instanceof PhysicalRuns) return;
  throw new PageTableError("INVALID_ARGUMENT", "runs: a PhysicalRuns");
}

/** The place of a root in the memory that it must stand in. */
export function rootWordAt(memory: TableMemory, root: bigint, frameLg2: number): number {
  checkUint64("root", root);
  const offset = root - memory.base;
  if (offset < 0n || offset >= BigInt(memory.capacityBytes) || BigInt.asUintN(frameLg2, root) !== 0n) {
    throw new PageTableError("INVALID_OPTION", `the root ${hex(root)} is not a frame of the table memory`);
  }
  return Number(offset >> 2n) | 0;
}

export function badArgument(what: string, value: unknown): never {
  throw new PageTableError(
    "INVALID_ARGUMENT",
    `${what} = ${String(value)} is not ${what === "prot" ? "a mask of Prot" : "an unsigned 64-bit bigint"}`,
  );
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
