/** Deployed implementations' recorded programs, replayed: every result, every invalidation, every bit of the tables. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { agrees, conformFile, type FileResult, formatReport } from "../fuzz/conform/index.js";

const DIRECTORY = fileURLToPath(new URL("../../corpus/vectors/", import.meta.url));

async function replayAll(): Promise<readonly FileResult[]> {
  const results: FileResult[] = [];
  for (const name of readdirSync(DIRECTORY).sort()) {
    if (name.endsWith(".jsonl.gz")) results.push(await conformFile(`${DIRECTORY}${name}`));
  }
  return results;
}

const replayed = replayAll();

test("every recorded case is matched in full, or but for the deviations that it meets", async (t) => {
  const results = await replayed;
  t.true(results.every(agrees), formatReport(results));
  const files = results.filter((result) => result.kind === "cases");
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  t.is(files.length, 39);
  t.is(sum(files.map(({ matched }) => matched)), 1290);
  t.is(sum(files.map(({ deviated }) => deviated)), 348);
});

test("the recorded cases meet exactly these deviations", async (t) => {
  const operations: Record<string, number> = {};
  const cases: Record<string, number> = {};
  for (const result of await replayed) {
    if (result.kind !== "cases") continue;
    for (const [name, count] of result.deviations) {
      operations[name] = (operations[name] ?? 0) + count.operations;
      cases[name] = (cases[name] ?? 0) + count.cases;
    }
  }
  t.deepEqual(operations, {
    "dirty-report-inexact": 128,
    "lookup-outside-range": 228,
    "empty-unmap-gathered": 124,
    "range-ends-in-hole": 57,
    "output-end-unchecked": 54,
    "encryption-bit-in-address": 9,
    "beyond-present-top": 56,
    "refused-after-building": 51,
    "overhang-keeps-table": 1,
  });
  t.deepEqual(cases, {
    "dirty-report-inexact": 46,
    "lookup-outside-range": 52,
    "empty-unmap-gathered": 102,
    "range-ends-in-hole": 46,
    "output-end-unchecked": 49,
    "encryption-bit-in-address": 9,
    "beyond-present-top": 46,
    "refused-after-building": 15,
    "overhang-keeps-table": 1,
  });
});

test("every recorded creation is accepted or refused alike, but for these deviations", async (t) => {
  const results = (await replayed).filter((result) => result.kind === "creations");
  t.is(results.length, 1);
  const [{ creations, matched, failures, deviations }] = results;
  t.deepEqual(failures, []);
  t.is(creations, 74);
  t.is(matched, 61);
  t.deepEqual(Object.fromEntries(deviations), {
    "no-room-to-grow-refused": 6,
    "no-page-size-accepted": 1,
    "width-below-top-out-of-memory": 1,
    inexpressible: 5,
  });
});
