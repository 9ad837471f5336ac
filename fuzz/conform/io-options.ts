/** From the configuration of an `io-pgtable` recording to the options of a page table. */
import { type CommonOptions, type PageTable, PageTableError, type TableMemory } from "../../impl/common.js";
import { observed } from "../../impl/observed.js";
import { granuleOf } from "./io-facts.js";
import type { IoCreation, IoFormat } from "./io-vector.js";

/** Quirks by their recorded names, and the option that each stands for; null: it changes no table. */
const QUIRKS: Readonly<Record<string, string | null>> = {
  arm_ns: "nonSecure",
  arm_hd: "dirtyTracking",
  arm_ttbr1: "upperHalf",
  arm_outer_wbwa: "outerWriteBack",
  arm_s2fwb: "forcedWriteBack",
  no_perms: "noPermissions",
  arm_mtk_ext: "mediatek",
  arm_mtk_ttbr_ext: "mediatekTables",
  no_warn: null,
};

/** An entry as whoever tries what it takes sees it: options that a format lacks are refused, not ignored. */
interface AnyEntry {
  create(options: CommonOptions): PageTable;
}

const entries: Readonly<Record<string, AnyEntry>> = observed;

/** Why a configuration has no counterpart here, or undefined. */
export function ioInexpressible({ config }: IoCreation): string | undefined {
  const unknown = config.quirks.find((quirk) => !Object.hasOwn(QUIRKS, quirk));
  return unknown === undefined ? undefined : `a quirk called ${unknown}`;
}

/** The format's name here; those of several granules have one for each. */
function entryName(format: IoFormat, granuleLg2: number): string {
  const granule = { 12: "4k", 14: "16k", 16: "64k" }[granuleLg2];
  switch (format) {
    case "arm_64_lpae_s1":
      return `armv8-stage1-${granule}`;
    case "arm_64_lpae_s2":
      return `armv8-stage2-${granule}`;
    case "arm_32_lpae_s1":
      return "arm-lpae-stage1";
    case "arm_32_lpae_s2":
      return "arm-lpae-stage2";
    case "arm_mali_lpae":
      return "mali";
    case "arm_v7s":
      return "arm-short";
    case "apple_dart":
      return `dart1-${granule}`;
    case "apple_dart2":
      return granuleLg2 === 14 ? "dart2" : `dart2-${granule}`;
  }
}

/**
 * The page table that a recorded configuration asks for. Where no granule is among its page sizes, that of 4 KiB
 * is meant.
 * @throws PageTableError where the implementation refuses it, or has no such format.
 */
export function createIoTable({ format, config }: IoCreation, memory: TableMemory): PageTable {
  const name = entryName(format, granuleOf(config) ?? 12);
  if (!Object.hasOwn(entries, name)) {
    throw new PageTableError("UNSUPPORTED_OPTION", `there is no format ${name}`);
  }
  const { vaWidthLg2, oaWidthLg2, pageSizes } = config;
  const options = { memory, vaWidthLg2, oaWidthLg2, pageSizes };
  for (const quirk of config.quirks) {
    const option = QUIRKS[quirk];
    if (option !== null) Object.assign(options, { [option]: true });
  }
  if (!config.coherent) Object.assign(options, { incoherent: () => {} });
  return entries[name].create(options);
}
