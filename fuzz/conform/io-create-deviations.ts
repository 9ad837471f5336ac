/**
 * Where deployed `io-pgtable` code creates other tables than are right, or describes them wrongly to the hardware,
 * each as a predicate on the configuration; never on the difference itself.
 *
 * What is right: Arm ARM DDI 0487 chapter D8 (long descriptor), DDI 0406 chapter B3 (LPAE, short descriptor).
 */
import { granuleOf, isDart, isStage1 } from "./io-facts.js";
import type { IoConfig, IoCreation, IoFormat, IoMade } from "./io-vector.js";
import { hex, type Outcome } from "./outcome.js";

/** The known deviations of recorded `io-pgtable` creations. */
export type IoCreationDeviation =
  /** MAIR comes from a sign-extended constant: attributes 4 to 7 read 0xff. */
  | "mair-sign-extended"
  /** Widths above what the granule has are made smaller without a word; ours refuses them. */
  | "widths-clamped"
  /** A page size is offered that no level up to the top has, or no output address. */
  | "unreachable-sizes-offered"
  /** Contiguous sizes are left out of those asked for; ours offers them. */
  | "contiguous-sizes-left-out"
  /** No page of a granule is among the sizes asked for; ours has the granule for an option of its own. */
  | "granule-page-demanded"
  /** DART with both granules asked for; ours has the granule for an option of its own. */
  | "one-granule-demanded"
  /** DART with output widths other than 36 and 42, which ours accepts up to the width of the field. */
  | "two-output-widths-only"
  /** DART 1 with 42 bits of output, of which its items hold 36: the address is cut off. */
  | "output-beyond-the-field"
  /** DART 2 with pages of 4 KiB, though its items have no address bits below 14. */
  | "pages-below-the-field"
  /** LPAE stage 2 begins a level above the highest that the register can name. */
  | "start-level-without-a-name"
  /** Stage 2 begins at a level that hardware with so few output bits does not have. */
  | "start-level-out-of-reach"
  /** Short descriptor: the root is as small as the input asks for, though TTBCR.N = 0 has it indexed by 12 bits. */
  | "root-smaller-than-indexed"
  /** Short descriptor: outputs above 32 bits, which supersections reach, are refused. */
  | "supersection-outputs-refused";

/** What is right for a configuration. */
export interface CreationVerdict {
  readonly deviations: readonly IoCreationDeviation[];
  /** What was asked for can be made. */
  readonly accepted: boolean;
  /** What to ask for to get a table that must be as recorded; undefined: there is none. */
  readonly config: IoConfig | undefined;
  /** What the table must be, in place of what was recorded. */
  readonly instead: Outcome;
}

export function creationVerdict(creation: IoCreation): CreationVerdict {
  const { config, made } = creation;
  if (made === undefined) {
    const name = refusedThere(creation);
    const deviations = name === undefined ? [] : [name];
    return { deviations, accepted: name !== undefined, config: undefined, instead: {} };
  }
  const refused = refusedHere(creation);
  const asked = refused === undefined ? config : refused.config;
  const { deviations, instead } = describedWrongly({ ...creation, config: asked ?? config }, made);
  return {
    // Where no table can be compared, only the refusal was seen.
    deviations:
      refused === undefined ? deviations : [refused.name, ...(asked === undefined ? [] : deviations)],
    accepted: refused === undefined,
    config: asked,
    instead,
  };
}

/** What deployed code refuses that can be made. */
function refusedThere({ format, config }: IoCreation): IoCreationDeviation | undefined {
  const { pageSizes, vaWidthLg2, oaWidthLg2, coherent } = config;
  if (format.startsWith("arm_64")) {
    const widthsFit = vaWidthLg2 <= 48 && oaWidthLg2 <= 48 && OUTPUT_WIDTHS.includes(oaWidthLg2);
    const hasSize = (pageSizes & SIZES_OF_4K) !== 0n;
    return granuleOf(config) === undefined && hasSize && widthsFit ? "granule-page-demanded" : undefined;
  }
  if (format === "arm_v7s") {
    const reached = oaWidthLg2 > 32 && oaWidthLg2 <= 40 && vaWidthLg2 <= 32;
    return reached && !config.quirks.includes("arm_mtk_ext") ? "supersection-outputs-refused" : undefined;
  }
  if (!isDart(format) || !coherent || vaWidthLg2 > oaWidthLg2) return undefined;
  if (format === "apple_dart2" && pageSizes !== SIZE_16K) return undefined;
  if (oaWidthLg2 > fieldWidthOf(format)) return undefined;
  if (pageSizes === (SIZE_4K | SIZE_16K)) return "one-granule-demanded";
  return DART_WIDTHS.includes(oaWidthLg2) ? undefined : "two-output-widths-only";
}

interface Refusal {
  readonly name: IoCreationDeviation;
  /** What makes the same table, and can be made. */
  readonly config: IoConfig | undefined;
}

/** What deployed code accepts that cannot be made. */
function refusedHere({ format, config }: IoCreation): Refusal | undefined {
  const { vaWidthLg2, oaWidthLg2, pageSizes } = config;
  if (format.startsWith("arm_64")) {
    const widest = granuleOf(config) === 16 ? 52 : 48;
    const clamped = {
      ...config,
      vaWidthLg2: Math.min(vaWidthLg2, widest),
      oaWidthLg2: Math.min(oaWidthLg2, widest),
    };
    const start = startOutOfReach(format, clamped);
    // More than 16 tables side by side there are not.
    const isRefused = start !== undefined && start.rootBitsLg2 > 4;
    if (vaWidthLg2 <= widest && oaWidthLg2 <= widest) {
      return isRefused ? { name: "start-level-out-of-reach", config: undefined } : undefined;
    }
    return { name: "widths-clamped", config: isRefused ? undefined : clamped };
  }
  if (format === "apple_dart2" && pageSizes === SIZE_4K) {
    return { name: "pages-below-the-field", config: undefined };
  }
  const field = fieldWidthOf(format);
  if (isDart(format) && oaWidthLg2 > field) {
    const narrower = vaWidthLg2 > field ? undefined : { ...config, oaWidthLg2: field };
    return { name: "output-beyond-the-field", config: narrower };
  }
  return undefined;
}

/** What of a table that was made is said wrongly. */
function describedWrongly(
  { format, config }: IoCreation,
  made: IoMade,
): Pick<CreationVerdict, "deviations" | "instead"> {
  const deviations: IoCreationDeviation[] = [];
  const instead: Record<string, string> = {};
  let sizes = made.pageSizes;
  if (isStage1(format)) {
    deviations.push("mair-sign-extended");
    instead["mair"] = hex(MAIR);
  }
  if (format === "arm_32_lpae_s2" && config.vaWidthLg2 === 40 && config.oaWidthLg2 < 40) {
    // Level 1 is the highest that SL0 names; two tables side by side make up for the level above.
    deviations.push("start-level-without-a-name");
    Object.assign(instead, { topLevel: "2", sl: "0x1", topBytes: "8192" });
  }
  const start = startOutOfReach(format, config);
  if (start !== undefined && start.rootBitsLg2 <= 4) {
    // One level below, with as many tables side by side as the level above would have had items.
    deviations.push("start-level-out-of-reach");
    const topBytes = 2 ** (start.rootBitsLg2 + start.granuleLg2);
    Object.assign(instead, { topLevel: `${start.topLevel - 1}`, sl: "0x1", topBytes: `${topBytes}` });
  }
  if (format === "arm_v7s" && config.vaWidthLg2 < 32) {
    deviations.push("root-smaller-than-indexed");
    instead["topBytes"] = "16384";
  }
  const granuleLg2 = granuleOf(config) ?? 12;
  if (format.startsWith("arm_64") && (config.pageSizes & contiguousSizes(granuleLg2)) !== 0n) {
    deviations.push("contiguous-sizes-left-out");
    sizes |= config.pageSizes & contiguousSizes(granuleLg2);
  }
  const reachable = (1n << BigInt(reachLg2(format, config, made))) - 1n;
  if ((sizes & ~reachable) !== 0n) deviations.push("unreachable-sizes-offered");
  instead["pageSizes"] = hex(sizes & reachable);
  return { deviations, instead };
}

/**
 * A start at ARM level 0 with 4 KiB needs 44 output bits, at level 1 42 with 16 KiB and 44 with 64 KiB (VTCR_EL2.SL0);
 * recorded code minds that for 40 and 42 bits only, and not with 64 KiB.
 */
function startOutOfReach(format: IoFormat, config: IoConfig) {
  if (format !== "arm_64_lpae_s2") return undefined;
  const granuleLg2 = granuleOf(config) ?? 12;
  const bits = granuleLg2 - 3;
  const { vaWidthLg2, oaWidthLg2 } = config;
  const topLevel = Math.ceil((vaWidthLg2 - granuleLg2) / bits) - 1;
  const minded = granuleLg2 === 12 ? [40, 42] : granuleLg2 === 14 ? [40] : [];
  const needed = granuleLg2 === 14 ? 42 : 44;
  const isHigh = topLevel === (granuleLg2 === 12 ? 3 : 2);
  if (!isHigh || oaWidthLg2 >= needed || minded.includes(oaWidthLg2)) return undefined;
  return { granuleLg2, topLevel, rootBitsLg2: vaWidthLg2 - granuleLg2 - topLevel * bits };
}

/** Pages are of less than `2^reachLg2` bytes. */
function reachLg2(format: IoFormat, config: IoConfig, { topLevel }: IoMade): number {
  const granuleLg2 = granuleOf(config) ?? 12;
  const tableBitsLg2 = format === "arm_v7s" ? 12 : granuleLg2 - 3;
  return Math.min(granuleLg2 + (topLevel + 1) * tableBitsLg2, config.oaWidthLg2);
}

/** Attribute 0 normal, not cacheable; 1 write-back; 2 device; 3 write-back in the outer cache only. */
const MAIR = 0xf404_ff44n;
const OUTPUT_WIDTHS = [32, 36, 40, 42, 44, 48, 52];
const DART_WIDTHS = [36, 42];
const SIZE_4K = 1n << 12n;
const SIZE_16K = 1n << 14n;

/** Entries of the contiguous bit, by granule: 16 items each; 128 and 32; 32 each. */
function contiguousSizes(granuleLg2: number): bigint {
  const sizesLg2 = { 12: [16n, 25n, 34n], 14: [21n, 30n], 16: [21n, 34n] }[granuleLg2] ?? [];
  return sizesLg2.reduce((mask, lg2) => mask | (1n << lg2), 0n);
}

const SIZES_OF_4K = SIZE_4K | (1n << 21n) | (1n << 30n) | contiguousSizes(12);

/** Bits of an output address that an item of DART holds. */
function fieldWidthOf(format: IoFormat): number {
  return format === "apple_dart2" ? 42 : 36;
}
