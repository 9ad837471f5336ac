/** The first difference that a check meets, and the words in which it is told. */
import { describeAddress, describeHex, walkResultName } from "../../models/index.js";
import { Pointer, type Walker, WalkResult, type WalkResultCode } from "../../models/walkers/index.js";
import type { Difference, Invariant } from "./invariants.js";
import { joined } from "./words.js";

/** Keeps the first difference; of those that follow it only the invariants that they break. */
export class Differences {
  first: Difference | undefined = undefined;
  readonly #broken = new Set<Invariant>();

  add(invariant: Invariant, iova: bigint | undefined, sentence: string): void {
    this.first ??= { invariant, sentence, iova };
    this.#broken.add(invariant);
  }

  /** Gives the first difference and forgets them all. */
  take(): Difference | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    const also = [...this.#broken].filter((invariant) => invariant !== first.invariant);
    this.first = undefined;
    this.#broken.clear();
    return also.length === 0 ? first : { ...first, also };
  }
}

export function sizeName(sizeLg2: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  return `${2 ** (sizeLg2 % 10)} ${units[Math.floor(sizeLg2 / 10)]}`;
}

export function rightsName(read: boolean, write: boolean, execute: boolean): string {
  return `${read ? "r" : "-"}${write ? "w" : "-"}${execute ? "x" : "-"}`;
}

export function itemName(low: number, high: number): string {
  return describeHex(joined(low, high));
}

/** What the last walk gave, as a clause: `0x8_4020_1000 (2 MiB, rw-)`, `NotPresent`. */
export function walkName(walker: Walker, result: WalkResultCode | typeof Pointer): string {
  if (result === Pointer) return "a table";
  if (result !== WalkResult.Translated) return walkResultName(result);
  const rights = rightsName(walker.read, walker.write, walker.execute);
  return `${describeHex(joined(walker.oaLow, walker.oaHigh))} (${sizeName(walker.sizeLg2)}, ${rights})`;
}

export { describeAddress, describeHex };
