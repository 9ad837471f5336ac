/** The bars: what the benchmark's figures are held against. Most ratios are of minima, the least disturbed figures. */
import type { BatchRow } from "./batches.js";
import type { Step } from "./cases.js";
import type { IommuFigures } from "./iommu.js";
import type { LayoutRow } from "./layout.js";
import { LOCKSTEP_BAR } from "./lockstep.js";
import type { Figures } from "./measure.js";

/** One step of one subject. All figures are from one run, and `native` is C at the same depth. */
export interface Row {
  readonly subject: string;
  readonly step: Step;
  /** The step in words, with this format's page sizes. */
  readonly label: string;
  readonly levels: number;
  readonly engine: Figures;
  readonly bigint: Figures;
  readonly reference: Figures;
  readonly native: Figures | undefined;
  /** The engine in a process of its own. */
  readonly alone: Figures | undefined;
}

/** C at 6 levels: the one-page pair and the pair of 256 pages. */
export interface Unit {
  readonly page: Figures;
  readonly pages: Figures;
}

/** Where the unit is expected on a machine of today, in nanoseconds. */
export const UNIT_EXPECTED = { page: [5, 10], pages: [150, 260] } as const;

export interface Results {
  readonly rows: readonly Row[];
  readonly unit: Unit | undefined;
  /** Why there is no C. */
  readonly nativeMissing: string | undefined;
  readonly lockstepPerSecond: number | undefined;
  /** Undefined where only one format was asked for. */
  readonly iommu: IommuFigures | undefined;
  /** Undefined likewise. */
  readonly layout: readonly LayoutRow[] | undefined;
  /** Undefined likewise. */
  readonly batches: readonly BatchRow[] | undefined;
}

export interface Bar {
  readonly claim: string;
  readonly limit: number;
  readonly aim: number | undefined;
  /** The figure furthest on the wrong side, or undefined where nothing was measured. */
  readonly worst: number | undefined;
  readonly where: string;
  readonly met: boolean | undefined;
  /** Every place where it is not met, the worst first. */
  readonly missed: readonly { readonly where: string; readonly value: number }[];
}

/** What the units of a row are; only map and unmap have one. */
export function unitsOf(row: Row, unit: Unit | undefined): number | undefined {
  if (row.step === "page") return ratio(row.engine, unit?.page);
  if (row.step === "pages" || row.step === "large") return ratio(row.engine, unit?.pages);
  return undefined;
}

/** How much longer one takes than the other. */
export function ratio(of: Figures, over: Figures | undefined): number | undefined {
  return over === undefined ? undefined : of.minNs / over.minNs;
}

export function barsOf(results: Results): readonly Bar[] {
  const { rows, unit, lockstepPerSecond, iommu, layout = [], batches = [] } = results;
  const page = rows.filter((row) => row.step === "page");
  const runs = rows.filter((row) => row.step === "pages" || row.step === "large");
  const lookups = rows.filter((row) => row.step === "lookup");
  return [
    atMost("engine, one page: units", 6, 4, page, (row) => unitsOf(row, unit)),
    atMost("engine, 256 pages: units", 2.6, 2, runs, (row) => unitsOf(row, unit)),
    atMost("engine, lookup: × C at equal levels", 2.5, undefined, lookups, (row) =>
      ratio(row.engine, row.native),
    ),
    atMost("engine, all formats in one process: × alone", 1.2, undefined, rows, (row) =>
      ratio(row.engine, row.alone),
    ),
    atMost("bigint interface: × engine", 1.5, undefined, rows, (row) => ratio(row.bigint, row.engine)),
    lockstepBar(lockstepPerSecond),
    ...iommuBars(iommu),
    worstOf(
      "tables freed when empty: × when covered",
      1.3,
      undefined,
      layout.flatMap(({ format, freeing }) =>
        freeing.map(({ step, ratio: value }) => ({ where: `${format}, ${step}`, value })),
      ),
    ),
    worstOf(
      "256 pages as one list: × one call each",
      0.5,
      undefined,
      batches.map((row) => ({ where: row.format, value: row.batch / row.calls })),
    ),
    worstOf(
      "dirty or accessed bitmap over 2 MiB leaves: ns per page of 4 KiB",
      10,
      undefined,
      batches.map((row) => ({
        where: row.format,
        value: Math.max(row.dirtyPerPage, row.cleanPerPage, row.accessedPerPage),
      })),
    ),
  ];
}

function iommuBars(iommu: IommuFigures | undefined): readonly Bar[] {
  const { layers = [], hardwareDomains = [] } = iommu ?? {};
  return [
    worstOf(
      "IOMMU, 4 KiB: × superpages disabled",
      1.5,
      undefined,
      layers.map((row) => ({ where: row.vendor, value: row.page / row.pageWithoutSuperpages })),
    ),
    worstOf(
      "IOMMU, 2 MiB: × engine",
      2,
      undefined,
      layers.map((row) => ({ where: row.vendor, value: row.large / row.largeOfEngine })),
    ),
    worstOf(
      "IOMMU, the hardware domain's memory: seconds",
      1,
      undefined,
      hardwareDomains.map((row) => ({
        where: `${row.name}, ${row.vendor}`,
        value: row.milliseconds / 1000,
      })),
    ),
  ];
}

function atMost(
  claim: string,
  limit: number,
  aim: number | undefined,
  rows: readonly Row[],
  valueIn: (row: Row) => number | undefined,
): Bar {
  const values = rows.flatMap((row) => {
    const value = valueIn(row);
    return value === undefined ? [] : [{ where: `${row.subject}, ${row.label}`, value }];
  });
  return worstOf(claim, limit, aim, values);
}

function worstOf(
  claim: string,
  limit: number,
  aim: number | undefined,
  values: { readonly where: string; readonly value: number }[],
): Bar {
  values.sort((a, b) => b.value - a.value);
  const missed = values.filter(({ value }) => value > limit);
  const worst = values.at(0);
  const met = worst === undefined ? undefined : missed.length === 0;
  return { claim, limit, aim, worst: worst?.value, where: worst?.where ?? "", met, missed };
}

function lockstepBar(perSecond: number | undefined): Bar {
  const met = perSecond === undefined ? undefined : perSecond >= LOCKSTEP_BAR;
  const missed = met === false && perSecond !== undefined ? [{ where: "lockstep", value: perSecond }] : [];
  const claim = "lockstep: checked operations per second and core, at least";
  return { claim, limit: LOCKSTEP_BAR, aim: undefined, worst: perSecond, where: "", met, missed };
}
