/** Worker threads that work in one set of tables at the same time, and what must hold when they are done. */
import { Worker } from "node:worker_threads";
import { NO_FRAME, TableMemory } from "../../impl/memory/table-memory.js";
import type { Configuration } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { Reference } from "../../reference/index.js";
import { optionsOf } from "../lockstep/create-table.js";
import { frameSizesLg2, smallestFrameLg2 } from "../lockstep/frames.js";
import { answerOf, differenceOfAnswers } from "./answer.js";
import { differenceAtEnd } from "./ending.js";
import { sharedEntryOf, UNHEARD } from "./shared-entry.js";
import type { Job, Work } from "./thread.js";

/** Frames of tables that a memory has room for. */
const FRAMES = 512;

export class Crew {
  readonly #workers: readonly Worker[];

  constructor(threads: number) {
    const script = new URL("./thread.js", import.meta.url);
    this.#workers = Array.from({ length: threads }, () => new Worker(script));
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** Lets as many threads as there are programs work at once; a sentence says what went wrong. */
  async run(
    configuration: Configuration,
    programs: readonly (readonly Operation[])[],
  ): Promise<string | undefined> {
    const memory = newMemory(configuration);
    const table = sharedEntryOf(configuration).create(optionsOf(configuration, memory, UNHEARD));
    const start = new SharedArrayBuffer(4);
    const common = { configuration, memory: memory.share(), tables: table.share(), start };
    const threads = programs.length;
    const works = await Promise.all(
      programs.map((program, index) => workOf(this.#workers[index], { ...common, program, threads })),
    );
    // Ranges are disjoint, so the reference may do one program after the other.
    const reference = new Reference(configuration);
    for (const [index, program] of programs.entries()) {
      const work = works[index];
      if ("thrown" in work) return `thread ${index} threw: ${work.thrown}`;
      const expected = program.map((operation) => answerOf(reference.apply(operation)));
      const difference = differenceOfAnswers(program, work.answers, expected);
      if (difference !== undefined) return `thread ${index}: ${difference}`;
    }
    reference.apply({ op: "sync" });
    const difference = differenceAtEnd(configuration, memory, table.hwInfo(), reference);
    if (difference !== undefined) return difference;
    if (table.topLevel !== reference.topLevel) {
      return `the top is at level ${table.topLevel}; the reference's is at ${reference.topLevel}`;
    }
    table.destroy();
    return lostFrames(memory);
  }
}

function newMemory(configuration: Configuration): TableMemory {
  const { table, root } = frameSizesLg2(configuration, configuration.topLevel);
  return new TableMemory({
    base: configuration.tableBase,
    capacityBytes: 2 * 2 ** Math.max(root, 12) + FRAMES * 2 ** Math.max(table, 12),
    smallestFrameLg2: smallestFrameLg2(configuration),
    shared: true,
    poison: true,
  });
}

function workOf(worker: Worker, job: Job): Promise<Work> {
  return new Promise((resolve, reject) => {
    const settle = (work: Work) => {
      worker.off("error", reject);
      resolve(work);
    };
    worker.once("error", reject);
    worker.once("message", settle);
    worker.postMessage(job);
  });
}

/** When nothing is in use, every byte can be handed out, once. */
function lostFrames(memory: TableMemory): string | undefined {
  if (memory.liveFrames !== 0) return `${memory.liveFrames} frames are in use after all tables were freed`;
  const frameLg2 = memory.smallestFrameLg2;
  const frames = new Set<number>();
  let count = 0;
  for (let word = memory.allocate(frameLg2); word !== NO_FRAME; word = memory.allocate(frameLg2)) {
    frames.add(word);
    count++;
  }
  const all = memory.capacityBytes / 2 ** frameLg2;
  return count === all && frames.size === all ? undefined : `${frames.size} of ${all} frames are left`;
}
