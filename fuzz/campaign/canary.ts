/**
 * An implementation with a known mistake: a night that does not find it would not find anything. Whoever maps eight
 * pages or more finds a hole where the last stored item was.
 */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type { Operation, Outcome } from "../../models/operations.js";
import { PageTableSubject } from "../lockstep/index.js";

class Canary extends PageTableSubject {
  override apply(operation: Exclude<Operation, { op: "deviceWrite" }>): Outcome {
    const outcome = super.apply(operation);
    if (outcome.op === "map" && outcome.mappedBytes >= 0x8000n) this.#loseLastItem();
    return outcome;
  }

  #loseLastItem(): void {
    const { stores, storeCount } = this.journal;
    const words = 1 << (shapeOf(this.configuration).itemBytesLg2 - 2);
    const item = stores[storeCount - 1] & -words;
    this.words.fill(0, item, item + words);
  }
}

/** Makes subjects that are wrong on purpose. */
export function canaryOf(configuration: Configuration): PageTableSubject {
  return new Canary(configuration);
}
