/**
 * The supervisor of the fuzzer: starts it with limits of time and memory in a folder of its own, starts it again when
 * an input ended it, and makes one small program out of everything that shows the same.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Figures, forgetFigures, joined, lastFigures, noFigures } from "./figures.js";
import type { Investigated } from "./investigated.js";
import type { Investigations } from "./investigations.js";

export interface SupervisorPlan {
  /** The fuzzer's own script. */
  readonly fuzzer: string;
  /** Where the target is (`target.js`, `seed.js`) and the fuzzer works; nothing of it is kept. */
  readonly work: string;
  /** Kept: inputs that saw something new. */
  readonly corpus: string;
  /** Inputs to begin with. */
  readonly seeds: string;
  /** Kept: inputs that ended the fuzzer, for whatever the reason. */
  readonly crashes: string;
  /** Kept: a line of figures for each second. */
  readonly curve: string;
  /** As the target was told. */
  readonly found: string;
  readonly figures: string;
  readonly seconds: number;
  /** Seconds that one input may take. */
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
}

/** A finding, and how often it came. */
export interface CountedFinding extends Investigated {
  times: number;
}

export interface SupervisorTotals extends Figures {
  readonly seconds: number;
  /** Inputs in the corpus. */
  readonly corpus: number;
  /** How often the fuzzer had to be started again. */
  readonly restarts: number;
  readonly findings: readonly CountedFinding[];
  /** Failing programs that were not looked into, for others of their kind had been. */
  readonly others: number;
  /** Files of inputs that ended the fuzzer and show nothing when they are run by themselves. */
  readonly crashes: readonly string[];
}

export interface SupervisorEvents {
  progressed(totals: SupervisorTotals): void;
  found(finding: CountedFinding): Promise<void>;
}

const TICK_MILLISECONDS = 250;
const CURVE_MILLISECONDS = 1000;
/** A fuzzer that ends so often tells nothing new. */
const RESTARTS_AT_MOST = 50;
const LOG_CHARACTERS = 4000;

export class Supervisor {
  readonly #plan: SupervisorPlan;
  readonly #events: SupervisorEvents;
  readonly #signal: AbortSignal;
  readonly #investigations: Investigations;
  readonly #startedAt = Date.now();
  readonly #crashes: string[] = [];
  #before = noFigures;
  #corpus = 0;
  #restarts = 0;
  #curveAt = 0;
  #log = "";

  constructor(
    plan: SupervisorPlan,
    investigations: Investigations,
    events: SupervisorEvents,
    signal: AbortSignal,
  ) {
    this.#plan = plan;
    this.#investigations = investigations;
    this.#events = events;
    this.#signal = signal;
  }

  /** @throws Error when the fuzzer cannot be started */
  async run(): Promise<SupervisorTotals> {
    while (await this.#runOnce()) this.#restarts++;
    await this.#investigations.settled();
    await this.#follow();
    return this.totals;
  }

  get totals(): SupervisorTotals {
    const { findings, others } = this.#investigations;
    return {
      ...joined(this.#before, lastFigures(this.#plan.figures)),
      seconds: (Date.now() - this.#startedAt) / 1000,
      corpus: this.#corpus,
      restarts: this.#restarts,
      findings,
      others,
      crashes: this.#crashes,
    };
  }

  /** Whether the fuzzer ended before its time, and should be started again. */
  async #runOnce(): Promise<boolean> {
    const child = this.#start();
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    let status: number | null | undefined;
    void closed.then((value) => {
      status = value;
    });
    while (status === undefined && !this.#isOver) {
      await Promise.race([sleep(TICK_MILLISECONDS), closed]);
      await this.#follow();
    }
    if (status === undefined) {
      end(child);
      await closed;
      await this.#follow();
      return false;
    }
    const { executions } = lastFigures(this.#plan.figures);
    if (executions === 0 && this.#restarts === 0) throw new Error(`the fuzzer did not start:\n${this.#log}`);
    await this.#crashed();
    this.#before = joined(this.#before, lastFigures(this.#plan.figures));
    forgetFigures(this.#plan.figures);
    return status !== 0 && !this.#isOver && this.#restarts < RESTARTS_AT_MOST;
  }

  get #isOver(): boolean {
    return this.#signal.aborted || Date.now() - this.#startedAt >= this.#plan.seconds * 1000;
  }

  #start(): ChildProcess {
    const { fuzzer, work, corpus, seeds, memoryMegabytes, timeoutSeconds } = this.#plan;
    const limits = ["--rss-limit-mb", String(memoryMegabytes), "--timeout", String(timeoutSeconds)];
    const args = [
      "-r",
      join(work, "seed.js"),
      fuzzer,
      "target.js",
      corpus,
      seeds,
      ...limits,
      "--no-versifier",
    ];
    // A group of its own: an interrupt from the terminal is for the supervisor, who ends both processes of it.
    const child = spawn(process.execPath, args, {
      cwd: work,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (data: Buffer) => {
      this.#log = (this.#log + data.toString()).slice(-LOG_CHARACTERS);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return child;
  }

  /** Takes up what the target has written since. */
  async #follow(): Promise<void> {
    const { found, curve } = this.#plan;
    for (const name of await readdir(found)) {
      if (!name.endsWith(".json")) continue;
      const program = await readFile(join(found, name), "utf8");
      await rm(join(found, name));
      this.#investigations.add(program, this.#events.found);
    }
    this.#corpus = (await readdir(this.#plan.corpus)).length;
    const { totals } = this;
    this.#events.progressed(totals);
    const milliseconds = totals.seconds * 1000;
    if (milliseconds - this.#curveAt < CURVE_MILLISECONDS) return;
    this.#curveAt = milliseconds;
    const { branches, states, executions, operations } = totals;
    const seconds = Number(totals.seconds.toFixed(1));
    await appendFile(curve, `${JSON.stringify({ seconds, branches, states, executions, operations })}\n`);
  }

  /** Looks into the input that ended the fuzzer, and takes it out of the corpus, for it would end the next one too. */
  async #crashed(): Promise<void> {
    const { work, crashes, corpus } = this.#plan;
    for (const name of await readdir(work)) {
      if (!name.startsWith("crash-")) continue;
      const file = join(crashes, name.slice("crash-".length));
      await rename(join(work, name), file);
      await rm(join(corpus, name.slice("crash-".length)), { force: true });
      const isKnown = await this.#investigations.addInput(await readFile(file), this.#events.found);
      if (isKnown) await rm(file);
      else this.#crashes.push(file);
    }
  }
}

/** Ends the fuzzer and its worker. */
function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
