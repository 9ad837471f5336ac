/** What each format offers, found by asking the formats themselves: for `genpt formats` and docs/formats.md. */
import { basename } from "node:path";
import { type CommonOptions, type PageTable, PageTableError, TableMemory } from "../../impl/common.js";
import { observed } from "../../impl/observed.js";
import {
  configurationsOf,
  createWalker,
  describeLength,
  type FormatName,
  formatNames,
  SparseMemory,
} from "../../models/index.js";
import { stampName } from "../lockstep/index.js";

export interface FormatFacts {
  readonly format: FormatName;
  /** Bits of input addresses, at most. */
  readonly vaWidthMaxLg2: number;
  readonly oaWidthMaxLg2: number;
  readonly topLevels: readonly number[];
  /** log2 of every page size that some table of the format offers. */
  readonly pageSizesLg2: readonly number[];
  /** Beside those that every format takes. */
  readonly options: readonly string[];
  /** The class in models/walkers that reads these tables as hardware does. */
  readonly walker: string;
  /** The configurations that the suite runs. */
  readonly configurations: readonly string[];
  /** Configurations recorded from deployed implementations. */
  readonly vectors: number;
}

/** The options that one format or another takes beside the common ones. */
const SPECIAL = [
  "topLevel",
  "vaWidthLg2",
  "signExtended",
  "upperHalf",
  "svnapot",
  "svpbmt",
  "forceCoherence",
  "forceWriteable",
  "dirtyTracking",
  "accessedTracking",
  "eagerConcatenation",
  "forcedWriteBack",
  "outerWriteBack",
  "nonSecure",
  "noPermissions",
  "mediatek",
  "mediatekTables",
  "encryptionBit",
  "incoherent",
] as const;

/** What the recordings call each format; undefined: nobody recorded it. */
const RECORDED_AS: Readonly<Record<FormatName, string | undefined>> = {
  amdv1: "amdv1-",
  "amdv1-mock": "amdv1_mock-",
  "x86-64": "x86_64-",
  "x86-pae": undefined,
  "x86-pae32": undefined,
  "vtd-second-stage": "vtdss-",
  riscv64: "riscv_64-",
  riscv32: "riscv_32-",
  "riscv64-guest": undefined,
  "riscv32-guest": undefined,
  "armv8-stage1": "arm_64_lpae_s1-",
  "armv8-stage2": "arm_64_lpae_s2-",
  "arm-lpae-stage1": "arm_32_lpae_s1-",
  "arm-lpae-stage2": "arm_32_lpae_s2-",
  mali: "arm_mali_lpae-",
  "arm-short": "arm_v7s-",
  dart1: "apple_dart-",
  dart2: "apple_dart2-",
};

/** An entry as whoever tries what it takes sees it: options that a format lacks are refused, not ignored. */
interface AnyEntry {
  create(options: CommonOptions): PageTable;
}

const entries: Readonly<Record<string, AnyEntry>> = observed;

/** Where every format can reach it, and with frames for the smallest of them. */
const memory = new TableMemory({ base: 1n << 20n, capacityBytes: 1 << 20, smallestFrameLg2: 5 });

interface TableFacts {
  readonly pageSizes: bigint;
  readonly topLevel: number;
}

/** The facts of every format. `vectorFiles` are the recordings that are there. */
export function formatFacts(vectorFiles: readonly string[]): readonly FormatFacts[] {
  return formatNames.map((format) => factsOf(format, vectorFiles));
}

function factsOf(format: FormatName, vectorFiles: readonly string[]): FormatFacts {
  const configurations = configurationsOf(format);
  const stamps = [...new Set(configurations.map(stampName))].map((stamp) => entries[stamp]);
  const options = SPECIAL.filter((option) => stamps.some((entry) => takes(entry, option)));
  const tables = stamps.flatMap(tablesOf);
  const sizes = tables.reduce((mask, { pageSizes }) => mask | pageSizes, 0n);
  const recordedAs = RECORDED_AS[format];
  return {
    format,
    vaWidthMaxLg2: Math.max(...configurations.map(({ vaWidthLg2 }) => vaWidthLg2)),
    oaWidthMaxLg2: Math.max(...stamps.flatMap(oaWidthsOf)),
    topLevels: [...new Set(tables.map(({ topLevel }) => topLevel))].sort(),
    pageSizesLg2: bits(63).filter((lg2) => (sizes & (1n << BigInt(lg2))) !== 0n),
    options,
    walker: createWalker(configurations[0], new SparseMemory()).constructor.name,
    configurations: configurations.map(({ name }) => name),
    vectors: vectorFiles.filter((file) => recordedAs !== undefined && basename(file).startsWith(recordedAs))
      .length,
  };
}

/** Whether the format knows the option: of one that it does not know it refuses even the name. */
function takes(entry: AnyEntry, option: string): boolean {
  return tableOf(entry, { [option]: undefined }) !== undefined;
}

function oaWidthsOf(entry: AnyEntry): readonly number[] {
  return bits(64).filter((lg2) => tableOf(entry, { oaWidthLg2: lg2 }) !== undefined);
}

/** A table of each top level that the format offers, with everything switched on that adds page sizes. */
function tablesOf(entry: AnyEntry): readonly TableFacts[] {
  const more = takes(entry, "svnapot") ? { svnapot: true } : {};
  // Where there is no `topLevel`, the input width decides it.
  const option = takes(entry, "topLevel") ? "topLevel" : "vaWidthLg2";
  if (!takes(entry, option)) return [tableOf(entry, {})].flatMap((table) => table ?? []);
  return bits(64).flatMap((value) => tableOf(entry, { ...more, [option]: value }) ?? []);
}

/** What is so of a table, or undefined where the format refuses the options. */
function tableOf(entry: AnyEntry, options: object): TableFacts | undefined {
  try {
    const table = entry.create({ memory, ...options });
    const { pageSizes, topLevel } = table;
    table.destroy();
    return { pageSizes, topLevel };
  } catch (error) {
    if (error instanceof PageTableError) return undefined;
    throw error;
  }
}

/** 0 … last. */
function bits(last: number): readonly number[] {
  return Array.from({ length: last + 1 }, (_, bit) => bit);
}

/** The facts as a table in Markdown. */
export function markdownTable(facts: readonly FormatFacts[]): string {
  const rows = facts.map((fact) => [
    `\`${fact.format}\``,
    `${fact.vaWidthMaxLg2}`,
    `${fact.oaWidthMaxLg2}`,
    spans(fact.topLevels).join(", "),
    describeSizes(fact.pageSizesLg2),
    fact.options.map((option) => `\`${option}\``).join(", ") || "–",
    `\`${fact.walker}\``,
    `${fact.configurations.length}`,
    `${fact.vectors}`,
  ]);
  return table(HEADINGS, rows);
}

const HEADINGS = [
  "format",
  "VA bits",
  "OA bits",
  "top level",
  "page sizes",
  "own options",
  "walker",
  "configurations",
  "recorded",
];

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, headings.map(() => "---"), ...rows];
  return `${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

/** Runs of consecutive numbers: `1–5`, `12–38, 40`. */
function spans(numbers: readonly number[]): readonly string[] {
  const firsts = numbers.filter((number) => !numbers.includes(number - 1));
  return firsts.map((first) => {
    let last = first;
    while (numbers.includes(last + 1)) last++;
    return first === last ? `${first}` : `${first}–${last}`;
  });
}

/** A few sizes each by itself, many as powers: `4 KiB, 2 MiB`, `2^12–2^38, 2^40`. */
export function describeSizes(sizesLg2: readonly number[]): string {
  if (sizesLg2.length <= 6) return sizesLg2.map((lg2) => describeLength(1n << BigInt(lg2))).join(", ");
  return spans(sizesLg2)
    .map((span) => span.replace(/\d+/g, (lg2) => `2^${lg2}`))
    .join(", ");
}
