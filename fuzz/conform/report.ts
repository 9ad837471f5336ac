/** Results as lines that a person reads. */
import type { CreationDeviation } from "./creates.js";
import { DEVIATIONS, type DeviationName } from "./deviations.js";
import type { IoCreationDeviation } from "./io-create-deviations.js";
import { IO_DEVIATIONS, type IoDeviationName } from "./io-deviations.js";
import type { IoOp } from "./io-vector.js";
import { hex } from "./outcome.js";
import type { CaseResult } from "./replay.js";
import { agrees, type CasesResult, type CreationsResult, type FileResult } from "./run-file.js";
import type { VectorOp } from "./vector.js";
import { xenDeviationLines, xenDifference } from "./xen-report.js";
import type { XenResult } from "./xen-result.js";

const DESCRIPTIONS: Readonly<Record<DeviationName, string>> = {
  "dirty-report-inexact":
    "the dirty log leaves out the last item of a contiguous entry, or goes past a page's end",
  "lookup-outside-range": "a lookup outside the input range gives an error number",
  "empty-unmap-gathered": "unmapping nothing widens a gather",
  "range-ends-in-hole": "a range may end in the non-canonical hole",
  "one-page-ignores-sizes": "a one-page map ignores the allowed page sizes",
  "output-end-unchecked": "only the first output address is checked",
  "encryption-bit-in-address": "an output address may hold the encryption bit, and loses it",
  "hole-aliases-lower-half": "the end of the hole is taken for the lower half",
  "beyond-present-top": "a range that reaches beyond the present top is refused whole",
  "refused-after-building": "levels are built for a map that is then refused",
  "overhang-keeps-table": "a table stays where the range ended inside its last entry",
  "dirty-gather-ignores-no-gaps": "the dirty log's gather covers gaps",
};

const IO_DESCRIPTIONS: Readonly<Record<IoDeviationName, string>> = {
  "stage-2-executes-privileged": "stage 2 without execution says so to unprivileged code alone",
  "dirty-stops-at-hole": "the dirty log ends at the first address that is not mapped",
  "dirty-report-sticks-out": "a page is reported whole of which a part was asked for, and not cleaned",
};

const CREATION_DESCRIPTIONS: Readonly<Record<CreationDeviation | IoCreationDeviation, string>> = {
  "no-room-to-grow-refused": "AMDv1 is refused when it has no room to grow",
  "width-below-top-out-of-memory": "x86-64 with a width below one item of the top: out of memory",
  "no-page-size-accepted": "AMDv1 is created without a page size",
  "encryption-bit-in-address": "sizes above the encryption bit are offered",
  inexpressible: "the options here cannot say it",
  "mair-sign-extended": "MAIR: attributes 4 to 7 read 0xff",
  "widths-clamped": "widths above the granule's are made smaller without a word",
  "unreachable-sizes-offered": "page sizes are offered that no level or no output address has",
  "contiguous-sizes-left-out": "contiguous sizes that were asked for are left out",
  "granule-page-demanded": "refused without a granule's page among the sizes",
  "one-granule-demanded": "DART refused with the pages of both granules",
  "two-output-widths-only": "DART refused with other output widths than 36 and 42",
  "output-beyond-the-field": "DART 1 takes 42 bits of output, and cuts them off at 36",
  "pages-below-the-field": "DART 2 takes pages of 4 KiB, which its items cannot hold",
  "start-level-out-of-reach": "stage 2 begins at a level that so few output bits do not have",
  "start-level-without-a-name": "LPAE stage 2 begins at level 0, which its register cannot name",
  "root-smaller-than-indexed": "a short-descriptor root smaller than the hardware indexes",
  "supersection-outputs-refused": "short descriptor refused with outputs above 32 bits",
};

/** A line per file, the deviations met, and for each file that differs its first difference. */
export function formatReport(results: readonly FileResult[]): string {
  const lines = [...results.flatMap(fileLines), ...totalLines(results)];
  for (const result of results) {
    if (agrees(result)) continue;
    lines.push("", ...differenceLines(result));
  }
  return `${lines.join("\n")}\n`;
}

function fileLines(result: FileResult): readonly string[] {
  return result.kind === "xen" ? passLines(result) : [fileLine(result)];
}

function passLines(result: XenResult): readonly string[] {
  return result.passes.map(
    ({ name, matched, deviated, failed }) =>
      `${name.padEnd(32)} ${counts(matched, deviated, failed)}  ${failed === 0 ? "agrees" : "DIFFERS"}`,
  );
}

function differenceLines(result: FileResult): readonly string[] {
  switch (result.kind) {
    case "cases":
      return caseDifference(result);
    case "creations":
      return creationDifferences(result);
    case "xen":
      return xenDifference(result);
  }
}

function fileLine(result: CasesResult | CreationsResult): string {
  const name = result.kind === "cases" ? `${result.format} ${result.configuration}` : "creations";
  const deviated =
    result.kind === "cases" ? result.deviated : result.creations - result.matched - result.failed;
  const verdict = agrees(result) ? "agrees" : "DIFFERS";
  const inputs = result.kind === "cases" && result.inputs > 0 ? `, ${result.inputs} inputs` : "";
  return `${name.padEnd(32)} ${counts(result.matched, deviated, result.failed)}  ${verdict}${inputs}`;
}

function counts(matched: number, deviated: number, failed: number): string {
  return `${String(matched).padStart(5)} match ${String(deviated).padStart(4)} deviate ${String(failed).padStart(4)} differ`;
}

function totalLines(results: readonly FileResult[]): readonly string[] {
  const lines: string[] = [];
  const files = results.filter((result) => result.kind === "cases");
  if (files.length > 0) {
    const sum = (count: (result: CasesResult) => number): number =>
      files.reduce((total, result) => total + count(result), 0);
    const total = `${files.length} configurations, ${sum((result) => result.cases)} cases`;
    const inputs = sum((result) => result.inputs);
    lines.push(
      "",
      `${total.padEnd(32)} ${counts(
        sum((result) => result.matched),
        sum((result) => result.deviated),
        sum((result) => result.failed),
      )}${inputs > 0 ? `, ${inputs} inputs` : ""}`,
    );
  }
  for (const [name, number] of Object.entries(DEVIATIONS)) lines.push(...deviationLine(files, name, number));
  for (const [name, number] of Object.entries(IO_DEVIATIONS)) {
    lines.push(...deviationLine(files, name, number, "io-"));
  }
  lines.push(...xenDeviationLines(results.filter((result) => result.kind === "xen")));
  for (const [name, count] of creationDeviations(results)) {
    const description = CREATION_DESCRIPTIONS[name];
    lines.push(`  creations  ${name.padEnd(29)} ${String(count).padStart(4)}  ${description}`);
  }
  return lines;
}

/** How often each deviation was met by a creation, be it that of a file of cases or one of many. */
function creationDeviations(
  results: readonly FileResult[],
): ReadonlyMap<CreationDeviation | IoCreationDeviation, number> {
  const counts = new Map<CreationDeviation | IoCreationDeviation, number>();
  const add = (name: CreationDeviation | IoCreationDeviation, count: number): void =>
    void counts.set(name, (counts.get(name) ?? 0) + count);
  for (const result of results) {
    if (result.kind === "cases") for (const name of result.creation.deviations) add(name, 1);
    if (result.kind === "creations") for (const [name, count] of result.deviations) add(name, count);
  }
  return counts;
}

function deviationLine(
  files: readonly CasesResult[],
  name: string,
  number: number,
  kind = "",
): readonly string[] {
  let cases = 0;
  let operations = 0;
  for (const { deviations } of files) {
    for (const [met, count] of deviations) {
      if (met !== name) continue;
      cases += count.cases;
      operations += count.operations;
    }
  }
  if (cases === 0) return [];
  const description = new Map(Object.entries({ ...DESCRIPTIONS, ...IO_DESCRIPTIONS })).get(name) ?? "";
  const where = `${String(operations).padStart(4)} in ${String(cases).padStart(4)} cases`;
  return [`  ${kind}deviation ${String(number).padStart(2)}  ${name.padEnd(28)} ${where}  ${description}`];
}

function caseDifference(result: CasesResult): readonly string[] {
  const where = `${result.format} ${result.configuration}`;
  const lines: string[] = [];
  const { failure } = result.creation;
  if (failure !== undefined) {
    lines.push(`${where}: creation: ${failure.field}: expected ${failure.expected}, got ${failure.got}`);
  }
  if (result.firstFailure !== undefined) lines.push(...failureLines(result.file, where, result.firstFailure));
  return lines;
}

/** One failing case: which, where in it, expected and got, and the tables item by item. */
function failureLines(file: string, where: string, result: CaseResult): readonly string[] {
  const { failure } = result;
  if (failure === undefined) return [];
  const name = result.name === undefined ? "" : ` "${result.name}"`;
  const lines = [`${where}: seed ${result.seed}${name} (${file}:${result.line})`];
  lines.push(
    failure.op === undefined
      ? "  after the last operation"
      : `  op ${failure.opIndex}: ${describeOperation(failure.op)}`,
  );
  lines.push(`  ${failure.field}`, `    expected  ${failure.expected}`, `    got       ${failure.got}`);
  if (failure.tableDiff.length > 0) {
    lines.push("  the tables after the last operation, - as recorded, + here:");
    for (const line of failure.tableDiff) lines.push(`    ${line}`);
  }
  return lines;
}

function creationDifferences(result: CreationsResult): readonly string[] {
  return result.failures.map(({ line, format, failure }) => {
    const text = `${result.file}:${line}: ${format}`;
    return `${text}: ${failure?.field}: expected ${failure?.expected}, got ${failure?.got}`;
  });
}

/** An operation in one line, without what was recorded of it. */
export function describeOperation(op: VectorOp | IoOp): string {
  switch (op.op) {
    case "map_pages":
    case "map_split":
    case "unmap_pages":
    case "unmap_split":
    case "dirty_pages":
      return describeIoOperation(op);
    case "map":
    case "map_range": {
      const fail = op.failAlloc === 0 ? "" : `, allocation ${op.failAlloc} fails`;
      return `${op.op} ${hex(op.iova)} → ${hex(op.pa)} length ${hex(op.len)} prot ${op.prot}${fail}`;
    }
    case "unmap":
      return `unmap ${hex(op.iova)} length ${hex(op.len)}`;
    case "unmap_fast":
      return `unmap_fast ${hex(op.iova)} length ${hex(op.len)}${op.queued ? ", queued" : ""}`;
    case "sync":
      return op.queued ? "sync, queued" : "sync";
    case "rcd":
      return `read ${op.noClear ? "" : "and clear "}dirty ${hex(op.iova)} length ${hex(op.len)}`;
    default:
      return `${op.op} ${hex(op.iova)}`;
  }
}

function describeIoOperation(op: Exclude<IoOp, { op: "hardware_dirty" | "iova_to_phys" }>): string {
  const at = `${op.op} ${hex(op.iova)}`;
  switch (op.op) {
    case "map_pages": {
      const fail = op.failAlloc === 0 ? "" : `, allocation ${op.failAlloc} fails`;
      return `${at} → ${hex(op.pa)} ${op.pages} pages of ${hex(op.pageSize)} prot ${op.prot}${fail}`;
    }
    case "map_split":
      return `${at} → ${hex(op.pa)} length ${hex(op.len)} prot ${op.prot}`;
    case "unmap_pages":
      return `${at} ${op.pages} pages of ${hex(op.pageSize)}${op.queued ? ", queued" : ""}`;
    case "unmap_split":
      return `${at} length ${hex(op.len)}`;
    case "dirty_pages":
      return `${at} length ${hex(op.len)}${op.noClear ? "" : ", cleaning"}`;
  }
}
