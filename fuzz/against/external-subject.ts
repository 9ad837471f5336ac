/**
 * An implementation in a process of its own as the lockstep drives it. What it does not report is taken from a
 * reference of its own here, and so is not judged; `Abilities` says what that is.
 */
import type { Configuration } from "../../models/configuration.js";
import { shapeOf } from "../../models/index.js";
import type { EntryFacts, Operation, Outcome, Range } from "../../models/operations.js";
import { Reference } from "../../reference/index.js";
import { Inconclusive, SubjectFailure } from "../lockstep/failure.js";
import { createItemBits } from "../lockstep/item-bits/index.js";
import { Journal } from "../lockstep/journal.js";
import type { HardwareRoot, Scope, Subject } from "../lockstep/subject.js";
import type { Abilities } from "./abilities.js";
import type { Answer, Happening } from "./answer.js";
import { FollowedMemory, type Near } from "./followed-memory.js";
import { modeOf } from "./mode.js";
import { codeOfRefusal, hex, ProtocolError, requestOf } from "./protocol.js";
import type { Session } from "./session.js";

type Request = Exclude<Operation, { op: "deviceWrite" }>;

/** A window is full when nearly all of it is in use: what has no room is refused before that. */
const FULL_AT = 0.9;
const ALL_LEVELS = 0xff;
/** Of the lookups by which the lockstep probes, one in so many is asked: each costs as much as an operation. */
const PROBES_PER_LOOKUP = 4;
/** Memory that goes through lines is read as a whole once in so many requests, and between them near the operation. */
const REQUESTS_PER_READING = 32;

export class ExternalSubject implements Subject {
  readonly configuration: Configuration;
  readonly scope: Scope;
  readonly abilities: Abilities;
  readonly base: bigint;
  readonly words: Int32Array;
  readonly physical: FollowedMemory["physical"];
  readonly journal: Journal;
  readonly #session: Session;
  readonly #memory: FollowedMemory;
  readonly #reference: Reference;
  /** log2 of the bytes of the frames in use, by their first words, as far as they are reported. */
  readonly #taken = new Map<number, number>();
  #root: HardwareRoot;
  /** What was removed into the open gather, and what was invalidated since the last sync. */
  #gathered: Range[] = [];
  #forgotten: Range[] = [];
  #isDestroyed = false;
  #probes = 0;
  #requests = 0;

  /** @throws Refused, SubjectFailure, AgainstError */
  constructor(configuration: Configuration, session: Session) {
    const { abilities, answer, memory, memoryBytes } = session.open(configuration);
    this.abilities = abilities;
    const { partialUnmap, freeing } = abilities;
    const pageSizes = configuration.pageSizes & abilities.pageSizes;
    this.configuration = { ...configuration, pageSizes, partialUnmap, freeing };
    this.scope = {
      bits: abilities.judge.has("bits"),
      accessed: abilities.judge.has("bits"),
      tables: abilities.judge.has("tables"),
      oracles: abilities.reportsInvalidations ? ["caches"] : [],
    };
    this.#session = session;
    this.#memory = new FollowedMemory(this.configuration, memoryBytes, memory);
    this.base = this.#memory.base;
    this.words = this.#memory.words;
    this.physical = this.#memory.physical;
    this.journal = new Journal(0, createItemBits(this.configuration));
    this.#reference = new Reference(this.configuration);
    this.#root = { root: -1n, mode: 0, topLevel: -1 };
    this.#follow("open", answer.happened);
    if (this.#root.topLevel < 0) throw session.breach("open", "no line says where the root is");
  }

  get liveFrames(): number {
    if (!this.#reportsFrames) return this.#isDestroyed ? 0 : this.#memory.tableCount;
    if (this.#isDestroyed) return this.#taken.size;
    return [...this.#taken.keys()].filter((word) => this.#memory.isReached(word)).length;
  }

  get quarantinedFrames(): number {
    if (this.#isDestroyed) return 0;
    if (!this.#reportsFrames || !this.scope.tables) return this.#reference.quarantinedTableCount;
    return this.#taken.size - this.liveFrames;
  }

  get isFull(): boolean {
    return this.journal.usedBytes > FULL_AT * this.words.length * 4;
  }

  get pendingInvalidation(): Range | undefined {
    return this.#reference.pendingInvalidation;
  }

  adapt(operation: Operation): Operation | undefined {
    return this.abilities.adapt(operation, this.#reference);
  }

  deviceWritten(operation: Extract<Operation, { op: "deviceWrite" }>): void {
    this.#reference.apply(operation);
  }

  isLive(address: bigint): boolean {
    const word = this.#memory.wordOf(address);
    return this.#reportsFrames ? this.#taken.has(word) : this.#memory.isReached(word);
  }

  hardwareRoot(): HardwareRoot {
    return this.#root;
  }

  lookup(iova: bigint): bigint | undefined {
    const isAsked = this.abilities.can.has("lookup") && this.#probes++ % PROBES_PER_LOOKUP === 0;
    if (!isAsked) return this.#reference.translate(iova)?.pa;
    const request = `lookup ${hex(iova)}`;
    const answer = this.#session.ask(request);
    return this.#read(request, answer, () => (answer.isOk ? answer.result.number() : undefined));
  }

  apply(operation: Request): Outcome {
    const request = requestOf(operation, this.configuration.pageSizes);
    if (request === undefined || this.#isOther(operation)) {
      throw new Inconclusive(`the implementation takes no ${operation.op} like this`);
    }
    const wanted = this.#reference.apply(operation);
    const answer = this.#session.ask(request);
    // Whoever only asks changes nothing; if it does, the next operation shows it.
    const isQuestion = operation.op === "lookup" || operation.op === "entries";
    if (!isQuestion || answer.happened.length > 0) {
      this.#follow(request, answer.happened, "iova" in operation ? nearOf(operation) : undefined);
    }
    return this.#read(request, answer, () => this.#outcome(operation, answer, wanted));
  }

  destroy(): void {
    const late = this.#update(undefined);
    if (late > 0) throw new SubjectFailure("I12", `${late} items changed of which no operation was near`);
    const answer = this.#session.ask("close");
    if (!answer.isOk) throw this.#session.breach("close", "it refused");
    for (const happening of answer.happened) this.#noteFrame("close", happening);
    this.#isDestroyed = true;
  }

  get #reportsFrames(): boolean {
    return this.abilities.judge.has("frames");
  }

  #isOther(operation: Operation): boolean {
    const adapted = this.adapt(operation);
    if (adapted === undefined) return true;
    return "prot" in adapted && "prot" in operation && adapted.prot !== operation.prot;
  }

  /** Reads a result to its end; what is wrong with it is a breach of the protocol. */
  #read<T>(request: string, { result }: Answer, read: () => T): T {
    try {
      const value = read();
      result.end();
      return value;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw this.#session.breach(request, error.message);
    }
  }

  #outcome(operation: Request, answer: Answer, wanted: Outcome): Outcome {
    const { result, isOk, dirty, runs, happened } = answer;
    const { op } = operation;
    const wantedCode = "code" in wanted ? wanted.code : "OK";
    const codeOf = () => (isOk ? "OK" : codeOfRefusal(result.word(), wantedCode));
    const invalidated = "invalidated" in wanted ? this.#judged(operation, happened, wanted.invalidated) : [];
    switch (op) {
      case "map":
      case "mapRuns": {
        const code = codeOf();
        const mappedBytes = isOk || !result.isAtEnd ? result.number() : 0n;
        return { op, code, mappedBytes, invalidated };
      }
      case "unmap":
      case "unmapGathered":
        return { op, ...this.#removed(answer, wanted), invalidated };
      case "unmapRuns":
        return { op, ...this.#removed(answer, wanted), runs, invalidated };
      case "cut":
      case "resize": {
        // What had no translation for a moment cannot be seen from outside.
        const missed = "missed" in wanted ? wanted.missed : [];
        return { op, code: codeOf(), missed, invalidated };
      }
      case "trim":
        return { op, code: codeOf(), freedTables: this.#freedTables(answer, wanted), invalidated };
      case "sync":
      case "handover":
        return { op, invalidated };
      case "lookup":
        return { op: "lookup", pa: isOk ? result.number() : undefined };
      case "entries":
        return { op: "entries", entries: this.#entries(answer) };
      case "readAndClearDirty":
        return { op, code: codeOf(), dirty, invalidated };
      case "setDirty":
        return { op, code: codeOf() };
      default:
        return { op: "failNextAllocation" };
    }
  }

  #removed({ isOk, result }: Answer, wanted: Outcome) {
    if (isOk) return { removedBytes: result.number() };
    const wantedCode = ("refusal" in wanted ? wanted.refusal : undefined) ?? "OK";
    const refusal = codeOfRefusal(result.word(), wantedCode);
    // Who takes whole entries away has nothing to refuse: it removes nothing where nothing can be.
    return this.abilities.partialUnmap === "whole" ? { removedBytes: 0n } : { refusal, removedBytes: 0n };
  }

  /** How many tables went is judged with when they go. */
  #freedTables({ isOk, result }: Answer, wanted: Outcome): number {
    const given = isOk ? result.small() : 0;
    return this.scope.tables || !("freedTables" in wanted) ? given : wanted.freedTables;
  }

  /** Where nobody offers dirty tracking, a dirty bit that is always set says nothing. */
  #entries({ entries }: Answer): readonly EntryFacts[] {
    const { tracksDirty } = shapeOf(this.configuration);
    return tracksDirty ? entries : entries.map((entry) => ({ ...entry, dirty: false }));
  }

  /**
   * The invalidations as they are compared: as reported where they must be the reference's, the reference's own where
   * they cover them, or where none are reported.
   */
  #judged(operation: Request, happened: readonly Happening[], wanted: readonly Range[]): readonly Range[] {
    const reported = happened.flatMap((event): Range[] =>
      event.kind === "invalidated" ? [[event.first, event.last]] : [],
    );
    if (this.abilities.judge.has("ranges")) return reported;
    if (!this.abilities.reportsInvalidations) {
      for (const [first, last] of wanted) {
        this.journal.invalidated({ first, last, leafLevels: ALL_LEVELS, tableLevels: ALL_LEVELS });
      }
      return wanted;
    }
    this.#forgotten.push(...reported);
    // Which tables a map or a trim finds empty is the implementation's to say: caches alone judge what it forgets.
    if (!this.scope.tables && changesOnlyTables(operation)) return wanted;
    if (operation.op === "unmapGathered") {
      const pending = this.#reference.pendingInvalidation;
      if (pending !== undefined) this.#gathered = [pending];
      return wanted;
    }
    const isSync = operation.op === "sync" || operation.op === "handover";
    const due = isSync ? this.#gathered : wanted;
    const told = isSync ? this.#forgotten : reported;
    if (isSync) [this.#gathered, this.#forgotten] = [[], []];
    return due.every((range) => isCovered(range, told)) ? wanted : told;
  }

  /** What happened during a request: frames taken, then what memory has become, then what was forgotten or freed. */
  #follow(request: string, happened: readonly Happening[], near?: Near): void {
    const { journal } = this;
    const freed = happened.map((event) => this.#noteFrame(request, event));
    const root = happened.filter((event) => event.kind === "root").at(-1);
    if (root?.kind === "root") this.#root = this.#rootAt(request, root.address, root.level);
    const { root: address, topLevel } = this.#root;
    if (topLevel < 0) return;
    this.#update(this.#requests++ % REQUESTS_PER_READING === 0 ? undefined : near);
    if (root !== undefined) {
      const cell = this.#memory.wordOf(address) | topLevel;
      journal.published(cell, cell);
    }
    for (const [index, event] of happened.entries()) {
      const frameLg2 = freed[index];
      if (event.kind === "given" && frameLg2 !== undefined) {
        journal.released(this.#memory.wordOf(event.address), frameLg2);
      }
      if (event.kind === "invalidated" && this.abilities.reportsInvalidations) journal.invalidated(event);
    }
  }

  /** Reads memory again; returns how many items changed. */
  #update(near: Near): number {
    const { root, topLevel } = this.#root;
    return this.#memory.update(this.#memory.wordOf(root), topLevel, near, this.journal, (word, frameLg2) => {
      if (!this.#reportsFrames) this.journal.allocated(word, frameLg2);
    });
  }

  #rootAt(request: string, address: bigint, level: number): HardwareRoot {
    const word = this.#memory.wordOf(address);
    if (word < 0 || word % 8 !== 0) {
      throw this.#session.breach(request, `the root ${hex(address)} is outside the memory or not aligned`);
    }
    if (level > 5) throw this.#session.breach(request, `no root has level ${level}`);
    return { root: address, mode: modeOf(this.configuration, level), topLevel: level };
  }

  /** Follows which frames are in use; returns log2 of the bytes of one that is given back. */
  #noteFrame(request: string, event: Happening): number | undefined {
    if (!this.#reportsFrames) return undefined;
    if (event.kind !== "taken" && event.kind !== "given") return undefined;
    const { address } = event;
    const word = this.#memory.wordOf(address);
    const known = this.#taken.get(word);
    if (event.kind === "given") {
      if (known === undefined) {
        throw this.#session.breach(request, `the frame ${hex(address)} was given back and not in use`);
      }
      this.#taken.delete(word);
      return known;
    }
    const frameLg2 = Math.log2(Number(event.bytes));
    if (word < 0 || !Number.isInteger(frameLg2) || address % event.bytes !== 0n || frameLg2 < 5) {
      throw this.#session.breach(request, `no frame of ${event.bytes} bytes can be at ${hex(address)}`);
    }
    if (known !== undefined) throw this.#session.breach(request, `the frame ${hex(address)} was taken twice`);
    this.#taken.set(word, frameLg2);
    this.journal.allocated(word, frameLg2);
    return undefined;
  }
}

function nearOf(operation: Extract<Request, { readonly iova: bigint }>): Near {
  const length = lengthOf(operation) || 1n;
  return [operation.iova, operation.iova + length - 1n];
}

/** Whether what it invalidates, if anything, are tables in which nothing is mapped. */
function changesOnlyTables({ op }: Request): boolean {
  return op === "map" || op === "mapRuns" || op === "trim";
}

function lengthOf(operation: Request): bigint {
  if (operation.op === "mapRuns") return operation.runs.reduce((sum, [, length]) => sum + length, 0n);
  return "length" in operation ? operation.length : 0n;
}

/** Whether the ranges, side by side or overlapping, hold everything from the first address to the last. */
function isCovered([first, last]: Range, ranges: readonly Range[]): boolean {
  for (let at = first; ; ) {
    const range = ranges.find((candidate) => candidate[0] <= at && at <= candidate[1]);
    if (range === undefined) return false;
    if (range[1] >= last) return true;
    at = range[1] + 1n;
  }
}
