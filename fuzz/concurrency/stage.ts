/**
 * A stage for operations that take turns: one memory, and a program for each thread, of which the caller says which
 * one takes the next step. The same turns give the same states, every time.
 */
import type { Domain } from "../../impl/engine/index.js";
import { Gather, GatherPolicy } from "../../impl/memory/gather.js";
import { NO_FRAME, TableMemory } from "../../impl/memory/table-memory.js";
import { type Configuration, shapeOf } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { Reference } from "../../reference/index.js";
import { optionsOf } from "../lockstep/create-table.js";
import { frameSizesLg2, smallestFrameLg2 } from "../lockstep/frames.js";
import { type Answer, answerOf, differenceOfAnswers } from "./answer.js";
import { differenceAtEnd, type Root } from "./ending.js";
import { HardwareView } from "./hardware-view.js";
import { Onlookers } from "./onlookers.js";
import { finish, PAUSE, perform, type SteppedStamp, type Steps, TOP } from "./stepped.js";

/** What happens on a stage. */
export interface Scene {
  readonly configuration: Configuration;
  /** Done by one before the threads begin. */
  readonly before: readonly Operation[];
  /** What each thread does, in ranges that it shares with no other. */
  readonly threads: readonly (readonly Operation[])[];
}

/** So many frames were used before and are full of rubbish. */
const USED_FRAMES = 6;

/** A root is at most so many tables wide. */
const ROOT_TABLES = 16;
/** Words of 4 KiB. */
const PAGE_WORDS = 1024;

/** One thread on the stage. */
interface Actor {
  readonly steps: Steps<void>;
  readonly answers: Answer[];
  /** How many of its operations have begun; those with an answer have ended. */
  begun: number;
  isDone: boolean;
  taken: number;
  /** Folds in what each step accessed and found there: what the thread knows. */
  knows: number;
}

export class Stage {
  readonly scene: Scene;
  readonly memory: TableMemory;
  readonly #stamps: readonly SteppedStamp[];
  readonly #settings;
  readonly #view: HardwareView;
  readonly #topCell = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
  /** All bytes that a step may change, and what stands there before the threads begin. */
  readonly #parts: readonly Uint8Array[];
  readonly #atFirst: readonly Uint8Array[];
  readonly #usedWords: number;
  readonly #expected: readonly (readonly Answer[])[];
  readonly #end: Reference;
  readonly #onlookers: Onlookers;
  #actors: Actor[] = [];

  /** A stamp for each thread: what an operation keeps between two steps is its module's. */
  constructor(scene: Scene, stamps: readonly SteppedStamp[], frames = 12) {
    this.scene = scene;
    this.#stamps = stamps;
    const { configuration, before, threads } = scene;
    const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
    this.memory = new TableMemory({
      base: configuration.tableBase,
      capacityBytes: 2 * 2 ** Math.max(root, 12) + frames * 2 ** Math.max(table, 12),
      smallestFrameLg2: smallestFrameLg2(configuration),
      shared: true,
      poison: true,
    });
    const { tableBitsLg2, itemBytesLg2 } = shapeOf(configuration);
    this.#usedWords = Math.min(PAGE_WORDS, ROOT_TABLES << (tableBitsLg2 + itemBytesLg2 - 2));
    const view = new HardwareView(configuration, this.memory);
    this.#view = view;
    const told = {
      invalidated: () => {},
      cleaned: (word: number, lengthBytes: number) => view.cleaned(word, lengthBytes),
    };
    const made = stamps[0].engine.domainSettings(optionsOf(configuration, this.memory, told));
    this.#settings = made.settings;
    this.#makeTables(made.topLevel, table);
    const reference = new Reference(configuration);
    for (const operation of before) reference.apply(operation);
    this.#expected = threads.map((program) => {
      const alone = reference.clone();
      return program.map((operation) => answerOf(alone.apply(operation)));
    });
    view.told(this.#rootWord());
    this.#onlookers = new Onlookers(scene, reference, view.physical);
    this.#end = reference.clone();
    for (const program of threads) for (const operation of program) this.#end.apply(operation);
    this.#end.apply({ op: "sync" });
    const { buffer, books } = this.memory.share();
    this.#parts = [buffer, view.remembered.buffer, books, this.#topCell.buffer].map(
      (part) => new Uint8Array(part),
    );
    this.#atFirst = this.#parts.map((part) => part.slice());
    this.reset();
  }

  /** Back to where the threads begin. */
  reset(): void {
    for (const [index, part] of this.#parts.entries()) part.set(this.#atFirst[index]);
    this.#actors = this.scene.threads.map((program, thread) => this.#actor(program, this.#stamps[thread]));
  }

  /** The threads that have not ended. */
  get waiting(): readonly number[] {
    const threads: number[] = [];
    for (const [thread, { isDone }] of this.#actors.entries()) if (!isDone) threads.push(thread);
    return threads;
  }

  /** Lets a thread go on to its next access. */
  step(thread: number): void {
    const actor = this.#actors[thread];
    actor.taken++;
    const { done, value } = actor.steps.next();
    if (done === true) actor.isDone = true;
    else if (value !== PAUSE) this.#learn(actor, value);
  }

  /** What is wrong in the present state, as a sentence. */
  difference(): string | undefined {
    const { root, mode } = this.#root();
    const seen = this.#onlookers.difference(
      root,
      mode,
      this.#actors.map(({ begun }) => begun),
      this.#actors.map(({ answers }) => answers.length),
    );
    if (seen !== undefined || this.waiting.length > 0) return seen;
    for (const [thread, { answers }] of this.#actors.entries()) {
      const program = this.scene.threads[thread];
      const difference = differenceOfAnswers(program, answers, this.#expected[thread]);
      if (difference !== undefined) return `thread ${thread}: ${difference}`;
    }
    return differenceAtEnd(this.scene.configuration, this.memory, { root, mode }, this.#end);
  }

  /** The same for two states from which the same can happen. */
  key(): string {
    let a = 0x811c9dc5;
    let b = 0x9e3779b9;
    for (const [at, part] of this.#parts.entries()) {
      const words = wordsOf(part);
      // Of a tiny table's page, only the first words are ever looked at.
      const used = at < 2 ? this.#usedWords : PAGE_WORDS;
      for (let page = 0; page < words.length; page += PAGE_WORDS) {
        const end = Math.min(page + used, words.length);
        for (let index = page; index < end; index++) {
          a = Math.imul(a ^ words[index], 0x01000193);
          b = (Math.imul(b ^ a, 0x85ebca6b) ^ (b >>> 15)) | 0;
        }
      }
    }
    const known = this.#actors.map(({ knows, taken }) => `${knows}:${taken}`);
    return `${a}:${b}:${known.join(":")}`;
  }

  /** Used frames are full of rubbish, then come the root and what is mapped before the threads begin. */
  #makeTables(topLevel: number, frameLg2: number): void {
    const used = Array.from({ length: USED_FRAMES }, () => this.memory.allocate(frameLg2));
    for (const frame of used) {
      this.memory.quarantine(frame, NO_FRAME);
      this.memory.releaseList(frame);
    }
    const [stamp] = this.#stamps;
    const { domain, gather } = this.#partsOf(stamp);
    const rootFrameLg2 = Math.max(domain.rootFrameLg2(topLevel), this.memory.smallestFrameLg2);
    // Every function that comes to a step is a generator, whatever its type says.
    drain(domain.setTop(domain.allocateFrame(rootFrameLg2), topLevel));
    for (const operation of this.scene.before) finish(perform(stamp, domain, gather, operation));
    gather.sync();
  }

  #partsOf(stamp: SteppedStamp): { domain: Domain; gather: Gather } {
    const domain = new stamp.engine.Domain(this.#settings);
    domain.topCell = this.#topCell;
    const gather = new Gather(
      this.memory,
      { invalidate: () => this.#view.told(this.#rootWord()) },
      GatherPolicy.Range,
    );
    return { domain, gather };
  }

  #actor(program: readonly Operation[], stamp: SteppedStamp): Actor {
    const { domain, gather } = this.#partsOf(stamp);
    const answers: Answer[] = [];
    function* act(): Steps<void> {
      for (const operation of program) {
        actor.begun++;
        answers.push(yield* perform(stamp, domain, gather, operation));
        yield PAUSE;
      }
      gather.sync();
    }
    const actor: Actor = {
      steps: act(),
      answers,
      begun: 0,
      isDone: program.length === 0,
      taken: 0,
      knows: 1,
    };
    return actor;
  }

  #learn(actor: Actor, word: number): void {
    const found = word === TOP ? this.#topCell[0] : this.memory.words[word];
    actor.knows = Math.imul(Math.imul(actor.knows ^ word, 0x01000193) ^ found, 0x85ebca6b);
    actor.knows ^= actor.knows >>> 13;
  }

  #root(): Root {
    const top = this.#topCell[0];
    const mode = this.#stamps[0].modeOf(top & 7, this.scene.configuration.vaWidthLg2);
    return { root: this.memory.addressOf(this.#rootWord()), mode };
  }

  #rootWord(): number {
    return this.#topCell[0] & ~7;
  }
}

/** The whole words of bytes; the books end in bytes that change together with words. */
function wordsOf(part: Uint8Array): Int32Array {
  return new Int32Array(part.buffer, 0, part.byteLength >> 2);
}

/** Takes all steps of what may be a generator. */
function drain(steps: unknown): void {
  if (typeof steps !== "object" || steps === null || !(Symbol.iterator in steps)) return;
  const { [Symbol.iterator]: iterate } = steps;
  if (typeof iterate !== "function") return;
  const iterator: Iterator<unknown> = iterate.call(steps);
  while (iterator.next().done !== true);
}
