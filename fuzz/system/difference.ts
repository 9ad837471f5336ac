/** What breaks in a machine, and the words for what a device finds. */
import { describeHex } from "../../models/index.js";
import type { DmaOutcome } from "../../models/iommu/index.js";
import type { FrameFact } from "../../reference/frame-map.js";

/** What broke, in a sentence. */
export class SystemDifference extends Error {
  override readonly name = "SystemDifference";
  /** The number of the property in docs/iommu-properties.md, or the invariant. */
  readonly invariant: string;

  constructor(invariant: string, sentence: string) {
    super(sentence);
    this.invariant = invariant;
  }
}

export function fail(invariant: string, sentence: string): never {
  throw new SystemDifference(invariant, sentence);
}

export function pageName(dfn: number): string {
  return `page ${describeHex(BigInt(dfn))}`;
}

export const NOTHING = "nothing";

export function frameName(mfn: number): string {
  return `frame ${mfn.toString(16)}`;
}

/** What a request finds where a page leads, as `nameOf` names it. */
export function factName(fact: FrameFact | undefined, write: boolean): string {
  return fact === undefined || (fact.access & (write ? 2 : 1)) === 0 ? NOTHING : frameName(fact.mfn);
}

export function nameOf(outcome: DmaOutcome): string {
  if (outcome.kind !== "done") return outcome.kind === "fault" ? NOTHING : "an interrupt";
  return frameName(Math.floor(outcome.ranges[0].address / 4096));
}
