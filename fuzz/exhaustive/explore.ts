/**
 * Exhaustive runs of small scopes: every program of up to `depth` operations of an alphabet, in a tiny geometry,
 * breadth first over states. Two programs that lead to the same state go on as one, so the runs end; and since
 * shorter programs come first, a finding is as short as it can be.
 */
import type { Configuration } from "../../models/configuration.js";
import { describeHex, describeOperation, formatProgram } from "../../models/index.js";
import type { Code, Operation, Outcome } from "../../models/operations.js";
import { createWalker, type PhysicalMemory, type Walker } from "../../models/walkers/index.js";
import { PageByPage, Reference } from "../../reference/index.js";
import { Differences } from "../lockstep/difference.js";
import { frameSizesLg2 } from "../lockstep/frames.js";
import { type Difference, invariants } from "../lockstep/invariants.js";
import { compareOutcomes } from "../lockstep/outcomes.js";
import { capacityFor, PageTableSubject, type Subject } from "../lockstep/subject.js";
import { highWord, lowWord } from "../lockstep/words.js";
import { alphabetOf } from "./alphabet.js";
import { StateChecker } from "./check-state.js";
import { spaceOf } from "./space.js";
import { StateKeys } from "./state-key.js";

export interface ExhaustiveOptions {
  /** A tiny configuration. */
  readonly configuration: Configuration;
  /** The longest program. */
  readonly depth: number;
  /** Told now and then how far the run is. */
  readonly onProgress?: ((progress: ExhaustiveProgress) => void) | undefined;
  /** Makes what is judged, in its first state; by default this project's implementation. */
  readonly createSubject?: ((configuration: Configuration) => Subject) | undefined;
}

export interface ExhaustiveProgress {
  /** How long the programs are that are being made. */
  readonly depth: number;
  /** Of the states that programs one shorter lead to, how many are done, and how many there are. */
  readonly expanded: number;
  readonly toExpand: number;
  /** Different states met so far, the first included, and operations done in them. */
  readonly states: number;
  readonly transitions: number;
}

/** A disagreement, and the shortest program of the alphabet that shows it. */
export interface ExhaustiveFinding {
  readonly operations: readonly Operation[];
  readonly difference: Difference;
  /** The same in words, ending with the program in the form that is replayed. */
  readonly report: string;
}

export interface ExhaustiveResult {
  /** States met and operations done in them. */
  readonly states: number;
  readonly transitions: number;
  /** How many states each length of programs added; the first is the empty table. */
  readonly statesOfDepth: readonly number[];
  /** Every answer that an operation gave: a run that never met a refusal has not looked for it. */
  readonly codes: ReadonlySet<Code>;
  readonly finding: ExhaustiveFinding | undefined;
}

/** Does the run; it ends with the first finding. Equal options give equal results. */
export function runExhaustive(options: ExhaustiveOptions): ExhaustiveResult {
  return new Explorer(options).run();
}

/**
 * Enough for every table of a tiny space, and for those that a program of this length leaves waiting for a sync.
 * Everything in the smallest pages takes a table for every four of them, and the levels above.
 */
function tablesOf(configuration: Configuration, depth: number): number {
  const { pageCount } = spaceOf(configuration);
  return Math.max(16, (pageCount / 2) * Math.ceil(depth / 2)) + 4 * Math.max(0, depth - 4);
}

const PROGRESS_EVERY = 1000;

class Explorer {
  readonly #options: ExhaustiveOptions;
  readonly #alphabet: readonly Operation[];
  readonly #walker: Walker;
  readonly #keys: StateKeys;
  readonly #checker: StateChecker;
  readonly #differences = new Differences();
  readonly #createSubject: (configuration: Configuration) => Subject;
  /** What the walker reads. */
  #subject: Subject;

  readonly #seen = new Set<string>();
  /** Of each state: the state before it, and the letter that led here. */
  readonly #parents: number[] = [-1];
  readonly #letters: number[] = [-1];
  readonly #statesOfDepth: number[] = [1];
  readonly #codes = new Set<Code>();
  /** What was done with the subject in hand since it reached the state, without leaving it. */
  #unchanging: Operation[] = [];
  #transitions = 0;
  #finding: ExhaustiveFinding | undefined = undefined;

  constructor(options: ExhaustiveOptions) {
    const { configuration } = options;
    this.#options = options;
    this.#alphabet = alphabetOf(configuration).map(({ operation }) => operation);
    this.#createSubject =
      options.createSubject ??
      ((of) => new PageTableSubject(of, capacityFor(of, tablesOf(of, options.depth))));
    this.#subject = this.#createSubject(configuration);
    this.#walker = createWalker(configuration, this.#memory());
    this.#keys = new StateKeys(configuration, this.#walker);
    this.#checker = new StateChecker(configuration, this.#walker);
  }

  run(): ExhaustiveResult {
    const { configuration, depth } = this.#options;
    const reference = new Reference(configuration);
    this.#enter(this.#subject);
    this.#seen.add(this.#keys.keyOf(this.#subject, reference));
    const pages = new PageByPage(configuration, reference.pageSizes);
    const difference = this.#checker.check(this.#subject, reference, pages);
    if (difference !== undefined) this.#finding = this.#findingOf([], difference);
    let first = 0;
    for (let length = 1; length <= depth && this.#finding === undefined; length++) {
      const end = this.#parents.length;
      for (let state = first; state < end && this.#finding === undefined; state++) {
        this.#expand(state);
        if ((state - first) % PROGRESS_EVERY === 0 || state === end - 1) {
          this.#progress(length, state + 1 - first, end - first);
        }
      }
      this.#statesOfDepth.push(this.#parents.length - end);
      first = end;
    }
    const { length: states } = this.#parents;
    const [transitions, statesOfDepth, finding] = [this.#transitions, this.#statesOfDepth, this.#finding];
    return { states, transitions, statesOfDepth, codes: this.#codes, finding };
  }

  /** Does every operation of the alphabet in one state. */
  #expand(state: number): void {
    const program = this.#programTo(state);
    const { configuration } = this.#options;
    const reference = new Reference(configuration);
    const pages = new PageByPage(configuration, reference.pageSizes);
    for (const operation of program) pages.apply(operation, reference.apply(operation), reference.topLevel);
    this.#rebuild(program);
    const keyBefore = this.#keys.keyOf(this.#subject, reference);
    for (const [letter, operation] of this.#alphabet.entries()) {
      const after = reference.clone();
      const pagesAfter = pages.clone();
      let difference = this.#step(operation, after, pagesAfter);
      const key = difference === undefined ? this.#keys.keyOf(this.#subject, after) : keyBefore;
      if (!this.#seen.has(key)) {
        this.#seen.add(key);
        this.#parents.push(state);
        this.#letters.push(letter);
        difference = this.#checkState(after, pagesAfter);
      }
      if (difference !== undefined) {
        this.#note(program, operation, difference);
        return;
      }
      // An operation that changed nothing leaves the subject in the state for the next.
      if (key !== keyBefore) this.#rebuild(program);
      else this.#unchanging.push(operation);
    }
  }

  /** Does one operation everywhere; says how the answers differ. */
  #step(operation: Operation, reference: Reference, pages: PageByPage): Difference | undefined {
    this.#transitions++;
    const differences = this.#differences;
    let given: Outcome;
    try {
      given = this.#apply(operation);
    } catch (error) {
      return thrown(operation.op, error);
    }
    const wanted = reference.apply(operation);
    if ("code" in wanted) this.#codes.add(wanted.code);
    if ("refusal" in wanted && wanted.refusal !== undefined) this.#codes.add(wanted.refusal);
    compareOutcomes(operation, given, wanted, differences);
    const complaint = pages.apply(operation, wanted, reference.topLevel);
    if (complaint !== undefined) {
      differences.add("I3", undefined, `the two models disagree: ${complaint}`);
    }
    if (this.#options.configuration.incoherent) this.#checkWrittenBack();
    this.#enter(this.#subject);
    return differences.take();
  }

  /** A walker that does not snoop sees every word of a table in use that this operation stored or handed out. */
  #checkWrittenBack(): void {
    const { journal, base } = this.#subject;
    const stored = [...journal.stores.subarray(0, journal.storeCount), ...journal.allocations];
    for (const word of stored) {
      if (!journal.isUnclean(word) || !this.#isLive(word)) continue;
      const address = describeHex(base + BigInt(word * 4));
      this.#differences.add("I13", undefined, `the word at ${address} was stored but not written back`);
    }
  }

  /** Whether a word lies in a table that is in use. */
  #isLive(word: number): boolean {
    const { base, configuration } = this.#subject;
    const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
    const address = base + BigInt(word * 4);
    const frames = [table, root].map((lg2) => (address >> BigInt(lg2)) << BigInt(lg2));
    return frames.some((frame) => this.#subject.isLive(frame));
  }

  #apply(operation: Operation): Outcome {
    this.#subject.journal.begin();
    const { op } = operation;
    if (op !== "deviceWrite" && op !== "deviceRead") return this.#subject.apply(operation);
    return { op, permitted: this.#walker[op](lowWord(operation.iova), highWord(operation.iova)) };
  }

  #checkState(reference: Reference, pages: PageByPage): Difference | undefined {
    try {
      const found = this.#checker.check(this.#subject, reference, pages);
      return found ?? this.#checker.checkDestroy(this.#subject);
    } catch (error) {
      return thrown("looking at the state", error);
    }
  }

  /** A new subject, brought into a state. */
  #rebuild(program: readonly Operation[]): void {
    this.#subject = this.#createSubject(this.#options.configuration);
    this.#unchanging = [];
    this.#enter(this.#subject);
    for (const operation of program) {
      this.#apply(operation);
      this.#enter(this.#subject);
    }
  }

  /** Puts the walker on the root of a subject. */
  #enter(subject: Subject): void {
    const { root, mode } = subject.hardwareRoot();
    this.#walker.setRoot(lowWord(root), highWord(root), mode);
  }

  #programTo(state: number): Operation[] {
    const program: Operation[] = [];
    for (let at = state; at > 0; at = this.#parents[at]) program.push(this.#alphabet[this.#letters[at]]);
    return program.reverse();
  }

  /** A difference that is not seen when the program is done alone comes from what was done in the same state before. */
  #note(program: readonly Operation[], operation: Operation, difference: Difference): void {
    const before = this.#unchanging;
    const alone = [...program, operation];
    const isSeen = before.length === 0 || this.#differenceAfter(alone) !== undefined;
    this.#finding = this.#findingOf(isSeen ? alone : [...program, ...before, operation], difference);
  }

  #differenceAfter(operations: readonly Operation[]): Difference | undefined {
    const { configuration } = this.#options;
    const reference = new Reference(configuration);
    const pages = new PageByPage(configuration, reference.pageSizes);
    this.#rebuild([]);
    for (const operation of operations) {
      const difference = this.#step(operation, reference, pages);
      if (difference !== undefined) return difference;
    }
    return this.#checkState(reference, pages);
  }

  #findingOf(operations: readonly Operation[], difference: Difference): ExhaustiveFinding {
    const { configuration } = this.#options;
    const { format, name } = configuration;
    const report = [
      `${difference.invariant} violated: ${invariants[difference.invariant]}`,
      `  ${format}/${name}, every program up to ${operations.length} operations`,
      ...operations.map((operation, index) => `  ${index + 1}  ${describeOperation(operation)}`),
      `  ${difference.sentence}`,
      formatProgram({ format, configuration: name, operations }),
    ].join("\n");
    return { operations, difference, report };
  }

  #progress(depth: number, expanded: number, toExpand: number): void {
    const { length: states } = this.#parents;
    this.#options.onProgress?.({ depth, expanded, toExpand, states, transitions: this.#transitions });
  }

  /** The memory of whichever subject is in hand. */
  #memory(): PhysicalMemory {
    return {
      contains: (low, high) => this.#subject.physical.contains(low, high),
      readWord: (low, high) => this.#subject.physical.readWord(low, high),
      writeWord: (low, high, value) => this.#subject.physical.writeWord(low, high, value),
    };
  }
}

function thrown(what: string, error: unknown): Difference {
  return { invariant: "I3", iova: undefined, sentence: `${what} threw ${String(error)}` };
}
