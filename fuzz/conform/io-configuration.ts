/** From the header of an `io-pgtable` recording to a configuration, as reference and walkers read it. */
import type { Configuration, FormatName } from "../../models/index.js";
import { granuleOf, isDart } from "./io-facts.js";
import type { IoCreation, IoFormat, IoMade } from "./io-vector.js";

const FORMAT_NAMES: Readonly<Record<IoFormat, FormatName>> = {
  arm_64_lpae_s1: "armv8-stage1",
  arm_64_lpae_s2: "armv8-stage2",
  arm_32_lpae_s1: "arm-lpae-stage1",
  arm_32_lpae_s2: "arm-lpae-stage2",
  arm_mali_lpae: "mali",
  arm_v7s: "arm-short",
  apple_dart: "dart1",
  apple_dart2: "dart2",
};

/** The configuration of the tables that were made, which may be other than what was asked for. */
export function ioConfiguration({ format, config }: IoCreation, made: IoMade): Configuration {
  const has = (quirk: string): boolean => config.quirks.includes(quirk);
  return {
    format: FORMAT_NAMES[format],
    name: config.name,
    vaWidthLg2: made.vaWidthLg2,
    oaWidthLg2: made.oaWidthLg2,
    topLevel: made.topLevel,
    growingTop: false,
    signExtended: false,
    pageSizes: made.pageSizes,
    gather: "range",
    forceCoherence: false,
    forceWriteable: false,
    svnapot: false,
    // Only formats that have several name one.
    granuleLg2: format.startsWith("arm_64") || isDart(format) ? (granuleOf(config) ?? 12) : undefined,
    upperHalf: has("arm_ttbr1"),
    dirtyTracking: has("arm_hd"),
    nonSecure: has("arm_ns"),
    forcedWriteBack: has("arm_s2fwb"),
    outerWriteBack: has("arm_outer_wbwa"),
    noPermissions: has("no_perms"),
    mediatek: has("arm_mtk_ext"),
    mediatekTables: has("arm_mtk_ttbr_ext"),
    incoherent: !config.coherent,
    tableBase: tableBaseOf({ format, config }),
  };
}

/** Where every table of a recording can be reached: above 4 GiB if they may lie there. */
export function tableBaseOf({ format, config }: Pick<IoCreation, "format" | "config">): bigint {
  return format === "arm_v7s" || config.oaWidthLg2 < 36 ? 0x4000_0000n : 0x8_4000_0000n;
}

/** The mode field with which a walker is told of these tables, from the registers that were recorded. */
export function ioMode(format: IoFormat, { registers, topLevel }: IoMade): number {
  const field = (name: string): number => Number(registers.get(name) ?? 0n);
  switch (format) {
    case "arm_64_lpae_s1":
    case "arm_32_lpae_s1":
      return field("tsz");
    case "arm_64_lpae_s2":
    case "arm_32_lpae_s2":
      return field("tsz") | (field("sl") << 6);
    case "arm_mali_lpae":
      return topLevel;
    case "arm_v7s":
      return field("tcr") & 7;
    default:
      return field("levels") - 1;
  }
}
