/** Threads that may be stopped: one whose operation does not end is ended, and another takes its place. */
import { Tinypool } from "tinypool";

/** A job made no progress for longer than the patience lasts. */
export class Hung extends Error {
  override readonly name = "Hung";
  /** How many operations it had begun. */
  readonly operations: number;

  constructor(operations: number) {
    super(`operation ${operations} does not end`);
    this.operations = operations;
  }
}

/** What every job gets: it counts here what it begins, from 1 for itself. */
export interface Watched {
  readonly progress: Int32Array;
}

/** Most of what an operation allocates is dead before the next: with the usual 48 a fifth of the time goes into copying. */
const YOUNG_GENERATION_MEGABYTES = 192;

export class WatchedPool {
  readonly #pool: Tinypool;

  constructor(workers: number) {
    this.#pool = new Tinypool({
      filename: new URL("./worker.js", import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MEGABYTES },
    });
  }

  /**
   * Runs a job of the worker; `Job` is what it takes beside the progress.
   * @throws Hung when it counts nothing for so many milliseconds
   */
  async run<Job extends object, Result>(name: string, job: Job, milliseconds: number): Promise<Result> {
    const progress = new Int32Array(new SharedArrayBuffer(4));
    const abort = new AbortController();
    let [last, since] = [0, Date.now()];
    const timer = setInterval(
      () => {
        const now = Atomics.load(progress, 0);
        // One that waits for a thread does not hang.
        if (now === 0 || now !== last) [last, since] = [now, Date.now()];
        else if (Date.now() - since >= milliseconds) abort.abort();
      },
      Math.max(20, milliseconds / 8),
    );
    try {
      return await this.#pool.run({ ...job, progress }, { name, signal: abort.signal });
    } catch (error) {
      if (abort.signal.aborted) throw new Hung(last - 1);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async end(): Promise<void> {
    await this.#pool.destroy();
  }
}
