/** What became of recordings of an IOMMU layer, as lines that a person reads. */
import { XEN_DEVIATIONS, type XenDeviationName } from "./xen-maps-deviations.js";
import type { XenFailure, XenResult } from "./xen-result.js";

const DESCRIPTIONS: Readonly<Record<XenDeviationName, string>> = {
  "out-of-memory-is-a-fault": "AMD: no memory for a table is reported as a bad address",
  "failed-walk-leaves-tables": "a walk without memory leaves empty tables and half-split superpages",
  "identical-map-splits": "a superpage is split to map what it maps already",
  "merges-to-unannounced-sizes": "AMD: tables become superpages that were not announced",
  "superpage-at-frame-0-is-lost": "AMD: a superpage that maps frame 0 is taken for a table",
};

/** The deviations met in all files, a line each. */
export function xenDeviationLines(results: readonly XenResult[]): readonly string[] {
  const passes = results.flatMap((result) => result.passes);
  const lines: string[] = [];
  for (const [name, number] of Object.entries(XEN_DEVIATIONS)) {
    const met = passes.flatMap(({ deviations }) => deviations.get(name) ?? []);
    if (met.length === 0) continue;
    const operations = met.reduce((sum, count) => sum + count.operations, 0);
    const sequences = met.reduce((sum, count) => sum + count.sequences, 0);
    const where = `${String(operations).padStart(4)} in ${String(sequences).padStart(4)} sequences`;
    const description = new Map(Object.entries(DESCRIPTIONS)).get(name) ?? "";
    lines.push(
      `  iommu deviation ${String(number).padStart(2)}  ${name.padEnd(28)} ${where}  ${description}`,
    );
  }
  return lines;
}

/** The first difference of each pass that has one. */
export function xenDifference({ file, passes }: XenResult): readonly string[] {
  return passes.flatMap(({ name, firstFailure }) =>
    firstFailure === undefined ? [] : [`${name}: ${firstLine(file, firstFailure)}`, ...rest(firstFailure)],
  );
}

function firstLine(file: string, { name, line }: XenFailure): string {
  return `"${name}" (${file}:${line})`;
}

function rest({ opIndex, op, field, expected, got }: XenFailure): readonly string[] {
  return [
    opIndex === undefined ? "  after the last operation" : `  op ${opIndex}: ${op}`,
    `  ${field}`,
    `    expected  ${expected}`,
    `    got       ${got}`,
  ];
}
