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

/** The recordings of code that maps pages of one size at a time: ARM, Mali, DART. */
function isIoPgtable({ file }: FileResult): boolean {
  return /\/(arm|apple|io-pgtable)[^/]*$/.test(file);
}

/** The files of cases of one kind of recording. */
async function casesOf(io: boolean) {
  return (await replayed)
    .filter((result) => result.kind === "cases")
    .filter((result) => isIoPgtable(result) === io);
}

async function creationsOf(io: boolean) {
  return (await replayed)
    .filter((result) => result.kind === "creations")
    .filter((result) => isIoPgtable(result) === io);
}

/** How often each deviation was met: by operations, and by cases. */
function countsOf(files: Awaited<ReturnType<typeof casesOf>>) {
  const operations: Record<string, number> = {};
  const cases: Record<string, number> = {};
  for (const { deviations } of files) {
    for (const [name, count] of deviations) {
      operations[name] = (operations[name] ?? 0) + count.operations;
      cases[name] = (cases[name] ?? 0) + count.cases;
    }
  }
  return { operations, cases };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

test("every recorded case is matched in full, or but for the deviations that it meets", async (t) => {
  const results = await replayed;
  t.true(results.every(agrees), formatReport(results));
  const files = await casesOf(false);
  t.is(files.length, 39);
  t.is(sum(files.map(({ matched }) => matched)), 1290);
  t.is(sum(files.map(({ deviated }) => deviated)), 348);
  const io = await casesOf(true);
  t.is(io.length, 68);
  t.is(sum(io.map(({ matched }) => matched)), 619);
  t.is(sum(io.map(({ deviated }) => deviated)), 265);
  t.is(sum(io.map(({ inputs }) => inputs)), 476);
});

test("the recorded cases meet exactly these deviations", async (t) => {
  const { operations, cases } = countsOf(await casesOf(false));
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

test("the recorded cases of ARM, Mali and DART meet exactly these deviations", async (t) => {
  const { operations, cases } = countsOf(await casesOf(true));
  t.deepEqual(operations, {
    "stage-2-executes-privileged": 1106,
    "dirty-stops-at-hole": 11,
    "dirty-report-sticks-out": 1,
  });
  t.deepEqual(cases, {
    "stage-2-executes-privileged": 255,
    "dirty-stops-at-hole": 10,
    "dirty-report-sticks-out": 1,
  });
});

test("every recorded creation is accepted or refused alike, but for these deviations", async (t) => {
  const results = await creationsOf(false);
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

test("every recorded register field of ARM, Mali and DART is described alike, but for these deviations", async (t) => {
  const results = await creationsOf(true);
  t.is(results.length, 1);
  const [{ creations, matched, failures, deviations }] = results;
  t.deepEqual(failures, []);
  t.is(creations, 8372);
  t.is(matched, 5736);
  t.deepEqual(Object.fromEntries(deviations), {
    "mair-sign-extended": 1677,
    "unreachable-sizes-offered": 464,
    "widths-clamped": 648,
    "contiguous-sizes-left-out": 244,
    "granule-page-demanded": 154,
    "start-level-out-of-reach": 122,
    "start-level-without-a-name": 2,
    "root-smaller-than-indexed": 32,
    "supersection-outputs-refused": 47,
    "two-output-widths-only": 128,
    "output-beyond-the-field": 37,
    "one-granule-demanded": 45,
    "pages-below-the-field": 31,
  });
});
