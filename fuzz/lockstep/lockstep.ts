/**
 * The lockstep: implementation, reference and hardware walker do the same operations together, and after each of
 * them everything that it can have changed is compared.
 */
import { Random, shapeOf } from "../../models/index.js";
import type { TableWatch, Violation } from "../../models/iotlb/index.js";
import type { Operation, Outcome, Range } from "../../models/operations.js";
import { createWalker, explainWalk, type Walker } from "../../models/walkers/index.js";
import { itemSizeLg2, levelOfSize, Reference, type Run } from "../../reference/index.js";
import { Differences, describeAddress, describeHex } from "./difference.js";
import { Inconclusive, SubjectFailure } from "./failure.js";
import { isGatheredLayout, mayInvalidate, touchesGather } from "./gathers.js";
import type { Difference } from "./invariants.js";
import { MemoryTables } from "./memory-tables.js";
import { compareOutcomes } from "./outcomes.js";
import { Prober } from "./probe.js";
import {
  endOf,
  isCovered,
  itemsWithin,
  mask,
  PARTS_AT_MOST,
  partsOfResize,
  runsToChange,
  runsTouching,
  spanLg2Of,
} from "./ranges.js";
import { ReferenceView } from "./reference-view.js";
import { storesAtMost } from "./stores-at-most.js";
import { createSubject, type HardwareRoot, type Subject } from "./subject.js";
import { sweep } from "./sweep.js";
import { judgesBy, type OracleName, oracleNames, pendingSpan, watchOf } from "./watch.js";
import { highWord, lowWord } from "./words.js";

/** A full sweep comes every so many operations. */
const SWEEP_EVERY = 1000;
/** How many old translations are walked, from the old root and from the new, when the top grows. */
const WALKS_AFTER_GROWTH = 16;

/** The program needs more tables than the subject's memory holds: nothing can be said of it. */
export class MemoryTooSmall extends Inconclusive {
  override readonly name = "MemoryTooSmall";
}

export interface LockstepOptions {
  /** What is judged; by default this project's implementation. */
  readonly subject?: Subject | undefined;
  /** Seeds the random probes. */
  readonly seed?: string | undefined;
  /** A full sweep every so many operations; default 1000. */
  readonly sweepEvery?: number | undefined;
  /** What judges every store and invalidation, beside the comparison with the reference; default: all. */
  readonly oracles?: readonly OracleName[] | undefined;
}

export class Lockstep {
  readonly reference: Reference;
  readonly subject: Subject;
  /** Operations done. */
  operations = 0;
  /** The implementation's last outcome; undefined before the first operation and after one that threw. */
  outcome: Outcome | undefined = undefined;
  readonly #view: ReferenceView;
  readonly #walker: Walker;
  readonly #differences = new Differences();
  readonly #tables: MemoryTables;
  readonly #prober: Prober;
  readonly #random: Random;
  readonly #sweepEvery: number;
  readonly #oracles: readonly OracleName[];
  readonly #watch: TableWatch | undefined;
  readonly #granule: bigint;
  /** By log2 of a leaf's size: log2 of what one item of its level covers. */
  readonly #itemSizesLg2: readonly bigint[];
  #root: HardwareRoot;
  /** What the operation in hand mapped. */
  #newRange: Range | undefined = undefined;
  /** Leaf items that the reference's runs take. */
  #wantedItems = 0;
  /** Levels that the gather that stays open must cover. */
  #pendingLeafLevels = 0;
  #pendingTableLevels = 0;

  /** A subject that is given may have narrowed what is asked for: its own configuration counts. */
  constructor(wanted: Subject["configuration"], options: LockstepOptions = {}) {
    this.subject = options.subject ?? createSubject(wanted);
    const { configuration } = this.subject;
    this.reference = new Reference(configuration);
    this.#view = new ReferenceView(this.reference);
    this.#walker = createWalker(configuration, this.subject.physical);
    const { subject, reference } = this;
    this.#tables = new MemoryTables(subject, reference, this.#view, this.#walker, this.#differences);
    this.#prober = new Prober(subject, reference, this.#view, this.#walker, this.#differences);
    this.#random = Random.fromSeed(options.seed ?? "probes");
    this.#sweepEvery = options.sweepEvery ?? SWEEP_EVERY;
    this.#granule = 1n << BigInt(shapeOf(configuration).granuleLg2);
    this.#itemSizesLg2 = Array.from({ length: 64 }, (_, sizeLg2) =>
      BigInt(itemSizeLg2(configuration, levelOfSize(configuration, sizeLg2))),
    );
    this.#root = subject.hardwareRoot();
    this.#setRoot(this.#root);
    this.#tables.update();
    this.#oracles = subject.scope?.oracles ?? options.oracles ?? oracleNames;
    this.#watch = this.#oracles.length === 0 ? undefined : watchOf(subject);
    subject.journal.watch = this.#watch;
  }

  /** How many leaf items and tables hardware reaches, and how many stores the last operation made. */
  get counts() {
    const { leafItemCount, tableCount } = this.#tables;
    return { leafItems: leafItemCount, tables: tableCount, stores: this.subject.journal.storeCount };
  }

  /** The first address that the last operation took away, as masks of the levels it touched. */
  get removedLevels(): number {
    return this.#tables.removedLeafLevels | (this.#tables.removedTableLevels << 8);
  }

  /** log2 of the size of the entry that the reference maps at an address; 0 for none. */
  sizeLg2At(iova: bigint): number {
    this.#view.find(lowWord(iova), highWord(iova));
    return this.#view.mapped ? this.#view.sizeLg2 : 0;
  }

  /**
   * Does one operation everywhere and compares; undefined when everyone agrees.
   * @throws Inconclusive
   */
  step(operation: Operation): Difference | undefined {
    this.operations++;
    const { journal } = this.subject;
    journal.begin();
    this.outcome = undefined;
    try {
      this.#stepUnguarded(operation);
    } catch (error) {
      if (error instanceof Inconclusive) throw error;
      // What asks for billions of entries may go on until it finds no memory.
      if (error instanceof SubjectFailure) this.#checkRoomFor(operation);
      const iova = "iova" in operation ? operation.iova : undefined;
      const invariant = error instanceof SubjectFailure ? error.invariant : "I3";
      this.#differences.add(invariant, iova, `${operation.op} threw ${String(error)}`);
      this.#addViolation(operation.op, this.#watch?.end(undefined));
    }
    return this.#differences.take();
  }

  /** Sweeps everything that hardware reaches. */
  checkAll(): Difference | undefined {
    const { subject, reference } = this;
    this.#view.changed();
    const counts = sweep(subject, reference, this.#view, this.#walker, this.#differences);
    if (counts.leafItems !== this.#tables.leafItemCount) {
      const given = `hardware reaches ${counts.leafItems} leaf items`;
      this.#differences.add("I1", undefined, `${given}; ${this.#tables.leafItemCount} were stored`);
    }
    this.#checkRoot();
    for (const run of reference.runs) {
      this.#probe(run.iova);
      this.#probe(run.iova + (run.count << BigInt(run.sizeLg2)) - 1n);
    }
    return this.#differences.take();
  }

  /** Sweeps a last time, then frees everything: no frame may stay in use or quarantined. */
  finish(): Difference | undefined {
    const isSwept = this.operations > 0 && this.operations % this.#sweepEvery === 0;
    try {
      const difference = isSwept ? undefined : this.checkAll();
      if (difference !== undefined) return difference;
      this.subject.destroy();
    } catch (error) {
      const invariant = error instanceof SubjectFailure ? error.invariant : "I5";
      this.#differences.add(invariant, undefined, `the end of the table threw ${String(error)}`);
    }
    const { liveFrames, quarantinedFrames } = this.subject;
    if (liveFrames !== 0 || quarantinedFrames !== 0) {
      const left = `${liveFrames} frames in use and ${quarantinedFrames} quarantined`;
      this.#differences.add("I5", undefined, `destroying the table left ${left}`);
    }
    return this.#differences.take();
  }

  /** The walk of an address, line by line. */
  explain(iova: bigint): string[] {
    const { root, mode } = this.subject.hardwareRoot();
    return explainWalk(this.subject.configuration, this.subject.physical, { address: root, mode }, iova);
  }

  #stepUnguarded(operation: Operation): void {
    const { subject, reference } = this;
    const before = runsToChange(operation, reference.runs);
    this.#watch?.begin(pendingSpan(subject));
    const given = this.#apply(operation);
    this.outcome = given;
    if (subject.isFull) throw new MemoryTooSmall(`${operation.op} took the last frame of the table memory`);
    if ("code" in given && given.code === "OUT_OF_MEMORY") this.#checkRoomFor(operation);
    const violation = this.#watch?.end(pendingSpan(subject));
    const wanted = reference.apply(operation);
    this.#view.changed();
    compareOutcomes(operation, given, wanted, this.#differences);
    const changedItems = this.#followItems(operation, wanted, before);
    this.#tables.update(operation.op);
    if (subject.journal.publications.length > 0) {
      this.#checkPublished(operation.op === "mapRuns" ? operation.runs.length : 1);
    }
    this.#checkCounts();
    if (this.#tables.removed.count > 0) this.#checkCovered(operation, given);
    this.#checkGather(operation, given);
    this.#checkBound(operation, given, changedItems);
    this.#probeAround(operation, wanted);
    this.#addViolation(operation.op, violation);
    if ("mappedBytes" in wanted && wanted.code !== "OK") this.#blameFailure();
    if (this.operations % this.#sweepEvery === 0) this.#differences.first ??= this.checkAll();
  }

  #checkRoomFor(operation: Operation): void {
    if (partsOfResize(operation, this.reference) <= PARTS_AT_MOST) return;
    throw new MemoryTooSmall(`${operation.op} asks for more tables than the memory has room for`);
  }

  /** Whatever differs after a map that had to fail: it did not leave exactly its prefix. */
  #blameFailure(): void {
    const { first } = this.#differences;
    if (first !== undefined) this.#differences.add("I4", first.iova, first.sentence);
  }

  #addViolation(op: Operation["op"], violation: Violation | undefined): void {
    if (violation === undefined) return;
    for (const invariant of [violation.invariant, ...(violation.also ?? [])]) {
      if (!judgesBy(this.#oracles, invariant)) continue;
      this.#differences.add(invariant, violation.iova, `${op}: ${violation.sentence}`);
    }
  }

  #apply(operation: Operation): Outcome {
    const { op } = operation;
    if (op !== "deviceRead" && op !== "deviceWrite") return this.subject.apply(operation);
    const permitted = this.#walker[op](lowWord(operation.iova), highWord(operation.iova));
    if (op === "deviceWrite") this.subject.deviceWritten?.(operation);
    return { op, permitted };
  }

  /** Counts the leaf items that the reference gained or lost; returns how many changed. */
  #followItems(operation: Operation, wanted: Outcome, before: readonly Run[]): number {
    this.#newRange = undefined;
    if ("mappedBytes" in wanted && "iova" in operation && wanted.mappedBytes > 0n) {
      const end = operation.iova + wanted.mappedBytes;
      this.#newRange = [operation.iova, end - 1n];
      const runs = runsTouching(this.reference.runs, operation.iova, end);
      const items = itemsWithin(runs, operation.iova, end, this.#itemSizesLg2);
      this.#wantedItems += items;
      return items;
    }
    const cuts = this.subject.configuration.partialUnmap === "cut" && "removedBytes" in wanted;
    if (operation.op === "cut" || operation.op === "resize" || cuts) {
      if (before.length === 0) return 0;
      const [first, end] = [before[0].iova, endOf(before[before.length - 1])];
      const itemsBefore = itemsWithin(before, first, end, this.#itemSizesLg2);
      const items = itemsWithin(
        runsTouching(this.reference.runs, first, end),
        first,
        end,
        this.#itemSizesLg2,
      );
      this.#wantedItems += items - itemsBefore;
      return items + itemsBefore;
    }
    if ("removedBytes" in wanted && "iova" in operation && wanted.removedBytes > 0n) {
      const items = itemsWithin(
        before,
        operation.iova,
        operation.iova + wanted.removedBytes,
        this.#itemSizesLg2,
      );
      this.#wantedItems -= items;
      return items;
    }
    return 0;
  }

  #setRoot({ root, mode }: HardwareRoot): void {
    this.#walker.setRoot(lowWord(root), highWord(root), mode);
  }

  /** Growth: one publication of root and level; what was mapped before holds from the old root and the new. */
  #checkPublished(timesAtMost: number): void {
    const { subject, reference } = this;
    const { publications } = subject.journal;
    const old = this.#root;
    const now = subject.hardwareRoot();
    this.#root = now;
    const cell = publications[publications.length - 1].newTop;
    const published = { root: subject.base + BigInt(cell & ~7) * 4n, topLevel: cell & 7 };
    if (publications.length > timesAtMost) {
      this.#differences.add(
        "I16",
        0n,
        `root and level were published ${publications.length} times in one call`,
      );
    }
    if (published.root !== now.root || published.topLevel !== now.topLevel) {
      const given = `the root ${describeHex(published.root)} of level ${published.topLevel} was published`;
      const told = `hardware is told ${describeHex(now.root)} of level ${now.topLevel}`;
      this.#differences.add("I16", 0n, `${given}; ${told}`);
    }
    for (const root of [old, now]) {
      this.#setRoot(root);
      const reach = 1n << BigInt(Math.min(64, spanLg2Of(subject, root.topLevel)));
      for (const run of reference.runs.slice(0, WALKS_AFTER_GROWTH)) {
        if (run.iova >= reach || this.#isNew(run)) continue;
        this.#prober.walk(lowWord(run.iova), highWord(run.iova), "I16");
      }
    }
    this.#checkRoot();
  }

  /** Whether the operation in hand may have mapped the run. */
  #isNew(run: Run): boolean {
    const range = this.#newRange;
    return range !== undefined && run.iova >= range[0] && run.iova <= range[1];
  }

  #checkRoot(): void {
    const { topLevel } = this.subject.hardwareRoot();
    if (topLevel === this.reference.topLevel) return;
    this.#differences.add(
      "I16",
      0n,
      `the top level is ${topLevel}; the reference's is ${this.reference.topLevel}`,
    );
  }

  #checkCounts(): void {
    const { subject, reference } = this;
    const { tableCount, leafItemCount } = this.#tables;
    const wanted = subject.scope?.tables === false ? tableCount : reference.liveTableCount;
    if (this.#root.topLevel !== reference.topLevel) this.#checkRoot();
    if (tableCount !== wanted) {
      this.#differences.add(
        "I6",
        undefined,
        `hardware reaches ${tableCount} tables; the reference has ${wanted}`,
      );
    }
    if (subject.liveFrames !== wanted) {
      this.#differences.add(
        "I5",
        undefined,
        `${subject.liveFrames} frames are in use; the reference has ${wanted}`,
      );
    }
    if (subject.quarantinedFrames !== reference.quarantinedTableCount) {
      const given = `${subject.quarantinedFrames} frames are quarantined`;
      this.#differences.add(
        "I5",
        undefined,
        `${given}; the reference has ${reference.quarantinedTableCount}`,
      );
    }
    if (leafItemCount !== this.#wantedItems) {
      const given = `hardware finds ${leafItemCount} leaf items`;
      this.#differences.add("I1", undefined, `${given}; the reference's entries have ${this.#wantedItems}`);
    }
  }

  /** Every address that lost its translation is in an invalidation of this call, or in the open gather. */
  #checkCovered(operation: Operation, given: Outcome): void {
    const { removed } = this.#tables;
    const invalidated = "invalidated" in given ? given.invalidated : [];
    const pending = this.subject.pendingInvalidation;
    const ranges = pending === undefined ? invalidated : [...invalidated, pending];
    for (let index = 0; index < removed.count; index++) {
      const first = removed.first(index);
      const last = removed.last(index);
      if (isCovered(first, last, ranges)) continue;
      const what = `${describeAddress(first)} … ${describeAddress(last)} changed`;
      this.#differences.add("I11", first, `${operation.op}: ${what}, and no invalidation covers it`);
    }
  }

  #checkGather(operation: Operation, given: Outcome): void {
    const { op } = operation;
    if (!mayInvalidate(op)) return;
    if (touchesGather(operation)) this.#checkPending(operation);
    if ("invalidated" in given) this.#checkAligned(given.invalidated);
    this.#checkLevels(operation);
  }

  #checkPending(operation: Operation): void {
    const pending = this.subject.pendingInvalidation;
    const wanted = this.reference.pendingInvalidation;
    if (pending?.[0] !== wanted?.[0] || pending?.[1] !== wanted?.[1]) {
      const text = (range: Range | undefined) =>
        range === undefined ? "nothing" : `${describeAddress(range[0])} … ${describeAddress(range[1])}`;
      const iova = "iova" in operation ? operation.iova : undefined;
      const sentence = `the open gather holds ${text(pending)}; the reference's holds ${text(wanted)}`;
      this.#differences.add("I11", iova, sentence);
    }
  }

  #checkAligned(ranges: readonly Range[]): void {
    for (const [first, last] of ranges) {
      if (first <= last && first % this.#granule === 0n && (last + 1n) % this.#granule === 0n) continue;
      const range = `${describeAddress(first)} … ${describeAddress(last)}`;
      this.#differences.add("I11", first, `the invalidated range ${range} is empty or not aligned`);
    }
  }

  /** The levels that an invalidation names are at least those of what was removed. */
  #checkLevels(operation: Operation): void {
    const { invalidations } = this.subject.journal;
    let leafLevels = 0;
    let tableLevels = 0;
    for (const invalidation of invalidations) {
      leafLevels |= invalidation.leafLevels;
      tableLevels |= invalidation.tableLevels;
    }
    let wantedLeaf = this.#tables.removedLeafLevels;
    let wantedTable = this.#tables.removedTableLevels;
    if (isGatheredLayout(operation) && invalidations.length > 0) {
      // Some of what changed was synced, some waits: here, too, the caches alone tell.
      this.#pendingLeafLevels = 0;
      this.#pendingTableLevels = 0;
      return;
    }
    if (touchesGather(operation)) {
      // What was cut may be synced before what was removed waits: there the caches alone (I9) tell the levels.
      if (this.subject.configuration.partialUnmap === "cut") return;
      // What this call removed waits; what waited before is due when anything is invalidated.
      const [leaf, table] = [this.#pendingLeafLevels, this.#pendingTableLevels];
      const isSynced = invalidations.length > 0;
      this.#pendingLeafLevels = wantedLeaf | (isSynced ? 0 : leaf);
      this.#pendingTableLevels = wantedTable | (isSynced ? 0 : table);
      wantedLeaf = isSynced ? leaf : 0;
      wantedTable = isSynced ? table : 0;
    }
    if ((wantedLeaf & ~leafLevels) === 0 && (wantedTable & ~tableLevels) === 0) return;
    const given = `leaf levels ${mask(leafLevels)} and table levels ${mask(tableLevels)}`;
    const removed = `leaves of ${mask(wantedLeaf)} and tables of ${mask(wantedTable)} were removed`;
    this.#differences.add("I11", undefined, `the invalidation names ${given}; ${removed}`);
  }

  /** The number of stores is bounded by what the operation was asked to change. */
  #checkBound(operation: Operation, given: Outcome, changedItems: number): void {
    const { subject } = this;
    const { op } = operation;
    const bound = storesAtMost(subject, operation, given, changedItems, this.#tables.removedTables);
    const { storeCount } = subject.journal;
    if (storeCount <= bound) return;
    const iova = "iova" in operation ? operation.iova : undefined;
    this.#differences.add("I17", iova, `${op} made ${storeCount} stores; ${bound} are enough`);
  }

  /** Both edges of the operation's range and their neighbours, and two random addresses. */
  #probeAround(operation: Operation, wanted: Outcome): void {
    if ("iova" in operation) {
      const mapped = "mappedBytes" in wanted ? wanted.mappedBytes : 0n;
      const length = "length" in operation ? operation.length : mapped || 1n;
      this.#probe(operation.iova - 1n);
      this.#probe(operation.iova);
      if (length > 1n) {
        this.#probe(operation.iova + length - 1n);
        this.#probe(operation.iova + length);
      }
      if ("code" in wanted && wanted.code !== "OK" && mapped > 0n) {
        this.#probe(operation.iova + mapped - 1n);
        this.#probe(operation.iova + mapped);
      }
    }
    this.#probeRandomly();
    this.#probeRandomly();
  }

  #probe(iova: bigint): void {
    this.#prober.probe(lowWord(iova), highWord(iova));
  }

  /** Some address near the start of some run. */
  #probeRandomly(): void {
    const { runs } = this.reference;
    const bits = this.#random.int32();
    if (runs.length === 0) {
      this.#prober.probe(bits, 0);
      return;
    }
    const run = runs[(bits >>> 8) % runs.length];
    const spread = (this.#random.int32() | 0) >> (bits & 31);
    const low = (lowWord(run.iova) + spread) | 0;
    this.#prober.probe(low, highWord(run.iova));
  }
}
