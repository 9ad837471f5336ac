/** One address, asked three times: of the hardware walker, of the reference, and of `lookup`. */

import { shapeOf } from "../../models/index.js";
import { Prot } from "../../models/operations.js";
import { type Walker, WalkResult, type WalkResultCode } from "../../models/walkers/index.js";
import { itemSizeLg2, type Reference } from "../../reference/index.js";
import {
  type Differences,
  describeAddress,
  describeHex,
  rightsName,
  sizeName,
  walkName,
} from "./difference.js";
import type { Invariant } from "./invariants.js";
import type { ReferenceView } from "./reference-view.js";
import type { Subject } from "./subject.js";
import { joined, maskHigh, maskLow } from "./words.js";

export class Prober {
  readonly #subject: Subject;
  readonly #reference: Reference;
  readonly #view: ReferenceView;
  readonly #walker: Walker;
  readonly #differences: Differences;
  readonly #tracksDirty: boolean;
  readonly #tracksAccessed: boolean;

  constructor(
    subject: Subject,
    reference: Reference,
    view: ReferenceView,
    walker: Walker,
    differences: Differences,
  ) {
    this.#subject = subject;
    this.#reference = reference;
    this.#view = view;
    this.#walker = walker;
    this.#differences = differences;
    const { tracksDirty, tracksAccessed } = shapeOf(subject.configuration);
    this.#tracksDirty = tracksDirty;
    this.#tracksAccessed = tracksAccessed && subject.scope?.accessed !== false;
  }

  /** Compares all three at one address. */
  probe(low: number, high: number): void {
    this.walk(low, high, "I1");
    const pa = this.#subject.lookup(joined(low, high));
    const view = this.#view;
    const wanted = view.mapped ? joined(view.outputLow(low), view.outputHigh(low, high)) : undefined;
    if (pa === wanted) return;
    const given = pa === undefined ? "misses" : `gives ${describeHex(pa)}`;
    const mapped = wanted === undefined ? "maps nothing there" : `maps ${describeHex(wanted)}`;
    const iova = joined(low, high);
    this.#differences.add("I2", iova, `lookup of ${describeAddress(iova)} ${given}; the reference ${mapped}`);
  }

  /** Compares hardware and reference; what differs in the translation breaks the given invariant. */
  walk(low: number, high: number, invariant: Invariant): void {
    const view = this.#view;
    const walker = this.#walker;
    view.find(low, high);
    const result = walker.walk(low, high);
    if (!view.mapped) {
      if (result !== WalkResult.NotPresent && result !== WalkResult.NotCanonical) {
        const broken = result === WalkResult.Translated ? invariant : "I14";
        this.#differ(broken, low, high, result, "maps nothing there");
      }
      return;
    }
    if (result !== WalkResult.Translated) {
      const isHole = result === WalkResult.NotPresent || result === WalkResult.NotCanonical;
      this.#differ(isHole ? invariant : "I14", low, high, result, this.#mapping(low, high));
      return;
    }
    if (walker.oaLow !== view.outputLow(low) || walker.oaHigh !== view.outputHigh(low, high)) {
      this.#differ(invariant, low, high, result, this.#mapping(low, high));
    }
    if (walker.sizeLg2 !== view.sizeLg2) this.#differ("I7", low, high, result, this.#mapping(low, high));
    const { prot } = view;
    const read = (prot & Prot.read) !== 0;
    if (
      walker.read !== read ||
      walker.write !== ((prot & Prot.write) !== 0) ||
      walker.execute !== (read && (prot & Prot.noExec) === 0)
    ) {
      this.#differ(invariant, low, high, result, this.#mapping(low, high));
    }
    if (this.#tracksDirty || this.#tracksAccessed) this.#checkMarks(low, high);
  }

  /** A marked item marks its entry; an entry of one item is marked only by that item. */
  #checkMarks(low: number, high: number): void {
    const { dirty, accessed, level, sizeLg2 } = this.#walker;
    const entry = joined(low & ~maskLow(sizeLg2), high & ~maskHigh(sizeLg2));
    const isPart = sizeLg2 > itemSizeLg2(this.#subject.configuration, level);
    const differs = (isMarked: boolean, wanted: boolean) => isMarked !== wanted && !(wanted && isPart);
    if (this.#tracksDirty && differs(dirty, this.#reference.isDirty(entry))) {
      this.#differMark(low, high, dirty ? "dirty" : "clean", dirty ? "clean" : "dirty");
    }
    if (this.#tracksAccessed && differs(accessed, this.#reference.isAccessed(entry))) {
      this.#differMark(low, high, accessed ? "accessed" : "not accessed", accessed ? "not" : "accessed");
    }
  }

  #differMark(low: number, high: number, given: string, wanted: string): void {
    const iova = joined(low, high);
    const sentence = `${describeAddress(iova)} is ${given} in memory; the reference says ${wanted}`;
    this.#differences.add("I15", iova, sentence);
  }

  #mapping(low: number, high: number): string {
    const { prot, sizeLg2 } = this.#view;
    const output = describeHex(joined(this.#view.outputLow(low), this.#view.outputHigh(low, high)));
    const read = (prot & Prot.read) !== 0;
    const rights = rightsName(read, (prot & Prot.write) !== 0, read && (prot & Prot.noExec) === 0);
    return `maps ${output} (${sizeName(sizeLg2)}, ${rights})`;
  }

  #differ(invariant: Invariant, low: number, high: number, result: WalkResultCode, wanted: string): void {
    const iova = joined(low, high);
    const given = `hardware walks ${describeAddress(iova)} to ${walkName(this.#walker, result)}`;
    this.#differences.add(invariant, iova, `${given}; the reference ${wanted}`);
  }
}
