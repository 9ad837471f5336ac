/** Implementations with a known mistake: a night that does not find it would not find anything. */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type { AskedOperation, Outcome } from "../../models/operations.js";
import { PageTableSubject, type SubjectFactory } from "../lockstep/index.js";
import type { CanaryName } from "./canary-names.js";

class HoleCanary extends PageTableSubject {
  override apply(operation: AskedOperation): Outcome {
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

class HangCanary extends PageTableSubject {
  override apply(operation: AskedOperation): Outcome {
    const outcome = super.apply(operation);
    while (outcome.op === "map" && outcome.mappedBytes >= 0x8000n);
    return outcome;
  }
}

/** What makes subjects that are wrong on purpose; undefined for none. */
export function canaryNamed(name: CanaryName | undefined): SubjectFactory | undefined {
  if (name === undefined) return undefined;
  const Canary = name === "hole" ? HoleCanary : HangCanary;
  return (configuration: Configuration) => new Canary(configuration);
}
