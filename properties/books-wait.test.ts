/** The books of a shared table memory: a thread that finds them open waits until they are closed. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import test from "ava";
import { FrameBooks } from "../impl/memory/frame-books.js";

/** Closes the books a while after it was told that somebody is about to open them. */
const CLOSER = `
const { workerData: { books, told, lock }, parentPort } = require("node:worker_threads");
const [counters, flag] = [new Int32Array(books, 0, lock + 1), new Int32Array(told)];
parentPort.postMessage("ready");
Atomics.wait(flag, 0, 0);
Atomics.wait(flag, 0, 1, 50);
Atomics.store(counters, lock, 0);
`;

test("whoever finds the books open waits until another thread closes them", async (t) => {
  const books = new FrameBooks(4, true);
  const before = Int32Array.from(books.counters);
  books.open();
  const lock = books.counters.findIndex((word, index) => word !== before[index]);
  const told = new SharedArrayBuffer(4);
  const workerData = { books: books.buffer, told, lock };
  const worker = new Worker(CLOSER, { eval: true, workerData });
  await once(worker, "message");
  const flag = new Int32Array(told);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
  // Comes back only when the other thread has closed them, and has them open then.
  books.open();
  t.is(books.counters[lock], 1);
  books.close();
  t.deepEqual(Int32Array.from(books.counters), before);
  await once(worker, "exit");
});
