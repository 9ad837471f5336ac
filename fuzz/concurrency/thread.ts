/** A worker thread that opens tables which others share, and works off a program in them. */
import { parentPort } from "node:worker_threads";
import {
  type Gather,
  type PageTable,
  type SharedTableMemory,
  type SharedTables,
  Status,
  statusCode,
  TableMemory,
} from "../../impl/common.js";
import type { Configuration } from "../../models/index.js";
import type { Operation } from "../../models/operations.js";
import { optionsOf } from "../lockstep/create-table.js";
import type { Answer } from "./answer.js";
import { sharedEntryOf, UNHEARD } from "./shared-entry.js";

export interface Job {
  readonly configuration: Configuration;
  readonly memory: SharedTableMemory;
  readonly tables: SharedTables;
  readonly program: readonly Operation[];
  /** One word, in which threads count themselves: they begin together when there are so many. */
  readonly start: SharedArrayBuffer;
  readonly threads: number;
}

/** The answers to all operations, or what was thrown. */
export type Work = { readonly answers: readonly Answer[] } | { readonly thrown: string };

function work({ configuration, memory: shared, tables, program, start, threads }: Job): Work {
  const memory = TableMemory.attach(shared);
  const table = sharedEntryOf(configuration).open(optionsOf(configuration, memory, UNHEARD), tables);
  const gather = table.createGather();
  begin(new Int32Array(start), threads);
  try {
    const answers = program.map((operation) => answerTo(table, gather, operation));
    gather.sync();
    return { answers };
  } catch (error) {
    return { thrown: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function begin(count: Int32Array, threads: number): void {
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
  for (let there = Atomics.load(count, 0); there < threads; there = Atomics.load(count, 0)) {
    Atomics.wait(count, 0, there);
  }
}

function answerTo(table: PageTable, gather: Gather, operation: Operation): Answer {
  switch (operation.op) {
    case "map": {
      const { iova, pa, length, prot } = operation;
      const status = table.tryMap(iova, pa, length, prot);
      return [status === Status.OK ? "OK" : statusCode(status), table.mappedBytes];
    }
    case "unmap":
      return ["OK", table.unmap(operation.iova, operation.length)];
    case "unmapGathered":
      return ["OK", table.unmap(operation.iova, operation.length, gather)];
    case "lookup": {
      const pa = table.lookup(operation.iova);
      return pa === undefined ? ["NOT_MAPPED", 0n] : ["OK", pa];
    }
    case "sync":
      gather.sync();
      return ["OK", 0n];
    default:
      throw new RangeError(`threads do no ${operation.op}`);
  }
}

parentPort?.on("message", (job: Job) => parentPort?.postMessage(work(job)));
