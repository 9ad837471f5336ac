/** Everything that is true of a state, asked of every page of the space. */
import type { Configuration } from "../../models/configuration.js";
import { describeAddress, describeHex } from "../../models/index.js";
import type { EntryFacts, Operation, Range } from "../../models/operations.js";
import { type Walker, WalkResult } from "../../models/walkers/index.js";
import type { PageByPage, Reference } from "../../reference/index.js";
import { Differences, walkName } from "../lockstep/difference.js";
import type { Difference, Invariant } from "../lockstep/invariants.js";
import { compareOutcomes } from "../lockstep/outcomes.js";
import { ReferenceView } from "../lockstep/reference-view.js";
import type { Subject } from "../lockstep/subject.js";
import { sweep } from "../lockstep/sweep.js";
import { highWord, joined, lowWord } from "../lockstep/words.js";
import { spaceOf } from "./space.js";

const LAST_ADDRESS = 2n ** 64n - 1n;

/** Addresses next to the ends of the space, and with one bit too many. */
function strangersTo(configuration: Configuration): readonly bigint[] {
  const { signExtended, upperHalf, vaWidthLg2 } = configuration;
  const width = 1n << BigInt(vaWidthLg2);
  if (upperHalf === true) return [0n, width - 1n, 1n << 32n, 1n << 63n, LAST_ADDRESS - width];
  const end = signExtended ? width / 2n : width;
  return [end, end << 1n, 1n << 32n, 1n << 63n, signExtended ? LAST_ADDRESS - end : LAST_ADDRESS];
}

/** Compares implementation, hardware, reference and page-by-page model in one state. */
export class StateChecker {
  readonly #walker: Walker;
  readonly #differences = new Differences();
  /** The first and the last byte of every page. */
  readonly #probes: readonly bigint[];
  /** Addresses that no input width allows, next to those that it does. */
  readonly #strangers: readonly bigint[];
  readonly #entries: readonly Operation[];
  readonly #isGrowing: boolean;

  constructor(configuration: Configuration, walker: Walker) {
    this.#walker = walker;
    this.#isGrowing = configuration.growingTop;
    const { pageLg2, pageCount, addressOf } = spaceOf(configuration);
    const pageBytes = 1n << BigInt(pageLg2);
    const pages = Array.from({ length: pageCount }, (_, page) => addressOf(page));
    this.#probes = pages.flatMap((iova) => [iova, iova + pageBytes - 1n]);
    this.#strangers = strangersTo(configuration).filter((iova) => !pages.includes(iova));
    const half = BigInt(pageCount / 2) * pageBytes;
    this.#entries = [
      { op: "entries", iova: addressOf(0), length: configuration.signExtended ? half : 2n * half },
      { op: "entries", iova: addressOf(0) + pageBytes + 1n, length: pageBytes },
    ];
  }

  /** What is wrong, if anything. The walker stands on the subject's root. */
  check(subject: Subject, reference: Reference, pages: PageByPage): Difference | undefined {
    const differences = this.#differences;
    const complaint = pages.agrees(reference);
    if (complaint !== undefined) differences.add("I1", undefined, `the two models disagree: ${complaint}`);
    sweep(subject, reference, new ReferenceView(reference), this.#walker, differences);
    for (const iova of this.#probes) this.#probe(iova, subject, reference);
    for (const iova of this.#strangers) this.#probeStranger(iova, subject);
    for (const operation of this.#entries) this.#compare(operation, subject, reference);
    this.#checkCounts(subject, reference);
    return differences.take();
  }

  /** Frees everything: whatever is still in use or quarantined then has leaked. The subject is of no use afterwards. */
  checkDestroy(subject: Subject): Difference | undefined {
    subject.destroy();
    const { liveFrames, quarantinedFrames } = subject;
    if (liveFrames !== 0 || quarantinedFrames !== 0) {
      const left = `${liveFrames} frames in use and ${quarantinedFrames} quarantined`;
      this.#differences.add("I5", undefined, `destroying the table left ${left}`);
    }
    return this.#differences.take();
  }

  /** Hardware, lookup and reference: the same address or the same miss, the same size and rights. */
  #probe(iova: bigint, subject: Subject, reference: Reference): void {
    const walker = this.#walker;
    const wanted = reference.translate(iova);
    const found = subject.lookup(iova);
    if (found !== wanted?.pa) {
      this.#differ("I2", iova, `lookup gives ${nameOf(found)}`, wanted);
    }
    const result = walker.walk(lowWord(iova), highWord(iova));
    if (wanted === undefined) {
      // A root that will grow does not reach every address yet.
      const isHole =
        result === WalkResult.NotPresent || (this.#isGrowing && result === WalkResult.NotCanonical);
      if (!isHole) this.#differ("I1", iova, this.#walkOf(result), wanted);
      return;
    }
    if (
      result !== WalkResult.Translated ||
      joined(walker.oaLow, walker.oaHigh) !== wanted.pa ||
      walker.read !== wanted.read ||
      walker.write !== wanted.write ||
      walker.execute !== wanted.execute
    ) {
      this.#differ("I1", iova, this.#walkOf(result), wanted);
    } else if (walker.sizeLg2 !== wanted.sizeLg2) {
      this.#differ("I7", iova, this.#walkOf(result), wanted);
    }
  }

  #probeStranger(iova: bigint, subject: Subject): void {
    const found = subject.lookup(iova);
    if (found !== undefined) this.#differ("I18", iova, `lookup gives ${nameOf(found)}`, undefined);
    const result = this.#walker.walk(lowWord(iova), highWord(iova));
    if (result !== WalkResult.NotCanonical) this.#differ("I18", iova, this.#walkOf(result), undefined);
  }

  /** An operation that changes nothing. */
  #compare(operation: Operation, subject: Subject, reference: Reference): void {
    if (operation.op === "deviceRead" || operation.op === "deviceWrite") return;
    compareOutcomes(operation, subject.apply(operation), reference.apply(operation), this.#differences);
  }

  #checkCounts(subject: Subject, reference: Reference): void {
    const { liveFrames, quarantinedFrames, pendingInvalidation } = subject;
    this.#count("I5", "frames in use", liveFrames, reference.liveTableCount);
    this.#count("I5", "frames quarantined", quarantinedFrames, reference.quarantinedTableCount);
    this.#count("I16", "levels below the root", subject.hardwareRoot().topLevel, reference.topLevel);
    const [given, wanted] = [rangeName(pendingInvalidation), rangeName(reference.pendingInvalidation)];
    if (given === wanted) return;
    this.#differences.add(
      "I11",
      undefined,
      `the open gather holds ${given}; the reference's holds ${wanted}`,
    );
  }

  #count(invariant: Invariant, what: string, given: number, wanted: number): void {
    if (given !== wanted)
      this.#differences.add(invariant, undefined, `${given} ${what}; the reference has ${wanted}`);
  }

  #walkOf(result: ReturnType<Walker["walk"]>): string {
    return `hardware finds ${walkName(this.#walker, result)}`;
  }

  #differ(invariant: Invariant, iova: bigint, given: string, wanted: EntryLike | undefined): void {
    const expected =
      wanted === undefined ? "maps nothing" : `maps ${nameOf(wanted.pa)} in 2^${wanted.sizeLg2} bytes`;
    this.#differences.add(
      invariant,
      iova,
      `${describeAddress(iova)}: ${given}; the reference ${expected} there`,
    );
  }
}

type EntryLike = Pick<EntryFacts, "pa" | "sizeLg2">;

function rangeName(range: Range | undefined): string {
  return range === undefined ? "nothing" : `${describeAddress(range[0])} … ${describeAddress(range[1])}`;
}

function nameOf(pa: bigint | undefined): string {
  return pa === undefined ? "a miss" : describeHex(pa);
}
