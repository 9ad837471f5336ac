/**
 * Items of the long descriptor, and of Mali's relative of it. Source: Arm ARM DDI 0487 §D8.3 (descriptor formats),
 * §D8.4 (permissions), §D8.5 (memory attributes), FEAT_LPA, FEAT_LPA2, FEAT_HAFDBS; DDI 0406 §B3.6.
 */
import type { Configuration } from "../configuration.js";
import { shapeOf } from "../shape.js";
import { address, bit, bits, type FieldRow, type FieldTable, ignored, named, reserved } from "./field.js";

const SHAREABILITY = named("non-shareable", "reserved", "outer shareable", "inner shareable");
const STAGE1_RIGHTS = named(
  "read and write, privileged only",
  "read and write",
  "read-only, privileged only",
  "read-only",
);
const STAGE2_RIGHTS = named("no access", "read-only", "write-only", "read and write");

type Stage = "1" | "2" | "mali";

export function armLongFields(configuration: Configuration): FieldTable {
  const { format, lpa2 } = configuration;
  const stage: Stage = format === "mali" ? "mali" : format.endsWith("stage1") ? "1" : "2";
  const { granuleLg2, tableBitsLg2 } = shapeOf(configuration);
  return (kind, level) => {
    const packing = addressRows(
      kind,
      granuleLg2,
      kind === "table" ? granuleLg2 : granuleLg2 + level * tableBitsLg2,
      lpa2 === true,
    );
    const own = kind === "table" ? tableRows(stage) : leafRows(stage, level, lpa2 === true);
    return [bit(0, "valid", "valid", "not valid"), ...own, ...packing];
  };
}

/** The address field and what a wider address packs elsewhere. */
function addressRows(
  kind: "table" | "leaf",
  granuleLg2: number,
  low: number,
  lpa2: boolean,
): readonly FieldRow[] {
  const name = kind === "table" ? "table address" : "output address";
  const gap = granuleLg2 === 14 ? [reserved(13, 12)] : [];
  if (lpa2) {
    const shared = kind === "table" ? [ignored(11, 10), ignored(7, 2)] : [];
    return [
      ...shared,
      ...gap,
      address(9, 8, `${name} 51:50`, 50),
      address(49, low, `${name} 49:${low}`),
      ...below(kind, granuleLg2, low),
      reserved(50),
    ];
  }
  const shared = kind === "table" ? [ignored(11, 2)] : [];
  if (granuleLg2 === 16) {
    return [
      ...shared,
      address(15, 12, `${name} 51:48`, 48),
      address(47, low, `${name} 47:${low}`),
      ...below(kind, granuleLg2, low),
      reserved(50, 48),
    ];
  }
  return [...shared, ...gap, address(47, low, name), ...below(kind, granuleLg2, low), reserved(50, 48)];
}

/** Between the granule and the page of a block: nT, and bits that must be 0. */
function below(kind: "table" | "leaf", granuleLg2: number, low: number): readonly FieldRow[] {
  const first = granuleLg2 === 14 || granuleLg2 === 12 ? granuleLg2 : 16;
  if (kind === "table" || low === granuleLg2) return [];
  const above = low > 17 ? [reserved(low - 1, 17)] : [];
  const under = first < 16 ? [reserved(15, first)] : [];
  return [...above, bit(16, "nT", "no merging of the block with others"), ...under];
}

function tableRows(stage: Stage): readonly FieldRow[] {
  const type = bit(1, "type", "table", "no table has this");
  const software = ignored(58, 51);
  if (stage !== "1") return [type, software, reserved(63, 59)];
  return [
    type,
    software,
    bit(59, "PXNTable", "nothing below is executable, privileged"),
    bit(60, "UXNTable", "nothing below is executable, unprivileged"),
    bits(
      62,
      61,
      "APTable",
      named("no limit", "no unprivileged access", "read-only", "read-only, privileged"),
    ),
    bit(63, "NSTable", "non-secure below", "secure below"),
  ];
}

function leafRows(stage: Stage, level: number, lpa2: boolean): readonly FieldRow[] {
  const page = stage === "mali" ? "no leaf has this" : level === 0 ? "page" : "no leaf has this";
  const block = stage !== "mali" && level === 0 ? "no leaf has this" : "block";
  const shareability = lpa2 ? [] : [bits(9, 8, "SH", SHAREABILITY)];
  return [
    bit(1, "type", page, block),
    ...(stage === "2" ? stage2Rows() : stage1Rows(stage)),
    ...shareability,
    stage === "mali" ? ignored(10) : bit(10, "AF", "accessed", "an access faults"),
    stage === "1" ? bit(11, "nG", "not global", "global") : ignored(11),
    bit(51, "DBM", "a write makes a clean page dirty"),
    bit(52, "contiguous", "one of a contiguous run"),
    ...(stage === "2"
      ? [bits(54, 53, "XN", named("executable", "unprivileged only", "not executable", "privileged only"))]
      : [bit(53, "PXN", "not executable, privileged"), bit(54, "UXN", "not executable, unprivileged")]),
    ignored(58, 55),
    bits(62, 59, "PBHA", () => "as the implementation defines"),
    ignored(63),
  ];
}

function stage1Rows(stage: Stage): readonly FieldRow[] {
  const index = bits(4, 2, "AttrIndx", (value) => `MAIR attribute ${value}`);
  if (stage === "mali") return [index, ignored(5), bits(7, 6, "access", STAGE2_RIGHTS)];
  return [index, bit(5, "NS", "non-secure", "secure"), bits(7, 6, "AP", STAGE1_RIGHTS)];
}

function stage2Rows(): readonly FieldRow[] {
  return [bits(5, 2, "MemAttr", memoryAttribute), bits(7, 6, "S2AP", STAGE2_RIGHTS)];
}

function memoryAttribute(value: bigint): string {
  const names: Readonly<Record<string, string>> = {
    "0": "Device-nGnRnE",
    "1": "Device-nGnRE",
    "5": "Normal, not cached",
    "6": "write-back forced, with FEAT_S2FWB",
    "15": "Normal, write-back",
  };
  return names[String(value)] ?? "";
}
