/** The benchmark's figures for people (aligned plain text) and for machines (JSON). */
import { arch, cpus } from "node:os";
import { type Bar, barsOf, type Results, type Row, ratio, UNIT_EXPECTED, unitsOf } from "./bars.js";
import type { BatchRow } from "./batches.js";
import type { IommuFigures } from "./iommu.js";
import type { LayoutRow } from "./layout.js";
import type { Figures } from "./measure.js";

export function jsonReport(results: Results): string {
  const rows = results.rows.map((row) => ({ ...row, units: unitsOf(row, results.unit) }));
  return JSON.stringify({
    node: process.version,
    machine: machine(),
    ...results,
    rows,
    bars: barsOf(results),
  });
}

export function textReport(results: Results): string {
  const lines = [
    `genpt bench: Node ${process.version}, ${machine()}`,
    "Nanoseconds per pair of map and unmap, or per lookup: min, median and avg of the batches; one figure is the min.",
    "Ratios are of minima. A unit is C at 6 levels; the column C is at equal levels. Alone: in a process of its own.",
    "",
    ...unitLines(results),
    "",
  ];
  for (const subject of new Set(results.rows.map((row) => row.subject))) {
    const rows = results.rows.filter((row) => row.subject === subject);
    lines.push(
      subject,
      ...table(
        HEADER,
        rows.map((row) => cellsOf(row, results)),
      ),
      "",
    );
  }
  lines.push(...iommuLines(results.iommu), ...layoutLines(results.layout), ...batchLines(results.batches));
  lines.push("Bars", ...table(["", "", "limit", "aim", "worst", ""], barsOf(results).map(barCells)));
  for (const bar of barsOf(results)) lines.push(...missedLines(bar));
  return lines.join("\n");
}

const HEADER = [
  "",
  "engine: min   med    avg",
  "units",
  "× C",
  "× alone",
  "bigint: min   med    avg",
  "× engine",
  "reference",
  "× engine",
  "C",
];

function cellsOf(row: Row, results: Results): string[] {
  return [
    row.label,
    figures(row.engine),
    times(unitsOf(row, results.unit)),
    times(ratio(row.engine, row.native)),
    times(ratio(row.engine, row.alone)),
    figures(row.bigint),
    times(ratio(row.bigint, row.engine)),
    nanoseconds(row.reference.minNs),
    times(ratio(row.reference, row.engine)),
    row.native === undefined ? (results.nativeMissing ?? "–") : nanoseconds(row.native.minNs),
  ];
}

function unitLines({ unit, nativeMissing }: Results): string[] {
  if (unit === undefined) return [`The unit: not measured, ${nativeMissing ?? "C was not run"}.`];
  const expectation = (step: "page" | "pages") => {
    const [least, most] = UNIT_EXPECTED[step];
    const { minNs } = unit[step];
    const inside = minNs >= least && minNs <= most;
    return inside ? `within ${least}–${most}` : `OUTSIDE ${least}–${most}: this machine is unlike the usual`;
  };
  return [
    "The unit: a hand-written C loop at -O2, 6 levels, map + unmap",
    ...table(
      [],
      [
        ["one page", figures(unit.page), expectation("page")],
        ["256 pages", figures(unit.pages), expectation("pages")],
      ],
    ),
  ];
}

function iommuLines(iommu: IommuFigures | undefined): readonly string[] {
  if (iommu === undefined) return [];
  const memory = iommu.hardwareDomains.map(
    ({ name, vendor, ranges, calls, chunks, leaves, milliseconds }) => [
      `${name}, ${vendor}`,
      ...[ranges, calls, chunks, ...leaves].map(String),
      milliseconds.toFixed(1),
    ],
  );
  const pairs = iommu.layers.map((row) => [
    row.vendor,
    ...[row.page, row.pageWithoutSuperpages, row.merging, row.large, row.largeOfEngine].map(nanoseconds),
  ]);
  return [
    "IOMMU: the hardware domain's memory",
    ...table(["", "ranges", "calls", "chunks", "4 KiB", "2 MiB", "1 GiB", "ms"], memory),
    "",
    "IOMMU: pairs of map and unmap through a domain",
    ...table(["", "4 KiB", "superpages off", "split and merge", "2 MiB", "engine, 2 MiB"], pairs),
    "",
  ];
}

function layoutLines(layout: readonly LayoutRow[] | undefined): readonly string[] {
  if (layout === undefined) return [];
  const sizes = layout.map(({ format, cutAndMerge, resizePerPage }) => [
    format,
    ...[cutAndMerge, resizePerPage].map(nanoseconds),
  ]);
  const freeings = layout.flatMap(({ format, freeing }) =>
    freeing.map(({ step, covered, empty, ratio }) => [
      `${format}, ${step}`,
      ...[covered, empty].map(nanoseconds),
      times(ratio),
    ]),
  );
  return [
    "Other sizes: a page of 4 KiB cut off 2 MiB and merged again; fragmented and merged, per page",
    ...table(["", "cut and merge", "resize, per page"], sizes),
    "",
    "Tables freed when covered or when empty: pairs beside pages that stay, and a table filled at once and emptied page",
    "by page; × is the median of batches that alternate",
    ...table(["", "covered", "empty", "×"], freeings),
    "",
  ];
}

function batchLines(batches: readonly BatchRow[] | undefined): readonly string[] {
  if (batches === undefined) return [];
  const perSecond = (nanosecondsPerPage: number) => (1e9 / nanosecondsPerPage).toExponential(1);
  const rows = batches.map(({ format, batch, calls, dirtyPerPage, cleanPerPage, accessedPerPage }) => [
    format,
    nanoseconds(batch),
    nanoseconds(calls),
    times(calls / batch),
    perSecond(dirtyPerPage),
    perSecond(cleanPerPage),
    perSecond(accessedPerPage),
  ]);
  return [
    "Batches: 256 pages of 4 KiB in one list, or one call each; pages per second of a bitmap over 2 MiB leaves",
    ...table(["", "list", "calls", "times faster", "all dirty", "all clean", "all accessed"], rows),
    "",
  ];
}

function barCells(bar: Bar): string[] {
  const verdict = bar.met === undefined ? "not measured" : bar.met ? "met" : "NOT MET";
  const limit = `${bar.limit}`;
  const aim = bar.aim === undefined ? "" : `${bar.aim}`;
  const worst = bar.worst === undefined ? "–" : bar.worst >= 1000 ? bar.worst.toFixed(0) : times(bar.worst);
  return [verdict, bar.claim, limit, aim, worst, bar.where];
}

function missedLines({ claim, missed }: Bar): string[] {
  if (missed.length === 0) return [];
  return [
    "",
    `Not met: ${claim}`,
    ...missed.map(({ where, value }) => `  ${times(value).padStart(6)}  ${where}`),
  ];
}

function figures({ minNs, medianNs, avgNs }: Figures): string {
  return [minNs, medianNs, avgNs].map(nanoseconds).join(" ");
}

function nanoseconds(value: number): string {
  return (value < 100 ? value.toFixed(1) : value.toFixed(0)).padStart(6);
}

function times(value: number | undefined): string {
  if (value === undefined) return "–";
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}

/** Columns as wide as their widest cell; numbers to the right, words to the left. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = header.length === 0 ? rows : [header, ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((cells) => cells[column].length)));
  return all.map((cells) =>
    cells
      .map((cell, column) => {
        const numeric = rows.every((other) => /^[\s\d.–]*$/.test(other[column]));
        return numeric ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
      })
      .join("  ")
      .replace(/^/, "  ")
      .trimEnd(),
  );
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? "unknown"} (${arch()})`;
}
