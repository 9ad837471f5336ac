/**
 * Hardware that looks on: between any two steps, it walks to the edges of every range that a thread works on. What
 * nobody is changing is as it was or as it was made; what is being changed is one or the other.
 */
import { createWalker, describeAddress, describeHex } from "../../models/index.js";
import { type PhysicalMemory, type Walker, WalkResult, walkResultName } from "../../models/walkers/index.js";
import type { Reference } from "../../reference/index.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";
import type { Scene } from "./stage.js";

/** Nothing is mapped there. */
const NOTHING = "nothing";

interface Place {
  readonly iova: bigint;
  /** The only thread that changes what is mapped here. */
  readonly thread: number;
  /** What is mapped here after none, one, two … of its operations. */
  readonly mapped: readonly string[];
}

export class Onlookers {
  readonly #places: readonly Place[];
  readonly #walker: Walker;

  constructor({ configuration, before, threads }: Scene, reference: Reference, physical: PhysicalMemory) {
    this.#walker = createWalker(configuration, physical);
    const edges = [...before, ...threads.flat()].flatMap((operation) => {
      if (!("length" in operation)) return "iova" in operation ? [operation.iova] : [];
      const { iova, length } = operation;
      return [iova - 1n, iova, iova + length / 2n, iova + length - 1n, iova + length];
    });
    const iovas = [...new Set(edges)].filter(
      (iova) => BigInt.asUintN(configuration.vaWidthLg2, iova) === iova,
    );
    const histories = threads.map((program) => {
      const alone = reference.clone();
      const seen = [iovas.map((iova) => mappedAt(alone, iova))];
      for (const operation of program) {
        alone.apply(operation);
        seen.push(iovas.map((iova) => mappedAt(alone, iova)));
      }
      return seen;
    });
    this.#places = iovas.map((iova, index) => {
      const changes = histories.map((seen) => seen.some((at) => at[index] !== seen[0][index]));
      const thread = Math.max(changes.indexOf(true), 0);
      return { iova, thread, mapped: histories[thread].map((at) => at[index]) };
    });
  }

  /** What hardware sees that it must not; of each thread, so many operations have begun, and so many ended. */
  difference(
    root: bigint,
    mode: number,
    begun: readonly number[],
    ended: readonly number[],
  ): string | undefined {
    this.#walker.setRoot(lowWord(root), highWord(root), mode);
    for (const { iova, thread, mapped } of this.#places) {
      const seen = this.#seenAt(iova);
      const before = mapped[ended[thread]];
      const after = mapped[begun[thread]];
      if (seen === before || seen === after) continue;
      const allowed = before === after ? before : `${before} or ${after}`;
      return `hardware finds ${seen} at ${describeAddress(iova)}; it may find ${allowed}`;
    }
    return undefined;
  }

  #seenAt(iova: bigint): string {
    const walker = this.#walker;
    const result = walker.walk(lowWord(iova), highWord(iova));
    // A top that has not grown yet does not reach every place.
    if (result === WalkResult.NotPresent || result === WalkResult.NotCanonical) return NOTHING;
    if (result !== WalkResult.Translated) return walkResultName(result);
    return nameOf(joined(walker.oaLow, walker.oaHigh), walker.write);
  }
}

function mappedAt(reference: Reference, iova: bigint): string {
  const found = reference.translate(iova);
  return found === undefined ? NOTHING : nameOf(found.pa, found.write);
}

function nameOf(pa: bigint, write: boolean): string {
  return `${describeHex(pa)} (${write ? "rw" : "ro"})`;
}
