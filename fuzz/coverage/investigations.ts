/** Failing programs on their way to findings: one at a time in a thread, of each kind a few, and equal ones once. */

import { Worker } from "node:worker_threads";
import type { Doing, Investigation, InvestigationMessage } from "./investigate.js";
import type { Investigated } from "./investigated.js";
import type { CountedFinding } from "./supervisor.js";
import { invariantOf, unfinishedInput, unfinishedProgram } from "./unfinished.js";

/** Programs of one invariant that are made small; the same mistake shows in many configurations. */
const PROGRAMS_OF_A_KIND = 3;
const MEGABYTES = 1024;
/** A thread has so much time to load what it needs. */
const START_MILLISECONDS = 60_000;

type Job = Pick<Investigation, "program" | "input">;
type Told = (finding: CountedFinding) => Promise<void>;

export class Investigations {
  /** In the order in which they came. */
  readonly findings: CountedFinding[] = [];
  others = 0;
  readonly #common: Omit<Investigation, "program" | "input">;
  readonly #timeoutMilliseconds: number;
  readonly #kinds = new Map<string, number>();
  #isClosing = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(common: Omit<Investigation, "program" | "input">, timeoutMilliseconds: number) {
    this.#common = common;
    this.#timeoutMilliseconds = timeoutMilliseconds;
  }

  /** Looks into a program that failed, when those before it are done. */
  add(program: string, told: Told): void {
    const invariant = invariantOf(program);
    const count = (this.#kinds.get(invariant) ?? 0) + 1;
    this.#kinds.set(invariant, count);
    if (count > PROGRAMS_OF_A_KIND) {
      this.others++;
      return;
    }
    this.#queue = this.#queue.then(async () => {
      if (this.#isClosing && this.findings.some((finding) => finding.invariant === invariant)) this.others++;
      else await this.#note(await this.#investigate({ program }), told);
    });
  }

  /** Looks into an input that ended the fuzzer's process; whether it shows something by itself. */
  async addInput(input: Uint8Array, told: Told): Promise<boolean> {
    await this.#queue;
    const finding = await this.#investigate({ input });
    await this.#note(finding, told);
    return finding !== undefined;
  }

  /** Waits for what is still to be looked into; of an invariant that has a finding, nothing more is. */
  async settled(): Promise<void> {
    this.#isClosing = true;
    await this.#queue;
  }

  async #note(finding: Investigated | undefined, told: Told): Promise<void> {
    if (finding === undefined) return;
    const known = this.findings.find(({ key }) => key === finding.key);
    if (known !== undefined) {
      known.times++;
      return;
    }
    const counted = { ...finding, times: 1 };
    this.findings.push(counted);
    await told(counted);
  }

  #investigate(job: Job): Promise<Investigated | undefined> {
    const workerData: Investigation = { ...this.#common, ...job };
    const worker = new Worker(new URL("./investigate.js", import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
    });
    const done: Doing[] = [];
    return new Promise((resolve) => {
      const finish = (finding: Investigated | undefined) => {
        clearTimeout(timer);
        resolve(finding);
        void worker.terminate();
      };
      const seconds = this.#timeoutMilliseconds / 1000;
      const late = () => finish(this.#unfinished(job, done, `did not end within ${seconds} s`));
      let timer = setTimeout(late, START_MILLISECONDS + this.#timeoutMilliseconds);
      worker.on("message", (message: InvestigationMessage) => {
        if ("ended" in message) return finish(message.ended);
        done.push(message.doing);
        // Of an input each operation has the time for itself.
        clearTimeout(timer);
        timer = setTimeout(late, this.#timeoutMilliseconds);
      });
      worker.on("error", (error) =>
        finish(this.#unfinished(job, done, `ended the thread: ${error.message}`)),
      );
      worker.on("exit", () => finish(undefined));
    });
  }

  /** An input whose last operation did this; or a program on which making it small did. */
  #unfinished({ program }: Job, done: readonly Doing[], what: string): Investigated | undefined {
    const { out } = this.#common;
    if (program === undefined) return unfinishedInput(done, what, out);
    return unfinishedProgram(program, `making the program small ${what}`, out);
  }
}
